"""
Chunks of NOAA's real-time feed of NEXRAD volumes, put together.

The feed sends a volume in pieces as the antenna turns, named like
``20260328-201457-001-S``, ``-002-I``, ... ``-055-E``: when the volume began, the
number of the chunk, and whether it is the start, one in between, or the end. One
behind the other they are the volume; only the first has its header.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stormlens.errors import InputError
from stormlens.readers._nexrad import read_nexrad
from stormlens.readers._options import Options
from stormlens.readers._unpack import MAX_BYTES
from stormlens.stormbox import Mosaic

_NAME = re.compile(r"(\d{8}-\d{6})-(\d{3})-[SIE]")


@dataclass(frozen=True)
class Chunks:
    """
    Files that are one volume together.

    Attributes
    ----------
    files : tuple of Path
        One or more, of one volume, in the order of their numbers.
    """

    files: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.files[0]} to {self.files[-1].name}"

    @property
    def missing(self) -> list[int]:
        """Numbers of the chunks that are missing before the last one present."""
        present = {_number(file) for file in self.files}
        return [number for number in range(1, max(present)) if number not in present]


def volumes_of(files: Iterable[Path]) -> list[Path | Chunks]:
    """
    Put the chunks of each real-time volume together among files of any kind.

    Parameters
    ----------
    files : iterable of Path
        Only their names distinguish them.

    Returns
    -------
    volumes : list of Path or Chunks
        In the order in which each was first met; chunks of one folder and one volume are one,
        in the order of their numbers, and a chunk without others is the file that it is.
    """
    groups: dict[object, list[Path]] = {}
    for place, file in enumerate(files):
        match = _NAME.fullmatch(file.name)
        groups.setdefault((file.parent, match[1]) if match else place, []).append(file)
    return [_one(group) for group in groups.values()]


def _one(files: Sequence[Path]) -> Path | Chunks:
    if len(files) == 1:
        return files[0]
    by_number = {_number(file): file for file in files}
    return Chunks(tuple(by_number[number] for number in sorted(by_number)))


def _number(file: Path) -> int:
    match = _NAME.fullmatch(file.name)
    return int(match[2]) if match else 0


def read_chunks(chunks: Chunks, contents: Iterable[bytes], name: str, options: Options) -> Mosaic:
    """
    Column maximum of a volume of which some chunks are there.

    Parameters
    ----------
    chunks : Chunks
        Their files.
    contents : iterable of bytes
        The content of each, unpacked.
    name : str
        What errors call them.
    options : Options
        As for `read_nexrad`.

    Returns
    -------
    mosaic : Mosaic
        Of the rays that are there; `product` says which chunks are missing in between, and
        whether the volume is unfinished.

    Raises
    ------
    InputError
        As `read_nexrad`, or if the chunk that begins the volume is missing.
    """
    missing = chunks.missing
    if 1 in missing:
        first = f"{chunks.files[0].name[:-5]}001-S"
        raise InputError(f"{name}: the chunk that begins the volume is missing; give {first} too.")
    parts, left = [], MAX_BYTES
    for content in contents:
        parts.append(content)
        left -= len(content)
        if left < 0:
            raise InputError(f"{name} hold more than {MAX_BYTES >> 20} MiB, which is refused.")
    remarks = []
    if missing:
        numbers = ", ".join(map(str, missing[:5])) + (" and others" if len(missing) > 5 else "")
        one = len(missing) == 1
        remarks = [f"chunk{'' if one else 's'} {numbers} {'is' if one else 'are'} missing"]
    return read_nexrad(b"".join(parts), name, options, remarks=remarks)
