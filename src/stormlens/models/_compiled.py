"""Compiled networks that outlive the process: JAX's persistent compilation cache."""

import hashlib
import os
import platform
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FOLDER = "jax_compilation_cache_dir"
_LEAST_SECONDS = "jax_persistent_cache_min_compile_time_secs"
_WORTH_KEEPING = 0.1  # seconds of compilation


@cache
def keep_compiled() -> None:
    """
    Keep what is compiled from now on in the cache folder, for later processes to load.

    A folder that the user has set for JAX is left as it is, and one that cannot be
    written is done without.
    """
    import jax

    from stormlens.datasets import cache_folder

    if getattr(jax.config, _FOLDER) is not None:
        return
    folder = cache_folder() / "compiled" / _processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK):
        jax.config.update(_FOLDER, str(folder))
        jax.config.update(_LEAST_SECONDS, _WORTH_KEEPING)


def compiled_network(
    model: Any, bounds: tuple[float, float]
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """
    A Keras model's answers, compiled by JAX.

    Parameters
    ----------
    model : keras.Model
        Built.
    bounds : tuple of float
        Values of raw images that become 0 and 1.

    Returns
    -------
    run : callable
        From uint8 images (N, rows, columns) to probabilities (N, classes); each N is a
        compilation.
    """
    import jax
    import jax.numpy as jnp

    from stormlens.models._fuse import fuse

    keep_compiled()
    forward = fuse(model, bounds)

    @jax.jit
    def compute(weights: Any, state: Any, raw: Any) -> Any:
        log_probabilities, _ = forward.apply(
            weights, state, raw[..., None], jax.random.key(0), False
        )
        return jnp.exp(log_probabilities)

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        # Read at each call: Keras's predict and fit donate (free) the buffers of older weights.
        weights = [variable.value for variable in model.trainable_variables]
        state = [variable.value for variable in model.non_trainable_variables]
        return np.asarray(compute(weights, state, images))

    return run


def _processor() -> str:
    """
    Stands for this processor's instructions, which compiled code uses.

    Machines of a cluster often share one home folder and differ in these.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        wanted = ("flags", "Features", "model name", "CPU part")
        text = "\n".join(sorted({line for line in lines if line.startswith(wanted)}))
    except OSError:
        text = platform.processor() + platform.machine()
    return hashlib.sha256(text.encode()).hexdigest()[:16]
