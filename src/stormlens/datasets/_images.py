"""
Storm boxes out of the files a person has: PNG, NPY and NetCDF.

SVRIMG keeps dBZ as the palette *indices* of a PNG whose first row of pixels is
the box's southern edge, so a picture viewer shows it upside down. Indices are
read as they lie in the file, without a flip and without their colours; an RGB
or grey PNG holds colours instead of dBZ and is refused.
"""

import io
import math
import os
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from stormlens.datasets._boxes import check_reflectivity, join_boxes, make_boxes
from stormlens.datasets._container import MAX_VALUES, is_simulated, read_netcdf
from stormlens.datasets._join import join
from stormlens.errors import InputError, printable
from stormlens.storage import check_file, opened_file, read_file
from stormlens.stormbox import SIZE, Boxes, time_of_unid

if TYPE_CHECKING:
    import xarray as xr

ARRAY_SUFFIXES = (".png", ".npy")
NETCDF_SUFFIXES = (".nc", ".nc4", ".netcdf")
MAX_SIDE = 4096
"""Longest side of an image read from a file, pixels."""

_MAX_PNG_BYTES = 2**26
_NPY_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"
_PNG_KINDS = {
    "RGB": "an RGB image",
    "RGBA": "an RGB image with transparency",
    "L": "a grey image",
    "LA": "a grey image with transparency",
    "I": "a 16-bit grey image",
    "I;16": "a 16-bit grey image",
    "I;16B": "a 16-bit grey image",
    "1": "a black-and-white image",
}


def read_images(
    paths: str | Path | Iterable[str | Path], *, shape: tuple[int, int] = (SIZE, SIZE)
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
    listed = _listed(paths)
    parts = [
        _read_netcdf(path, shape) if _is_netcdf(path) else _read_array(path, shape).to_xarray()
        for path in listed
    ]
    labelled = all("mode" in part for part in parts)
    if not labelled:
        parts = [part.drop_vars("mode", errors="ignore") for part in parts]
    names = _told_apart([part["unid"].values.tolist() for part in parts], listed)
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
    paths: str | Path | Iterable[str | Path], *, shape: tuple[int, int] = (SIZE, SIZE)
) -> Boxes:
    """
    Read storm boxes from files as plain arrays, in the order given; labels are left.

    Parameters
    ----------
    paths, shape
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
    listed = _listed(paths)
    parts = [
        Boxes.from_xarray(_read_netcdf(path, shape).drop_vars("split", errors="ignore"))
        if _is_netcdf(path)
        else _read_array(path, shape)
        for path in listed
    ]
    names = _told_apart([part.storm["unid"].tolist() for part in parts], listed)
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


def _read_array(path: Path, shape: tuple[int, int]) -> Boxes:
    images = read_array(path, shape=shape)
    return make_boxes(
        images,
        unid=image_names(path, len(images)),
        time=np.full(len(images), time_of_name(path.stem)),
        source=path.name,
        where=str(path),
    )


def _told_apart(own: list[list[str]], paths: list[Path]) -> list[np.ndarray]:
    """Names of boxes that two files share get the folder, or the file where that is shared too."""
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


def read_array(path: Path, *, shape: tuple[int, int] | None = None) -> np.ndarray:
    """
    Images of one PNG or NPY file, checked.

    Parameters
    ----------
    path : Path
        File with suffix ``.png`` or ``.npy``.
    shape : tuple of int, optional
        Rows and columns required; any unless told.

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
    if path.suffix.lower() == ".png":
        raw = read_palette_png(path)
    else:
        with opened_file(path, None) as file:
            raw = npy_array(file, str(path))
    return check_reflectivity(raw, where=str(path), shape=shape)


def read_palette_png(path: Path) -> np.ndarray:
    """
    Palette indices of a PNG file: the dBZ values of an SVRIMG image.

    Parameters
    ----------
    path : Path
        PNG with a palette.

    Returns
    -------
    indices : ndarray of uint8, shape (1, y, x)
        As they lie in the file: row 0 is the southern edge.

    Raises
    ------
    InputError
        If the file is no PNG, is cut short, is over 4096 pixels wide, or has no palette.
    """
    return palette_indices(read_file(path, _MAX_PNG_BYTES), str(path))[np.newaxis]


def palette_indices(content: bytes, name: str) -> np.ndarray:
    """
    Palette indices of a PNG: the dBZ values of an SVRIMG image.

    Parameters
    ----------
    content : bytes
        PNG with a palette.
    name : str
        What errors call it.

    Returns
    -------
    indices : ndarray of uint8, shape (y, x)
        As they lie in the file: row 0 is the southern edge.

    Raises
    ------
    InputError
        If the content is no PNG, is cut short, is over 4096 pixels wide, or has no palette.
    """
    from PIL import Image

    if not content.startswith(_PNG_START):
        raise InputError(f"{name} is not a PNG image; get the original file.")
    if _PNG_END not in content:
        raise InputError(f"{name} is a PNG image cut short; get it again.")
    columns, rows = struct.unpack(">II", content[16:24])
    if max(rows, columns) > MAX_SIDE:
        raise InputError(
            f"{name} is {rows} x {columns} pixels; images over {MAX_SIDE} are refused."
        )
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            _check_palette(image.mode, name)
            return np.asarray(image, np.uint8)
    except InputError:
        raise
    except Exception as error:
        # Pillow raises OSError, SyntaxError, ValueError, struct.error... on a damaged PNG.
        raise InputError(f"{name} is a damaged PNG image; get it again.") from error


def _check_palette(mode: str, name: str) -> None:
    if mode != "P":
        msg = (
            f"{name} is {_PNG_KINDS.get(mode, f'an image of mode {mode}')}; "
            "a storm box keeps its dBZ as palette indices. Use the original PNG."
        )
        raise InputError(msg)


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
        version = np.lib.format.read_magic(file)
        shape, is_fortran, dtype = _NPY_HEADERS[version](file)
        size = dtype.itemsize * math.prod(shape)
        if dtype.hasobject:
            raise ValueError("it holds Python objects, not numbers")
        begin = file.tell()
        held = file.seek(0, os.SEEK_END) - begin
        if held < size:
            raise ValueError(f"it holds {held} of {size} bytes")
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
