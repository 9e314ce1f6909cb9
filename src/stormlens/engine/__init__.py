"""
A network's forward pass over the native library: ctypes and NumPy, and nothing else to import.

What takes a second to import and to compile elsewhere answers here in milliseconds, and threads,
instruction sets and caches are the library's own affair.
"""

from stormlens.engine._engine import Engine, Step, instruction_set, usable_cores
from stormlens.engine._library import BUILD, SWITCH, Library, load_library

__all__ = [
    "BUILD",
    "SWITCH",
    "Engine",
    "Library",
    "Step",
    "instruction_set",
    "load_library",
    "usable_cores",
]
