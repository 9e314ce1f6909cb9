"""Which version of an operation a program gets: the native one on a CPU, else the portable one."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from stormlens.ops._registration import native

_PLATFORMS = "jax_platforms"


def on_platform(on_cpu: Callable[..., Any], portable: Callable[..., Any], *operands: Any) -> Any:
    """
    The native version on a CPU, the portable one elsewhere.

    Parameters
    ----------
    on_cpu, portable : callable
        Called with the operands; their results are alike.
    *operands : Array or tree of Array

    Returns
    -------
    result : Array or tree of Array
        Where all devices are CPUs the portable version is not traced: that would take longer
        than tracing the rest of a training step.
    """
    if _cpus_alone():
        return on_cpu(*operands)
    return lax.platform_dependent(*operands, cpu=on_cpu, default=portable)


def by_library(
    name: str,
    results: Any,
    portable: Callable[..., Any],
    *operands: Any,
    in_place: int = 0,
    **constants: Any,
) -> Any:
    """
    Compute by an operation of the native library on a CPU, by the portable version elsewhere.

    Parameters
    ----------
    name : str
        The operation, of which all operands and results are float32. The portable version computes
        if an operand is of another type, too.
    results : ShapeDtypeStruct, or tuple of them
        Shapes of what it gives. They are not found by tracing the portable version, which would
        take longer than tracing the rest of a training step.
    portable : callable
        Called with the operands.
    *operands : Array
    in_place : int, optional
        So many operands from the first on lie where the results of the same numbers will.
    **constants
        What the operation takes beside arrays.

    Returns
    -------
    result : Array or tuple of Array
        As `results`.
    """
    if not native().available or any(a.dtype != jnp.float32 for a in operands):
        return portable(*operands)
    aliases = {i: i for i in range(in_place)}
    call = jax.ffi.ffi_call(
        name, results, input_output_aliases=aliases or None, vmap_method="broadcast_all"
    )

    def by_call(*operands: Any) -> Any:
        found = call(*operands, **constants)
        return tuple(found) if isinstance(results, tuple) else found

    return on_platform(by_call, portable, *operands)


@cache
def _cpus_alone() -> bool:
    """Whether JAX has no other devices. By default it prefers any other to a CPU."""
    named = getattr(jax.config, _PLATFORMS) or ""
    return jax.default_backend() == "cpu" and set(filter(None, named.split(","))) <= {"cpu"}
