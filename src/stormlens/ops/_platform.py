"""Which version of an operation a program gets: the native one on a CPU, else the portable one."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
from jax import lax

_PLATFORMS = "jax_platforms"


def on_platform(native: Callable[..., Any], portable: Callable[..., Any], *operands: Any) -> Any:
    """
    The native version on a CPU, the portable one elsewhere.

    Parameters
    ----------
    native, portable : callable
        Called with the operands; their results are alike.
    *operands : Array or tree of Array

    Returns
    -------
    result : Array or tree of Array
        Where all devices are CPUs the portable version is not traced: that would take longer
        than tracing the rest of a training step.
    """
    if _cpus_alone():
        return native(*operands)
    return lax.platform_dependent(*operands, cpu=native, default=portable)


@cache
def _cpus_alone() -> bool:
    """Whether JAX has no other devices. By default it prefers any other to a CPU."""
    named = getattr(jax.config, _PLATFORMS) or ""
    return jax.default_backend() == "cpu" and set(filter(None, named.split(","))) <= {"cpu"}
