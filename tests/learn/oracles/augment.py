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
_PRESETS = {"chapter": "chapter-augmented", "SVRIMG notebook": "svrimg-3conv"}


def write(folder: Path) -> None:
    """Write `augment.json` with generated cases and what follows from them."""
    rng = np.random.default_rng(17)
    recipes = {name: load_recipe(recipe).augmentation for name, recipe in _PRESETS.items()}
    presets = {**recipes, "none": Augmentation()}
    held = {
        "matrices": [_matrix(rng) for _ in range(300)],
        "warps": [_warp(rng, mode, i % 2 == 0) for mode in FILL_MODES for i in range(60)],
        "echoes": [_echo(rng) for _ in range(150)],
        "dropouts": [_dropout(rng) for _ in range(300)],
        "advice": [_advice(rng) for _ in range(500)],
        "presets": {name: asdict(preset) for name, preset in presets.items() if preset},
    }
    (folder / "augment.json").write_text(json.dumps(held), encoding="utf-8")


def _matrix(rng: np.random.Generator) -> dict[str, Any]:
    rows, columns = (int(n) for n in rng.integers(2, 150, 2))
    transform = {
        "theta": rng.uniform(-180, 180),
        "tx": rng.uniform(-0.5, 0.5) * columns,
        "ty": rng.uniform(-0.5, 0.5) * rows,
        "shear": rng.uniform(-45, 45),
        "zx": rng.uniform(0.5, 2),
        "zy": rng.uniform(0.5, 2),
    }
    flips = [bool(rng.integers(2)) for _ in range(2)]
    matrix = affine_matrices(
        **{name: jnp.array([value], jnp.float32) for name, value in transform.items()},
        flip_horizontal=jnp.array(flips[:1]),
        flip_vertical=jnp.array(flips[1:]),
        height=rows,
        width=columns,
    )
    exact = np.asarray(matrix[0], float)
    centre = (np.array([rows, columns]) - 1) / 2
    return {
        "shape": {"rows": rows, "columns": columns},
        "transform": {**transform, "flipHorizontal": flips[0], "flipVertical": flips[1]},
        "matrix": exact.ravel().tolist(),
        "report": np.linalg.solve(exact[:, :2], centre - exact[:, 2]).tolist(),
        "beyond": beyond_the_edge(exact[None], rows, columns),
    }


def _warp(rng: np.random.Generator, mode: str, eighths: bool) -> dict[str, Any]:
    rows, columns = _SHAPES[rng.integers(len(_SHAPES))]
    image = rng.integers(0, 81, (rows, columns)).astype(np.uint8)
    if eighths:  # so that coordinates are exact, and those on an edge fall on it
        linear, shift = rng.integers(-16, 17, (2, 2)) / 8, rng.integers(-300, 301, (2, 1)) / 8
    else:
        linear, shift = rng.normal(0, 0.8, (2, 2)), rng.normal(0, 12, (2, 1))
    matrix = np.concatenate([linear, shift], 1).astype(np.float32)
    cval = float(rng.choice([0.0, 12.0]))  # compiled for
    warped = warp(jnp.asarray(image[None]), jnp.asarray(matrix[None]), mode, cval)
    return {
        "image": image.ravel().tolist(),
        "shape": {"rows": rows, "columns": columns},
        "matrix": matrix.ravel().tolist(),
        "mode": mode,
        "cval": cval,
        "exact": eighths,
        "warped": np.asarray(warped, float).ravel().tolist(),
    }


def _echo(rng: np.random.Generator) -> dict[str, Any]:
    values = rng.integers(0, 81, 30) * rng.integers(0, 2, 30)
    echo = {
        "scale": rng.uniform(0.3, 1.9),
        "offset": rng.uniform(-20, 20),
        "cutoff": rng.choice([0.0, rng.uniform(0, 60)]),
    }
    changed = change_echo(
        jnp.asarray(values[None, None], jnp.float32),
        **{name: jnp.array([value], jnp.float32) for name, value in echo.items()},
    )
    return {
        "values": values.tolist(),
        "echo": echo,
        "changed": np.asarray(changed, float).ravel().tolist(),
    }


def _dropout(rng: np.random.Generator) -> dict[str, Any]:
    rows, columns = _SHAPES[rng.integers(len(_SHAPES))]
    dropout = {
        "share": rng.uniform(0, 1),
        "row": rng.uniform(0, rows),
        "column": rng.uniform(0, columns),
        "angle": rng.uniform(0, 360),
    }
    is_disc = bool(rng.integers(2))
    lost = dropped_out(
        **{name: jnp.array([value], jnp.float32) for name, value in dropout.items()},
        is_disc=jnp.array([is_disc]),
        height=rows,
        width=columns,
    )
    return {
        "shape": {"rows": rows, "columns": columns},
        "dropout": {**dropout, "isDisc": is_disc},
        "lost": np.asarray(lost[0]).ravel().astype(int).tolist(),
    }


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
