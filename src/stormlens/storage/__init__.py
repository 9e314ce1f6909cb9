"""Safe formats, atomic writes, locks: nothing here runs code that a file brings."""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.storage._atomic import (
        atomic_path,
        check_writable,
        disk_errors,
        write_bytes,
        write_text,
    )
    from stormlens.storage._lock import file_lock
    from stormlens.storage._pickle import MAX_PICKLE_BYTES, load_pickled_arrays
    from stormlens.storage._tensors import write_tensors

__all__ = [
    "MAX_PICKLE_BYTES",
    "atomic_path",
    "check_writable",
    "disk_errors",
    "file_lock",
    "load_pickled_arrays",
    "write_bytes",
    "write_tensors",
    "write_text",
]

__getattr__, __dir__ = on_first_use(
    __name__,
    {
        "_atomic": "atomic_path check_writable disk_errors write_bytes write_text",
        "_lock": "file_lock",
        "_pickle": "MAX_PICKLE_BYTES load_pickled_arrays",
        "_tensors": "write_tensors",
    },
)
