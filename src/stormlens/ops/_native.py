"""
The native library: found, loaded, and its operations made known to XLA.

The operations run on CPUs alone. Where the library is missing or does not fit
the installed jaxlib, every operation has a portable version in XLA's own terms.
"""

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

SWITCH = "STORMLENS_NATIVE"
"""Environment variable; 0 leaves the native operations unused."""

_TARGETS = (
    "stormlens_conv_pool",
    "stormlens_conv_pool_winners",
    "stormlens_conv_pool_weight_gradient",
    "stormlens_conv_pool_image_gradient",
    "stormlens_warp",
    "stormlens_adam",
    "stormlens_adam_of_product",
    "stormlens_dense",
    "stormlens_dense_input_gradient",
    "stormlens_convolve",
    "stormlens_convolve_image_gradient",
    "stormlens_convolve_kernel_gradient",
    "stormlens_conv_pool_everywhere",
    "stormlens_dense_windows",
)
_BUILD = "install a C++ compiler (GCC or Clang) and install stormlens again"


@dataclass(frozen=True)
class Native:
    """
    What became of the native library.

    Attributes
    ----------
    available : bool
        Whether its operations can be used.
    instruction_set : str
        The vector code in use, "avx2" or "baseline"; empty where not available.
    reason : str
        Why it is not available, and what to do; empty where it is.
    """

    available: bool
    instruction_set: str = ""
    reason: str = ""


@cache
def native() -> Native:
    """
    Load the native library once and register its operations.

    Returns
    -------
    found : Native
    """
    if os.environ.get(SWITCH) == "0":
        return Native(False, reason=f"{SWITCH} is 0; unset it to use the native operations")
    path = next(_candidates(), None)
    if path is None:
        return Native(False, reason=f"they were not built; {_BUILD}")
    try:
        library = ctypes.CDLL(str(path))
        _register(library)
    except Exception as error:  # The loader and XLA raise kinds of their own.
        return Native(False, reason=f"{path} does not fit this jaxlib ({error}); {_BUILD}")
    library.stormlens_instruction_set.restype = ctypes.c_char_p
    return Native(True, library.stormlens_instruction_set().decode())


def _candidates() -> Iterator[Path]:
    """Beside this module, or wherever an editable installation put it."""
    yield from (Path(__file__).parent / "native").glob("*stormlens_native.*")
    try:
        installed = files("stormlens") or []
    except PackageNotFoundError:
        return
    for file in installed:
        if "stormlens_native." in file.name and Path(str(file.locate())).is_file():
            yield Path(str(file.locate()))


def _register(library: ctypes.CDLL) -> None:
    import jax

    for name in _TARGETS:
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(library[name]), platform="cpu")
