"""
A classifier's scores on storms that it was never trained on, as stored in its folder.

``appraisal.json`` and ``failures.npz`` are next to ``classifier.json``. They may have been
edited, cut short or come from anywhere, so each number is checked against its bounds before
it is shown.
"""

import io
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stormlens import storage
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.models import read_provenance, shipped_folder
from stormlens.report import _words as words
from stormlens.stormbox import MODES, SIZE

if TYPE_CHECKING:
    import xarray as xr

_FORMAT = 1
_APPRAISAL, _PICTURES, _IMAGES = "appraisal.json", "failures.npz", "images"
_WEIGHTS = "weights_sha256"
_HEADER = 4096  # bytes that an array may take before its first value
_COORDINATES = ("answer", "probability", "storm_family", "network", "product")

# What zipfile and NumPy raise for files that are cut short, damaged, encrypted or otherwise packed.
_UNREADABLE = (
    OSError,
    KeyError,
    ValueError,
    EOFError,
    RuntimeError,
    zlib.error,
)

_Check = Callable[[Any], bool]


_MOST = 10**9  # boxes, or a log loss: JSON's numbers may be larger than any float


def _is_text(value: Any) -> bool:
    """Text that can be encoded: JSON may contain half of a surrogate pair."""
    return isinstance(value, str) and value == value.encode(errors="ignore").decode()


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _is_share(value: Any) -> bool:
    """A share from 0 to 1, or None if undefined."""
    return value is None or (type(value) in (int, float) and 0 <= value <= 1)


def _is_positive(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and 0 <= value <= _MOST)


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
    A classifier's scores on storms that it was never trained on.

    Attributes
    ----------
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
        unsure or not), unsure (given no mode), confidently_wrong (given a wrong one).
    failures : list of dict
        SIMULATED boxes that are given a wrong mode: unid, truth, answer, probability,
        storm_family, network, product.
    pictures : ndarray of uint8, shape (failures, 136, 136), or Path
        Their boxes, or the file with them, which `failing_boxes` reads.
    """

    families: list[dict[str, Any]]
    overall: dict[str, Any]
    modes: list[dict[str, Any]]
    real: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    pictures: NDArray[np.uint8] | Path = field(
        default_factory=lambda: np.empty((0, SIZE, SIZE), np.uint8)
    )

    @property
    def worst(self) -> dict[str, Any] | None:
        """The family of lowest accuracy; None if none is known."""
        known = [family for family in self.families if family["accuracy"] is not None]
        return min(known, key=lambda family: family["accuracy"], default=None)

    def failing_boxes(self) -> "xr.Dataset":
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
        source = self.pictures
        images = _read_images(source, len(self.failures)) if isinstance(source, Path) else source
        boxes = make_dataset(
            images,
            [MODES.index(row["truth"]) for row in self.failures],
            unid=[row["unid"] for row in self.failures],
            source="SIMULATED storms of families never trained on",
            simulated=True,
            where=str(source) if isinstance(source, Path) else "pictures of failures",
        )
        coordinates = {
            name: ("storm", [row[name] for row in self.failures]) for name in _COORDINATES
        }
        return boxes.assign_coords(coordinates)

    def write(self, folder: str | Path) -> None:
        """
        Write ``appraisal.json`` and ``failures.npz`` next to the classifier that was appraised.

        Parameters
        ----------
        folder : str or Path
            Where it is saved already: the SHA-256 of its weights is recorded.

        Raises
        ------
        InputError
            If the folder cannot be written, or the content could not be read again.
        """
        folder = Path(folder)
        values = {
            "format": _FORMAT,
            _WEIGHTS: read_provenance(folder).get("sha256"),
            "simulated": {"families": self.families, "all": self.overall, "modes": self.modes},
            "real": self.real,
            "failures": self.failures,
        }
        _checked(folder / _APPRAISAL, values)
        if not isinstance(self.pictures, Path):
            packed = io.BytesIO()
            np.savez_compressed(packed, images=self.pictures)
            storage.write_bytes(folder / _PICTURES, packed.getvalue())
        storage.write_text(folder / _APPRAISAL, json.dumps(values, indent=1) + "\n")


def read_appraisal(folder: str | Path) -> Appraisal | None:
    """
    Read a classifier's scores on storms never trained on.

    Parameters
    ----------
    folder : str or Path
        Run folder, or the folder of the classifier in the package.

    Returns
    -------
    appraisal : Appraisal or None
        None if the folder has no ``appraisal.json``: nothing was measured.

    Raises
    ------
    InputError
        If the file is damaged, with the first thing that is wrong in it, or that of the package
        is missing.
    """
    path = Path(folder) / _APPRAISAL
    if not path.exists():
        if _is_shipped(path):
            raise InputError(f"{path} is missing; {_remedy(path)}.")
        return None
    content = storage.read_json(path, _remedy(path))
    simulated = _checked(path, content)["simulated"]
    weights = read_provenance(path.parent).get("sha256")
    if content.get(_WEIGHTS) is not None and weights is not None and content[_WEIGHTS] != weights:
        raise InputError(f"{path} is of other weights than those in its folder; {_remedy(path)}.")
    return Appraisal(
        simulated["families"],
        simulated["all"],
        simulated["modes"],
        content["real"],
        content["failures"],
        path.with_name(_PICTURES),
    )


def _checked(path: Path, content: Any) -> dict[str, Any]:
    """The content of an appraisal, if each number is within its bounds."""
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise _damaged(path, f"no appraisal of format {_FORMAT}")
    simulated = content.get("simulated")
    if not isinstance(simulated, dict):
        raise _damaged(path, "simulated is missing")
    _check(path, "simulated.all", simulated.get("all"), _ALL)
    _check_rows(path, "simulated.families", simulated.get("families"), _FAMILY)
    _check_rows(path, "simulated.modes", simulated.get("modes"), _MODE)
    _check_rows(path, "real", content.get("real"), _REAL)
    _check_rows(path, "failures", content.get("failures"), _FAILURE)
    for i, row in enumerate(content["real"]):
        for name in ("right", "unsure", "confidently_wrong"):
            if row[name] > row["boxes"]:
                raise _damaged(path, f"real[{i}].{name} is {row[name]} of {row['boxes']} boxes")
        if row["unsure"] + row["confidently_wrong"] > row["boxes"]:
            raise _damaged(path, f"real[{i}] has more verdicts than boxes")
    return content


def _check_rows(path: Path, where: str, rows: Any, fields: Mapping[str, _Check]) -> None:
    if not isinstance(rows, list):
        raise _damaged(path, f"{where} is no list")
    for i, row in enumerate(rows):
        _check(path, f"{where}[{i}]", row, fields)


def _check(path: Path, where: str, row: Any, fields: Mapping[str, _Check]) -> None:
    if not isinstance(row, dict):
        raise _damaged(path, f"{where} is missing")
    for name, is_good in fields.items():
        if name not in row:
            raise _damaged(path, f"{where} has no {name}")
        if not is_good(row[name]):
            raise _damaged(path, f"{where}.{name} is {row[name]!r:.40}")


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"{path} is damaged ({what}); {_remedy(path)}.")


def _is_shipped(path: Path) -> bool:
    return path.parent.resolve() == shipped_folder().resolve()


def _remedy(path: Path) -> str:
    """What to do about a file of an appraisal."""
    if _is_shipped(path):
        return "reinstall stormlens"
    return "appraise the classifier again, or remove appraisal.json"


def _read_images(path: Path, count: int) -> NDArray[np.uint8]:
    """Pictures of a known number: the file's own word on its size is not trusted."""
    if not path.is_file():
        raise InputError(f"{path} is missing; {_remedy(path)}.")
    import zipfile

    most = count * SIZE * SIZE + _HEADER
    try:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo(f"{_IMAGES}.npy").file_size
            if size > most:
                raise ValueError(f"{size} bytes for {count} boxes")
            content = archive.read(f"{_IMAGES}.npy")
        # Not by `np.load`, which allocates as much as the header says before it reads.
        header = io.BytesIO(content)
        if np.lib.format.read_magic(header) != (1, 0):
            raise ValueError("an array of another version than 1.0")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(header)
        if dtype != np.uint8 or shape != (count, SIZE, SIZE) or fortran:
            raise ValueError(f"{dtype} of shape {shape} for {count} boxes")
        return np.frombuffer(content, np.uint8, offset=header.tell()).reshape(shape)
    except (*_UNREADABLE, zipfile.BadZipFile) as error:
        raise _damaged(path, str(error)) from error


def on_real(real: Sequence[Mapping[str, Any]] | None) -> str:
    """
    A classifier's scores on real boxes, in one sentence.

    Parameters
    ----------
    real : sequence of mapping or None
        As `Appraisal.real` holds it; None where nothing was measured.

    Returns
    -------
    sentence : str
        Over all sets together; empty without any.
    """
    if not real:
        return ""
    boxes, right, unsure, wrong = (
        sum(row[name] for row in real) for name in ("boxes", "right", "unsure", "confidently_wrong")
    )
    return (
        f"Of {words.thousands(boxes)} REAL boxes that it was tried on, the most probable mode is "
        f"right for {words.thousands(right)}; it left {words.thousands(unsure)} without a mode and "
        f"gave {words.thousands(wrong)} a wrong one."
    )
