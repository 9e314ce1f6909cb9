"""
Borders of states and countries for maps: Natural Earth, 1:50 million, public domain.

Two shapefiles, fetched once into the cache and read with pyshp (the extra
`maps`). A map without them has its graticule alone: nothing is downloaded
unless `fetch_borders` is called.
"""

import io
import os
import zipfile
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._cache import cache_folder
from stormlens.datasets.svrimg._archive import Archive
from stormlens.datasets.svrimg._obtain import Kind, obtain
from stormlens.errors import InputError, needs_packages

BORDERS_URL = "https://naciscdn.org/naturalearth"
BORDERS_CREDIT = "Borders: Natural Earth"

_FILES = (
    "50m/cultural/ne_50m_admin_0_countries.zip",
    "50m/cultural/ne_50m_admin_1_states_provinces_lines.zip",
)
_MAX_BYTES = 2**24
_MAX_UNPACKED = 2**26
# What the national grid covers, with room for lines that begin outside: west, east, south, north.
_WINDOW = (-150.0, -45.0, 10.0, 62.0)

Lines = tuple[NDArray[np.float32], ...]


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
        If the extra `maps` is not installed, or a file cannot be had or is no shapefile.
    """
    _import_shapefile()
    archive = _archive(url, cache)
    return [obtain(archive, path, _SHAPES, refresh=refresh) for path in _FILES]


def border_lines(cache: str | Path | None = None) -> Lines | None:
    """
    Borders and coasts of North America, from the cache.

    Parameters
    ----------
    cache : str or Path, optional
        Folder for downloads.

    Returns
    -------
    lines : tuple of ndarray of float32, shape (points, 2), or None
        Longitude and latitude of each line's points in degrees; None where the files were not
        fetched or the extra `maps` is not installed.

    Raises
    ------
    InputError
        If a file in the cache is damaged.
    """
    folder = cache_folder(cache) / "naturalearth"
    paths = [folder / path for path in _FILES]
    if not all(path.is_file() for path in paths):
        return None
    try:
        _import_shapefile()
    except InputError:
        return None
    return tuple(line for path in paths for line in _kept_lines(path, path.stat().st_mtime_ns))


@lru_cache(maxsize=len(_FILES))
def _kept_lines(path: Path, _modified: int) -> Lines:
    return _read_lines(path)


def _archive(url: str | Path | None, cache: str | Path | None) -> Archive:
    base = str(url or os.environ.get("STORMLENS_BORDERS_URL") or BORDERS_URL)
    parts = urlsplit(base)
    is_url = parts.scheme in {"http", "https"} and bool(parts.netloc)
    folder = Path(base).expanduser()
    if not is_url and not folder.is_dir():
        told = "url" if url else "STORMLENS_BORDERS_URL"
        raise InputError(
            f"{told} is {base!r}, neither an http(s) URL nor a folder that exists; give the place "
            "that holds '50m'."
        )
    return Archive(
        base if is_url else str(folder),
        cache_folder(cache) / "naturalearth",
        name="borders",
        offline="draw maps without borders, or take them from a copy (STORMLENS_BORDERS_URL)",
    )


def _import_shapefile() -> object:
    try:
        import shapefile
    except ImportError as error:
        raise needs_packages("Borders are read with pyshp, which is missing", "maps") from error
    return shapefile


def _read_lines(path: Path) -> Lines:
    """Lines of a zipped shapefile that lie in the window, cut where they leave it."""
    import shapefile

    content = _unpack_shapes(path)
    try:
        with shapefile.Reader(shp=io.BytesIO(content)) as reader:
            shapes = [(list(shape.points), list(shape.parts)) for shape in reader.iterShapes()]
    except Exception as error:
        # pyshp meets damage with errors of struct, ValueError, IndexError and its own.
        raise InputError(f"{path} holds a damaged shapefile; get it again.") from error
    lines = (
        np.asarray(points, np.float64)[start:stop, :2]
        for points, parts in shapes
        for start, stop in zip(parts, [*parts[1:], len(points)], strict=True)
    )
    return tuple(piece for line in lines for piece in _in_window(line))


def _unpack_shapes(path: Path) -> bytes:
    """The .shp of a zip archive; its table of attributes is not needed."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = [info for info in archive.infolist() if info.filename.endswith(".shp")]
            if len(found) == 1 and found[0].file_size <= _MAX_UNPACKED:
                return archive.read(found[0])
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise InputError(f"{path} is no whole zip archive ({error}); get it again.") from error
    raise InputError(f"{path} does not hold one .shp file of at most {_MAX_UNPACKED >> 20} MiB.")


def _in_window(line: NDArray[np.float64]) -> list[NDArray[np.float32]]:
    west, east, south, north = _WINDOW
    longitude, latitude = line.T
    inside = (longitude > west) & (longitude < east) & (latitude > south) & (latitude < north)
    changes = np.flatnonzero(np.diff(inside)) + 1
    pieces = zip(np.split(line, changes), np.split(inside, changes), strict=True)
    return [
        piece.astype(np.float32) for piece, is_inside in pieces if is_inside[0] and len(piece) > 1
    ]


_SHAPES = Kind(_MAX_BYTES, _read_lines)
