"""
How a store lies on the disk: its arrays, their types and chunks, and what is not known.

`create` writes it, `check_layout` refuses another one, and `as_arrays` puts boxes into its types.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.archive._extra import need
from stormlens.archive._shard import CHUNK, CHUNKS, LEVEL
from stormlens.errors import InputError, printable
from stormlens.storage import disk_errors, read_json
from stormlens.stormbox import ECHO_DBZ, SIZE, Boxes, offsets_km

BLOCK = CHUNK * CHUNKS
"""Boxes in one file of reflectivity, and in one task of a classification."""

GROUP = "boxes.zarr"
"""Name of the Zarr group in a store's folder."""

FORMAT = 2
COORDINATE_CHUNK = 8 * BLOCK
AGAIN = "restore the store from a copy or build it again"
NO_TIME, _NO_CELL = -(2**63), -(2**31)  # the least that each type has

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class _Field:
    dtype: Any
    fill: Any
    attrs: dict[str, Any]


def _number(dtype: str, fill: Any, **attrs: Any) -> _Field:
    return _Field(dtype, fill, {**attrs, "_FillValue": fill} if dtype[0] == "i" else attrs)


FIELDS = {
    "unid": _Field(str, "", {"long_name": "identifier"}),
    "time": _number(
        "int64",
        NO_TIME,
        standard_name="time",
        units="seconds since 1970-01-01",
        calendar="standard",
    ),
    "latitude": _number("float64", np.nan, units="degrees_north"),
    "longitude": _number("float64", np.nan, units="degrees_east"),
    "coverage": _number("float32", np.nan, units="1", long_name="share that some radar sees"),
    "echo": _number("float32", np.nan, units="1", long_name=f"share of {ECHO_DBZ} dBZ or more"),
    "xmin": _number("int32", _NO_CELL, long_name="westernmost cell of the grid"),
    "ymin": _number("int32", _NO_CELL, long_name="southernmost cell of the grid"),
    "grid": _Field(str, "", {"long_name": "grid that the cells are of"}),
    "source": _Field("int32", -1, {"long_name": "row of the catalogue, counted from 0"}),
}

TEXTS = ("unid", "grid")

# Type, shape of a chunk, and codecs of each array, as Zarr names them.
_LAYOUT = {
    "reflectivity": ("uint8", [BLOCK, SIZE, SIZE], ["sharding_indexed"]),
    **{
        name: (str(field.dtype), [COORDINATE_CHUNK], ["bytes", "zstd"])
        for name, field in FIELDS.items()
    },
    **dict.fromkeys(TEXTS, ("string", [COORDINATE_CHUNK], ["vlen-utf8", "zstd"])),
}


def empty_arrays() -> Arrays:
    """
    The arrays of no box.

    Returns
    -------
    arrays : dict of str to ndarray
    """
    return as_arrays(None)


def as_arrays(boxes: Boxes | None) -> Arrays:
    """
    What a store keeps of boxes.

    Parameters
    ----------
    boxes : Boxes or None
        Of whose storms `coverage`, `echo`, `xmin`, `ymin`, `grid` may be absent; the share of echo
        is then counted, the others stay unknown. None for no box.

    Returns
    -------
    arrays : dict of str to ndarray
        `reflectivity` uint8 (storm, y, x), and (storm,) each: `unid`, `time` in s since
        1970-01-01, `latitude`, `longitude`, `coverage`, `echo`, `xmin`, `ymin`, `grid`.

    Raises
    ------
    InputError
        If the boxes have another size than 136 x 136.
    """
    if boxes is None:
        none = {"unid": np.empty(0, str), "time": np.empty(0, "datetime64[ns]")}
        boxes = Boxes(np.empty((0, SIZE, SIZE), np.uint8), none, "nothing")
    images, storm = boxes.reflectivity, boxes.storm
    if images.shape[1:] != (SIZE, SIZE):
        rows, columns = images.shape[1:]
        raise InputError(f"A box has {rows} x {columns} pixels; a store holds {SIZE} x {SIZE}.")
    arrays = {"reflectivity": images, "unid": storm["unid"].astype(object)}
    seconds = storm["time"].astype("datetime64[s]")
    arrays["time"] = np.where(np.isnat(seconds), NO_TIME, seconds.astype(np.int64))
    for name in ("latitude", "longitude", "coverage", "echo", "xmin", "ymin"):
        field = FIELDS[name]
        values = storm[name] if name in storm else np.full(len(images), field.fill)
        arrays[name] = values.astype(field.dtype)
    grid = storm["grid"] if "grid" in storm else np.full(len(images), "")
    arrays["grid"] = grid.astype(object)
    if "echo" not in storm:
        arrays["echo"] = (images >= ECHO_DBZ).mean((1, 2), dtype=np.float32)
    return arrays


def create(path: Path, attrs: Mapping[str, Any]) -> None:
    """
    Make an empty store.

    Parameters
    ----------
    path : Path
        Folder of the store.
    attrs : mapping
        Attributes other than ``format``. Text and numbers are kept as they are, anything else as
        JSON text, since NetCDF has no attributes within attributes.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    zarr = need("zarr")
    squeezed = zarr.codecs.ZstdCodec(level=LEVEL, checksum=True)
    making = path / f".{GROUP}.new"
    with disk_errors(path):
        shutil.rmtree(making, ignore_errors=True)
        group = zarr.open_group(making, mode="w-", zarr_format=3)
        images = group.create_array(
            "reflectivity",
            shape=(0, SIZE, SIZE),
            dtype="uint8",
            chunks=(CHUNK, SIZE, SIZE),
            shards=(BLOCK, SIZE, SIZE),
            dimension_names=("storm", "y", "x"),
            compressors=squeezed,
            fill_value=0,
        )
        images.attrs.update(
            units="dBZ", long_name="column-maximum reflectivity", coordinates=" ".join(FIELDS)
        )
        for name, field in FIELDS.items():
            array = group.create_array(
                name,
                shape=(0,),
                dtype=field.dtype,
                chunks=(COORDINATE_CHUNK,),
                dimension_names=("storm",),
                compressors=squeezed,
                fill_value=field.fill,
            )
            array.attrs.update(field.attrs)
        for name, edge in (("y", "southern"), ("x", "western")):
            axis = group.create_array(name, data=offsets_km(), dimension_names=(name,))
            axis.attrs.update(units="km", long_name=f"from {edge} edge")
        plain = {name: _plain(value) for name, value in attrs.items()}
        group.attrs.update({"Conventions": "CF-1.11", **plain, "format": FORMAT})
        making.rename(path / GROUP)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    return value if isinstance(value, int | float) else json.dumps(value, sort_keys=True)


def check_layout(path: Path) -> None:
    """
    Refuse arrays that `create` would not make; their length may be any.

    A description comes from outside, and Zarr would make room for whole chunks of any size that
    it names.
    """
    if not (path / GROUP / "zarr.json").is_file():
        raise no_store(path)
    read_json(path / GROUP / "zarr.json", AGAIN)
    for name, expected in _LAYOUT.items():
        file = path / GROUP / name / "zarr.json"
        described = read_json(file, AGAIN)
        try:
            chunks = described["chunk_grid"]["configuration"]["chunk_shape"]
            codecs = [codec["name"] for codec in described["codecs"]]
            shape = described["shape"]
            found = described["data_type"], [shape[0], *chunks[1:]], chunks, codecs
            is_ours = found == (expected[0], shape, *expected[1:])
        except (TypeError, KeyError, IndexError):
            is_ours = False
        if not is_ours:
            raise InputError(f"{file} does not describe what a store holds; {AGAIN}.")


def no_store(path: Path) -> InputError:
    return InputError(
        f"{path} is no store of boxes; give the folder that `stormlens archive build` left."
    )
