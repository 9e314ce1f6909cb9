"""Safe formats, atomic writes and locks. Nothing here runs code that is in a file."""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.storage._atomic import (
        append_line,
        atomic_path,
        check_writable,
        write_bytes,
        write_text,
    )
    from stormlens.storage._disk_errors import disk_errors
    from stormlens.storage._files import MAX_FILE_BYTES, check_file, opened_file, read_file
    from stormlens.storage._hdf5 import HDF5_SIGNATURE, as_sentences, opened_hdf5
    from stormlens.storage._hdf5_read import (
        hdf5_attributes,
        hdf5_dataset,
        hdf5_member,
        hdf5_numbered,
    )
    from stormlens.storage._lock import file_lock, lock_if_free
    from stormlens.storage._pickle import MAX_PICKLE_BYTES, load_pickled_arrays
    from stormlens.storage._plain import parse_json, parse_toml, read_json, read_toml
    from stormlens.storage._tensors import (
        check_finite,
        is_finite,
        read_sealed_tensors,
        sealed,
        write_tensors,
    )

__all__ = [
    "HDF5_SIGNATURE",
    "MAX_FILE_BYTES",
    "MAX_PICKLE_BYTES",
    "append_line",
    "as_sentences",
    "atomic_path",
    "check_file",
    "check_finite",
    "check_writable",
    "disk_errors",
    "file_lock",
    "hdf5_attributes",
    "hdf5_dataset",
    "hdf5_member",
    "hdf5_numbered",
    "is_finite",
    "load_pickled_arrays",
    "lock_if_free",
    "opened_file",
    "opened_hdf5",
    "parse_json",
    "parse_toml",
    "read_file",
    "read_json",
    "read_sealed_tensors",
    "read_toml",
    "sealed",
    "write_bytes",
    "write_tensors",
    "write_text",
]

on_first_use(
    __name__,
    {
        "_atomic": "append_line atomic_path check_writable write_bytes write_text",
        "_disk_errors": "disk_errors",
        "_files": "MAX_FILE_BYTES check_file opened_file read_file",
        "_hdf5": "HDF5_SIGNATURE as_sentences opened_hdf5",
        "_hdf5_read": "hdf5_attributes hdf5_dataset hdf5_member hdf5_numbered",
        "_lock": "file_lock lock_if_free",
        "_pickle": "MAX_PICKLE_BYTES load_pickled_arrays",
        "_plain": "parse_json parse_toml read_json read_toml",
        "_tensors": "check_finite is_finite read_sealed_tensors sealed write_tensors",
    },
)
