"""HDF5 and NetCDF-4 files as bytes."""

import io

import h5netcdf
import h5py


def written(write):
    """What `write` puts into a new NetCDF-4 file."""
    memory = io.BytesIO()
    with h5netcdf.File(memory, "w") as file:
        write(file)
    return memory.getvalue()


def plain(write, *, width=8):
    """What `write` puts into a new HDF5 file of offsets and lengths of a width in bytes."""
    created = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    created.set_sizes(width, width)
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    # The oldest layout, on which tests of damage count; h5py 3.16 writes a newer one unless told.
    access.set_libver_bounds(h5py.h5f.LIBVER_EARLIEST, h5py.h5f.LIBVER_LATEST)
    with h5py.File(h5py.h5f.create(b"memory", fcpl=created, fapl=access)) as file:
        write(file)
        file.flush()
        return file.id.get_file_image()
