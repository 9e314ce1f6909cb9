"""
Storm boxes out of the files a person has: PNG, NPY and NetCDF.

Row 0 of a box is its southern edge. So it is in the archive's PNG files, and by default in NPY and
NetCDF files; `Pictures` says what a grey or a coloured PNG is.
"""

import io
import math
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from stormlens.datasets._boxes import check_reflectivity, join_boxes, make_boxes
from stormlens.datasets._container import MAX_VALUES, is_simulated, read_netcdf
from stormlens.datasets._join import join
from stormlens.datasets._png import Pictures, file_says_simulated, read_png
from stormlens.errors import InputError, printable
from stormlens.storage import check_file, opened_file
from stormlens.stormbox import SIZE, Boxes, time_of_unid

if TYPE_CHECKING:
    import xarray as xr

_ARCHIVE = Pictures()

ARRAY_SUFFIXES = (".png", ".npy")
NETCDF_SUFFIXES = (".nc", ".nc4", ".netcdf")

_NPY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4}
_LONGEST_HEADER = 10_000  # as NumPy itself has it


def read_images(
    paths: str | Path | Iterable[str | Path],
    *,
    shape: tuple[int, int] = (SIZE, SIZE),
    colors: str | None = None,
    dbz_scale: tuple[float, float] | None = None,
    first_row: str | None = None,
) -> "xr.Dataset":
    """
    Read storm boxes from files, in the order given.

    Parameters
    ----------
    paths : path or iterable of path
        SVRIMG PNG (palette indices are dBZ), NPY of shape (y, x) or (N, y, x), or
        NetCDF in the container's format; row 0 is the southern edge in each.
    shape : tuple of int, optional
        Rows and columns that reflectivity must have: a storm box's, or what a classifier takes.
    colors : {"nws", "iem-n0q", "iem-n0r"}, optional
        PNG files are drawn by this colour table; a colour stands for its lowest dBZ.
    dbz_scale : (float, float), optional
        PNG files are grey, and ``dBZ = scale * grey + offset``; below 0 is no echo.
    first_row : {"north", "south"}, optional
        Where the first row of PNG and NPY files lies. By default north for PNG files with
        `colors` or `dbz_scale`, else south.

    Returns
    -------
    dataset : xarray.Dataset
        The container. `unid` is the file's name without its suffix (``name[3]`` for entry 3
        of a file of many), or a NetCDF file's own; `time` is known where that is a UNID.
        Labels are kept where every file has them.

    Raises
    ------
    InputError
        If a file is missing, unreadable, of another kind, or holds anything but boxes of
        that shape and 0 to 80 dBZ; the sentence names the file.
    """
    listed, pictures = _listed(paths), Pictures(colors, dbz_scale, first_row)
    parts = [
        _read_netcdf(path, shape)
        if _is_netcdf(path)
        else _read_array(path, shape, pictures).to_xarray()
        for path in listed
    ]
    labelled = all("mode" in part for part in parts)
    if not labelled:
        parts = [part.drop_vars("mode", errors="ignore") for part in parts]
    names = _with_unique_ids([part["unid"].values.tolist() for part in parts], listed)
    parts = [
        part.drop_vars("split", errors="ignore").assign_coords(unid=("storm", own))
        for part, own in zip(parts, names, strict=True)
    ]
    joined = join(parts, where=", ".join(map(str, listed)))
    sources = dict.fromkeys(str(part.attrs["source"]) for part in parts)
    return joined.assign_attrs(
        source="; ".join(sources), simulated=int(any(map(is_simulated, parts)))
    )


def read_boxes(
    paths: str | Path | Iterable[str | Path],
    *,
    shape: tuple[int, int] = (SIZE, SIZE),
    colors: str | None = None,
    dbz_scale: tuple[float, float] | None = None,
    first_row: str | None = None,
) -> Boxes:
    """
    Read storm boxes from files as plain arrays, in the order given; labels are left.

    Parameters
    ----------
    paths, shape, colors, dbz_scale, first_row
        As `read_images` takes them.

    Returns
    -------
    boxes : Boxes
        With the names and times that `read_images` gives.

    Raises
    ------
    InputError
        As `read_images`.
    """
    listed, pictures = _listed(paths), Pictures(colors, dbz_scale, first_row)
    parts = [
        Boxes.from_xarray(_read_netcdf(path, shape).drop_vars("split", errors="ignore"))
        if _is_netcdf(path)
        else _read_array(path, shape, pictures)
        for path in listed
    ]
    names = _with_unique_ids([part.storm["unid"].tolist() for part in parts], listed)
    joined = join_boxes(parts, where=", ".join(map(str, listed)))
    return replace(
        joined,
        storm={**joined.storm, "unid": np.concatenate(names)},
        source="; ".join(dict.fromkeys(part.source for part in parts)),
        simulated=any(part.simulated for part in parts),
    )


def _listed(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    listed = [Path(paths)] if isinstance(paths, str | os.PathLike) else [Path(p) for p in paths]
    if not listed:
        raise InputError("No file to read: give at least one PNG, NPY or NetCDF file.")
    return listed


def check_images(path: Path) -> None:
    """
    Raise a sentence unless a path is a file with content and of a kind that holds boxes.

    Parameters
    ----------
    path : Path
        What the user named.

    Raises
    ------
    InputError
        As `read_images`, before anything is read.
    """
    check_readable(path, (*ARRAY_SUFFIXES, *NETCDF_SUFFIXES))


def _is_netcdf(path: Path) -> bool:
    check_images(path)
    return path.suffix.lower() in NETCDF_SUFFIXES


def _read_netcdf(path: Path, shape: tuple[int, int]) -> "xr.Dataset":
    dataset = read_netcdf(path)
    units = dataset["reflectivity"].attrs["units"]
    check_reflectivity(
        dataset["reflectivity"].values,
        where=str(path),
        maximum=255,
        shape=shape if units == "dBZ" else None,
    )
    return dataset


def _read_array(path: Path, shape: tuple[int, int], pictures: Pictures) -> Boxes:
    images = read_array(path, shape=shape, pictures=pictures)
    return make_boxes(
        images,
        unid=image_names(path, len(images)),
        time=np.full(len(images), time_of_name(path.stem)),
        source=path.name,
        simulated=file_says_simulated(path),
        where=str(path),
    )


def _with_unique_ids(own: list[list[str]], paths: list[Path]) -> list[np.ndarray]:
    """Identifiers; one that two files share gets its folder in front, or else its file."""
    names = own
    for place in ("{folder}/{name}", "{file}:{name}"):
        seen = Counter(name for of_file in names for name in set(of_file))
        names = [
            [
                place.format(
                    folder=printable(path.parent.as_posix()),
                    file=printable(path.as_posix()),
                    name=plain,
                )
                if seen[name] > 1
                else name
                for name, plain in zip(of_file, plain_names, strict=True)
            ]
            for of_file, plain_names, path in zip(names, own, paths, strict=True)
        ]
    return [np.asarray(of_file, str) for of_file in names]


def image_names(path: Path, n: int) -> list[str]:
    """
    Names of a file's images: its stem, with the entry's number where there are many.

    Parameters
    ----------
    path : Path
        The file.
    n : int
        Images in it.

    Returns
    -------
    names : list of str
        ``["name"]``, or ``["name[0]", "name[1]", ...]``.
    """
    return [path.stem] if n == 1 else [f"{path.stem}[{i}]" for i in range(n)]


def time_of_name(stem: str) -> np.datetime64:
    """
    UTC report time where a file is named by a UNID, else NaT.

    Parameters
    ----------
    stem : str
        File name without suffix.

    Returns
    -------
    time : datetime64[m]
    """
    try:
        return time_of_unid(stem)
    except InputError:
        return np.datetime64("NaT", "m")


def check_readable(path: Path, suffixes: tuple[str, ...]) -> None:
    """
    Raise a sentence unless `path` is a file with content and one of the suffixes.

    Parameters
    ----------
    path : Path
        What the user named.
    suffixes : tuple of str
        Accepted endings, lower case, with their dot.

    Raises
    ------
    InputError
        Which of these fails.
    """
    check_file(path, None)
    if path.suffix.lower() not in suffixes:
        ending = path.suffix or "no suffix"
        msg = f"{path} has {ending}, which is not read; accepted are {', '.join(suffixes)}."
        raise InputError(msg)
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty; get or write it again.")


def read_array(
    path: Path, *, shape: tuple[int, int] | None = None, pictures: Pictures = _ARCHIVE
) -> np.ndarray:
    """
    Images of one PNG or NPY file, checked.

    Parameters
    ----------
    path : Path
        File with suffix ``.png`` or ``.npy``.
    shape : tuple of int, optional
        Rows and columns required; any by default.
    pictures : Pictures, optional
        What the pixels are; as in the archive by default.

    Returns
    -------
    images : ndarray of uint8, shape (n, y, x)
        dBZ, row 0 in the south.

    Raises
    ------
    InputError
        If the file cannot be read, or a shape or value is out of bounds.
    """
    check_readable(path, ARRAY_SUFFIXES)
    is_png = path.suffix.lower() == ".png"
    if is_png:
        raw = read_png(path, pictures)[np.newaxis]
    else:
        with opened_file(path, None) as file:
            raw = npy_array(file, str(path))
    images = check_reflectivity(raw, where=str(path), shape=shape)
    return pictures.turned(images, drawn=is_png and pictures.are_drawn)


def npy_array(file: BinaryIO, name: str) -> np.ndarray:
    """
    The array of an NPY file; an image alone becomes the first of one.

    Parameters
    ----------
    file : binary file
        At its beginning.
    name : str
        What errors call it.

    Returns
    -------
    array : ndarray
        Of numbers, at most 384 MiB; read-only.

    Raises
    ------
    InputError
        If it is no NPY file of numbers, is cut short, or promises more than that.
    """
    try:
        # The header first: objects would have to be unpickled, and a promise costs memory.
        shape, is_fortran, dtype = _npy_header(*_written_header(file))
        size = dtype.itemsize * math.prod(shape)
        if dtype.hasobject:
            raise ValueError("it holds Python objects, not numbers")
        begin = file.tell()
        present = file.seek(0, os.SEEK_END) - begin
        if present < size:
            raise ValueError(f"it holds {present} of {size} bytes")
        if size > MAX_VALUES:
            raise InputError(
                f"{name} holds {size >> 20} MiB, and files of over {MAX_VALUES >> 20} MiB are not "
                "read at once; divide it into several, or save whole dBZ: astype('uint8')."
            )
        file.seek(begin)
        content = file.read(size)
        array = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
    except (OSError, InputError):
        raise
    except Exception as error:
        # NumPy raises ValueError, EOFError, SyntaxError, RecursionError... on a damaged header.
        reason = " ".join(str(error).split()) or type(error).__name__
        msg = f"{name} cannot be read as NPY ({reason}); write it with numpy.save from numbers."
        raise InputError(msg) from error
    if array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 1):
        return array[np.newaxis]
    return array


def _written_header(file: BinaryIO) -> tuple[tuple[int, int], bytes]:
    """Version and header of an NPY file, with its length before it as it stands there."""
    version = np.lib.format.read_magic(file)
    if version not in _NPY_HEADERS:
        raise ValueError(f"it is of version {version[0]}.{version[1]}")
    length = file.read(_LENGTH_BYTES[version])
    header = file.read(min(int.from_bytes(length, "little"), _LONGEST_HEADER + 1))
    return version, length + header


@lru_cache(maxsize=64)
def _npy_header(version: tuple[int, int], written: bytes) -> tuple[tuple[int, ...], bool, Any]:
    """Shape, order and kind of number; one box's header is as a rule the next one's."""
    return _NPY_HEADERS[version](io.BytesIO(written))
