"""What the web pages' `ideas/walking.js` must compute, worked out by `stormlens.concepts`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from stormlens import concepts

_CASES = 150
_RAMPS = {
    "even": np.ones((5, 5)),
    "east": np.tile(np.arange(-2.0, 3.0), (5, 1)),
    "north": np.tile(np.arange(-2.0, 3.0), (5, 1)).T,
}


def write(folder: Path) -> None:
    """Write `walker.json` with generated cases and what follows from them."""
    rng = np.random.default_rng(16)
    held = {
        "kernels": {name: kernel[::-1].tolist() for name, kernel in concepts.kernels(3).items()},
        "cases": [_case(rng) for _ in range(_CASES)],
    }
    (folder / "walker.json").write_text(json.dumps(held), encoding="utf-8")


def _case(rng: np.random.Generator) -> dict[str, Any]:
    rows, columns = (int(n) for n in rng.integers(3, 14, 2))
    box = rng.integers(0, 81, (rows, columns))
    # As they are read on a page: the northern row first, where a box has the southern one first.
    weights = rng.choice([rng.normal(size=(3, 3)).round(3), rng.integers(-9, 10, (3, 3))])
    turned = bool(rng.integers(2))
    respond = concepts.convolve if turned else concepts.correlate
    response = respond(box, weights[::-1])
    row, column = (int(rng.integers(n)) for n in response.shape)
    step = concepts.convolution_step(box, weights[::-1], row, column, turned=turned)
    return {
        "box": box.tolist(),
        "weights": weights.ravel().tolist(),
        "turned": turned,
        "response": response.tolist(),
        "place": [row, column],
        "read": {
            "pixels": step.window[::-1].ravel().tolist(),
            "lying": step.kernel[::-1].ravel().tolist(),
            "products": step.products[::-1].ravel().tolist(),
            "total": step.total,
        },
        "usual": float(np.quantile(np.abs(response), 0.998)) or 1.0,
        "answers": {
            name: float(respond(ramp, weights[::-1])[1, 1]) for name, ramp in _RAMPS.items()
        },
    }
