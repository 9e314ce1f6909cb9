"""
A network's forward pass, and what sliding windows share, over the native library.

Nothing else is imported than ctypes and NumPy.

What takes a second to import and to compile elsewhere answers here in milliseconds, and threads,
instruction sets and caches are the library's own affair.
"""

from stormlens.engine._engine import Engine, Step, instruction_set, usable_cores
from stormlens.engine._library import BUILD, SWITCH, Library, load_library
from stormlens.engine._sliding import Everywhere, Sliding, blank_reply, everywhere
from stormlens.engine._windows import Windows, gather_windows, spectra_pay

__all__ = [
    "BUILD",
    "SWITCH",
    "Engine",
    "Everywhere",
    "Library",
    "Sliding",
    "Step",
    "Windows",
    "blank_reply",
    "everywhere",
    "gather_windows",
    "instruction_set",
    "load_library",
    "spectra_pay",
    "usable_cores",
]
