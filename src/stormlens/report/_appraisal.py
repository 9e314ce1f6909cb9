"""
What a classifier scored on storms that it was never trained on, read back from its folder.

``appraisal.json`` and ``failures.npz`` lie beside ``classifier.json``, written by
`stormlens.experiment`. They may have been edited, cut short or come from
anywhere, so each number is held against its bounds before anything is said of it.
"""

import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.stormbox import MODES, SIZE

_FORMAT = 1
_APPRAISAL, _PICTURES, _IMAGES = "appraisal.json", "failures.npz", "images"
_HEADER = 4096  # bytes that an array may take before its first value
_TOLD = ("answer", "probability", "storm_family", "network", "product")

# What zipfile and NumPy raise for files that are cut short, spoilt, packed in other ways or locked.
_UNREADABLE = (
    OSError,
    KeyError,
    ValueError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)

_Check = Callable[[Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_share(value: Any) -> bool:
    """A share from 0 to 1; None is one that is not defined."""
    return value is None or (type(value) in (int, float) and 0 <= value <= 1)


def _is_positive(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and 0 <= value < float("inf"))


_SCORES: dict[str, _Check] = {
    "boxes": _is_count,
    **dict.fromkeys(
        ("accuracy", "low", "high", "calibration_error", "coverage", "unsure"), _is_share
    ),
}
_FAMILY: dict[str, _Check] = {"kind": _is_text, "family": _is_text, **_SCORES}
_ALL: dict[str, _Check] = {**_SCORES, "log_loss": _is_positive}
_MODE: dict[str, _Check] = {
    "mode": _is_text,
    "boxes": _is_count,
    **dict.fromkeys(("pod", "far", "csi"), _is_share),
}
_REAL: dict[str, _Check] = {
    "name": _is_text,
    "source": _is_text,
    **dict.fromkeys(("boxes", "right", "unsure", "confidently_wrong"), _is_count),
}
_FAILURE: dict[str, _Check] = {
    "unid": _is_text,
    "truth": lambda value: value in MODES,
    "answer": _is_text,
    "probability": _is_share,
    **dict.fromkeys(("storm_family", "network", "product"), _is_text),
}


@dataclass(frozen=True)
class Appraisal:
    """
    What a classifier scored on storms that it was never trained on.

    Attributes
    ----------
    folder : Path
        Where it was read.
    families : list of dict
        Of each family of SIMULATED boxes: kind, family, boxes, accuracy with low and high (95 %
        interval), calibration_error, coverage (share of boxes whose set of plausible modes holds
        the truth) and unsure (share that is given no mode); shares from 0 to 1, None where not
        defined.
    overall : dict
        The same of all of them together, with log_loss.
    modes : list of dict
        Of each mode of the SIMULATED boxes: mode, boxes, pod, far, csi.
    real : list of dict
        Of each set of REAL boxes: name, source, boxes, right (the most probable mode is right,
        unsure or not), unsure, confidently_wrong (wrong and not unsure).
    failures : list of dict
        SIMULATED boxes that it got wrong: unid, truth, answer, probability, storm_family,
        network, product.
    """

    folder: Path
    families: list[dict[str, Any]]
    overall: dict[str, Any]
    modes: list[dict[str, Any]]
    real: list[dict[str, Any]]
    failures: list[dict[str, Any]]

    @property
    def worst(self) -> dict[str, Any] | None:
        """The family of lowest accuracy; None where none is known."""
        known = [family for family in self.families if family["accuracy"] is not None]
        return min(known, key=lambda family: family["accuracy"], default=None)

    def failing_boxes(self) -> xr.Dataset:
        """
        The SIMULATED boxes that it got wrong.

        Returns
        -------
        boxes : xarray.Dataset
            The container, with `mode` the truth and the storm coordinates `answer`,
            `probability`, `storm_family`, `network` and `product`.

        Raises
        ------
        InputError
            If there are none, or their pictures are missing or damaged.
        """
        images = _read_images(self.folder / _PICTURES, len(self.failures))
        boxes = make_dataset(
            images,
            [MODES.index(row["truth"]) for row in self.failures],
            unid=[row["unid"] for row in self.failures],
            source="SIMULATED storms of families never trained on",
            simulated=True,
            where=str(self.folder / _PICTURES),
        )
        told = {name: ("storm", [row[name] for row in self.failures]) for name in _TOLD}
        return boxes.assign_coords(told)


def read_appraisal(folder: str | Path) -> Appraisal | None:
    """
    What a classifier's folder says of its scores on storms never trained on.

    Parameters
    ----------
    folder : str or Path
        Run folder, or the folder of the classifier in the package.

    Returns
    -------
    appraisal : Appraisal or None
        None where nothing was measured: the folder holds no ``appraisal.json``.

    Raises
    ------
    InputError
        If the file is damaged, with the first thing that is wrong in it.
    """
    path = Path(folder) / _APPRAISAL
    if not path.exists():
        return None
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(held, dict) or held.get("format") != _FORMAT:
        raise _damaged(path, f"no appraisal of format {_FORMAT}")
    simulated = held.get("simulated")
    if not isinstance(simulated, dict):
        raise _damaged(path, "simulated is missing")
    _check(path, "simulated.all", simulated.get("all"), _ALL)
    return Appraisal(
        Path(folder),
        _rows(path, "simulated.families", simulated.get("families"), _FAMILY),
        simulated["all"],
        _rows(path, "simulated.modes", simulated.get("modes"), _MODE),
        _rows(path, "real", held.get("real"), _REAL),
        _rows(path, "failures", held.get("failures"), _FAILURE),
    )


def _rows(path: Path, where: str, rows: Any, fields: Mapping[str, _Check]) -> list[dict[str, Any]]:
    if not isinstance(rows, list):
        raise _damaged(path, f"{where} is no list")
    for i, row in enumerate(rows):
        _check(path, f"{where}[{i}]", row, fields)
    return rows


def _check(path: Path, where: str, row: Any, fields: Mapping[str, _Check]) -> None:
    if not isinstance(row, dict):
        raise _damaged(path, f"{where} is missing")
    for name, is_good in fields.items():
        if name not in row:
            raise _damaged(path, f"{where} has no {name}")
        if not is_good(row[name]):
            raise _damaged(path, f"{where}.{name} is {row[name]!r:.40}")


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path} is damaged ({what}); appraise the classifier again, or remove it.")


def _read_images(path: Path, count: int) -> np.ndarray:
    """Pictures of a known number: the file's own word on its size is not trusted."""
    if not path.is_file():
        raise InputError(f"{path} is missing; appraise the classifier again.")
    try:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo(f"{_IMAGES}.npy").file_size
        if size > count * SIZE * SIZE + _HEADER:
            raise ValueError(f"{size} bytes for {count} boxes")
        with np.load(path, allow_pickle=False) as held:
            images = held[_IMAGES]
    except _UNREADABLE as error:
        raise _damaged(path, str(error)) from error
    if images.dtype != np.uint8 or images.shape != (count, SIZE, SIZE):
        raise _damaged(path, f"{images.dtype} of shape {images.shape} for {count} boxes")
    return images
