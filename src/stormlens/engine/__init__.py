"""
A network's forward pass, and shift-and-stitch of sliding windows, by the native library.

Only ctypes and NumPy are imported. A prediction takes milliseconds here, where importing JAX and
compiling would take seconds. The library itself looks after threads, instruction sets and caches.
"""

from stormlens.engine._engine import Engine, Step, instruction_set, usable_cores
from stormlens.engine._library import BUILD, INSTRUCTION_SET, Library, load_library
from stormlens.engine._sliding import Sliding, StitchWeights, blank_reply, stitch_weights
from stormlens.engine._windows import Windows, gather_windows, spectra_pay

__all__ = [
    "BUILD",
    "INSTRUCTION_SET",
    "Engine",
    "Library",
    "Sliding",
    "Step",
    "StitchWeights",
    "Windows",
    "blank_reply",
    "gather_windows",
    "instruction_set",
    "load_library",
    "spectra_pay",
    "stitch_weights",
    "usable_cores",
]
