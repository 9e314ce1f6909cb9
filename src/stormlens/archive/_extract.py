"""
From one input to its boxes, on a worker: read, cut, and say what was passed over.

Nothing that is wrong with an input raises here. A file that cannot be read
gives no box and a sentence; so does each member of a tar file, whose others go on.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stormlens.archive._inputs import open_input
from stormlens.archive._layout import Arrays, as_arrays, empty_arrays
from stormlens.boxes import Cutting
from stormlens.datasets import (
    check_reflectivity,
    load,
    make_boxes,
    npy_array,
    palette_indices,
    says_simulated,
    time_of_name,
)
from stormlens.errors import InputError
from stormlens.readers import Options
from stormlens.stormbox import SIZE, Boxes

_ARRAYS = (".png", ".npy")
_MAX_BYTES = 2**30
RULES = "stormlens-rules"
"""What workers carry the `Rules` of a run as."""


class Rules(NamedTuple):
    """
    How the radar files of a run become boxes.

    Attributes
    ----------
    cutting : Cutting
        Which boxes are cut from each.
    options : Options
        How each is read.
    """

    cutting: Cutting = Cutting()
    options: Options = Options()


@dataclass(frozen=True)
class Unit:
    """
    What one task takes: a row of the catalogue to be.

    Attributes
    ----------
    name : str
        The catalogue's name for it.
    size, stamp
        Of the file.
    """

    name: str
    size: int
    stamp: str


@dataclass(frozen=True)
class RadarFile(Unit):
    """A radar file, or a PNG or NPY file that holds boxes already."""


@dataclass(frozen=True)
class Members(Unit):
    """
    Some members of a tar file of PNG images.

    Attributes
    ----------
    members : sequence of (str, bytes)
        Name and content.
    problems : sequence of str
        What was wrong with the tar file itself.
    last : bool
        Whether it closes the file, and has the file's own name.
    """

    members: Sequence[tuple[str, bytes]] = ()
    problems: Sequence[str] = ()
    last: bool = False


@dataclass(frozen=True)
class SimulatedBoxes(Unit):
    """
    A part of a simulated archive.

    Attributes
    ----------
    seed, first, count : int
        As `stormlens.datasets.load` takes them.
    """

    seed: int = 0
    first: int = 0
    count: int = 0


class Extracted(NamedTuple):
    """
    What a unit gave.

    Attributes
    ----------
    arrays : dict of str to ndarray
        As `as_arrays` gives them.
    problems : list of str
        A sentence for what was passed over.
    simulated : bool
        Whether a simulator made the boxes.
    lacking : str
        What a radar file lacks of which the boxes were cut all the same; empty where nothing.
    """

    arrays: Arrays
    problems: list[str]
    simulated: bool = False
    lacking: str = ""


def extract(unit: Unit, rules: Rules) -> Extracted:
    """
    Boxes of one unit.

    Parameters
    ----------
    unit : Unit
        A file, members of a tar file, or a part of a simulated archive.
    rules : Rules
        How radar files are read and cut.

    Returns
    -------
    extracted : Extracted

    Raises
    ------
    InputError
        If a library that reads such files is not installed: no file would be read then.
    """
    if isinstance(unit, Members):
        return _of_members(unit)
    try:
        boxes, lacking = _boxes(unit, rules)
    except InputError as error:
        if isinstance(error.__cause__, ImportError):
            raise
        return Extracted(empty_arrays(), [_naming(unit.name, str(error))])
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        return Extracted(empty_arrays(), [f"{unit.name} cannot be read: {reason}."])
    except MemoryError:
        return Extracted(empty_arrays(), [f"{unit.name} needs more memory than there is."])
    except Exception as error:
        # One file among thousands must not end the work of days; the sentence keeps its trace.
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return Extracted(empty_arrays(), [f"{unit.name} failed in a way not foreseen: {reason}."])
    return Extracted(as_arrays(boxes), [], boxes.simulated, lacking)


def extract_on_worker(units: Sequence[Unit]) -> tuple[np.ndarray, list[Extracted]]:
    """
    Boxes of some units, by the run's `Rules`, which the worker carries.

    Parameters
    ----------
    units : sequence of Unit

    Returns
    -------
    images : ndarray of uint8, shape (storm, 136, 136)
        Of all units, one behind the other.
    extracted : list of Extracted
        Of each unit, without its images.
    """
    from stormlens.archive._plugins import carried

    rules = carried(RULES)
    extracted = [extract(unit, rules) for unit in units]
    images = [each.arrays.pop("reflectivity") for each in extracted]
    return images[0] if len(images) == 1 else np.concatenate(images), extracted


def _naming(name: str, sentence: str) -> str:
    return sentence if name.rpartition("/")[2] in sentence else f"{name}: {sentence}"


def _boxes(unit: Unit, rules: Rules) -> tuple[Boxes, str]:
    """Boxes of a unit, and what its radar file lacks."""
    if isinstance(unit, SimulatedBoxes):
        simulated = load(
            "simulated", split="train", seed=unit.seed, first=unit.first, count=unit.count
        )
        return Boxes.from_xarray(simulated), ""
    if unit.size > _MAX_BYTES:
        raise InputError(f"{unit.name} is larger than {_MAX_BYTES >> 20} MiB, which is refused.")
    with open_input(unit.name) as file:
        content = file.read()
    if unit.name.lower().endswith(_ARRAYS):
        return _ready_boxes(content, unit.name), ""
    from stormlens import readers

    mosaic = readers.read_mosaic(content, rules.options, name=unit.name)
    lacks = "" if mosaic.is_whole else f"{unit.name}: {mosaic.product}"
    if not mosaic.coverage.any():
        lacks = f"{unit.name} covers no cell of its grid: all of it is marked as missing."
    return rules.cutting.cut(mosaic), lacks


def _ready_boxes(content: bytes, name: str) -> Boxes:
    """Boxes of a PNG or NPY file, which were cut before."""
    if not content:
        raise InputError(f"{name} is empty; get or write it again.")
    png = name.lower().endswith(".png")
    array = (
        palette_indices(content, name)[np.newaxis] if png else npy_array(io.BytesIO(content), name)
    )
    images = check_reflectivity(array, where=name, shape=(SIZE, SIZE))
    stem = Path(name.rpartition("/")[2]).stem
    return make_boxes(
        images,
        unid=[stem] if len(images) == 1 else [f"{stem}[{i}]" for i in range(len(images))],
        time=np.full(len(images), time_of_name(stem)),
        source=name,
        simulated=says_simulated(content),
        where=name,
    )


def _of_members(unit: Members) -> Extracted:
    images, names, problems = [], [], list(unit.problems)
    for name, content in unit.members:
        where = f"{unit.name.rpartition('#')[0]}, {name}"
        try:
            image = palette_indices(content, where)[np.newaxis]
            images.append(check_reflectivity(image, where=where, shape=(SIZE, SIZE)))
            names.append(Path(name).stem)
        except InputError as error:
            problems.append(str(error))
    if not images:
        return Extracted(empty_arrays(), problems)
    boxes = make_boxes(
        np.concatenate(images),
        unid=names,
        time=np.array([time_of_name(name) for name in names], "datetime64[ns]"),
        source=unit.name,
        where=unit.name,
    )
    return Extracted(as_arrays(boxes), problems)
