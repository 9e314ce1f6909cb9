"""
What an archive says about climate: how often each mode occurs, when and where.

Counts first, shares second: whole numbers are added up batch by batch, so memory
does not grow with the table, and shares are taken last. Boxes are counted, not
storms: a storm that is seen every hour, or reported twenty times, counts each time.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stormlens.archive._classify import read_manifest
from stormlens.archive._regions import ELSEWHERE, REGIONS, region_numbers
from stormlens.archive._table import TABLE, list_parts, read_columns, read_part
from stormlens.errors import InputError
from stormlens.stormbox import MODES

if TYPE_CHECKING:
    import xarray as xr

CELL_DEGREES = 2.5
"""Side of a cell of the map, degrees."""

_SOUTH, _NORTH, _WEST = -90.0, 90.0, -180.0
_LEAST = (20.0, 55.0, -135.0, -60.0)
"""South, north, west and east of what a map of the United States shows."""

_ROWS = round((_NORTH - _SOUTH) / CELL_DEGREES)
_COLUMNS = round(360 / CELL_DEGREES)
_YEARS = np.arange(1980, 2101)


def summarise(out: str | Path) -> "xr.Dataset":
    """
    Count a classification's boxes by mode, time and place.

    Parameters
    ----------
    out : str or Path
        Folder that `classify` left.

    Returns
    -------
    climatology : xarray.Dataset
        Counts of boxes, int64: `count` (mode), `by_year`, `by_month`, `by_hour` (UTC),
        `by_solar_hour` (local mean solar time, UTC plus longitude / 15 degrees), `by_region`
        (mode, and what they are named for), and `by_cell` (mode, latitude, longitude) in cells
        of 2.5 degrees named by their centres. Boxes of unknown time are in none of the first
        four, boxes of unknown place elsewhere and in no cell. Modes in the order of their
        codes; attributes `simulated` and `simulated_training`, 0 or 1, `problems`, how many
        things were passed over, and `model`, `store`.

    Raises
    ------
    InputError
        If the folder holds no classification, or no box.
    """
    folder = Path(out)
    manifest = read_manifest(folder)
    paths = [path for *_, path in list_parts(folder / TABLE)]
    parts = [read_part(path) for path in paths]
    if not any(part.boxes for part in parts):
        raise InputError(f"{out} holds no labelled box; run `stormlens archive classify` first.")
    counts: dict[str, _Counts] = {}
    for batch in _batches(paths):
        _add(counts, batch)
    climatology = _dataset(counts)
    return climatology.assign_attrs(
        simulated=int(any(part.simulated for part in parts)),
        simulated_training=int(any(part.simulated_training for part in parts)),
        problems=sum(len(part.problems) for part in parts),
        model=str(manifest["model"]),
        store=str(manifest.get("names", {}).get("store", "")),
    )


def shares(climatology: "xr.Dataset") -> "xr.Dataset":
    """
    Shares of each mode among the boxes of a year, month, hour, region or cell.

    Parameters
    ----------
    climatology : xarray.Dataset
        Of `summarise`.

    Returns
    -------
    shares : xarray.Dataset
        float64 under the same names, 0 to 1; NaN where there is no box.
    """
    totals = climatology.sum("mode")
    return (climatology / totals.where(totals > 0)).assign_attrs(climatology.attrs)


def _batches(paths: list[Path]) -> Iterator[dict[str, np.ndarray]]:
    for path in paths:
        table = read_columns(path, ("time", "latitude", "longitude", "mode"))
        columns = {name: table[name].to_numpy() for name in ("latitude", "longitude")}
        times = table["time"].to_numpy().astype("datetime64[s]")
        yield {**columns, "time": times, "mode": table["mode"].to_numpy().astype(str)}


class _Counts:
    """Counts of one mode."""

    def __init__(self) -> None:
        self.of = {
            "by_year": np.zeros(len(_YEARS), np.int64),
            "by_month": np.zeros(12, np.int64),
            "by_hour": np.zeros(24, np.int64),
            "by_solar_hour": np.zeros(24, np.int64),
            "by_region": np.zeros(len(REGIONS) + 1, np.int64),
            "by_cell": np.zeros(_ROWS * _COLUMNS, np.int64),
        }
        self.total = 0

    def add(self, places: dict[str, np.ndarray]) -> None:
        """Add boxes by their place in each count; negative is none."""
        for name, counts in self.of.items():
            inside = places[name][places[name] >= 0]
            counts += np.bincount(inside, minlength=len(counts))
        self.total += len(places["by_region"])


def _add(counts: dict[str, _Counts], batch: dict[str, np.ndarray]) -> None:
    places = _places(batch["time"], batch["latitude"], batch["longitude"])
    for mode in np.unique(batch["mode"]):
        chosen = batch["mode"] == mode
        of_mode = counts.setdefault(str(mode), _Counts())
        of_mode.add({name: values[chosen] for name, values in places.items()})


def _places(time: np.ndarray, latitude: np.ndarray, longitude: np.ndarray) -> dict[str, np.ndarray]:
    """Where each box counts in each array; -1 for nowhere."""
    known = ~np.isnat(time)
    when = np.where(known, time, np.datetime64("2000-01-01", "s"))
    year = when.astype("datetime64[Y]").astype(int) + 1970 - _YEARS[0]
    month = when.astype("datetime64[M]").astype(int) % 12
    seconds = (when - when.astype("datetime64[D]")).astype(np.int64)
    placed = np.isfinite(longitude) & np.isfinite(latitude)
    east = np.where(placed, longitude, 0.0)
    solar = np.floor((seconds / 3600 + east / 15) % 24).astype(int) % 24
    in_range = known & (year >= 0) & (year < len(_YEARS))
    return {
        "by_year": np.where(in_range, year, -1),
        "by_month": np.where(known, month, -1),
        "by_hour": np.where(known, seconds // 3600, -1),
        "by_solar_hour": np.where(known & placed, solar, -1),
        "by_region": region_numbers(latitude, longitude),
        "by_cell": _cells(np.where(placed, latitude, np.inf), east),
    }


def _cells(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    placed = np.abs(latitude) <= _NORTH
    row = np.floor((np.where(placed, latitude, 0.0) - _SOUTH) / CELL_DEGREES).astype(int)
    column = np.floor((longitude - _WEST) % 360 / CELL_DEGREES).astype(int)
    # The pole belongs to the last row.
    return np.where(placed, row.clip(0, _ROWS - 1) * _COLUMNS + column % _COLUMNS, -1)


def _shown(cells_used: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the map: the United States, or the cells in use where others are."""
    south, north, west, east = _LEAST
    edges = ((south, north, _SOUTH), (west, east, _WEST))
    nation = [
        slice(round((low - start) / CELL_DEGREES), round((high - start) / CELL_DEGREES))
        for low, high, start in edges
    ]
    if not cells_used.any() or cells_used[nation[0], nation[1]].sum() == cells_used.sum():
        return nation[0], nation[1]
    spans = []
    for axis, cells in ((1, _ROWS), (0, _COLUMNS)):
        used = np.flatnonzero(cells_used.any(axis))
        spans.append(slice(max(int(used[0]) - 1, 0), min(int(used[-1]) + 2, cells)))
    return spans[0], spans[1]


def _dataset(counts: dict[str, _Counts]) -> "xr.Dataset":
    import xarray as xr

    of_boxes = [mode for mode in MODES if mode in counts]
    modes = [*of_boxes, *sorted(set(counts) - set(MODES))]  # then verdicts such as Clear
    stacked: dict[str, Any] = {
        name: np.stack([counts[mode].of[name] for mode in modes])
        for name in next(iter(counts.values())).of
    }
    rows, columns = _shown(stacked["by_cell"].any(0).reshape(_ROWS, _COLUMNS))
    used = np.flatnonzero(stacked["by_year"].any(0))
    span = slice(used[0], used[-1] + 1) if len(used) else slice(0)
    half = CELL_DEGREES / 2
    return xr.Dataset(
        {
            "count": ("mode", np.array([counts[mode].total for mode in modes])),
            "by_year": (("mode", "year"), stacked["by_year"][:, span]),
            "by_month": (("mode", "month"), stacked["by_month"]),
            "by_hour": (("mode", "hour"), stacked["by_hour"]),
            "by_solar_hour": (("mode", "solar_hour"), stacked["by_solar_hour"]),
            "by_region": (("mode", "region"), stacked["by_region"]),
            "by_cell": (
                ("mode", "latitude", "longitude"),
                stacked["by_cell"].reshape(-1, _ROWS, _COLUMNS)[:, rows, columns],
            ),
        },
        coords={
            "mode": modes,
            "year": _YEARS[span],
            "month": np.arange(1, 13),
            "hour": np.arange(24),
            "solar_hour": np.arange(24),
            "region": [*(region.name for region in REGIONS), ELSEWHERE],
            "latitude": (_SOUTH + half + CELL_DEGREES * np.arange(_ROWS))[rows],
            "longitude": (_WEST + half + CELL_DEGREES * np.arange(_COLUMNS))[columns],
        },
    )
