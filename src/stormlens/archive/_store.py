"""
The store of an archive's boxes: a Zarr group of format 3, cut along the storms.

Arrays have the container's names and dimensions (storm, y, x), so that
``xarray.open_zarr`` gives the container with its storm coordinates. Boxes are
compressed in chunks of 256 with a checksum each; eight chunks share a file,
which keeps half a million boxes in some 250 files. How many boxes there are is
what the catalogue counts; the arrays may be longer while a build is at work.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.archive import _catalogue as catalogue
from stormlens.archive._extra import need
from stormlens.archive._layout import (
    AGAIN,
    BLOCK,
    COORDINATE_CHUNK,
    FIELDS,
    FORMAT,
    GROUP,
    NO_TIME,
    TEXTS,
    Arrays,
    check_layout,
    no_store,
)
from stormlens.archive._shard import decode, unpacked_size
from stormlens.errors import InputError
from stormlens.storage import disk_errors, parse_json, read_file, write_bytes, write_text
from stormlens.stormbox import SIZE

_WRITING = {"array.write_empty_chunks": True}  # so that a chunk that is not there is a lost one
_MAX_CHUNK = 2**26
"""Bytes of a chunk of coordinates, and of what it unpacks to."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Zarr's warning that its format 3 has no such summary yet; xarray reads it."""
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
    names = ("", "reflectivity", *FIELDS)
    try:
        stats = [(path / GROUP / name / "zarr.json").stat() for name in names]
    except OSError as error:
        raise no_store(path) from error
    return tuple((one.st_mtime_ns, one.st_size) for one in stats)


def _settings(attrs: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """What decided the boxes; older stores hold it as it is, not as JSON text."""
    settings = attrs.get("settings", {})
    if isinstance(settings, str):
        settings = parse_json(settings, f"{path}: attribute settings", AGAIN)
    if not isinstance(settings, dict):
        raise InputError(f"{path}: attribute settings is damaged; {AGAIN}.")
    return settings


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
        check_layout(path)
        try:
            self._group = zarr.open_group(
                path / GROUP, mode="r+" if writable else "r", zarr_format=3, use_consolidated=False
            )
            self.attrs: dict[str, Any] = dict(self._group.attrs)
        except (OSError, ValueError, KeyError) as error:
            raise no_store(path) from error
        if self.attrs.get("format") != FORMAT:
            raise InputError(
                f"{path} is no store of format {FORMAT}; build it again with this stormlens."
            )
        self.settings = _settings(self.attrs, path)
        with zarr.config.set(_WRITING):  # arrays take the setting of when they are opened
            self._arrays = {name: self._group[name] for name in ("reflectivity", *FIELDS)}
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
                if name in FIELDS:
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
        with self._as_sentence("reflectivity", first, stop):
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
        found = {name: self._read(name, first, stop) for name in FIELDS}
        for name in TEXTS:
            found[name] = found[name].astype(object)
        found["time"] = np.where(
            found["time"] == NO_TIME, np.datetime64("NaT", "s"), found["time"].astype("M8[s]")
        )
        return found

    def _read(self, name: str, first: int, stop: int) -> np.ndarray:
        with self._as_sentence(name, first, stop):
            if first == stop:
                return np.asarray(self._arrays[name][:0])
            numbers = range(first // COORDINATE_CHUNK, -(-stop // COORDINATE_CHUNK))
            chunks = [self._chunk(name, number) for number in numbers]
            values = np.concatenate(chunks) if len(chunks) > 1 else chunks[0]
            begin = numbers.start * COORDINATE_CHUNK
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
        _check_chunk(path, is_text=name in TEXTS)
        first = number * COORDINATE_CHUNK
        values = np.asarray(self._arrays[name][first : first + COORDINATE_CHUNK])
        values.flags.writeable = False
        self._chunks[name] = number, values
        return values

    @contextmanager
    def _as_sentence(self, name: str, first: int, stop: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Zarr, its codecs and the disk raise a dozen kinds on a damaged chunk.
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"{self.path}: {name} of boxes {first} to {stop - 1} cannot be read ({reason}); "
                f"{AGAIN}."
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
        if int.from_bytes(head, "little") > COORDINATE_CHUNK:
            raise ValueError(f"{path.name} holds more text than a chunk")
