"""
What the web pages' `ideas/augment.js`, `advice.js` and `recipe-text.js` must compute.

Worked out by `stormlens.augment`, `stormlens.ops.warp` and the sentences of
`stormlens.learn._augmentation_advice`.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from stormlens.augment import Augmentation, affine_matrices, change_echo, dropped_out
from stormlens.learn._augmentation_advice import (
    advice,
    beyond_the_edge,
    elongation,
    report_reach,
)
from stormlens.ops import FILL_MODES, warp
from stormlens.training import load_recipe

# Few, as each is compiled for; with a single row, a single column, and even and odd sides.
_SHAPES = [(1, 1), (1, 7), (9, 1), (17, 12)]
_BOXES = [(136, 136), (64, 40), (7, 90)]
_PRESETS = {"chapter": "chapter-augmented", "SVRIMG notebook": "svrimg-3conv"}


def write(folder: Path) -> None:
    """Write `augment.json` with generated cases and what follows from them."""
    rng = np.random.default_rng(17)
    recipes = {name: load_recipe(recipe).augmentation for name, recipe in _PRESETS.items()}
    presets = {**recipes, "none": Augmentation()}
    held = {
        "matrices": [case for shape in _BOXES for case in _matrices(rng, *shape, n=100)],
        "warps": [
            case for mode in FILL_MODES for shape in _SHAPES for case in _warps(rng, mode, *shape)
        ],
        "echoes": _echoes(rng),
        "dropouts": [case for shape in _SHAPES for case in _dropouts(rng, *shape)],
        "advice": [_advice(rng) for _ in range(500)],
        "presets": {name: asdict(preset) for name, preset in presets.items() if preset},
    }
    (folder / "augment.json").write_text(json.dumps(held), encoding="utf-8")


def _matrices(rng: np.random.Generator, rows: int, columns: int, n: int) -> list[dict[str, Any]]:
    transforms = {
        "theta": rng.uniform(-180, 180, n),
        "tx": rng.uniform(-0.5, 0.5, n) * columns,
        "ty": rng.uniform(-0.5, 0.5, n) * rows,
        "shear": rng.uniform(-45, 45, n),
        "zx": rng.uniform(0.5, 2, n),
        "zy": rng.uniform(0.5, 2, n),
    }
    flips = rng.integers(0, 2, (2, n)).astype(bool)
    matrices = affine_matrices(
        **_reals(transforms),
        flip_horizontal=jnp.asarray(flips[0]),
        flip_vertical=jnp.asarray(flips[1]),
        height=rows,
        width=columns,
    )
    exact = np.asarray(matrices, float)
    centre = (np.array([rows, columns]) - 1) / 2
    every = {**transforms, "flipHorizontal": flips[0], "flipVertical": flips[1]}
    return [
        {
            "shape": {"rows": rows, "columns": columns},
            "transform": {name: values[i].item() for name, values in every.items()},
            "matrix": matrix.ravel().tolist(),
            "report": np.linalg.solve(matrix[:, :2], centre - matrix[:, 2]).tolist(),
            "beyond": beyond_the_edge(matrix[None], rows, columns),
        }
        for i, matrix in enumerate(exact)
    ]


def _reals(values: dict[str, np.ndarray]) -> dict[str, Any]:
    return {name: jnp.asarray(each, jnp.float32) for name, each in values.items()}


def _warps(rng: np.random.Generator, mode: str, rows: int, columns: int) -> list[dict[str, Any]]:
    """Half of the maps in eighths, so that coordinates are exact, and fall on an edge or not."""
    n, cval = 8, 12.0
    images = rng.integers(0, 81, (2 * n, rows, columns)).astype(np.uint8)
    whole = [rng.integers(-16, 17, (n, 2, 2)) / 8, rng.integers(-300, 301, (n, 2, 1)) / 8]
    real = [rng.normal(0, 0.8, (n, 2, 2)), rng.normal(0, 12, (n, 2, 1))]
    matrices = np.concatenate([np.concatenate(m, 2) for m in (whole, real)]).astype(np.float32)
    warped = warp(jnp.asarray(images), jnp.asarray(matrices), mode, cval)
    return [
        {
            "image": images[i].ravel().tolist(),
            "shape": {"rows": rows, "columns": columns},
            "matrix": matrices[i].ravel().tolist(),
            "mode": mode,
            "cval": cval,
            "exact": i < n,
            "warped": np.asarray(warped[i], float).ravel().tolist(),
        }
        for i in range(2 * n)
    ]


def _echoes(rng: np.random.Generator) -> list[dict[str, Any]]:
    n = 150
    values = rng.integers(0, 81, (n, 1, 30)) * rng.integers(0, 2, (n, 1, 30))
    echoes = {
        "scale": rng.uniform(0.3, 1.9, n),
        "offset": rng.uniform(-20, 20, n),
        "cutoff": rng.uniform(0, 60, n) * rng.integers(0, 2, n),
    }
    changed = np.asarray(change_echo(jnp.asarray(values, jnp.float32), **_reals(echoes)), float)
    return [
        {
            "values": values[i].ravel().tolist(),
            "echo": {name: each[i] for name, each in echoes.items()},
            "changed": changed[i].ravel().tolist(),
        }
        for i in range(n)
    ]


def _dropouts(rng: np.random.Generator, rows: int, columns: int) -> list[dict[str, Any]]:
    n = 80
    dropouts = {
        "share": rng.uniform(0, 1, n),
        "row": rng.uniform(0, rows, n),
        "column": rng.uniform(0, columns, n),
        "angle": rng.uniform(0, 360, n),
    }
    is_disc = rng.integers(0, 2, n).astype(bool)
    lost = dropped_out(**_reals(dropouts), is_disc=jnp.asarray(is_disc), height=rows, width=columns)
    every = {**dropouts, "isDisc": is_disc}
    return [
        {
            "shape": {"rows": rows, "columns": columns},
            "dropout": {name: each[i].item() for name, each in every.items()},
            "lost": np.asarray(lost[i]).ravel().astype(int).tolist(),
        }
        for i in range(n)
    ]


def _advice(rng: np.random.Generator) -> dict[str, Any]:
    """Half of the settings at rest, the others on whole steps, between them, or tiny."""

    def some(*values: float) -> float:
        return float(rng.choice([0.0] * len(values) + list(values)))

    low, high = sorted(rng.choice([0.5, 0.75, 0.8, 0.9, 1, 1, 1, 1.1, 1.25, 1.3, 2, 1 / 3], 2))
    held = Augmentation(
        rotation_range=some(0.1, 0.25, 55, 55.5, 60, 123.456785, 180, 0.00005, 55.03125),
        width_shift_range=some(0.01, 0.1, 0.25, 0.5, rng.uniform(0, 0.5)),
        height_shift_range=some(0.01, 0.1, 0.25, 0.3, rng.uniform(0, 0.5)),
        shear_range=some(0.1, 0.75, 14, 16, 30, 45, rng.uniform(0, 45)),
        zoom_range=(float(low), float(high)),
        horizontal_flip=bool(rng.integers(2)),
        vertical_flip=bool(rng.integers(2)),
        fill_mode=str(rng.choice(FILL_MODES)),
        cval=some(1, 12, 12.5, 80),
        offset_range=some(5, 12.5),
        scale_range=tuple(sorted(float(n) for n in rng.choice([0.8, 1, 1, 1.2], 2))),
        cutoff_range=some(10, 35, 35.5, 60),
        dropout_range=some(0.2, 0.5, 0.51, 1),
    )
    beyond = float(rng.choice([0.0, 0.005, 0.01, 0.125, 0.305, 0.995, 1.0, rng.uniform(0, 1)]))
    shape = tuple(int(n) for n in rng.choice([40, 64, 136], 2))
    lines = [f"{name} = {json.dumps(value)}" for name, value in held.to_dict().items()]
    return {
        "augmentation": asdict(held),
        "beyond": beyond,
        "shape": {"rows": shape[0], "columns": shape[1]},
        "advice": [part._asdict() for part in advice(held, beyond, shape)],
        "reach": report_reach(held, *shape),
        "elongation": elongation(held),
        "toml": "\n".join(["[augmentation]", *lines]) + "\n",
    }
