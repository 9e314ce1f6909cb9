"""
The native operations: made known to XLA.

They run on CPUs alone. Where the library is missing or does not fit the installed
jaxlib, every operation has a portable version in XLA's own terms.
"""

import ctypes
from dataclasses import dataclass
from functools import cache

from stormlens.engine import BUILD, SWITCH, load_library

__all__ = ["SWITCH", "Native", "native"]

_TARGETS = (
    "stormlens_conv_pool",
    "stormlens_conv_pool_winners",
    "stormlens_conv_pool_weight_gradient",
    "stormlens_conv_pool_image_gradient",
    "stormlens_warp",
    "stormlens_adam",
    "stormlens_dense",
    "stormlens_dense_input_gradient",
    "stormlens_dense_step",
    "stormlens_convolve",
    "stormlens_convolve_image_gradient",
    "stormlens_convolve_kernel_gradient",
)


@dataclass(frozen=True)
class Native:
    """
    What became of the native operations.

    Attributes
    ----------
    available : bool
        Whether they can be used.
    instruction_set : str
        The vector code in use, "avx512", "avx2" or "baseline"; empty where not available.
    reason : str
        Why they are not available, and what to do; empty where they are.
    """

    available: bool
    instruction_set: str = ""
    reason: str = ""


@cache
def native() -> Native:
    """
    Register the native operations once.

    Returns
    -------
    found : Native
    """
    library = load_library()
    if library.handle is None:
        return Native(False, reason=library.reason)
    try:
        _register(library.handle)
        library.handle.stormlens_instruction_set.restype = ctypes.c_char_p
        return Native(True, library.handle.stormlens_instruction_set().decode())
    except Exception as error:  # XLA raises kinds of its own.
        return Native(False, reason=f"{library.path} does not fit this jaxlib ({error}); {BUILD}")


def _register(library: ctypes.CDLL) -> None:
    import jax

    for name in _TARGETS:
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(library[name]), platform="cpu")
