"""What the web pages' `ideas/concepts.js` must compute, worked out by `stormlens.concepts`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from stormlens import concepts

_CASES = 60
_SINGLE = [name for name in concepts.ACTIVATIONS if name != "softmax"]


def write(folder: Path) -> None:
    """Write `concepts.json` with generated cases and what follows from them."""
    rng = np.random.default_rng(15)
    held = {
        "activations": _activations(rng),
        "neurons": [_neuron(rng) for _ in range(_CASES)],
        "pools": [_pool(rng) for _ in range(_CASES)],
        "patches": [_patch(rng) for _ in range(_CASES)],
        "convolutions": [_convolution(rng) for _ in range(_CASES)],
        "telling": [_telling(rng) for _ in range(_CASES)],
        "kernels": {
            size: {name: kernel.tolist() for name, kernel in concepts.kernels(size).items()}
            for size in (1, 3, 5, 7)
        },
        "places": concepts.PATCH_PLACES,
    }
    (folder / "concepts.json").write_text(json.dumps(held), encoding="utf-8")


def _activations(rng: np.random.Generator) -> dict[str, Any]:
    corners = [-35.0, -33.0, -3.0, -1e-9, 0.0, 1e-9, 3.0, 33.0, 35.0]
    z = np.array([*corners, *rng.uniform(-35, 35, 300), *rng.normal(0, 2, 300)])
    return {
        "z": z.tolist(),
        "of": {name: concepts.ACTIVATIONS[name].function(z).tolist() for name in _SINGLE},
        "slope": {name: concepts.derivative(name, z).tolist() for name in _SINGLE},
    }


def _neuron(rng: np.random.Generator) -> dict[str, Any]:
    weights, inputs = rng.uniform(-3, 3, 2).round(1), rng.uniform(-5, 5, 2).round(1)
    bias, activation = round(rng.uniform(-3, 3), 1), str(rng.choice(_SINGLE))
    neuron = concepts.Neuron(weights.tolist(), bias, activation)
    return {
        "weights": weights.tolist(),
        "inputs": inputs.tolist(),
        "bias": bias,
        "activation": activation,
        "z": float(neuron.aggregate(inputs)),
        "a": float(neuron.activate(inputs)),
    }


def _pool(rng: np.random.Generator) -> dict[str, Any]:
    # Few levels, so that windows hold the same number more than once.
    image = rng.integers(-9, 10, rng.integers(6, 20, 2))
    window, stride = (int(n) for n in rng.integers(1, 6, 2))
    return {
        "image": image.tolist(),
        "window": window,
        "stride": stride,
        "pooled": concepts.pool(image, window, stride).tolist(),
        "argmax": concepts.pool_argmax(image, window, stride).reshape(-1, 2).tolist(),
    }


def _patch(rng: np.random.Generator) -> dict[str, Any]:
    size = int(rng.integers(3, 16))
    patch = rng.integers(0, rng.integers(1, 76), (size, size))
    neuron = {
        "threshold": float(rng.integers(0, 71)),
        "weight": round(rng.uniform(0.1, 3), 1),
        "bias": float(rng.integers(-20, 21)),
    }
    return {"patch": patch.tolist(), "neuron": neuron, **vars(concepts.fires(patch, **neuron))}


def _convolution(rng: np.random.Generator) -> dict[str, Any]:
    image = rng.integers(0, 76, rng.integers(7, 15, 2))
    kernel = rng.normal(0, 5, rng.integers(1, 6, 2)).round(2)
    response = concepts.correlate(image, kernel)
    row, column = (int(rng.integers(0, n)) for n in response.shape)
    steps = {
        str(turned).lower(): concepts.convolution_step(image, kernel, row, column, turned=turned)
        for turned in (False, True)
    }
    return {
        "image": image.tolist(),
        "kernel": kernel.tolist(),
        "correlate": response.tolist(),
        "convolve": concepts.convolve(image, kernel).tolist(),
        "place": [row, column],
        "steps": {
            turned: {
                "window": step.window.tolist(),
                "kernel": step.kernel.tolist(),
                "products": step.products.tolist(),
                "total": step.total,
            }
            for turned, step in steps.items()
        },
    }


def _telling(rng: np.random.Generator) -> dict[str, Any]:
    """The patches of a coarse grid with the highest, the most middling and the lowest maximum."""
    size = int(rng.integers(3, 16))
    box = np.repeat(np.repeat(rng.integers(0, 76, (10, 10)), 4, 0), 4, 1)
    pooled = concepts.pool(box, size).astype(int)
    chosen = [pooled.argmax(), np.abs(pooled - pooled.max() / 2).argmin(), pooled.argmin()]
    places = np.stack(np.unravel_index(chosen, pooled.shape), axis=-1) * size
    return {"box": box.tolist(), "size": size, "places": places.tolist()}
