"""
The table of a classification: Parquet files, each of a run of boxes, in one folder.

A part is written under another name and renamed, so it is there whole or not at
all. Its name says which boxes it has. Its metadata say what it passes over, and
the SHA-256 of the whole file, computed with zeros where the digest itself stands.
Any reader of Parquet takes the folder as one table.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stormlens.archive._extra import need
from stormlens.archive._layout import BLOCK, Arrays
from stormlens.errors import InputError
from stormlens.storage import atomic_path, parse_json, read_file

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "table"
"""Name of the parts' folder in what a classification leaves."""

_KEY, _DIGEST = b"stormlens", b"stormlens_sha256"
_NO_DIGEST = b"0" * 64
# The value follows its key at once, behind a byte or two of Parquet's own.
_DIGITS = re.compile(_DIGEST + rb"[^0-9a-f]{1,3}([0-9a-f]{64})")
_MAX_BYTES = 2**26
_AGAIN = "classify again"
_NAME = re.compile(r"part-(\d{9})-(\d{9})\.parquet")


@dataclass(frozen=True)
class Part:
    """
    What one part of the table holds.

    Attributes
    ----------
    first, stop : int
        Numbers in the store of its first box, and behind its last.
    boxes : int
        Rows: fewer than ``stop - first`` where a chunk could not be read.
    problems : list of str
        A sentence for each chunk that is passed over.
    simulated, simulated_training : bool
        Whether a simulator made boxes of the store, and those that trained the classifier.
    model : str
        The classifier's fingerprint.
    """

    first: int
    stop: int
    boxes: int
    problems: list[str] = field(default_factory=list)
    simulated: bool = False
    simulated_training: bool = False
    model: str = ""

    @property
    def name(self) -> str:
        """Its file's name."""
        return f"part-{self.first:09d}-{self.stop:09d}.parquet"


def make_table(
    numbers: np.ndarray,
    known: Arrays,
    probabilities: np.ndarray,
    classes: Sequence[str],
    modes: np.ndarray,
    part: Part,
    disagreement: np.ndarray | None = None,
) -> "pa.Table":
    """
    Rows of a part.

    Parameters
    ----------
    numbers : ndarray of int, shape (storm,)
        Of the boxes in the store.
    known : dict of str to ndarray
        As `Store.coordinates` gives them, of these boxes.
    probabilities : ndarray of float32, shape (storm, class)
        Rows sum to 1.
    classes : sequence of str
        Class names by code.
    modes : ndarray of str, shape (storm,)
        The name each box is given.
    part : Part
        What the metadata say.
    disagreement : ndarray of float32, shape (storm,), optional
        Of an ensemble's networks.

    Returns
    -------
    table : pyarrow.Table
        Columns box, id, time (UTC, s), latitude, longitude, coverage, echo, xmin, ymin,
        grid, source, mode, ``p_`` and each class's name, disagreement where there is an ensemble,
        model.
    """
    pa = need("pyarrow")
    times = pa.array(known["time"], pa.timestamp("s"))  # NaT becomes null
    columns = {
        "box": pa.array(numbers, pa.int64()),
        "id": pa.array(known["unid"].tolist(), pa.string()),
        "time": times.cast(pa.timestamp("s", "UTC")),
        **{name: pa.array(known[name]) for name in ("latitude", "longitude", "coverage", "echo")},
        **{name: pa.array(known[name]) for name in ("xmin", "ymin")},
        "grid": pa.array(known["grid"].tolist(), pa.string()).dictionary_encode(),
        "source": pa.array(known["source"]),
        "mode": pa.array(modes.tolist(), pa.string()).dictionary_encode(),
        **{f"p_{name}": pa.array(probabilities[:, i]) for i, name in enumerate(classes)},
        **({} if disagreement is None else {"disagreement": pa.array(disagreement)}),
        "model": pa.array([part.model] * len(numbers), pa.string()).dictionary_encode(),
    }
    return pa.table(columns).replace_schema_metadata({_KEY: json.dumps(asdict(part))})


def write_part(folder: Path, table: "pa.Table", part: Part) -> None:
    """
    Write a part under another name, and rename it.

    Parameters
    ----------
    folder : Path
        The table's.
    table : pyarrow.Table
        Of `make_table`.
    part : Part
        What it holds.

    Raises
    ------
    InputError
        If the disk is full or the place cannot be written.
    """
    table = table.replace_schema_metadata({**table.schema.metadata, _DIGEST: _NO_DIGEST})
    with atomic_path(folder / part.name) as temporary:
        with temporary.open("wb") as file:  # Arrow takes no path that is not UTF-8
            need("pyarrow.parquet").write_table(
                table, file, compression="zstd", write_page_checksum=True
            )
        content = temporary.read_bytes()
        place = _DIGITS.search(content)
        if place is None:
            raise ValueError("pyarrow wrote the metadata in another way than Parquet's")
        with temporary.open("r+b") as file:
            file.seek(place.start(1))
            file.write(sha256(content).hexdigest().encode())


def read_part(path: Path) -> Part:
    """
    What a part holds, from its metadata, once the whole file is found to be what was written.

    Parameters
    ----------
    path : Path
        The part's file.

    Returns
    -------
    part : Part

    Raises
    ------
    InputError
        If the file is damaged, or not a part.
    """
    content = read_file(path, _MAX_BYTES)
    with _damage(path):
        _check_digest(content)
        fields: Any = parse_json(_opened(content).schema_arrow.metadata[_KEY], str(path), _AGAIN)
        return Part(**fields)


def read_columns(path: Path, columns: Sequence[str]) -> "pa.Table":
    """
    Some columns of a part.

    Parameters
    ----------
    path : Path
        The part's file, which `read_part` has read.
    columns : sequence of str
        Names.

    Returns
    -------
    table : pyarrow.Table

    Raises
    ------
    InputError
        If the file is damaged, or not a part.
    """
    content = read_file(path, _MAX_BYTES)
    with _damage(path):
        return _opened(content).read(list(columns))


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} is no part of a classification, or is damaged ({reason}); delete it and "
            f"{_AGAIN}."
        ) from error


def _opened(content: bytes) -> Any:
    """A Parquet file in memory, of no more rows than a part and nothing that swells."""
    file = need("pyarrow.parquet").ParquetFile(need("pyarrow").BufferReader(content))
    metadata = file.metadata
    unpacked = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if metadata.num_rows > BLOCK or unpacked > _MAX_BYTES:
        raise ValueError(f"it promises {metadata.num_rows} rows of {unpacked} bytes")
    return file


def _check_digest(content: bytes) -> None:
    """Refuse bytes that are not those that were written; older parts have no digest."""
    place = _DIGITS.search(content)
    if place is None:
        if _DIGEST in content:
            raise ValueError("its checksum is cut short or not in its place")
        return
    counted = content[: place.start(1)] + _NO_DIGEST + content[place.end(1) :]
    if sha256(counted).hexdigest().encode() != place[1]:
        raise ValueError("it does not fit its checksum")


def list_parts(folder: Path) -> list[tuple[int, int, Path]]:
    """
    Parts that are there, by their names, in order.

    Parameters
    ----------
    folder : Path
        The table's.

    Returns
    -------
    parts : list of (int, int, Path)
        First box, the one behind the last, and file.
    """
    if not folder.is_dir():
        return []
    found = [(_NAME.fullmatch(path.name), path) for path in folder.iterdir()]
    return sorted((int(m[1]), int(m[2]), path) for m, path in found if m is not None)


def missing_ranges(parts: Sequence[tuple[int, int]], boxes: int) -> list[tuple[int, int]]:
    """
    Runs of boxes that no part holds, cut where the store's files end.

    Parameters
    ----------
    parts : sequence of (int, int)
        First box and the one behind the last of each part, in order.
    boxes : int
        How many there are in all.

    Returns
    -------
    ranges : list of (int, int)
        First box, and the one behind the last.

    Raises
    ------
    InputError
        If two parts hold the same box, or one holds boxes that are not in the store.

    Examples
    --------
    >>> missing_ranges([(0, 2048), (4096, 5000)], 6500)
    [(2048, 4096), (5000, 6144), (6144, 6500)]
    """
    ranges, end = [], 0
    for first, stop in [*parts, (boxes, boxes)]:
        if first < end or stop > boxes:
            raise InputError(
                f"The part of boxes {first} to {stop - 1} does not fit the others or the store of "
                f"{boxes} boxes; classify into a new folder."
            )
        while end < first:
            edge = min((end // BLOCK + 1) * BLOCK, first)
            ranges.append((end, edge))
            end = edge
        end = stop
    return ranges
