"""Safe formats, atomic writes, locks: nothing here runs code that a file brings."""

from stormlens.storage._atomic import (
    atomic_path,
    check_writable,
    disk_errors,
    write_bytes,
    write_text,
)
from stormlens.storage._lock import file_lock
from stormlens.storage._pickle import MAX_PICKLE_BYTES, load_pickled_arrays

__all__ = [
    "MAX_PICKLE_BYTES",
    "atomic_path",
    "check_writable",
    "disk_errors",
    "file_lock",
    "load_pickled_arrays",
    "write_bytes",
    "write_text",
]
