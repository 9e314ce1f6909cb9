"""Packed boxes and what they hold, for the tests under Node."""

import json
import zlib
from pathlib import Path

import numpy as np

from stormlens.datasets import load
from stormlens.learn._pack import CONTEXTS, encode, to_levels


def boxes(name: str) -> np.ndarray:
    """Boxes of a kind, the same at each call."""
    rng = np.random.default_rng(3)
    return {
        "storms": lambda: load("simulated", "test", count=12)["reflectivity"].values,
        "noise": lambda: rng.integers(0, 256, (2, 40, 31), np.uint8),
        "blank": lambda: np.zeros((3, 8, 8), np.uint8),
        "one": lambda: np.full((1, 1, 1), 7, np.uint8),
        "narrow": lambda: rng.integers(0, 3, (5, 17, 1), np.uint8) * 40,
        "flat": lambda: np.full((1, 4, 300), 80, np.uint8),
    }[name]()


CASES = {
    "storms": 1,
    "storms-by-2": 2,
    "storms-by-5": 5,
    "noise": 1,
    "blank": 2,
    "one": 1,
    "narrow": 2,
    "flat": 1,
}
"""Step by the name of a case, which begins with that of its boxes."""


def write(folder: Path) -> None:
    """Write parts (.bin), their dBZ (.raw), and parts whose numbers do not fit each other."""
    folder.mkdir()
    told = []
    for name, step in CASES.items():
        images = boxes(name.split("-")[0])
        (folder / f"{name}.bin").write_bytes(encode(images, step))
        (folder / f"{name}.raw").write_bytes((to_levels(images, step) * step).tobytes())
        sides = dict(zip(("count", "rows", "columns"), images.shape, strict=True))
        told.append({"name": name, "step": step, **sides})
    (folder / "cases.json").write_text(json.dumps(told))
    lies = _lies(zlib.decompress(encode(boxes("narrow"))))
    for name, content in lies.items():
        (folder / f"{name}.bin").write_bytes(zlib.compress(content))
    (folder / "lies.json").write_text(json.dumps(list(lies)))


def _lies(whole: bytes) -> dict[str, bytes]:
    counts = np.frombuffer(whole, "<u4", CONTEXTS, 16).copy()
    used = np.flatnonzero(counts)
    counts[used[0]] -= 1
    counts[used[-1]] += 1
    moved = whole[:16] + counts.tobytes() + whole[16 + counts.nbytes :]
    counts[used[-1]] = 0xFFFFFFF0
    return {
        "of another format": whole[:4] + b"\2" + whole[5:],
        "of more boxes": whole[:8] + b"\xff" + whole[9:],
        "of moved levels": moved,
        "of endless levels": whole[:16] + counts.tobytes() + whole[16 + counts.nbytes :],
        "cut": whole[:100],
    }
