"""The contestants of a comparison: load runs and baselines, give each a unique name, time them."""

import time
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stormlens import report
from stormlens.errors import InputError
from stormlens.experiment._data import Data
from stormlens.experiment._run import read_history
from stormlens.models import Classifier

_MOST = 20
_TIMED_BOXES, _TIMED_SECONDS, _TIMES = 256, 0.6, 2


@dataclass(frozen=True)
class Contestant:
    """
    One classifier of a comparison, and what it costs.

    Attributes
    ----------
    name : str
        Unique in the comparison.
    kind : str
        ``"run"`` or ``"baseline"``.
    folder : Path
        Its run folder.
    classifier : Classifier
    data : Data or None
        What it was trained on; None if not recorded.
    seconds : float or None
        Of its training, as measured then; None without a history.
    images_a_second : float
        Measured here, after a warm-up.
    size : int
        Bytes of the files that hold its numbers.
    """

    name: str
    kind: str
    folder: Path
    classifier: Classifier
    data: Data | None
    seconds: float | None
    images_a_second: float
    size: int

    def to_dict(self) -> dict[str, Any]:
        """
        All but its scores, ready for JSON.

        Returns
        -------
        values : dict
        """
        known = self.classifier.provenance
        return {
            "name": self.name,
            "kind": self.kind,
            "folder": str(self.folder),
            "recipe": known.get("recipe"),
            "architecture": self.classifier.architecture,
            "seed": known.get("seed"),
            "data": None if self.data is None else self.data.name,
            "data_options": None if self.data is None else self.data.options,
            "training_boxes": self.training_boxes,
            "training_simulated": self.classifier.trained_on_simulated,
            "parameters": int(self.classifier.network.parameters),
            "training_seconds": self.seconds,
            "images_a_second": self.images_a_second,
            "bytes": self.size,
        }

    @property
    def training_boxes(self) -> int | None:
        """Boxes that it was trained on, if recorded."""
        count = self.classifier.provenance.get("training_boxes")
        return count if isinstance(count, int) and count > 0 else None


def load_classifiers(runs: Sequence[str | Path]) -> dict[str, tuple[Path, Classifier]]:
    """
    Classifiers of runs that can be compared.

    Parameters
    ----------
    runs : sequence of str or Path
        Run folders.

    Returns
    -------
    classifiers : dict of str to (Path, Classifier)
        By unique names, in the order given.

    Raises
    ------
    InputError
        If there is none or there are too many, one is no finished run or is damaged, or they
        answer other classes or take images of other sizes.
    """
    if isinstance(runs, (str, Path)):
        raise InputError("Runs to compare are given as a list.")
    if not runs:
        raise InputError("There is nothing to compare; give at least one run folder.")
    if len(runs) > _MOST:
        raise InputError(f"{len(runs)} runs are too many for one page; give at most {_MOST}.")
    folders = [Path(run) for run in runs]
    named = zip(_names(folders), folders, strict=True)
    loaded = {name: (folder, Classifier.load(folder)) for name, folder in named}
    first = next(iter(loaded.values()))
    for other in loaded.values():
        _check_alike(first, other)
    return loaded


def _names(folders: Sequence[Path]) -> list[str]:
    """Names of folders, with as many of their parents as it takes to make them unique."""
    paths = [folder.expanduser().resolve() for folder in folders]
    names = [path.name or str(path) for path in paths]
    for depth in range(2, max(len(path.parts) for path in paths) + 1):
        same = {
            name
            for name in names
            if len({p for n, p in zip(names, paths, strict=True) if n == name}) > 1
        }
        if not same:
            break
        names = [
            "/".join(path.parts[-depth:]) if name in same else name
            for name, path in zip(names, paths, strict=True)
        ]
    seen = dict[str, int]()
    numbered = []
    for name in names:  # still equal: the same folder, given several times
        seen[name] = seen.get(name, 0) + 1
        numbered.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return numbered


def _check_alike(first: tuple[Path, Classifier], other: tuple[Path, Classifier]) -> None:
    (one, a), (two, b) = first, other
    if a.classes != b.classes:
        raise InputError(
            f"{two} answers {', '.join(b.classes)}, and {one} {', '.join(a.classes)}; only runs "
            "with the same classes in the same order can be compared."
        )
    if a.image_shape != b.image_shape:
        size, due = (" x ".join(map(str, one.image_shape)) for one in (b, a))
        raise InputError(
            f"{two} takes images of {size} pixels, and {one} of {due}; only runs that take the "
            "same images can be compared."
        )


def contestant(
    name: str, kind: str, folder: Path, classifier: Classifier, images: NDArray[np.uint8]
) -> Contestant:
    """
    A classifier with what it costs.

    Parameters
    ----------
    name, kind, folder, classifier
        As in `Contestant`.
    images : ndarray of uint8, shape (N, rows, columns)
        To time it with.

    Returns
    -------
    contestant : Contestant
    """
    return Contestant(
        name,
        kind,
        folder,
        classifier,
        trained_on(classifier),
        _training_seconds(folder),
        Context().run(_images_a_second, classifier, images),  # an empty context caches no features
        sum(file["bytes"] for file in report.model_files(folder)),
    )


def trained_on(classifier: Classifier) -> Data | None:
    """
    The data that a classifier says it was trained on.

    Parameters
    ----------
    classifier : Classifier

    Returns
    -------
    data : Data or None
        None if not recorded.
    """
    data = classifier.provenance.get("data")
    options = classifier.provenance.get("data_options")
    return Data(str(data), options if isinstance(options, dict) else {}) if data else None


def _training_seconds(folder: Path) -> float | None:
    if not (folder / "history.csv").is_file():
        return None  # a user's own model, or the one in the package
    seconds = sum(row["seconds"] for row in read_history(folder))
    return round(seconds, 3) if np.isfinite(seconds) else None


def _images_a_second(classifier: Classifier, images: NDArray[np.uint8]) -> float:
    """The fastest of some passes over the same images: other work on a machine only slows it."""
    shown = np.ascontiguousarray(np.resize(images, (_TIMED_BOXES, *images.shape[1:])))
    classifier.probabilities(shown)  # compiles, packs weights, and fills caches
    began, best = time.perf_counter(), np.inf
    passes = 0
    while passes < _TIMES or (
        time.perf_counter() - began < _TIMED_SECONDS and best * 2 < _TIMED_SECONDS
    ):
        start = time.perf_counter()
        classifier.probabilities(shown)
        best = min(best, time.perf_counter() - start)
        passes += 1
    return round(len(shown) / best, 1)


def notes_on(
    contestants: Sequence[Contestant], data: Data, split: str, boxes: xr.Dataset
) -> list[str]:
    """
    What a reader must know before believing a comparison.

    Parameters
    ----------
    contestants : sequence of Contestant
    data : Data
        What is scored.
    split : str
        Which of it.
    boxes : xarray.Dataset

    Returns
    -------
    sentences : list of str
    """
    return [
        *_same_folder(contestants),
        *_trained_on(contestants, data),
        *_seen(contestants, data, split),
        *_untimed(boxes),
    ]


def _same_folder(contestants: Sequence[Contestant]) -> list[str]:
    first = dict[Path, str]()
    sentences = []
    for entry in contestants:
        known = first.setdefault(entry.folder.resolve(), entry.name)
        if known != entry.name:
            sentences.append(f"{entry.name} is the same folder as {known}, so they cannot differ.")
    return sentences


def _trained_on(contestants: Sequence[Contestant], data: Data) -> list[str]:
    """Whether all saw the same boxes, and as many."""
    sentences = []
    silent = [entry.name for entry in contestants if entry.data is None]
    if silent:
        sentences.append(f"What {_listed(silent)} was trained on is not recorded.")
    recorded = {entry.name: entry.data for entry in contestants if entry.data is not None}
    kinds = dict[str, list[str]]()
    for name, source in recorded.items():
        kinds.setdefault(_words(source), []).append(name)
    if len(kinds) > 1:
        groups = "; ".join(f"{_listed(names)} on {source}" for source, names in kinds.items())
        sentences.append(
            f"They were trained on different data: {groups}. A difference may be the data's, "
            "not the network's."
        )
    counts = {entry.name: entry.training_boxes for entry in contestants if entry.training_boxes}
    if len(kinds) == 1 and len(set(counts.values())) > 1:
        groups = "; ".join(f"{name} on {count:,}" for name, count in counts.items())
        sentences.append(f"They were trained on different numbers of boxes: {groups}.")
    return sentences


def _seen(contestants: Sequence[Contestant], data: Data, split: str) -> list[str]:
    """Whether boxes that are scored may have been trained on."""
    if split in ("train", "all"):
        return [
            f"The boxes scored ({split}) include those trained on: the scores flatter, and say "
            "little about storms not seen."
        ]
    divided = [
        entry.name
        for entry in contestants
        if entry.data is not None
        and entry.data.name == data.name
        and entry.data.options.get("seed", 0) != data.options.get("seed", 0)
        and not data.name.startswith("simulated")
    ]
    if not divided:
        return []
    return [
        f"{_listed(divided)} was trained on these data divided by another seed, so boxes scored "
        "here may be among those it was trained on."
    ]


def _untimed(boxes: xr.Dataset) -> list[str]:
    known = ~np.isnat(boxes["time"].values)
    if known.all():
        return []
    missing = f"{(~known).sum():,} of {known.size:,}" if known.any() else f"All {known.size:,}"
    return [
        f"{missing} boxes have no time. Each of them is resampled by itself, so intervals are too "
        "narrow if some belong together, as those of one day do."
    ]


def _words(data: Data) -> str:
    options = ", ".join(f"{name} {value}" for name, value in sorted(data.options.items()))
    return f"{data.name} ({options})" if options else data.name


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
