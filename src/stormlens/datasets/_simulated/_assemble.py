"""
Simulated storm boxes, from a seed.

Box i of a split depends on the seed, the stream, the split, its own code and the
codes of the boxes before it in the same call (which share storm days with it), and
on nothing else, so not on how many are asked for.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import index
from typing import Any

import numpy as np
import xarray as xr
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from rich.console import Console
from rich.progress import track

from stormlens.datasets._container import make_dataset
from stormlens.datasets._simulated._catalogue import (
    NEW_DAY,
    StormDay,
    box_centres,
    report,
    storm_day,
)
from stormlens.datasets._simulated._cellular import cellular
from stormlens.datasets._simulated._families import HELD_OUT, KINDS, Mixture
from stormlens.datasets._simulated._finish import observe, with_network
from stormlens.datasets._simulated._missing import missing
from stormlens.datasets._simulated._noise import noise
from stormlens.datasets._simulated._other import other
from stormlens.datasets._simulated._qlcs import qlcs
from stormlens.datasets._simulated._scene import Scene, Weather
from stormlens.datasets._simulated._texture import Textures, textures
from stormlens.datasets._simulated._tropical import tropical
from stormlens.datasets._simulated._wide import paint
from stormlens.errors import InputError, unknown
from stormlens.stormbox import MODES, SIZE, SPLIT_COUNTS, SPLITS

SOURCE = "SIMULATED storm boxes of stormlens: made from a seed, seen by no radar"
"""The attribute `source` of every simulated dataset."""

MAX_COUNT = 500_000
"""Boxes of a split in one dataset: 9 GB of memory."""

FAMILY_COORDS = dict(zip(("storm_family", "network", "product"), KINDS, strict=True))
"""Storm coordinates that name a box's families, and the kind of each."""

_PAINTERS = (cellular, qlcs, tropical, other, noise, missing)

# First number of each spawn key within a stream, so that no two can meet.
_TEXTURES, _ORDER, _DAY, _BOX = range(4)

_BOXES_OF_A_TEXTURE = 2000
"""Boxes that share noise fields. A network learns fields by heart that tens of thousands share."""

_PART, _PARTS_FOR_HELP = 1000, 4
"""Boxes that one process paints at a time; parts from which on the start of processes pays."""

_WIDE_SIZES = {"train": 60_000, "validation": 4_000, "test": 4_000}
_WIDE_SHARES = (23, 24, 19, 23, 6, 5)


@dataclass(frozen=True)
class Stream:
    """
    A sequence of simulated boxes that has a name.

    Attributes
    ----------
    name : str
        As `datasets.load` takes it.
    key : tuple of int
        Part of every spawn key.
    mixture : Mixture or None
        What its boxes are drawn from; None for the first version, which knew no families.
    wide : bool
        Whether sizes and mode frequencies are those of the wide streams, not the archive's.
    """

    name: str
    key: tuple[int, ...]
    mixture: Mixture | None
    wide: bool = False

    @property
    def prefix(self) -> str:
        """Of its boxes' names."""
        return self.name.replace("simulated", "sim").removesuffix("-v1")

    def size(self, split: str) -> int:
        """Boxes of a split by default."""
        return _WIDE_SIZES[split] if self.wide else sum(SPLIT_COUNTS[split])

    def block(self, split: str) -> NDArray[np.int8]:
        """Modes of a block of boxes, which recurs in another order."""
        counts = _WIDE_SHARES if self.wide else SPLIT_COUNTS[split]
        return np.repeat(np.arange(len(MODES), dtype=np.int8), counts)

    def changed(self, without: Iterable[str], one_of: Iterable[str]) -> "Stream":
        """
        The stream with more families left out, or others called for in place of its own.

        What it leaves out itself stays out, so that a network that is to be judged by families
        which `simulated-wide` never draws cannot be trained on them by mistake.
        """
        left_out, called_for = _names("without", without), _names("one_of", one_of)
        if self.mixture is None:
            if left_out or called_for:
                raise InputError(f"{self.name} knows no families; take another simulated source.")
            return self
        for name in called_for:
            if name in left_out:
                msg = f"{name!r} is both in without and in one_of; name it in one of them."
                raise InputError(msg)
        own = self.mixture
        called_for = called_for or tuple(name for name in own.one_of if name not in left_out)
        if own.one_of and not called_for:
            raise InputError(
                f"Without {', '.join(left_out)} nothing is left that {self.name} is made to show; "
                "keep one family of it, or take simulated-wide."
            )
        # Each once: a user may well leave out what the stream does.
        left_out = tuple(dict.fromkeys((*own.without, *left_out)))
        return replace(self, mixture=replace(own, without=left_out, one_of=called_for))


STREAMS = {
    stream.name: stream
    for stream in (
        Stream("simulated", (10,), Mixture("archive")),
        Stream("simulated-v1", (), None),
        Stream("simulated-wide", (11,), Mixture("wide", without=HELD_OUT), wide=True),
        Stream("simulated-held-out", (12,), Mixture("wide", one_of=HELD_OUT), wide=True),
    )
}
"""Named streams: the archive's mixture, its first version, the wide mixture, what it lacks."""


def simulate(
    codes: ArrayLike,
    seed: int = 0,
    split: str = "train",
    *,
    stream: str = "simulated",
    first: int = 0,
    without: Iterable[str] = (),
    one_of: Iterable[str] = (),
    progress: bool = False,
) -> xr.Dataset:
    """
    Simulated storm boxes of the modes asked for.

    Parameters
    ----------
    codes : array_like of int, shape (storm,)
        Mode code of each box, 0 to 5.
    seed : int, optional
        0 or more. The same seed gives the same bits.
    split : str, optional
        ``"train"``, ``"validation"`` or ``"test"``: its years, and a world of its own.
    stream : str, optional
        ``"simulated"``, ``"simulated-wide"``, ``"simulated-held-out"`` or ``"simulated-v1"``.
    first : int, optional
        Number of the first box, so that parts of a large set can be made one by one. The
        boxes of a part share storm days with each other only.
    without, one_of : iterable of str, optional
        Names of families (`simulated_families`). Those in `without` are left out, as are those
        that the stream itself never draws. Each box whose mode allows it has one of those in
        `one_of`, which take the place of the stream's own.
    progress : bool, optional
        Show it on standard error.

    Returns
    -------
    dataset : xarray.Dataset
        The container of `stormlens.datasets`, with attribute ``simulated = 1`` and, but for the
        first version, the storm coordinates `storm_family`, `network` and `product`.

    Raises
    ------
    InputError
        If a code, the seed, the split, the stream, a family or the first number is not valid, or
        a family is both in `without` and in `one_of`.

    Examples
    --------
    >>> boxes = simulate([0, 1, 5], seed=7)
    >>> boxes.reflectivity.shape, boxes.attrs["simulated"], str(boxes.unid.values[2])
    ((3, 136, 136), 1, 'sim-train-00002')
    """
    modes = _checked_codes(codes)
    chosen = _stream(stream).changed(without, one_of)
    world = _World(chosen, _whole("seed", seed, 0), _checked_split(split))
    boxes = _planned(world, modes, _whole("first number", first, 0))
    longitude, latitude = box_centres(
        [box.longitude for box in boxes], [box.latitude for box in boxes]
    )
    images, families = _painted(world, boxes, progress)
    dataset = make_dataset(
        images,
        modes,
        unid=[
            f"{chosen.prefix}-{split}-{number:05d}" for number in range(first, first + len(modes))
        ],
        time=np.array([box.time for box in boxes], dtype="datetime64[ns]"),
        latitude=latitude,
        longitude=longitude,
        source=SOURCE,
        simulated=True,
        where="simulated boxes",
    )
    return dataset.assign_coords({name: ("storm", drawn) for name, drawn in families.items()})


def load_simulated(
    split: str | None = None,
    seed: int = 0,
    count: int | None = None,
    progress: bool = False,
    first: int = 0,
    *,
    stream: str = "simulated",
    without: Iterable[str] = (),
    one_of: Iterable[str] = (),
) -> xr.Dataset:
    """
    A simulated archive: the split sizes and class frequencies of SVRIMG, or any size.

    The wide streams have sizes of their own (60,000, 4,000 and 4,000 boxes), and of 100 boxes
    23 Cellular, 24 QLCS, 19 Tropical, 23 Other, 6 Noise and 5 Missing.

    Parameters
    ----------
    split : str, optional
        ``"train"`` (1,331 boxes), ``"validation"`` (110) or ``"test"`` (300); all
        three in this order by default, each box's in the coordinate `split`.
    seed : int, optional
        0 or more.
    count : int, optional
        Boxes of each split, in place of the archive's number. The first boxes are
        the same whatever the count.
    progress : bool, optional
        Show it on standard error.
    first : int, optional
        Number of the first box, so that parts of a large set can be made one by one. The
        boxes of a part share storm days with each other only.
    stream, without, one_of
        As for `simulate`.

    Returns
    -------
    dataset : xarray.Dataset
        As of `simulate`, with the coordinate `split`.

    Raises
    ------
    InputError
        If the split, the seed, the count, the stream, a family or the first number is not valid,
        or a family is both in `without` and in `one_of`.
    """
    # Read out once: the first split would leave nothing of an iterator to the others.
    families = {"without": _names("without", without), "one_of": _names("one_of", one_of)}
    options: dict[str, Any] = {"stream": stream, **families}
    if split is None:
        parts = [load_simulated(name, seed, count, progress, first, **options) for name in SPLITS]
        return xr.concat(
            parts,
            dim="storm",
            data_vars="minimal",
            coords="minimal",
            compat="equals",
            combine_attrs="override",
        )
    world = _World(_stream(stream), _whole("seed", seed, 0), _checked_split(split))
    size = world.stream.size(split) if count is None else _whole("count", count, 1)
    if size > MAX_COUNT:
        msg = f"The count of simulated boxes is {size:,}; at most {MAX_COUNT:,} fit in one dataset."
        raise InputError(msg)
    modes = _modes_in_order(world, _whole("first number", first, 0), size)
    dataset = simulate(modes, seed, split, first=first, progress=progress, **options)
    return dataset.assign_coords(split=("storm", np.full(size, split)))


class _World:
    """The random numbers of one stream, seed and split."""

    def __init__(self, stream: Stream, seed: int, split: str) -> None:
        self.stream, self.seed, self.split = stream, seed, split
        self._key = (SPLITS.index(split), *stream.key)

    def rng(self, *stream: int) -> np.random.Generator:
        """The generator of one stream, such as a box's."""
        sequence = np.random.SeedSequence(self.seed, spawn_key=(*self._key, *stream))
        return np.random.Generator(np.random.PCG64(sequence))

    def textures(self, number: int) -> Textures:
        """The noise fields that a box is cut from; the first version had one set for all."""
        block = 0 if self.stream.mixture is None else number // _BOXES_OF_A_TEXTURE
        own = (block,) if block else ()
        return textures((self.seed, *self._key, _TEXTURES, *own))


@dataclass(frozen=True)
class _Box:
    """What is settled of a box before it is painted."""

    number: int
    code: int
    rng: np.random.Generator
    weather: Weather
    time: np.datetime64
    longitude: float
    latitude: float


def _modes_in_order(world: _World, first: int, size: int) -> NDArray[np.int8]:
    # Shuffled blocks of exactly the same counts, so that a prefix is a fair sample.
    block = world.stream.block(world.split)
    start, stop = first // len(block), -(-(first + size) // len(block))
    parts = [world.rng(_ORDER, number).permutation(block) for number in range(start, stop)]
    skipped = first - start * len(block)
    return np.concatenate(parts)[skipped : skipped + size]


def _planned(world: _World, modes: NDArray[np.int8], first: int) -> list[_Box]:
    """Day, weather, time and place of each box; it opens a storm day or shares its mode's last."""
    today: dict[int, tuple[StormDay, Weather]] = {}
    boxes = []
    for number, code in enumerate(modes.tolist(), first):
        rng = world.rng(_BOX, number)
        opens = rng.random() < NEW_DAY
        if opens or code not in today:
            of_day = world.rng(_DAY, number)
            today[code] = storm_day(of_day, world.split, code), Weather.of_day(of_day)
        day, weather = today[code]
        boxes.append(_Box(number, code, rng, weather, *report(rng, day)))
    return boxes


def _painted(
    world: _World, boxes: list[_Box], progress: bool
) -> tuple[NDArray[np.uint8], dict[str, list[str]]]:
    """
    All boxes, with the names of their families, by coordinate, where the stream knows any.

    Many are painted by a process for each core, as threads would wait for each other between
    short steps.
    """
    parts = [boxes[start : start + _PART] for start in range(0, len(boxes), _PART)]
    console = Console(stderr=True)
    painted = Parallel(n_jobs=-1 if len(parts) >= _PARTS_FOR_HELP else 1, return_as="generator")(
        delayed(_painted_part)(world, part) for part in parts
    )
    shown = track(
        painted,
        f"Simulating {world.split}",
        total=len(parts),
        console=console,
        transient=True,
        disable=not (progress and console.is_terminal),
    )
    images = np.empty((len(boxes), SIZE, SIZE), dtype=np.uint8)
    names: dict[str, list[str]] = {}
    for number, (of_part, names_of_part) in enumerate(shown):
        images[number * _PART : number * _PART + len(of_part)] = of_part
        for name, drawn in names_of_part.items():
            names.setdefault(name, []).extend(drawn)
    return images, names


def _painted_part(
    world: _World, boxes: list[_Box]
) -> tuple[NDArray[np.uint8], dict[str, list[str]]]:
    """Some of the boxes, one after the other."""
    images = np.empty((len(boxes), SIZE, SIZE), dtype=np.uint8)
    mixture = world.stream.mixture
    names: dict[str, list[str]] = {} if mixture is None else {name: [] for name in FAMILY_COORDS}
    for number, box in enumerate(boxes):
        fields = world.textures(box.number)
        if mixture is None:
            images[number] = _first_version(Scene(box.rng, fields, box.weather), box.code)
            continue
        painted = paint(mixture, MODES[box.code], box.rng, fields, box.weather)
        images[number] = painted.reflectivity
        for name, kind in FAMILY_COORDS.items():
            names[name].append(painted.families[kind].name)
    return images, names


def _first_version(scene: Scene, code: int) -> NDArray[np.uint8]:
    dbz = _PAINTERS[code](scene)
    if MODES[code] != "Missing":
        dbz = with_network(scene, dbz)
    return observe(scene, dbz)


def _stream(name: str) -> Stream:
    if name not in STREAMS:
        raise unknown("simulated source", name, STREAMS)
    return STREAMS[name]


def _names(option: str, value: Any) -> tuple[str, ...]:
    try:
        names = None if isinstance(value, str) else tuple(value)
    except TypeError:
        names = None
    if names is None or not all(isinstance(name, str) for name in names):
        msg = (
            f"Families of simulated boxes are given as a list of names; {option} is {value!r:.60}."
        )
        raise InputError(msg)
    return names


def _checked_codes(codes: ArrayLike) -> NDArray[np.int8]:
    array = np.asarray(codes)
    if array.ndim != 1 or array.size == 0:
        msg = f"Mode codes have shape {array.shape}; give a list of one or more whole numbers."
        raise InputError(msg)
    wrong = ~np.isin(array, np.arange(len(MODES)))
    if wrong.any():
        msg = (
            f"Mode code {array[wrong][0]} does not exist; codes run from 0 to "
            f"{len(MODES) - 1} ({', '.join(MODES)})."
        )
        raise InputError(msg)
    return array.astype(np.int8)


def _checked_split(split: str) -> str:
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    return split


def _whole(name: str, value: Any, lowest: int) -> int:
    try:
        number = index(value)
    except TypeError:
        number = lowest - 1
    if number < lowest or isinstance(value, bool):
        msg = (
            f"The {name} of simulated boxes is {value!r}; give a whole number of {lowest} or more."
        )
        raise InputError(msg)
    return number
