"""One part of a classification, on a worker: read boxes, label them, write the part."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stormlens.archive._layout import Arrays
from stormlens.archive._model import carried_classifier
from stormlens.archive._shard import CHUNK
from stormlens.archive._store import Store, when_changed
from stormlens.archive._table import Part, make_table, read_part, write_part
from stormlens.errors import InputError
from stormlens.models import apply_context, name_modes
from stormlens.stormbox import SIZE, Boxes


class Task(NamedTuple):
    """
    A run of boxes to be labelled.

    Attributes
    ----------
    store, table : str
        Folders of the store and of the table's parts, as every worker sees them.
    first, stop : int
        Numbers of the first box, and behind the last.
    model : str
        The classifier's fingerprint.
    """

    store: str
    table: str
    first: int
    stop: int
    model: str


@dataclass(frozen=True)
class _Readable:
    """Boxes of a run that could be read."""

    numbers: np.ndarray
    images: np.ndarray
    problems: list[str]


def label(task: Task, store: Store) -> Part:
    """
    Label a run of boxes and write them as a part of the table.

    A part that is there already is left as it is: its task was done by a worker that died
    before it could say so.

    Parameters
    ----------
    task : Task
    store : Store
        The one that the task names.

    Returns
    -------
    part : Part

    Raises
    ------
    InputError
        If the classifier cannot be read, they do not fit, or the part cannot be
        written. Chunks that cannot be read do not raise.
    """
    wanted = Part(task.first, task.stop, 0)
    if (there := Path(task.table) / wanted.name).exists():
        return read_part(there)
    classifier = carried_classifier(task.model)
    if classifier.image_shape != (SIZE, SIZE):
        rows, columns = classifier.image_shape
        raise InputError(
            f"The classifier takes images of {rows} x {columns} pixels; the store holds boxes of "
            f"{SIZE} x {SIZE}."
        )
    read, known = _read(store, task.first, task.stop)
    part = Part(
        task.first,
        task.stop,
        len(read.numbers),
        read.problems,
        str(store.attrs.get("simulated", 0)) != "0",
        classifier.trained_on_simulated,
        task.model,
    )
    context = {name: known[name] for name in ("coverage", "echo", "latitude", "longitude")}
    predictions = apply_context(classifier.predict(Boxes(read.images, context, task.store)))
    table = make_table(
        read.numbers,
        known,
        predictions.probability,
        classifier.classes,
        name_modes(predictions),
        part,
        predictions.disagreement,
    )
    write_part(Path(task.table), table, part)
    return part


def label_on_worker(tasks: Sequence[Task]) -> tuple[None, list[Part]]:
    """
    Label some runs of boxes, each a part of its own.

    Parameters
    ----------
    tasks : sequence of Task
        Of one store.

    Returns
    -------
    kept : None
    parts : list of Part
        Of each run.

    Raises
    ------
    InputError
        As `label`, or if the store cannot be read.
    """
    path = Path(tasks[0].store)
    store = _opened(path, when_changed(path))
    return None, [label(task, store) for task in tasks]


@lru_cache(maxsize=1)
def _opened(path: Path, changed: tuple[tuple[int, int], ...]) -> Store:
    """A store, opened anew where it has grown."""
    return Store(path)


def _read(store: Store, first: int, stop: int) -> tuple[_Readable, Arrays]:
    """Images and what is known of them."""
    try:
        known = store.coordinates(first, stop)
    except InputError as error:
        none = np.empty((0, SIZE, SIZE), np.uint8)
        return _Readable(np.empty(0, np.int64), none, [str(error)]), store.coordinates(0, 0)
    try:
        return _Readable(np.arange(first, stop), store.images(first, stop), []), known
    except InputError:
        readable = _read_chunks(store, first, stop)
    kept = readable.numbers - first
    return readable, {name: values[kept] for name, values in known.items()}


def _read_chunks(store: Store, first: int, stop: int) -> _Readable:
    """Images chunk by chunk, so that a damaged one costs no other."""
    numbers, images, problems = [], [np.empty((0, SIZE, SIZE), np.uint8)], []
    edges = [first, *range((first // CHUNK + 1) * CHUNK, stop, CHUNK), stop]
    for start, end in pairwise(edges):
        try:
            images.append(store.images(start, end))
            numbers.append(np.arange(start, end))
        except InputError as error:
            problems.append(str(error))
    kept = np.concatenate([np.empty(0, np.int64), *numbers])
    return _Readable(kept, np.concatenate(images), problems)
