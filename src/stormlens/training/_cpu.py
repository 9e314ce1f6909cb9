"""What a training on a CPU asks of its process: where JAX computes, and what it computes with."""

import os
import warnings
from functools import cache

import jax

from stormlens.ops import native

_ASYNCHRONOUS = "jax_cpu_enable_async_dispatch"


def compute_in_this_thread() -> None:
    """
    Have JAX compute on a CPU where it is called, in a process that has not used it yet.

    Each step is waited for anyway. By default JAX hands steps to a pool of threads: each thread
    takes a step's buffers from another of malloc's arenas, and every arena keeps its own. An
    environment variable that sets this for JAX has precedence.
    """
    if _ASYNCHRONOUS.upper() not in os.environ:
        jax.config.update(_ASYNCHRONOUS, False)


@cache
def note_if_portable() -> None:
    """Warn once a process that it trains on a CPU without native operations, and why."""
    found = native()
    if jax.default_backend() == "cpu" and not found.available:
        warnings.warn(
            "Training on the CPU without native operations, which takes several times as long: "
            f"{found.reason}.",
            UserWarning,
            stacklevel=5,  # the caller of `fit`, which makes the `Trainer` that calls this
        )
