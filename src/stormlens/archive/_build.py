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
import secrets
import shutil
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stormlens.archive import _catalogue as catalogue
from stormlens.archive._catalogue import Known, Row
from stormlens.archive._cluster import Lost, Results, check_workers, connect
from stormlens.archive._extract import RULES, Extracted, Rules, Unit, extract_on_worker
from stormlens.archive._inputs import SIMULATED
from stormlens.archive._plan import Plan, check_source
from stormlens.archive._progress import progress as showing
from stormlens.archive._shard import write
from stormlens.archive._store import BLOCK, GROUP, Arrays, Store, create, empty_arrays
from stormlens.boxes import Cutting
from stormlens.errors import InputError
from stormlens.readers import Options
from stormlens.storage import disk_errors, file_lock
from stormlens.stormbox import NATIONAL, SIZE

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client, Future

_FLUSH_SECONDS = 60.0
_WRITING = ".writing-"
_TRIES = 3
_PRIORITY = 2  # of writing before anything else that waits
_LOCK_SECONDS = 2.0
_MODULES = ("stormlens.archive._extract", "stormlens.archive._shard", "numcodecs.zstd")


@dataclass(frozen=True)
class Outcome:
    """
    What a run left.

    Attributes
    ----------
    boxes : int
        In the store, or in the table, now.
    added : int
        By this run.
    problems : list of str
        A sentence for all that is passed over, by this run or before.
    seconds : float
        That this run took.
    simulated : bool
        Whether a simulator made any of the boxes.
    lacking : list of str
        What each radar file lacks that this run read without being whole.
    """

    boxes: int
    added: int
    problems: list[str]
    seconds: float
    simulated: bool
    lacking: list[str] = field(default_factory=list)


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
        if first is not None:
            target.cut(known.boxes)
            todo = itertools.chain([first], units)
            with (
                connect(workers, scheduler, {RULES: rules}, _MODULES) as client,
                _Writer(target, known, index, client) as writer,
            ):
                _read_all(client, plan, todo, writer, progress=progress)
                lacking = writer.lacking
        if not target.finished:
            target.finish(simulated=int(known.simulated))
    problems = known.problems + plan.changed
    seconds = time.monotonic() - began
    added = known.boxes - before
    return Outcome(known.boxes, added, problems, seconds, known.simulated, lacking)


def _read_all(
    client: "Client", plan: Plan, units: Iterable[Unit], writer: "_Writer", *, progress: bool
) -> None:
    total, counted = plan.total()
    done = plan.passed
    results = Results(client, extract_on_worker, units, _bytes)
    with showing("Building", total, done, counted, shown=progress) as report:
        for unit, extracted in results:
            extracted = _lost(unit) if isinstance(extracted, Lost) else extracted
            writer.add(unit, extracted, results.kept)
            done += plan.progress_of(unit)
            report(done, "" if counted == "boxes" else writer.remark())


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
    if not (folder / GROUP).exists():
        kind = f"{SIMULATED.upper()} storm boxes" if settings["simulated"] else "Storm boxes"
        words = (
            f"{kind}, seed {settings['seed']}" if settings["simulated"] else f"{kind} of {source}"
        )
        create(folder, {"source": words, "simulated": 0, "settings": settings})
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


@dataclass(frozen=True)
class _Piece:
    """Boxes of one input: numbers in the store, and where in what a worker keeps they begin."""

    first: int
    stop: int
    kept: "Future"
    begin: int

    def span(self, first: int, stop: int) -> tuple[int, int]:
        """Where in what is kept the boxes of these numbers lie."""
        shift = self.begin - self.first
        return max(first, self.first) + shift, min(stop, self.stop) + shift


class _Writer:
    """
    Has workers write whole files of boxes, and puts rows behind them into the catalogue.

    A file is written under another name and put in place here, in order, so that no worker
    that was left behind by a run that died can touch the store. What is left is written when
    the block ends, after Ctrl-C too.

    Parameters
    ----------
    store : Store
        Cut to what the catalogue counts.
    known : Known
        Takes in each row that is in the catalogue.
    index : pandas.DataFrame or None
        Where SVRIMG images belong.
    client : distributed.Client
        Of the workers.
    """

    def __init__(
        self, store: Store, known: Known, index: "pd.DataFrame | None", client: "Client"
    ) -> None:
        self._store, self._known, self._client = store, known, client
        self._index = None if index is None else index[~index.index.duplicated()]
        self._folder = store.path / f"{_WRITING}{secrets.token_hex(8)}"
        self._rows: list[Row] = []  # of inputs whose boxes are not all in place
        self.lacking: list[str] = []
        self._waiting: list[Arrays] = []
        self._pieces: deque[_Piece] = deque()
        self._files: deque[tuple[int, int, Future]] = deque()
        self._kept: Future | None = None
        self._behind = 0  # boxes taken from what that worker keeps
        self._most = max(2, sum(client.nthreads().values()))
        # Four counts of boxes, each at most the next: in the arrays' length and the catalogue, in
        # files that are in place, in files that workers were asked to write, and taken so far.
        self._extended = self._written = self._asked = self._end = known.boxes
        # A file that is not full is written anew with the boxes that it has already.
        self._before = store.images(known.boxes // BLOCK * BLOCK, known.boxes)
        self._flushed = time.monotonic()

    def __enter__(self) -> "_Writer":
        for left in self._store.path.glob(f"{_WRITING}*"):
            shutil.rmtree(left, ignore_errors=True)
        with disk_errors(self._folder):
            self._folder.mkdir()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            # What came before Ctrl-C is worth keeping; after an error, writing may be what fails.
            if kind is None or issubclass(kind, KeyboardInterrupt):
                self.flush()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def remark(self) -> str:
        """How many boxes there are."""
        return f"; {self._end:,} boxes"

    def add(self, unit: Unit, extracted: Extracted, kept: "Future") -> None:
        """Take what a unit gave, and have written what fills a file or has waited long."""
        if kept is not self._kept:
            self._kept, self._behind = kept, 0
        arrays = extracted.arrays
        boxes = len(arrays["unid"])
        number = self._known.rows + len(self._rows)
        row = Row(
            unit.name,
            unit.size,
            unit.stamp,
            self._end,
            boxes,
            extracted.problems,
            extracted.simulated,
            str(arrays["grid"][0]) if boxes else "",
        )
        self._rows.append(row)
        if extracted.lacking:
            self.lacking.append(extracted.lacking)
        if boxes:
            source = np.full(boxes, number, np.int32)
            self._waiting.append({**self._placed(arrays), "source": source})
            self._pieces.append(_Piece(row.first, row.stop, kept, self._behind))
            self._behind += boxes
        self._end += boxes
        while self._end >= (edge := (self._asked // BLOCK + 1) * BLOCK):
            self._ask(edge)
        self._place(self._most)
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Have all written that waits."""
        if self._end > self._asked:
            self._ask(self._end)
        self._place(0)
        self._commit()

    def _placed(self, arrays: Arrays) -> Arrays:
        """With the places of SVRIMG images that the index knows."""
        if self._index is None:
            return arrays
        rows = self._index.reindex(arrays["unid"])
        known = rows["xmin"].notna().to_numpy()
        placed = dict(arrays)
        on_grid = rows.assign(grid=NATIONAL.name)
        for name in ("xmin", "ymin", "grid", "latitude", "longitude"):
            values = arrays[name].copy()
            values[known] = on_grid[name].to_numpy()[known]
            placed[name] = values
        return placed

    def _ask(self, stop: int) -> None:
        """Have a worker write the file that boxes up to here belong to, from its first box on."""
        number = self._asked // BLOCK
        first = number * BLOCK
        pieces = [piece for piece in self._pieces if piece.first < stop and piece.stop > first]
        future = self._client.submit(
            write,
            [piece.kept for piece in pieces],
            [piece.span(first, stop) for piece in pieces],
            self._before,
            str(self._folder.absolute()),
            pure=False,
            priority=_PRIORITY,
        )
        self._files.append((number, stop, future))
        self._asked = stop
        if stop % BLOCK == 0:
            self._before = self._before[:0]
            while self._pieces and self._pieces[0].stop <= stop:
                self._pieces.popleft()

    def _place(self, most: int) -> None:
        """Put files in place that are done, in order, until at most so many are asked for."""
        before = self._written
        while self._files and (len(self._files) > most or self._files[0][2].done()):
            number, stop, future = self._files.popleft()
            content = self._result(future, stop)
            self._store.put(
                number, content if isinstance(content, bytes) else self._folder / content
            )
            self._written = stop
        if self._written > before:
            self._commit()

    def _result(self, future: "Future", stop: int) -> str | bytes:
        from distributed import KilledWorker

        for _ in range(_TRIES):
            try:
                written: str | bytes = future.result()
                return written
            except KilledWorker:  # perhaps by a file that was read at the same time
                future.retry()
        raise InputError(
            f"Boxes {self._written} to {stop - 1} ended every process that wrote them, which may "
            "lack memory; give each worker more and build again."
        )

    def _commit(self) -> None:
        """Make the arrays as long as what is in place, and count it."""
        new = self._written - self._extended
        if new:
            together = _joined(self._waiting)
            self._store.extend(
                self._extended, {name: values[:new] for name, values in together.items()}
            )
            self._waiting = [{name: values[new:] for name, values in together.items()}]
            self._extended = self._written
        whole = [row for row in self._rows if row.stop <= self._written]
        if whole:
            catalogue.append(self._store.path, whole)
            for row in whole:
                self._known.add(row)
            self._rows = self._rows[len(whole) :]
        self._flushed = time.monotonic()


def _joined(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
