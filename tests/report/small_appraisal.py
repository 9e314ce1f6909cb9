"""An appraisal as `experiment` leaves one, with numbers that are easy to tell apart."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.stormbox import MODES


def appraisal(failures: int = 3) -> dict[str, Any]:
    """What ``appraisal.json`` holds."""
    return {
        "format": 1,
        "simulated": {
            "families": [
                family("storm", "cyclone at landfall", 340, 0.934),
                family("network", "one radar", 500, 0.941),
                family("product", "rain rates", 520, 0.907),
            ],
            "all": {**scores(1360, 0.925), "log_loss": 0.213},
            "modes": [
                {"mode": mode, "boxes": 200 + i, "pod": 0.95, "far": 0.04, "csi": 0.91}
                for i, mode in enumerate(MODES)
            ],
        },
        "real": [
            {**real(16, 15, 1, 0), "name": "boxes of 2014-17", "source": "hand labels"},
            {**real(5, 4, 0, 1), "name": "4 April 2011", "source": "one squall line"},
        ],
        "failures": [
            {
                "unid": f"wide-{i}",
                "truth": MODES[i % 6],
                "answer": "unsure" if i == 1 else MODES[(i + 1) % 6],
                "probability": 0.98 - 0.01 * i,
                "storm_family": "bow echo",
                "network": "one radar",
                "product": "lowest scan",
            }
            for i in range(failures)
        ],
    }


def scores(boxes: int, accuracy: float) -> dict[str, Any]:
    return {
        "boxes": boxes,
        "accuracy": accuracy,
        "low": accuracy - 0.02,
        "high": accuracy + 0.015,
        "calibration_error": 0.021,
        "coverage": 0.904,
        "unsure": 0.062,
    }


def family(kind: str, name: str, boxes: int, accuracy: float) -> dict[str, Any]:
    return {"kind": kind, "family": name, **scores(boxes, accuracy)}


def real(boxes: int, right: int, unsure: int, wrong: int) -> dict[str, Any]:
    return {"boxes": boxes, "right": right, "unsure": unsure, "confidently_wrong": wrong}


def write_appraisal(folder: Path, content: dict[str, Any] | None = None) -> Path:
    """Leave it in a run folder, with pictures of its failures: box i is 30 + i dBZ."""
    content = appraisal() if content is None else content
    (folder / "appraisal.json").write_text(json.dumps(content))
    images = np.zeros((len(content["failures"]), 136, 136), np.uint8)
    images[:, 30:90, 30:90] = 30 + np.arange(len(images))[:, None, None]
    np.savez_compressed(folder / "failures.npz", images=images)
    return folder
