"""
What of a source is still to be read, unit by unit, always in the same order.

Tar files are streamed, here and not on a worker, as a compressed stream can
only be read from its start; their members go to the workers in groups.
"""

import tarfile
import zlib
from collections.abc import Iterator
from typing import Any

from stormlens.archive._catalogue import Known
from stormlens.archive._extract import Members, RadarFile, SimulatedBoxes, Unit
from stormlens.archive._inputs import SIMULATED, Input, find_inputs, open_input
from stormlens.errors import InputError

MEMBERS = 256
"""Members of a tar file in one unit."""

SIMULATED_PART = 512
"""Simulated boxes in one unit."""

_MAX_MEMBER = 2**20
_TAR_ERRORS = (tarfile.TarError, EOFError, OSError, zlib.error)


class Plan:
    """
    Units of a source that a store does not hold yet.

    Parameters
    ----------
    source : str
        As `build` takes it.
    known : Known
        What the store holds; it may grow while units are taken.
    retry : bool
        Whether what failed is read again.
    count, seed : int
        Of simulated boxes.

    Attributes
    ----------
    passed : int
        Inputs, or simulated boxes, that are there already.
    changed : list of str
        A sentence for each input that differs from what was read before.
    """

    def __init__(self, source: str, known: Known, *, retry: bool, count: int, seed: int) -> None:
        self._source, self._known, self._retry = source, known, retry
        self._count, self._seed = count, seed
        self.passed = 0
        self.changed: list[str] = []

    def total(self) -> tuple[int, str]:
        """
        How much there is, done and to do.

        Returns
        -------
        total : int
        unit : str
            What is counted, in the plural.
        """
        if self._source == SIMULATED:
            return self._count, "boxes"
        return sum(1 for _ in find_inputs(self._source)), "inputs"

    def progress_of(self, unit: Unit) -> int:
        """
        How much is done when a unit is.

        Parameters
        ----------
        unit : Unit

        Returns
        -------
        done : int
            In what `total` counts; a tar file counts with its last unit.
        """
        if isinstance(unit, SimulatedBoxes):
            return unit.count
        return int(not isinstance(unit, Members) or unit.last)

    def units(self) -> Iterator[Unit]:
        """
        Units to be read.

        Yields
        ------
        unit : Unit
        """
        if self._source == SIMULATED:
            yield from self._simulated()
            return
        for found in find_inputs(self._source):
            if not self._is_wanted(self._state(found.path, found)):
                self.passed += 1
            elif found.is_tar:
                yield from self._of_tar(found)
            else:
                yield RadarFile(found.path, found.size, found.stamp)

    def _simulated(self) -> Iterator[Unit]:
        for first in range(0, self._count, SIMULATED_PART):
            count = min(SIMULATED_PART, self._count - first)
            name = f"{SIMULATED}, seed {self._seed}, boxes {first} to {first + count - 1}"
            if self._known.state(name, count, "") == "new":
                yield SimulatedBoxes(name, count, "", seed=self._seed, first=first, count=count)
            else:
                self.passed += count

    def _state(self, name: str, found: Input) -> str:
        """What the store knows of an input, of which a change is noted."""
        state = self._known.state(name, found.size, found.stamp)
        if state == "changed":
            self.changed.append(
                f"{found.path} has changed since its boxes were taken, which stay as they are; "
                "build a new store to have it as it is now."
            )
        return state

    def _is_wanted(self, state: str) -> bool:
        return state == "new" or (state == "failed" and self._retry)

    def _of_tar(self, found: Input) -> Iterator[Unit]:
        problems: list[str] = []
        groups = _groups(found, problems)
        for number, members in enumerate(groups):
            name = f"{found.path}#{number:05d}"
            state = self._state(name, found)
            if state == "changed":  # and so have all that follow
                self.passed += 1
                return
            if self._is_wanted(state):
                yield Members(name, found.size, found.stamp, members)
        yield Members(found.path, found.size, found.stamp, problems=tuple(problems), last=True)


def _groups(found: Input, problems: list[str]) -> Iterator[list[tuple[str, bytes]]]:
    """Images of a tar file in groups of one size, until its end or to where it is damaged."""
    group: list[tuple[str, bytes]] = []
    try:
        with open_input(found.path) as file, tarfile.open(fileobj=file, mode="r|*") as tar:
            for member in _images(tar, found, problems):
                group.append(member)
                if len(group) == MEMBERS:
                    yield group
                    group = []
    except _TAR_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        problems.append(
            f"{found.path} is damaged or cut short ({reason}); the images before that are taken. "
            "Get it again."
        )
    if group:
        yield group


def _images(tar: Any, found: Input, problems: list[str]) -> Iterator[tuple[str, bytes]]:
    while (member := tar.next()) is not None:
        tar.members.clear()  # tarfile would remember every member
        if not member.isfile() or not member.name.lower().endswith(".png"):
            continue
        if member.size > _MAX_MEMBER:
            problems.append(f"{found.path}, {member.name} is too large for an image; refused.")
            continue
        yield member.name, tar.extractfile(member).read()


def check_source(source: str, count: int | None) -> None:
    """
    Raise a sentence unless a source can be built from.

    Parameters
    ----------
    source : str
        As `build` takes it.
    count : int or None
        Simulated boxes.

    Raises
    ------
    InputError
        If there is nothing to read, or a count is missing, wrong, or of no use.
    """
    if (source == SIMULATED) != (count is not None):
        raise InputError("Simulated boxes need a count of them, and no other source takes one.")
    if count is not None:
        if count < 1:
            raise InputError(f"The count of simulated boxes is {count}; give 1 or more.")
    elif next(find_inputs(source), None) is None:
        raise InputError(f"{source} holds no file to read; give the folder above the radar files.")
