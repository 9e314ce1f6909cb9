"""
Colour tables of radar pictures, and the way back from a colour to dBZ.

``colour_tables.csv`` holds the lowest dBZ of each colour:

- ``nws``: the National Weather Service's steps of 5 dBZ, as its radar pages draw them, as MetPy
  and cmweather do (``NWSReflectivity``, ``NWSRef``), and with SVRIMG's indigo for 75;
- ``iem-n0q`` and ``iem-n0r``: the composites of the Iowa Environmental Mesonet, as pyIEM lists
  them (``composite_n0q.txt``, ``composite_n0r.txt``; mesonet.agron.iastate.edu/docs/nexrad_mosaic),
  without N0R's black for -30 to -5 dBZ, which is no echo either.
"""

import csv
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError, unknown

TABLES = ("nws", "iem-n0q", "iem-n0r")
"""Names of the colour tables."""

_PLACES = np.array([1 << 16, 1 << 8, 1])  # of red, green and blue in one number
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
# What may stand for no echo, apart from transparency. IEM's white is 59 and 70 dBZ.
_BACKGROUNDS = {"nws": (_BLACK, _WHITE), "iem-n0q": (_BLACK,), "iem-n0r": (_BLACK,)}

_TOLERANCE = 3  # of 255, in each of red, green and blue
_MOST_COLOURS = 2**14  # no picture by a table has more, and they bound the work
_PAPER = 0.01  # share of a picture that a white core never has and paper always


class _Table(NamedTuple):
    dbz: NDArray[np.float64]
    colours: NDArray[np.int64]


@cache
def _table(name: str) -> _Table:
    if name not in TABLES:
        raise unknown("colour table", name, TABLES)
    text = Path(__file__).with_name("colour_tables.csv").read_text(encoding="utf-8")
    rows = [row for row in csv.DictReader(text.splitlines()) if row["table"] == name]
    colours = [[int(row[channel]) for channel in ("red", "green", "blue")] for row in rows]
    return _Table(np.array([float(row["dbz"]) for row in rows]), np.array(colours))


@cache
def _sorted_table(name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    dbz, colours = _table(name)
    packed = colours @ _PLACES
    order = np.argsort(packed)
    return packed[order], dbz[order]


def check_table(name: str) -> None:
    """
    Raise a sentence unless a colour table has that name.

    Parameters
    ----------
    name : str
        As the user wrote it.

    Raises
    ------
    InputError
        With the nearest name.
    """
    _table(name)


def dbz_of_colours(picture: NDArray[np.uint8], table: str, where: str) -> NDArray[np.float32]:
    """
    Reflectivity of a picture that was drawn by a colour table.

    Parameters
    ----------
    picture : ndarray of uint8, shape (y, x, 4)
        Red, green, blue and opacity; a pixel of opacity 0 is no echo, whatever its colour.
    table : {"nws", "iem-n0q", "iem-n0r"}
        Which. No echo is black, too, and in ``nws`` black or white, whichever covers more of a
        picture without transparent pixels.
    where : str
        What errors call the picture.

    Returns
    -------
    dbz : ndarray of float32, shape (y, x)
        Lowest value of each pixel's colour; 0 for no echo.

    Raises
    ------
    InputError
        If the table is unknown, or a colour is none of it to 3 of 255 in each of red, green and
        blue: where lines, letters, a map, or smoothing are in the picture.
    """
    known = _table(table)
    red, green, blue, opacity = np.moveaxis(picture, -1, 0)
    packed = red.astype(np.uint32) << 16 | green.astype(np.uint32) << 8 | blue
    opaque = opacity > 0
    # By sorting: np.unique of NumPy 2.4 takes many times as long where most colours differ.
    ordered = np.sort(packed[opaque])
    colours = ordered[np.diff(ordered, prepend=~ordered[:1]) != 0]
    if len(colours) > _MOST_COLOURS:
        raise InputError(
            f"{where} has {len(colours)} colours, and {table} {len(known.dbz)}: it is a photograph "
            "or was smoothed, and its dBZ cannot be recovered."
        )
    values = _values(colours, known, _backgrounds(table, packed, opaque))
    dbz = np.zeros(packed.shape, np.float32)
    dbz[opaque] = values[np.searchsorted(colours, packed[opaque])]
    _check_known(dbz, packed, where, table)
    _check_paper(dbz, picture, where, table)
    return np.maximum(dbz, 0)


def _backgrounds(
    table: str, packed: NDArray[np.uint32], opaque: NDArray[np.bool_]
) -> dict[tuple[int, int, int], float]:
    """What black and white stand for where no table says it: no echo (0), or nothing (NaN)."""
    choice = _BACKGROUNDS[table]
    if len(choice) == 1:
        return {choice[0]: 0.0}
    covered = [np.count_nonzero(packed == _packed(colour)) for colour in choice]
    most = choice[int(np.argmax(covered))] if opaque.all() else None
    return {colour: 0.0 if colour == most else np.nan for colour in choice}


def _packed(colour: tuple[int, int, int]) -> int:
    return int(np.array(colour) @ _PLACES)


def _values(
    colours: NDArray[np.uint32],
    table: _Table,
    backgrounds: dict[tuple[int, int, int], float],
) -> NDArray[np.float64]:
    """Of each colour the value of the nearest one that is known; NaN where none is near."""
    channels = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1)
    known = np.array([*backgrounds, *table.colours.tolist()], np.int16)
    values = np.array([*backgrounds.values(), *table.dbz.tolist()])
    apart = np.abs(channels.astype(np.int16)[:, np.newaxis] - known).max(axis=-1)
    return np.where(apart.min(axis=1) <= _TOLERANCE, values[apart.argmin(axis=1)], np.nan)


def _check_known(
    dbz: NDArray[np.float32], packed: NDArray[np.uint32], where: str, table: str
) -> None:
    strange = np.argwhere(np.isnan(dbz))
    if len(strange):
        row, column = strange[0]
        raise InputError(
            f"{where}: {len(strange)} of {dbz.size} pixels are of no colour of {table}, the first "
            f"(#{packed[row, column]:06x}) at row {row}, column {column} of the picture. Lines, "
            "letters, a map, or smoothed edges cannot be read back; get the picture without them, "
            "or choose the table that it was drawn by."
        )


def _check_paper(
    dbz: NDArray[np.float32], picture: NDArray[np.uint8], where: str, table: str
) -> None:
    """In a table that draws strong echo in white, white paper would read as strong echo."""
    white = (dbz > 0) & (picture[..., :3] >= 250).all(axis=-1)
    if white.mean() > _PAPER:
        raise InputError(
            f"{where}: {white.mean():.0%} of it is white, in which {table} draws "
            f"{dbz[white][0]:g} dBZ; no storm has so much of it. Make what is no echo transparent."
        )


def check_own_palette(palette: NDArray[np.uint8], indices: NDArray[np.uint8], where: str) -> None:
    """
    Refuse a palette picture that is a web radar's: by its colours its indices are no dBZ.

    Colours of no table say nothing, and neither do those that go with the indices, so an image of
    the archive is never refused, whatever its palette.

    Parameters
    ----------
    palette : ndarray of uint8, shape (n, 3)
        Red, green and blue of each index.
    indices : ndarray of uint8, shape (y, x)
        The picture.
    where : str
        What errors call it.

    Raises
    ------
    InputError
        If nine tenths of its pixels of echo, of two colours or more, are exactly of a known table,
        and the dBZ of these colours are far from their indices, or grow much faster.
    """
    if not _may_be_drawn(palette.tobytes()):
        return
    packed = palette.astype(np.int64) @ _PLACES
    counts = np.bincount(indices.ravel(), minlength=len(palette))[: len(palette)]
    counts[(packed == _packed(_BLACK)) | (packed == _packed(_WHITE))] = 0
    counts[:1] = 0
    used, first, same = np.unique(packed, return_index=True, return_inverse=True)
    covered = np.bincount(same, weights=counts)
    used, first, covered = (each[covered > 0] for each in (used, first, covered))
    wrong = {}
    for name in TABLES:
        dbz = _exact(name, used)
        known = ~np.isnan(dbz)
        if known.sum() < 2 or covered[known].sum() < 0.9 * covered.sum():
            continue
        if _go_together(first[known], dbz[known]):
            return
        wrong[name] = int(first[known][0]), float(dbz[known][0])
    if wrong:
        index, value = next(iter(wrong.values()))
        ways = " or ".join(f"`--colors {name}`" for name in wrong)
        raise InputError(
            f"{where} is drawn by a colour table of web radars, and its palette indices are no "
            f"dBZ: index {index} has the colour of {value:g} dBZ. Read it by its colours, with the "
            f"table that it was drawn by ({ways}, in Python colors=)."
        )


@lru_cache(maxsize=64)
def _may_be_drawn(palette: bytes) -> bool:
    """Whether two colours or more of a palette are of one table; most files share a palette."""
    colours = np.unique(np.frombuffer(palette, np.uint8).reshape(-1, 3).astype(np.int64) @ _PLACES)
    return any(np.count_nonzero(~np.isnan(_exact(name, colours))) >= 2 for name in TABLES)


def _exact(table: str, packed: NDArray[np.int64]) -> NDArray[np.float64]:
    """Lowest dBZ of colours that are of a table to the last bit; NaN of others."""
    known, dbz = _sorted_table(table)
    place = np.minimum(np.searchsorted(known, packed), len(known) - 1)
    return np.where(known[place] == packed, dbz[place], np.nan)


def _go_together(indices: NDArray[np.int64], dbz: NDArray[np.float64]) -> bool:
    """Whether indices may be the dBZ of their colours: no farther apart than two classes of 5."""
    low, high = dbz.argmin(), dbz.argmax()
    steps = float(indices[high] - indices[low])
    grows_alike = 0 < dbz[high] - dbz[low] <= 2.5 * steps
    return bool(grows_alike and np.abs(dbz - indices).max() <= 10)
