"""
Label every box of a store: parts of whole files, by many workers, until none is missing.

The files in the table's folder are the record of finished work; a run that was stopped goes on
with the parts that are missing, and one that finds none does nothing.
"""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormlens.archive._label import Task, label_on_worker
from stormlens.archive._model import MODEL, ModelFiles, load_model, read_model
from stormlens.archive._outcome import Outcome
from stormlens.archive._progress import show_progress
from stormlens.archive._results import Lost, Results
from stormlens.archive._store import Store
from stormlens.archive._table import TABLE, Part, list_parts, missing_ranges, read_part
from stormlens.archive._workers import check_workers, connect
from stormlens.errors import InputError
from stormlens.storage import file_lock, read_json, write_text

if TYPE_CHECKING:
    from distributed import Client

MANIFEST = "classify.json"
_FORMAT = 1
_LOCK_SECONDS = 2.0
_MODULES = ("stormlens.archive._label", "zarr", "pyarrow.parquet")


def classify(
    run: str | Path,
    store: str | Path,
    out: str | Path,
    *,
    retry: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> Outcome:
    """
    Label every box of a store that is not labelled yet.

    Parameters
    ----------
    run : str or Path
        Folder that a training left. Its files are sent to the workers, which need not see it.
    store : str or Path
        Folder that `build` left, which the workers must see under the same name.
    out : str or Path
        Folder for the result, likewise: ``classify.json`` and the table's parts.
    retry : bool, optional
        Whether to do parts again that pass something over.
    workers : int, optional
        Local processes; by default one for each core.
    scheduler : str, optional
        Address of a Dask scheduler, or the JSON file that it wrote, in place of local processes.
    progress : bool, optional
        Show it on standard error.

    Returns
    -------
    outcome : Outcome
        Chunks that cannot be read do not raise; they are in its problems.

    Raises
    ------
    InputError
        If run or store cannot be read or do not fit, `out` holds the result of others, another
        process writes it, the disk is full, or a library is missing.
    """
    began = time.monotonic()
    check_workers(workers, scheduler)
    model, source, folder = read_model(run), Store(Path(store)), Path(out)
    boxes = source.boxes
    if not boxes:
        raise InputError(f"{store} holds no box; build it from files that hold some.")
    with file_lock(folder / ".lock", timeout=_LOCK_SECONDS):
        _check_manifest(folder, source, model)
        parts = _parts(folder / TABLE, retry=retry)
        ranges = missing_ranges([(part.first, part.stop) for part in parts], boxes)
        before = sum(part.boxes for part in parts)
        if ranges:
            carried = {f"{MODEL}-{model.fingerprint}": model}
            store_path, table_path = (
                str(path.absolute()) for path in (source.path, folder / TABLE)
            )
            tasks = [
                Task(store_path, table_path, first, stop, model.fingerprint)
                for first, stop in ranges
            ]
            with connect(workers, scheduler, carried, _MODULES) as client:
                done = _label_all(client, tasks, before, progress=progress)
            parts = sorted([*parts, *done], key=lambda part: part.first)
    return Outcome(
        sum(part.boxes for part in parts),
        sum(part.boxes for part in parts) - before,
        [sentence for part in parts for sentence in part.problems],
        time.monotonic() - began,
        any(part.simulated for part in parts),
    )


def read_manifest(out: Path) -> dict[str, Any]:
    """
    What a classification was made of.

    Parameters
    ----------
    out : Path
        Its folder.

    Returns
    -------
    manifest : dict
        ``model``, ``store`` (fingerprint and identity) and ``names`` of both.

    Raises
    ------
    InputError
        If the folder holds no classification.
    """
    path = out / MANIFEST
    if not path.is_file():
        what = "holds no classification" if out.exists() else "does not exist"
        raise InputError(f"{out} {what}; give the folder that `stormlens archive classify` left.")
    manifest = read_json(path, "classify into a new folder")
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        raise InputError(f"{path} is not of format {_FORMAT}; classify into a new folder.")
    return manifest


def _check_manifest(folder: Path, source: Store, model: ModelFiles) -> None:
    wanted = {"format": _FORMAT, "model": model.fingerprint, "store": source.identity}
    names = {"model": model.run, "store": str(source.path)}
    if not (folder / MANIFEST).exists():
        strange = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
        if strange:
            raise InputError(f"{folder} holds {strange[0]} already; name a folder that is empty.")
        load_model(model)  # a damaged one leaves no folder that refuses the next
        write_text(folder / MANIFEST, json.dumps({**wanted, "names": names}, indent=2) + "\n")
        return
    found = read_manifest(folder)
    for key, other in (("model", "classifier"), ("store", "store")):
        if found.get(key) != wanted[key]:
            before = found.get("names", {}).get(key)
            raise InputError(
                f"{folder} holds labels of another {other} than {names[key]} is now (it was "
                f"{before} then); name a new folder."
            )


def _parts(table: Path, *, retry: bool) -> list[Part]:
    """Parts that are done; leftovers of killed workers are swept away."""
    table.mkdir(exist_ok=True)
    for leftover in table.glob(".part-*"):
        leftover.unlink(missing_ok=True)
    parts = []
    for _, _, path in list_parts(table):
        part = read_part(path)
        if retry and part.problems:
            path.unlink()
        else:
            parts.append(part)
    return parts


def _label_all(client: "Client", tasks: list[Task], before: int, *, progress: bool) -> list[Part]:
    done = before
    total = before + sum(task.stop - task.first for task in tasks)
    parts: list[Part] = []
    with show_progress("Classifying", total, before, "boxes", shown=progress) as report:
        for task, part in Results(client, label_on_worker, tasks):
            parts.append(_lost(task) if isinstance(part, Lost) else part)
            done += task.stop - task.first
            report(done, "")
    return parts


def _lost(task: Task) -> Part:
    """No part is left of it, so the next run tries again."""
    sentence = (
        f"Boxes {task.first} to {task.stop - 1} ended every process that labelled them, which "
        "may lack memory; give each worker more."
    )
    return Part(task.first, task.stop, 0, [sentence])
