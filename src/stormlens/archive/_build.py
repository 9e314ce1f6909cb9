"""
From radar files to a store of boxes: many workers read and write, one process counts.

Workers take inputs and keep their boxes; what is known of them comes back in the
order of the inputs, whatever the number of workers. Where the boxes of a whole
file of the store are known, a worker writes it, and the one process that was
started puts it in place and into the catalogue. A build that was stopped,
however it was stopped, goes on behind the last row of the catalogue, and one
that is finished finds nothing to do.
"""

import itertools
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormlens.archive import _catalogue as catalogue
from stormlens.archive._catalogue import Known
from stormlens.archive._extract import RULES, Extracted, Rules, Unit, extract_on_worker
from stormlens.archive._inputs import SIMULATED
from stormlens.archive._layout import GROUP, create, empty_arrays
from stormlens.archive._outcome import Outcome
from stormlens.archive._plan import Plan, check_source
from stormlens.archive._progress import show_progress
from stormlens.archive._results import Lost, Results
from stormlens.archive._store import Store
from stormlens.archive._workers import check_workers, connect
from stormlens.archive._writer import Writer
from stormlens.boxes import Cutting
from stormlens.errors import InputError
from stormlens.readers import Options
from stormlens.storage import file_lock
from stormlens.stormbox import SIZE

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

_LOCK_SECONDS = 2.0
_MODULES = ("stormlens.archive._extract", "stormlens.archive._shard", "numcodecs.zstd")


def build(
    source: str | Path,
    store: str | Path,
    *,
    cutting: Cutting | None = None,
    options: Options | None = None,
    index: "pd.DataFrame | None" = None,
    count: int | None = None,
    seed: int = 0,
    retry: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: bool = False,
) -> Outcome:
    """
    Build a store of storm boxes, or add to it what is new.

    Parameters
    ----------
    source : str or Path
        A radar file, a folder of them, a tar file of SVRIMG images or a folder of those, a
        prefix of an object store (``s3://bucket/prefix``, with the package that fsspec asks
        for), or ``"simulated"``. PNG and NPY files are taken as boxes already cut.
    store : str or Path
        Folder of the store, made if missing; on a disk that this process can write.
    cutting : stormlens.boxes.Cutting, optional
        Which boxes are cut from radar files; by default those around storms.
    options : stormlens.readers.Options, optional
        How radar files are read.
    index : pandas.DataFrame, optional
        Where SVRIMG images belong, by `unid`: columns xmin, ymin, latitude and longitude, as
        `stormlens.datasets.svrimg.index` gives them.
    count : int, optional
        Boxes to simulate, 1 or more; for ``"simulated"`` only.
    seed : int, optional
        Of simulated boxes, 0 or more.
    retry : bool, optional
        Whether to read again what failed before.
    workers : int, optional
        Local processes; by default one for each core.
    scheduler : str, optional
        Address of a Dask scheduler, or the JSON file that it wrote, in place of local processes.
    progress : bool, optional
        Show it on standard error.

    Returns
    -------
    outcome : Outcome

    Raises
    ------
    InputError
        If the source cannot be listed, the store was built with other settings, another
        process writes it, the disk is full, or a library is missing. What cannot be read of
        the source does not raise; it is in the outcome's problems.
    """
    began = time.monotonic()
    check_workers(workers, scheduler)
    source, folder = _absolute(source), Path(store)
    rules = Rules(cutting or Cutting(), options or Options())
    check_source(source, count)
    _check_folder(folder)
    with file_lock(folder / ".lock", timeout=_LOCK_SECONDS):
        target, known = _opened(folder, source, _settings(source, rules, count, seed))
        before = known.boxes
        plan = Plan(source, known, retry=retry, count=count or 0, seed=seed)
        units = plan.units()
        first = next(units, None)
        lacking: list[str] = []
        if first is not None:  # else there is no reason to start workers
            target.truncate(known.boxes)
            with (
                connect(workers, scheduler, {RULES: rules}, _MODULES) as client,
                Writer(target, known, index, client) as writer,
            ):
                _read_all(client, plan, itertools.chain([first], units), writer, progress=progress)
                lacking = writer.lacking
        if not target.finished:
            target.finish(simulated=int(known.simulated))
    problems = known.problems + plan.changed
    seconds = time.monotonic() - began
    added = known.boxes - before
    return Outcome(known.boxes, added, problems, seconds, known.simulated, lacking)


def _read_all(
    client: "Client", plan: Plan, units: Iterable[Unit], writer: Writer, *, progress: bool
) -> None:
    total, counted = plan.total()
    done = plan.passed
    results = Results(client, extract_on_worker, units, _bytes)
    with show_progress("Building", total, done, counted, shown=progress) as report:
        for unit, extracted, kept in results.with_kept():
            writer.add(unit, _lost(unit) if isinstance(extracted, Lost) else extracted, kept)
            done += plan.progress_of(unit)
            report(done, "" if counted == "boxes" else f"; {writer.boxes:,} boxes")


def _bytes(extracted: Extracted) -> float:
    return float(len(extracted.arrays["unid"]) * SIZE**2)


def _lost(unit: Unit) -> Extracted:
    sentence = (
        f"{unit.name} ended every process that read it: it takes more memory than there is, or a "
        "library fails on it."
    )
    return Extracted(empty_arrays(), [sentence])


def _absolute(source: str | Path) -> str:
    text = str(source)
    return text if text == SIMULATED or "://" in text else str(Path(text).expanduser().absolute())


def _check_folder(folder: Path) -> None:
    if folder.is_dir() and not (folder / GROUP).exists():
        strange = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
        if strange:
            raise InputError(
                f"{folder} holds {strange[0]} and is no store; name a folder that is empty or new."
            )


def _settings(source: str, rules: Rules, count: int | None, seed: int) -> dict[str, Any]:
    """The settings that, with the inputs, decide a store's boxes."""
    if source == SIMULATED:
        return {"simulated": True, "count": count, "seed": seed}
    return {"simulated": False, **rules.cutting.described(), **rules.options.described()}


def _opened(folder: Path, source: str, settings: dict[str, Any]) -> tuple[Store, Known]:
    """A store that is ready to grow, made if it is missing, and what it knows."""
    if not (folder / GROUP).exists():
        create(folder, {"source": _words(source, settings), "simulated": 0, "settings": settings})
    target = Store(folder, writable=True)
    before = target.settings
    for key in {**before, **settings}:
        if before.get(key) != settings.get(key):
            raise InputError(
                f"{folder} was built with {key} {before.get(key)}, not {settings.get(key)}; "
                "keep to that or name a new store."
            )
    catalogue.repair(folder)
    return target, Known(folder)


def _words(source: str, settings: dict[str, Any]) -> str:
    if settings["simulated"]:
        return f"{SIMULATED.upper()} storm boxes, seed {settings['seed']}"
    return f"Storm boxes of {source}"
