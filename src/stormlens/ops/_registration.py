"""
Registration of the native operations with XLA, and whether they work.

They run on CPUs only. Where the library is missing or the installed jaxlib refuses it,
every operation has a portable version in XLA's own terms.
"""

import ctypes
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from stormlens.engine import BUILD, load_library

_TARGETS = (
    "stormlens_conv_pool",
    "stormlens_conv_pool_argmax",
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
_SET, _HEADERS = "stormlens_instruction_set", "stormlens_headers"  # functions that give text


@dataclass(frozen=True)
class Native:
    """
    Whether the native operations work.

    Attributes
    ----------
    available : bool
        Whether they can be used: a small computation through XLA has given the right numbers.
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
    Whether the native operations work; the first call registers them and tries one.

    Returns
    -------
    found : Native
        The same in every call.
    """
    import jax

    library = load_library()
    if library.handle is None:
        return Native(False, reason=library.reason)
    try:
        # Before anything is registered. Without its CPU client, jaxlib only queues what it is
        # given, and refuses it when the client starts: in the middle of someone's computation.
        cpu = jax.local_devices(backend="cpu")[0]
    except RuntimeError as error:
        return Native(False, reason=f"JAX may not use the CPU ({error}); unset JAX_PLATFORMS")
    try:
        _register(library.handle)
        works = _try_one(cpu)
    except Exception as error:  # XLA raises kinds of its own.
        return Native(False, reason=_why_refused(_text(library.handle, _HEADERS), error))
    if not works:
        return Native(False, reason=f"they give wrong numbers on jaxlib {_jaxlib()}; {BUILD}")
    return Native(True, _text(library.handle, _SET))


def _register(library: ctypes.CDLL) -> None:
    import jax

    for name in _TARGETS:
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(library[name]), platform="cpu")


def _try_one(cpu: Any) -> bool:
    """Whether a warp by the identity gives the image back."""
    import jax

    image = np.array([[[1, 2], [3, 4]]], np.float32)
    identity = np.eye(2, 3, dtype=np.float32)[np.newaxis]
    call = jax.ffi.ffi_call("stormlens_warp", jax.ShapeDtypeStruct(image.shape, image.dtype))
    # At once, even where somebody's function that uses an operation is being traced.
    with jax.ensure_compile_time_eval(), jax.default_device(cpu):
        found = np.asarray(call(image, identity, fill=np.int64(0), cval=np.float32(0)))
    return np.array_equal(found, image)


def _why_refused(headers: str, error: Exception) -> str:
    """The cause that a user can do something about, else XLA's own words."""
    installed = _jaxlib()
    if _numbers(installed) < _numbers(headers):
        return (
            f"jaxlib {installed} refuses the native library, which was built with the headers of "
            f"jaxlib {headers}; install jaxlib {headers} or later, or install stormlens again"
        )
    return f"jaxlib {installed} refuses the native library ({error}); {BUILD}"


def _jaxlib() -> str:
    import jaxlib

    return str(jaxlib.__version__)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _text(library: ctypes.CDLL, name: str) -> str:
    function = library[name]
    function.restype = ctypes.c_char_p
    return str(function().decode())
