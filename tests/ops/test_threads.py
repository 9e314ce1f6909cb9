"""Sums of the native operations on few and on many threads: the same bits."""

import os
import subprocess
import sys

import pytest

from stormlens.ops import native

CODE = """
import hashlib, os
import jax, jax.numpy as jnp, numpy as np
from stormlens.ops import conv_pool, matmul, native

assert native().available, native().reason
draw = np.random.default_rng(0)

def normal(*shape):
    return jnp.asarray(draw.normal(size=shape), jnp.float32)

def loss(kernel, images):
    return (conv_pool(images, kernel, jnp.zeros(kernel.shape[3]), 3, activation="relu") ** 2).sum()

gradient = jax.jit(jax.grad(loss))
found = [
    gradient(normal(3, 3, 32, 64), normal(20, 20, 20, 32)),
    gradient(normal(3, 3, 1, 32), normal(20, 40, 40, 1)),
    jax.jit(matmul)(normal(32, 4096), normal(4096, 128)),
]
print(len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 0)
print([hashlib.sha256(np.asarray(one).tobytes()).hexdigest() for one in found])
"""


@pytest.mark.slow(20)
@pytest.mark.skipif(not native().available, reason=native().reason)
def test_more_threads_than_parts_give_the_same_bits():
    """XLA makes as many threads as PJRT_NPROC says; sums are cut into 16 parts at most."""
    printed = {}
    for threads in (1, 12, 40):
        count, bits = subprocess.run(
            [sys.executable, "-c", CODE],
            env={**os.environ, "PJRT_NPROC": str(threads)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        printed[threads] = int(count), bits
    assert printed[1][1] == printed[12][1] == printed[40][1]
    if printed[1][0]:  # otherwise this machine does not say how many there are
        assert printed[1][0] + 30 < printed[40][0]
