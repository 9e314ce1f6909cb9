"""
The store of an archive's boxes: a Zarr group of format 3, cut along the storms.

Arrays have the container's names and dimensions (storm, y, x), so that
``xarray.open_zarr`` gives the container with its storm coordinates. Boxes are
compressed in chunks of 256 with a checksum each; eight chunks share a file,
which keeps half a million boxes in some 250 files. How many boxes there are is
what the catalogue counts; the arrays may be longer while a build is at work.
"""

import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.archive import _catalogue as catalogue
from stormlens.archive._extra import need
from stormlens.archive._shard import CHUNK, CHUNKS, LEVEL, decode, unpacked_size
from stormlens.errors import InputError, printable
from stormlens.storage import disk_errors, parse_json, read_file, read_json, write_bytes, write_text
from stormlens.stormbox import ECHO_DBZ, SIZE, Boxes, offsets_km

BLOCK = CHUNK * CHUNKS
"""Boxes in one file of reflectivity, and in one task of a classification."""

GROUP = "boxes.zarr"
"""Name of the Zarr group in a store's folder."""

_FORMAT = 2
_WRITING = {"array.write_empty_chunks": True}  # so that a chunk that is not there is a lost one
_COORDINATE_CHUNK = 8 * BLOCK
_MAX_CHUNK = 2**26
"""Bytes of a chunk of coordinates, and of what it unpacks to."""

_AGAIN = "restore the store from a copy or build it again"
_NO_TIME, _NO_CELL = -(2**63), -(2**31)
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class _Field:
    dtype: Any
    fill: Any
    attrs: dict[str, Any]


def _number(dtype: str, fill: Any, **attrs: Any) -> _Field:
    return _Field(dtype, fill, {**attrs, "_FillValue": fill} if dtype[0] == "i" else attrs)


_FIELDS = {
    "unid": _Field(str, "", {"long_name": "identifier"}),
    "time": _number(
        "int64",
        _NO_TIME,
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


_TEXTS = ("unid", "grid")

# Type, shape of a chunk, and codecs of each array, as Zarr names them.
_LAYOUT = {
    "reflectivity": ("uint8", [BLOCK, SIZE, SIZE], ["sharding_indexed"]),
    **{
        name: (str(field.dtype), [_COORDINATE_CHUNK], ["bytes", "zstd"])
        for name, field in _FIELDS.items()
    },
    **dict.fromkeys(_TEXTS, ("string", [_COORDINATE_CHUNK], ["vlen-utf8", "zstd"])),
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
    arrays["time"] = np.where(np.isnat(seconds), _NO_TIME, seconds.astype(np.int64))
    for name in ("latitude", "longitude", "coverage", "echo", "xmin", "ymin"):
        field = _FIELDS[name]
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
            units="dBZ", long_name="column-maximum reflectivity", coordinates=" ".join(_FIELDS)
        )
        for name, field in _FIELDS.items():
            array = group.create_array(
                name,
                shape=(0,),
                dtype=field.dtype,
                chunks=(_COORDINATE_CHUNK,),
                dimension_names=("storm",),
                compressors=squeezed,
                fill_value=field.fill,
            )
            array.attrs.update(field.attrs)
        for name, edge in (("y", "southern"), ("x", "western")):
            axis = group.create_array(name, data=offsets_km(), dimension_names=(name,))
            axis.attrs.update(units="km", long_name=f"from {edge} edge")
        plain = {name: _plain(value) for name, value in attrs.items()}
        group.attrs.update({"Conventions": "CF-1.11", **plain, "format": _FORMAT})
        making.rename(path / GROUP)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    return value if isinstance(value, int | float) else json.dumps(value, sort_keys=True)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        yield


def when_changed(path: Path) -> tuple[tuple[int, int], ...]:
    """
    What changes when boxes are added to a store.

    Parameters
    ----------
    path : Path
        Its folder.

    Returns
    -------
    stamps : tuple of tuple of int
        When each description of the group and its arrays was written, and its size.

    Raises
    ------
    InputError
        If it is no store.
    """
    names = ("", "reflectivity", *_FIELDS)
    try:
        stats = [(path / GROUP / name / "zarr.json").stat() for name in names]
    except OSError as error:
        raise _no_store(path) from error
    return tuple((one.st_mtime_ns, one.st_size) for one in stats)


def _no_store(path: Path) -> InputError:
    return InputError(
        f"{path} is no store of boxes; give the folder that `stormlens archive build` left."
    )


def _settings(attrs: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What decided the boxes; older stores hold it as it is, not as JSON text."""
    settings = attrs.get("settings", {})
    if isinstance(settings, str):
        settings = parse_json(settings, f"{path}: attribute settings", _AGAIN)
    if not isinstance(settings, dict):
        raise InputError(f"{path}: attribute settings is damaged; {_AGAIN}.")
    return settings


def _check_described(path: Path) -> None:
    """
    Refuse arrays that `create` would not make; their length may be any.

    A description comes from outside, and Zarr would make room for whole chunks of any size that
    it names.
    """
    if not (path / GROUP / "zarr.json").is_file():
        raise _no_store(path)
    read_json(path / GROUP / "zarr.json", _AGAIN)
    for name, expected in _LAYOUT.items():
        file = path / GROUP / name / "zarr.json"
        described = read_json(file, _AGAIN)
        try:
            chunks = described["chunk_grid"]["configuration"]["chunk_shape"]
            codecs = [codec["name"] for codec in described["codecs"]]
            shape = described["shape"]
            found = described["data_type"], [shape[0], *chunks[1:]], chunks, codecs
            is_ours = found == (expected[0], shape, *expected[1:])
        except (TypeError, KeyError, IndexError):
            is_ours = False
        if not is_ours:
            raise InputError(f"{file} does not describe what a store holds; {_AGAIN}.")


class Store:
    """
    A store that is there.

    Attributes
    ----------
    path : Path
        Its folder.
    attrs : dict
        Of the group, as they lie there.
    settings : dict
        What decided its boxes.

    Parameters
    ----------
    path : Path
        Its folder.
    writable : bool, optional
        Whether boxes will be added.

    Raises
    ------
    InputError
        If the folder is none, or its format is not known.
    """

    def __init__(self, path: Path, *, writable: bool = False) -> None:
        zarr = need("zarr")
        self.path = path
        _check_described(path)
        try:
            self._group = zarr.open_group(
                path / GROUP, mode="r+" if writable else "r", zarr_format=3, use_consolidated=False
            )
            self.attrs: dict[str, Any] = dict(self._group.attrs)
        except (OSError, ValueError, KeyError) as error:
            raise _no_store(path) from error
        if self.attrs.get("format") != _FORMAT:
            raise InputError(
                f"{path} is no store of format {_FORMAT}; build it again with this stormlens."
            )
        self.settings = _settings(self.attrs, path)
        with zarr.config.set(_WRITING):  # arrays take the setting of when they are opened
            self._arrays = {name: self._group[name] for name in ("reflectivity", *_FIELDS)}
        self._chunks: dict[str, tuple[int, np.ndarray]] = {}  # the last of each coordinate

    @property
    def boxes(self) -> int:
        """How many boxes the catalogue counts."""
        return catalogue.count_boxes(self.path)

    @property
    def identity(self) -> str:
        """What tells this store from others, and stays when boxes are added: 16 hex digits."""
        first = next(catalogue.read_rows(self.path), None)
        # The input's stamp is left out: a copy of an archive is the same archive.
        begin = None if first is None else [first.input, first.size, first.boxes]
        text = json.dumps([self.settings, begin], sort_keys=True)
        return sha256(text.encode()).hexdigest()[:16]

    def truncate(self, boxes: int) -> None:
        """
        Shorten the arrays to a number of boxes, and prepare them to grow.

        Parameters
        ----------
        boxes : int
            What the catalogue counts.
        """
        self._chunks.clear()
        for array in self._arrays.values():
            if array.shape[0] != boxes:
                array.resize((boxes, *array.shape[1:]))
        self._drop_consolidated()

    def put(self, number: int, content: Path | bytes) -> None:
        """
        Put a file of reflectivity in place.

        Parameters
        ----------
        number : int
            Of the file.
        content : Path or bytes
            A file on the same disk, which is moved, or what is to be in it.

        Raises
        ------
        InputError
            If the disk is full.
        """
        path = self.shard(number)
        if isinstance(content, bytes):
            write_bytes(path, content)
            return
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            content.replace(path)

    def extend(self, first: int, coordinates: Arrays) -> None:
        """
        Make the arrays longer by boxes whose reflectivity is in place.

        Parameters
        ----------
        first : int
            Number of the first; the arrays end there.
        coordinates : dict of str to ndarray
            As `as_arrays` gives them, with `source`; reflectivity may be left out.

        Raises
        ------
        InputError
            If the disk is full.
        """
        stop = first + len(coordinates["unid"])
        self._chunks.clear()
        with disk_errors(self.path):
            for name, array in self._arrays.items():
                array.resize((stop, *array.shape[1:]))
                if name in _FIELDS:
                    array[first:stop] = coordinates[name]

    def finish(self, **attrs: Any) -> None:
        """
        Leave the store as others read it: with one summary of all its arrays.

        Parameters
        ----------
        **attrs
            Attributes to set.
        """
        with disk_errors(self.path), _quiet():
            self._group.attrs.update(attrs)
            need("zarr").consolidate_metadata(self.path / GROUP, zarr_format=3)

    @property
    def finished(self) -> bool:
        """Whether `finish` was the last that was done to it."""
        return self._described().get("consolidated_metadata") is not None

    def _described(self) -> dict[str, Any]:
        described: dict[str, Any] = json.loads((self.path / GROUP / "zarr.json").read_text())
        return described

    def _drop_consolidated(self) -> None:
        """Remove Zarr's summary of all arrays, whose sizes are about to change."""
        described = self._described()
        if described.pop("consolidated_metadata", None) is not None:
            write_text(self.path / GROUP / "zarr.json", json.dumps(described, indent=2))

    def images(self, first: int, stop: int) -> np.ndarray:
        """
        Boxes.

        Parameters
        ----------
        first, stop : int
            Numbers of the first, and behind the last.

        Returns
        -------
        images : ndarray of uint8, shape (stop - first, 136, 136)
            Whole dBZ.

        Raises
        ------
        InputError
            If any chunk is damaged; read chunk by chunk to find which.
        """
        images = np.empty((stop - first, SIZE, SIZE), np.uint8)
        with self._damage("reflectivity", first, stop):
            for block in range(first // BLOCK, -(-stop // BLOCK)):
                begin = block * BLOCK
                low, high = max(begin, first), min(begin + BLOCK, stop)
                path = self.shard(block)
                if not path.is_file():
                    raise FileNotFoundError(f"{path.relative_to(self.path)} is missing")
                decode(path, low - begin, images[low - first : high - first])
        return images

    def shard(self, number: int) -> Path:
        """
        A file of reflectivity.

        Parameters
        ----------
        number : int
            Of the file; it holds 2,048 boxes.

        Returns
        -------
        path : Path
        """
        return self.path / GROUP / "reflectivity" / "c" / str(number) / "0" / "0"

    def coordinates(self, first: int, stop: int) -> Arrays:
        """
        What is known of boxes.

        Parameters
        ----------
        first, stop : int
            Numbers of the first, and behind the last.

        Returns
        -------
        coordinates : dict of str to ndarray
            (storm,) each; `time` as datetime64[s], NaT where unknown.

        Raises
        ------
        InputError
            If a chunk is damaged.
        """
        found = {name: self._read(name, first, stop) for name in _FIELDS}
        for name in _TEXTS:
            found[name] = found[name].astype(object)
        found["time"] = np.where(
            found["time"] == _NO_TIME, np.datetime64("NaT", "s"), found["time"].astype("M8[s]")
        )
        return found

    def _read(self, name: str, first: int, stop: int) -> np.ndarray:
        with self._damage(name, first, stop):
            if first == stop:
                return np.asarray(self._arrays[name][:0])
            numbers = range(first // _COORDINATE_CHUNK, -(-stop // _COORDINATE_CHUNK))
            chunks = [self._chunk(name, number) for number in numbers]
            values = np.concatenate(chunks) if len(chunks) > 1 else chunks[0]
            begin = numbers.start * _COORDINATE_CHUNK
            values = values[first - begin : stop - begin]
            if len(values) != stop - first:
                raise ValueError(f"there are {len(values)} of {stop - first}")
            return values

    def _chunk(self, name: str, number: int) -> np.ndarray:
        """A chunk of a coordinate; it serves several calls, as it holds eight files' boxes."""
        latest = self._chunks.get(name)
        if latest is not None and latest[0] == number:
            return latest[1]
        path = self.path / GROUP / name / "c" / str(number)
        if not path.is_file():  # Zarr reads it as its fill value
            raise FileNotFoundError(f"{path.relative_to(self.path)} is missing")
        _check_chunk(path, is_text=name in _TEXTS)
        first = number * _COORDINATE_CHUNK
        values = np.asarray(self._arrays[name][first : first + _COORDINATE_CHUNK])
        values.flags.writeable = False
        self._chunks[name] = number, values
        return values

    @contextmanager
    def _damage(self, name: str, first: int, stop: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Zarr, its codecs and the disk raise a dozen kinds on a damaged chunk.
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"{self.path}: {name} of boxes {first} to {stop - 1} cannot be read ({reason}); "
                f"{_AGAIN}."
            ) from error


def _check_chunk(path: Path, *, is_text: bool) -> None:
    """
    Refuse a chunk that would take much memory, before Zarr makes room for it.

    It must say what size it unpacks to, and a chunk of text how many texts it has.
    """
    content = read_file(path, _MAX_CHUNK)
    size = unpacked_size(content)
    if size is None or size > _MAX_CHUNK:
        raise ValueError(f"{path.name} does not unpack to a chunk")
    if is_text:
        head = need("numcodecs.zstd").Zstd().decode(content)[:4]
        if int.from_bytes(head, "little") > _COORDINATE_CHUNK:
            raise ValueError(f"{path.name} holds more text than a chunk")
