"""
Milliseconds a training step, beside the same network with XLA's own gradient.

    python benchmarks/train_step.py [--model chapter-relu] [--steps 10]

Both run the same compiled loop on the same 32 random images a step; "stock" is
the whole model through Keras's own layers on JAX. The two take turns, so that a
busy machine slows both.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from stormlens.models import Forward, build, forward_pass
from stormlens.models._forward import _whole
from stormlens.training import load_recipe
from stormlens.training._step import State, Totals, make_optimiser, make_train


def main() -> None:
    """Print the median step of each and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="chapter-relu")
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    model = build(options.model)
    ours = forward_pass(model)
    stock = Forward(_whole(model), ours.weights, ours.state)
    steppers = {"stormlens": stepper(ours), "stock": stepper(stock)}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for number in range(options.steps + 1):
        for name, step in steppers.items():
            began = time.perf_counter()
            step()
            if number:  # the first one compiles
                times[name].append(time.perf_counter() - began)
    median = {name: 1e3 * statistics.median(values) for name, values in times.items()}
    for name, value in median.items():
        print(f"{options.model:14s} {name:10s} {value:7.0f} ms a step of 32")
    print(f"{options.model:14s} ratio      {median['stock'] / median['stormlens']:7.1f}")


def stepper(forward: Forward) -> Callable[[], None]:
    """A function that runs one training step and waits for it."""
    recipe = load_recipe("chapter-relu")
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.integers(0, 70, (32, 136, 136)), jnp.uint8)
    codes = jnp.asarray(rng.integers(0, 6, 32), jnp.int32)
    weights, variables = (
        [jnp.array(v, copy=True) for v in values] for values in (forward.weights, forward.state)
    )
    state = State(weights, variables, make_optimiser(recipe).init(weights), Totals.zero())
    train = make_train(forward, recipe, (0.0, 74.0), jnp.ones(6))
    order, key = jnp.arange(32), jax.random.key(0)

    def step() -> None:
        nonlocal state
        state = jax.block_until_ready(train(state, images, codes, order, key, 0, 1))

    return step


if __name__ == "__main__":
    main()
