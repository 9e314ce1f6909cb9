"""
Borders of states and countries for maps, in the public domain.

Stormlens brings coasts, countries, states and large lakes to 1 km in `borders.npz`
(`benchmarks/borders.py` makes it). `fetch_borders` brings Natural Earth's own two
shapefiles in their place, exact and with the provinces of all large countries, once
into the cache; they are read with pyshp (the extra `maps`). Nothing is downloaded
unless it is called.
"""

import io
import os
import zipfile
from collections.abc import Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._cache import cache_folder
from stormlens.datasets.svrimg._archive import Archive
from stormlens.datasets.svrimg._obtain import Kind, obtain
from stormlens.errors import InputError, needs_packages

BORDERS_URL = "https://naciscdn.org/naturalearth"
BORDERS_CREDIT = "Borders: Natural Earth, US Census Bureau"

_FILES = (
    "50m/cultural/ne_50m_admin_0_countries.zip",
    "50m/cultural/ne_50m_admin_1_states_provinces_lines.zip",
)
_MAX_BYTES = 2**24
_MAX_UNPACKED = 2**26
_SHIPPED = Path(__file__).with_name("borders.npz")
_UNIT = 0.01  # degrees, of what is shipped
_LONGEST = 1.0  # degrees from point to point, so that a line along a parallel bends as it does

Line = NDArray[np.float32]
Lines = tuple[Line, ...]


def fetch_borders(
    *, cache: str | Path | None = None, url: str | Path | None = None, refresh: bool = False
) -> list[Path]:
    """
    Download the borders, so that maps have them from now on.

    Parameters
    ----------
    cache : str or Path, optional
        Folder for downloads.
    url : str or Path, optional
        Mirror or folder laid out as Natural Earth's server; else the environment variable
        ``STORMLENS_BORDERS_URL``, else that server.
    refresh : bool, optional
        Download again, and accept files that have changed.

    Returns
    -------
    files : list of Path
        What lies in the cache now.

    Raises
    ------
    InputError
        If the extra `maps` is not installed, or a file cannot be obtained or is no shapefile.
    """
    _import_shapefile()
    archive = _archive(url, cache)
    return [obtain(archive, path, _SHAPES, refresh=refresh) for path in _FILES]


def border_lines(
    window: tuple[float, float, float, float], cache: str | Path | None = None
) -> Lines:
    """
    Borders and coasts within a window: those that were fetched, else those that come along.

    Parameters
    ----------
    window : tuple of float
        West, east, south and north in degrees, west below east; may reach beyond 180 degrees,
        as from 170 to 190.
    cache : str or Path, optional
        Folder for downloads.

    Returns
    -------
    lines : tuple of ndarray of float32, shape (points, 2)
        Longitude and latitude of each line's points in degrees, at most a degree from each
        other, longitudes as the window counts them. Lines end where they leave it.

    Raises
    ------
    InputError
        If a file in the cache is damaged.
    """
    folder = cache_folder(cache) / "naturalearth"
    paths = [folder / path for path in _FILES]
    if all(path.is_file() for path in paths) and find_spec("shapefile"):
        lines = [_fetched(path, path.stat().st_mtime_ns) for path in paths]
    else:
        lines = [_shipped()]
    return tuple(
        piece for points, first in lines for piece in _within(points, first, np.array(window))
    )


def _within(points: Line, first: NDArray[np.bool_], window: NDArray[np.float64]) -> list[Line]:
    """Pieces of lines that lie in a window; `first` marks where each line begins."""
    west, east, south, north = window
    longitude, latitude = points.T
    # The turn in which the window's middle is least far away.
    longitude = longitude - 360 * np.round((longitude - (west + east) / 2) / 360)
    inside = (longitude > west) & (longitude < east) & (latitude > south) & (latitude < north)
    ends = first[1:] | (inside[1:] != inside[:-1]) | (abs(np.diff(longitude)) > 180)
    starts = np.flatnonzero(np.append(True, ends))
    stops = np.append(starts[1:], len(points))
    kept = inside[starts] & (stops - starts > 1)
    moved = np.stack([longitude, latitude], axis=1).astype(np.float32)
    return [moved[a:b] for a, b in zip(starts[kept], stops[kept], strict=True)]


@lru_cache(maxsize=1)
def _shipped() -> tuple[Line, NDArray[np.bool_]]:
    with np.load(_SHIPPED) as file:
        units = np.cumsum(file["steps"], axis=1, dtype=np.int16)
        starts = np.cumsum(file["lengths"])[:-1]
    return _joined(np.split(units.T * np.float32(_UNIT), starts))


def _joined(lines: Iterable[NDArray[Any]]) -> tuple[Line, NDArray[np.bool_]]:
    """Lines behind each other, with points between those that are far apart."""
    dense = [_dense(np.asarray(line, np.float64)) for line in lines]
    first = np.zeros(sum(map(len, dense)), bool)
    first[np.cumsum([0, *map(len, dense[:-1])])[: len(dense)]] = True
    points = np.concatenate(dense) if dense else np.empty((0, 2))
    return points.astype(np.float32), first


def _dense(line: NDArray[np.float64]) -> NDArray[np.float64]:
    steps = np.ceil(np.abs(np.diff(line, axis=0)).max(axis=1, initial=0) / _LONGEST)
    if (steps <= 1).all():
        return line
    at = np.concatenate([[0], np.cumsum(np.maximum(steps, 1))])
    wanted = np.arange(at[-1] + 1)
    return np.stack([np.interp(wanted, at, axis) for axis in line.T], axis=1)


@lru_cache(maxsize=len(_FILES))
def _fetched(path: Path, _modified: int) -> tuple[Line, NDArray[np.bool_]]:
    return _joined(_read_lines(path))


def _archive(url: str | Path | None, cache: str | Path | None) -> Archive:
    base = str(url or os.environ.get("STORMLENS_BORDERS_URL") or BORDERS_URL)
    parts = urlsplit(base)
    is_url = parts.scheme in {"http", "https"} and bool(parts.netloc)
    folder = Path(base).expanduser()
    if not is_url and not folder.is_dir():
        option = "url" if url else "STORMLENS_BORDERS_URL"
        raise InputError(
            f"{option} is {base!r}, neither an http(s) URL nor a folder that exists; give the "
            "place that holds '50m'."
        )
    return Archive(
        base if is_url else str(folder),
        cache_folder(cache) / "naturalearth",
        name="borders",
        offline="keep to the borders that come along, or take these from a copy "
        "(STORMLENS_BORDERS_URL)",
    )


def _import_shapefile() -> object:
    try:
        import shapefile
    except ImportError as error:
        raise needs_packages("Borders are read with pyshp, which is missing", "maps") from error
    return shapefile


def _read_lines(path: Path) -> Lines:
    """Lines of a zipped shapefile."""
    import shapefile

    content = _unpack_shapes(path)
    try:
        with shapefile.Reader(shp=io.BytesIO(content)) as reader:
            shapes = [(list(shape.points), list(shape.parts)) for shape in reader.iterShapes()]
    except Exception as error:
        # pyshp meets damage with errors of struct, ValueError, IndexError and its own.
        raise InputError(f"{path} holds a damaged shapefile; get it again.") from error
    return tuple(
        np.asarray(points, np.float32)[start:stop, :2]
        for points, parts in shapes
        for start, stop in zip(parts, [*parts[1:], len(points)], strict=True)
        if stop - start > 1
    )


def _unpack_shapes(path: Path) -> bytes:
    """The .shp of a zip archive; its table of attributes is not needed."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = [info for info in archive.infolist() if info.filename.endswith(".shp")]
            if len(found) == 1 and found[0].file_size <= _MAX_UNPACKED:
                return archive.read(found[0])
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise InputError(f"{path} is a damaged zip archive ({error}); get it again.") from error
    raise InputError(f"{path} does not hold one .shp file of at most {_MAX_UNPACKED >> 20} MiB.")


_SHAPES = Kind(_MAX_BYTES, _read_lines)
