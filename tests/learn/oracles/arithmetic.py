"""Small networks of all kinds of step, and what the engine gives at each, for the page Inside."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.engine import Engine, Step
from stormlens.engine._engine import ACTIVATIONS

_SEED = 7
_SHAPE = (13, 11, 1)
_CLASSES = ["a", "b", "c"]


def write(folder: Path) -> None:
    """
    Write the oracle ``arithmetic.json``.

    Parameters
    ----------
    folder : Path
        Where it goes.
    """
    rng = np.random.default_rng(_SEED)
    networks = [_mixed(rng), _residual(rng), *(_curve(rng, name) for name in ACTIVATIONS[1:-1])]
    cases = [_case(steps, rng) for steps in networks]
    (folder / "arithmetic.json").write_text(json.dumps(cases), encoding="utf-8")


def _weights(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(scale=1 / np.sqrt(np.prod(shape[:-1])), size=shape).astype(np.float32)


def _convolution(
    rng: np.random.Generator, size: Sequence[int], channels: int, filters: int, **more: Any
) -> Step:
    kernel = _weights(rng, *size, channels, filters)
    return Step("convolution", (size[0], size[1]), kernel=kernel, bias=_bias(rng, filters), **more)


def _bias(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.normal(scale=0.1, size=count).astype(np.float32)


def _dense(rng: np.random.Generator, inputs: int, units: int, activation: str) -> Step:
    kernel = _weights(rng, inputs, units)
    return Step("dense", kernel=kernel, bias=_bias(rng, units), activation=activation)


def _mixed(rng: np.random.Generator) -> list[Step]:
    """Strides, dilation, groups, padded pools and each way of scaling; then dense layers."""
    return [
        _convolution(rng, (3, 2), 1, 6, strides=(1, 1), padding=(1, 1, 0, 1), activation="tanh"),
        Step("neighbours", (3, 1), constants=(2.0, 0.5, 0.75)),
        Step("highest", (3, 3), (2, 2), padding=(1, 1, 0, 1)),
        _convolution(rng, (3, 3), 3, 4, groups=2, dilation=(2, 1), padding=(2, 2, 1, 1)),
        Step("scale", kernel=_weights(rng, 4), bias=_bias(rng, 4)),
        Step("activation", activation="relu", constants=(0.1, 0.8, 0.05)),
        Step("normalise", kernel=_weights(rng, 4), bias=_bias(rng, 4), constants=(1e-3,)),
        Step("mean", (2, 2), (2, 2), padding=(0, 1, 1, 0)),
        Step("flatten"),
        _dense(rng, 48, 7, "relu"),
        _dense(rng, 7, 3, "linear"),
        Step("activation", activation="softmax"),
    ]


def _residual(rng: np.random.Generator) -> list[Step]:
    around = (1, 1, 1, 1)
    return [
        _convolution(rng, (3, 3), 1, 5, activation="relu"),
        Step("highest", (2, 2), (2, 2)),
        Step("keep"),
        _convolution(rng, (3, 3), 5, 5, activation="relu", padding=around),
        _convolution(rng, (3, 3), 5, 5, padding=around),
        Step("add"),
        Step("activation", activation="relu"),
        Step("global both"),
        _dense(rng, 10, 3, "softmax"),
    ]


def _curve(rng: np.random.Generator, name: str) -> list[Step]:
    constants = (1.0,) if name == "elu" else ()
    return [
        _convolution(rng, (3, 3), 1, 4, activation=name, constants=constants),
        Step("global mean" if name == "relu" else "global highest"),
        _dense(rng, 4, 3, "softmax"),
    ]


def _case(steps: list[Step], rng: np.random.Generator) -> dict[str, Any]:
    image = (rng.uniform(-1, 1, _SHAPE) * 2).astype(np.float32)
    maps = [
        Engine(_closed(steps[: i + 1]), _SHAPE)(image[None], 1)[0].tolist()
        for i in range(len(steps))
    ]
    weights = {
        name: values
        for i, step in enumerate(steps)
        for name, values in ((f"{i}.kernel", step.kernel), (f"{i}.bias", step.bias))
        if values is not None
    }
    return {
        "network": _network(steps),
        "weights": {name: values.ravel().tolist() for name, values in weights.items()},
        "shapes": {name: list(values.shape) for name, values in weights.items()},
        "image": image.ravel().tolist(),
        "maps": maps,
        "without": [_without(steps, image, rng) for _ in range(6)],
    }


def _closed(steps: list[Step]) -> list[Step]:
    """The beginning of a network as one of its own: nothing is kept that is not added."""
    added = sum(step.kind == "add" for step in steps)
    keeps = [i for i, step in enumerate(steps) if step.kind == "keep"]
    return [step for i, step in enumerate(steps) if i not in keeps[added:]]


def _without(steps: list[Step], image: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """What the network answers where one pixel of the box is 0."""
    row, column = (int(rng.integers(side)) for side in _SHAPE[:2])
    changed = image.copy()
    changed[row, column, 0] = 0
    return {
        "cell": {"row": row, "column": column, "channel": 0},
        "probabilities": Engine(steps, _SHAPE)(changed[None], 1)[0].tolist(),
    }


def _network(steps: list[Step]) -> dict[str, Any]:
    """The steps as a `network.json` has them, each its own layer."""

    def tensor(i: int, name: str, values: np.ndarray | None) -> dict[str, str | None]:
        return {name: None if values is None else f"{i}.{name}"}

    return {
        "format": 1,
        "name": "a test's",
        "input_shape": list(_SHAPE),
        "classes": _CLASSES,
        "minimum": 0,
        "maximum": 80,
        "layers": [
            {"name": f"{step.kind} {i}", "kind": step.kind, "steps": [i, i + 1]}
            for i, step in enumerate(steps)
        ],
        "steps": [
            {
                "kind": step.kind,
                "window": list(step.window),
                "strides": list(step.strides),
                "dilation": list(step.dilation),
                "groups": step.groups,
                "padding": list(step.padding),
                **tensor(i, "kernel", step.kernel),
                **tensor(i, "bias", step.bias),
                "activation": step.activation,
                "constants": list(step.constants),
            }
            for i, step in enumerate(steps)
        ],
    }
