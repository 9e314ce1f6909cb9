"""What the web pages' `train/reading.js` must say of curves, by `stormlens.verification`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from stormlens import verification

_CASES = 400


def write(folder: Path) -> None:
    """Write `train.json` with generated histories and their verdicts, epoch by epoch."""
    rng = np.random.default_rng(9)
    cases = [_case(rng) for _ in range(_CASES)]
    told = [verdict for case in cases for verdict in case["overfits"]]
    assert 0.2 < np.mean(told) < 0.8  # both kinds, or the cases would hold nothing
    (folder / "train.json").write_text(json.dumps({"cases": cases}), encoding="utf-8")


def _case(rng: np.random.Generator) -> dict[str, Any]:
    """Curves that learn at some rate, and may part at some time."""
    epochs = np.arange(1, rng.integers(2, 25))
    noise = 0.02 * rng.normal(size=(4, epochs.size))
    pace, parting = rng.uniform(1, 8), rng.uniform(0, 20)
    late = np.maximum(0, epochs - parting)
    loss = 1.8 * np.exp(-epochs / pace) + 0.1 + noise[0]
    accuracy = 1 - 0.7 * np.exp(-epochs / pace) + noise[2]
    history = [
        {
            "epoch": int(epoch),
            "seconds": 0.0,
            "loss": float(loss[i]),
            "accuracy": float(accuracy[i]),
            "val_loss": float(loss[i] + 0.03 * late[i] + abs(noise[1][i])),
            "val_accuracy": float(accuracy[i] - 0.02 * late[i] + noise[3][i]),
        }
        for i, epoch in enumerate(epochs)
    ]
    verdicts = [verification.gap(history[: i + 1]).verdict for i in range(len(history))]
    return {"history": history, "overfits": [verdict == "overfitting" for verdict in verdicts]}
