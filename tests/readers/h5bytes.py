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


def plain(write):
    """What `write` puts into a new HDF5 file."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        write(file)
    return memory.getvalue()
