"""
`load`, `fetch` and `info`: every source by its name, in one container.

A source is a name (``svrimg``, ``simulated``, ``digits``) or a path to a
folder or NetCDF file. Names come first: a folder called ``digits`` is
``./digits``.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stormlens.datasets import _digits, svrimg
from stormlens.datasets._borders import fetch_borders
from stormlens.datasets._container import class_names, is_simulated
from stormlens.datasets._folder import load_folder, load_netcdf
from stormlens.datasets._images import NETCDF_SUFFIXES
from stormlens.errors import InputError, unknown
from stormlens.storage import check_file
from stormlens.stormbox import MODES, SIZE, SPLIT_COUNTS, SPLIT_YEARS, SPLITS

if TYPE_CHECKING:
    import xarray as xr

    from stormlens.datasets._simulated import Family


def load(name_or_path: str | Path, split: str | None = None, **options: Any) -> "xr.Dataset":
    """
    Labelled images of a source.

    Parameters
    ----------
    name_or_path : str or Path
        ``"svrimg"``, ``"simulated"``, ``"digits"``, or a folder or NetCDF file (see
        `list_sources`).
    split : str, optional
        ``"train"``, ``"validation"`` or ``"test"``; by default all images, with their
        split in the coordinate `split`.
    **options
        ``svrimg``: cache, url, locate, refresh. ``simulated...``: seed, count, progress, first,
        without, one_of (lists of families).
        ``digits`` and paths: seed; folders also colors, dbz_scale and first_row, as
        `read_images` takes them.

    Returns
    -------
    dataset : xarray.Dataset
        The container: dimensions (storm, y, x), row 0 in the south.

    Raises
    ------
    InputError
        If source, split or option is unknown, or the source cannot be read.

    Examples
    --------
    >>> load("digits", split="validation").sizes["storm"]
    271
    """
    if split is not None and split not in SPLITS:
        raise unknown("split", split, SPLITS)
    reader = _reader(name_or_path)
    _check_options(name_or_path, options, reader.options)
    if reader.takes_split:
        return reader.read(split, **options)
    dataset = reader.read(**options)
    return dataset if split is None else _only(dataset, split, str(name_or_path))


def load_splits(name_or_path: str | Path, **options: Any) -> "dict[str, xr.Dataset]":
    """
    The three splits of a source, as training takes them.

    Parameters
    ----------
    name_or_path, **options
        As for `load`.

    Returns
    -------
    splits : dict of str to xarray.Dataset
        ``"train"``, ``"validation"`` and ``"test"``, in this order, none of them empty.

    Raises
    ------
    InputError
        As for `load`, and if a split holds no image.
    """
    dataset = load(name_or_path, **options)
    if "mode" not in dataset:
        raise InputError(f"{name_or_path} has no labels: its boxes can be classified, not learnt.")
    return {split: _only(dataset, split, str(name_or_path)) for split in SPLITS}


def _check_options(source: str | Path, options: dict[str, Any], accepted: tuple[str, ...]) -> None:
    for option in options:
        if option not in accepted:
            raise unknown(f"option of {str(source)!r}:", option, accepted)
    seed = options.get("seed", 0)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise InputError(f"The seed of {source} is {seed!r}; give a whole number of 0 or more.")


def _only(dataset: "xr.Dataset", split: str, where: str) -> "xr.Dataset":
    if "split" not in dataset.coords:
        need = "labels" if "mode" not in dataset else "at least three days or images"
        raise InputError(f"{where} cannot be divided into splits: it needs {need}.")
    chosen = dataset["split"].values == split
    if not chosen.any():
        raise InputError(f"{where} holds no image of the {split} split; add some.")
    return dataset.isel(storm=chosen)


def _simulated(stream: str, split: str | None, **options: Any) -> "xr.Dataset":
    from stormlens.datasets._simulated import load_simulated

    return load_simulated(split, stream=stream, **options)


def simulated_families() -> "tuple[Family, ...]":
    """
    Families that simulated boxes are drawn from.

    Returns
    -------
    families : tuple of Family
        Each with its name, kind (``"storm"``, ``"network"`` or ``"product"``), mode, whether it is
        held out, and its weight in each mixture.

    Examples
    --------
    >>> [family.name for family in simulated_families() if family.held_out][:2]
    ['splitting pairs', 'wave pattern']
    """
    from stormlens.datasets._simulated import FAMILIES

    return FAMILIES


@dataclass(frozen=True)
class Source:
    """
    A named source of labelled images.

    Parameters
    ----------
    name : str
        What `load` takes.
    description : str
        One line.
    offline : bool
        Whether it never needs a network.
    cached : bool
        Whether it needs none now.
    simulated : bool
        Whether a simulator makes the images.
    """

    name: str
    description: str
    offline: bool
    cached: bool
    simulated: bool


class _Reader(NamedTuple):
    """How a source is read: a function, its options, and whether it takes the split first."""

    read: "Callable[..., xr.Dataset]"
    options: tuple[str, ...]
    takes_split: bool


_SIMULATED = ("simulated", "simulated-wide", "simulated-held-out", "simulated-v1")
_SIMULATED_OPTIONS = ("seed", "count", "progress", "first", "without", "one_of")
_READERS = {
    "svrimg": _Reader(svrimg.splits, ("cache", "url", "locate", "refresh"), True),
    **{name: _Reader(partial(_simulated, name), _SIMULATED_OPTIONS, True) for name in _SIMULATED},
    "digits": _Reader(_digits.load_digits, ("seed",), False),
}
_PICTURES = ("colors", "dbz_scale", "first_row")
_BORDERS = "borders"
_DESCRIPTIONS = {
    "svrimg": "1,741 hand-labelled radar images of US severe storms, 1996-2017 (SVRIMG archive)",
    "simulated": "SIMULATED storm boxes of the six modes, made from a seed at the archive's sizes",
    "simulated-wide": "SIMULATED boxes of every storm, radar network and product but a few",
    "simulated-held-out": "SIMULATED boxes of the few that simulated-wide lacks, to judge by",
    "simulated-v1": "SIMULATED boxes as the first version made them, for figures published with it",
    "digits": "1,797 real handwritten digits, bundled with scikit-learn, enlarged to 32 x 32",
}


def _reader(name_or_path: str | Path) -> _Reader:
    name = str(name_or_path)
    if name in _READERS and not isinstance(name_or_path, Path):
        return _READERS[name]
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        return _Reader(partial(load_folder, path), ("seed", *_PICTURES), False)
    if os.path.lexists(path):
        check_file(path, None)  # a pipe, or links in a circle
        return _Reader(partial(load_netcdf, _netcdf_file(path)), ("seed",), False)
    if isinstance(name_or_path, Path) or len(path.parts) > 1 or path.suffix:
        msg = f"{name} does not exist; give a folder of class folders, or a NetCDF file."
        raise InputError(msg)
    raise unknown("dataset", name, _READERS, "Or give a path to a folder or NetCDF file.")


def _netcdf_file(path: Path) -> Path:
    if path.suffix.lower() not in NETCDF_SUFFIXES:
        msg = (
            f"{path} is no NetCDF file ({', '.join(NETCDF_SUFFIXES)}); to train on images, give "
            "the folder that holds one sub-folder for each class."
        )
        raise InputError(msg)
    return path


def list_sources(cache: str | Path | None = None) -> tuple[Source, ...]:
    """
    All named sources.

    Parameters
    ----------
    cache : str or Path, optional
        Folder for downloads.

    Returns
    -------
    sources : tuple of Source
    """
    return tuple(
        Source(
            name,
            text,
            offline=name != "svrimg",
            cached=name != "svrimg" or svrimg.is_cached(cache),
            simulated=name in _SIMULATED,
        )
        for name, text in _DESCRIPTIONS.items()
    )


def fetch(name: str, parts: Iterable[str] | None = None, **options: Any) -> list[Path]:
    """
    Download a source ahead of use.

    Parameters
    ----------
    name : str
        ``"svrimg"``, or ``"borders"`` for maps; the other sources need no download.
    parts : iterable of str, optional
        Parts of the archive, as for `stormlens.datasets.svrimg.fetch`; by default hand labels
        and labelled splits.
    **options
        cache, url, refresh.

    Returns
    -------
    files : list of Path
        What lies in the cache; empty for a source that needs none.

    Raises
    ------
    InputError
        If source, part or option is unknown, or a file cannot be obtained.
    """
    if name not in (*_READERS, _BORDERS):
        raise unknown("dataset", name, (*_READERS, _BORDERS))
    if name not in ("svrimg", _BORDERS):
        return []
    _check_options(name, options, ("cache", "url", "refresh"))
    if name == "svrimg":
        return svrimg.fetch(("labels", "splits") if parts is None else parts, **options)
    if parts is not None:
        raise InputError("Borders have no parts; leave the parts out.")
    return fetch_borders(**options)


@dataclass(frozen=True)
class SourceInfo:
    """
    What a source holds.

    Parameters
    ----------
    name : str
        Name or path.
    source : str
        Where the images come from, in words.
    citation : str
        What to cite, where known.
    simulated : bool
        Whether a simulator made the images.
    shape : tuple of int
        Rows and columns of an image.
    units : str
        ``"dBZ"`` or ``"1"``.
    classes : tuple of str
        Class names by code.
    counts : dict
        Split to class name to number of images.
    years : dict
        Split to first and last year; left out where times are unknown.
    """

    name: str
    source: str
    citation: str
    simulated: bool
    shape: tuple[int, int]
    units: str
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    years: dict[str, tuple[int, int]]

    @property
    def total(self) -> int:
        """Number of images."""
        return sum(n for counts in self.counts.values() for n in counts.values())


def info(name_or_path: str | Path, **options: Any) -> SourceInfo:
    """
    What a source holds: counts by split and class, years, origin.

    The archive is described as published, without a download.

    Parameters
    ----------
    name_or_path, **options
        As for `load`.

    Returns
    -------
    info : SourceInfo

    Raises
    ------
    InputError
        As for `load`.
    """
    if name_or_path == "svrimg":
        _check_options(name_or_path, options, _READERS["svrimg"].options)
        counts = {split: dict(zip(MODES, n, strict=True)) for split, n in SPLIT_COUNTS.items()}
        years = {split: (span[0], span[-1]) for split, span in SPLIT_YEARS.items()}
        source = f"SVRIMG archive, {svrimg.BASE_URL}"
        size = (SIZE, SIZE)
        return SourceInfo(
            "svrimg", source, svrimg.CITATION, False, size, "dBZ", MODES, counts, years
        )
    dataset = load(name_or_path, **options)
    images = dataset["reflectivity"]
    return SourceInfo(
        name=str(name_or_path),
        source=str(dataset.attrs["source"]),
        citation=str(dataset.attrs.get("references", "")),
        simulated=is_simulated(dataset),
        shape=(images.sizes["y"], images.sizes["x"]),
        units=str(images.attrs["units"]),
        classes=class_names(dataset) if "mode" in dataset else (),
        counts=_counts(dataset),
        years=_years(dataset),
    )


def _by_split(dataset: "xr.Dataset") -> "dict[str, xr.Dataset]":
    if "split" not in dataset.coords:
        return {"all": dataset}
    present = [split for split in SPLITS if (dataset["split"].values == split).any()]
    return {split: dataset.isel(storm=dataset["split"].values == split) for split in present}


def _counts(dataset: "xr.Dataset") -> dict[str, dict[str, int]]:
    if "mode" not in dataset:
        return {"all": {"unlabelled": dataset.sizes["storm"]}}
    names = class_names(dataset)
    return {
        split: {
            name: int(n)
            for name, n in zip(
                names, np.bincount(part["mode"].values, minlength=len(names)), strict=True
            )
        }
        for split, part in _by_split(dataset).items()
    }


def _years(dataset: "xr.Dataset") -> dict[str, tuple[int, int]]:
    years = {}
    for split, part in _by_split(dataset).items():
        times = part["time"].values
        if not np.isnat(times).all():
            known = times[~np.isnat(times)].astype("datetime64[Y]").astype(int) + 1970
            years[split] = (int(known.min()), int(known.max()))
    return years
