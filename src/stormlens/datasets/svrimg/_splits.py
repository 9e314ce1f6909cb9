"""The labelled splits: pickles on the server, one safe NetCDF file each in the cache."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stormlens.datasets._boxes import check_reflectivity
from stormlens.datasets._cache import is_intact
from stormlens.datasets._container import make_dataset, read_netcdf, write_netcdf
from stormlens.datasets._join import join, with_split
from stormlens.datasets.svrimg._archive import (
    CITATION,
    LABELS_FILE,
    SPLIT_FILES,
    Archive,
    index_file,
)
from stormlens.datasets.svrimg._obtain import Kind, obtain
from stormlens.datasets.svrimg._tables import INDEX, LABELS, read_index, read_labels
from stormlens.errors import InputError, unknown
from stormlens.storage import MAX_PICKLE_BYTES, load_pickled_arrays
from stormlens.stormbox import SIZE, SPLITS, time_of_unid

if TYPE_CHECKING:
    import xarray as xr

_SOURCE = "SVRIMG labelled splits (Haberlie, Ashley and Karpinski 2020)"


def splits(
    split: str | None = None,
    *,
    locate: bool = False,
    cache: str | Path | None = None,
    url: str | Path | None = None,
    refresh: bool = False,
) -> "xr.Dataset":
    """
    The archive's labelled storm boxes.

    Parameters
    ----------
    split : str, optional
        ``"train"`` (1996 to 2011), ``"validation"`` (2012 and 2013) or ``"test"`` (2014 to
        2017); all three by default.
    locate : bool, optional
        Download the image index too, for latitude and longitude; without it they are known
        where the index lies in the cache already.
    cache : str or Path, optional
        Folder for downloads.
    url : str or Path, optional
        Mirror or folder in place of the archive's server.
    refresh : bool, optional
        Download again, and accept files that have changed.

    Returns
    -------
    dataset : xarray.Dataset
        The container, with the coordinate `split`. Where a split comes without UNIDs, they
        are taken from the hand labels if those agree with it label for label; otherwise
        names are ``svrimg-train-00000`` and so on, and times unknown.

    Raises
    ------
    InputError
        If the split is unknown, a file cannot be obtained, or it does not hold storm boxes.
    """
    if split is not None and split not in SPLITS:
        raise unknown("split", split, SPLITS)
    archive = Archive.at(url, cache)
    wanted = SPLITS if split is None else (split,)
    return join([_one(archive, name, locate, refresh) for name in wanted], where="svrimg")


def _one(archive: Archive, split: str, locate: bool, refresh: bool) -> "xr.Dataset":
    path = SPLIT_FILES[split]
    known_before = is_intact(archive.kept_as(path))
    dataset = read_netcdf(obtain(archive, path, PICKLE, refresh=refresh))
    dataset = with_split(dataset.assign_attrs(source=_SOURCE, references=CITATION), split)
    if np.isnat(dataset["time"].values).all():
        dataset = _named(archive, dataset, split, fetch=refresh or not known_before)
    return _located(archive, dataset, locate)


def _named(archive: Archive, dataset: "xr.Dataset", split: str, fetch: bool) -> "xr.Dataset":
    """UNIDs and times from the hand labels, if every label of the split agrees in order."""
    n = dataset.sizes["storm"]
    names = [f"svrimg-{split}-{i:05d}" for i in range(n)]
    unnamed = dataset.assign_coords(unid=("storm", names))
    # Asked for only as the split itself arrives, so that later use needs no network.
    if not fetch and not is_intact(archive.kept_as(LABELS_FILE)):
        return unnamed
    try:
        labels = read_labels(obtain(archive, LABELS_FILE, LABELS))
    except InputError:
        return unnamed
    labels = labels[labels["split"] == split]
    if not np.array_equal(labels["code"].to_numpy(), dataset["mode"].values):
        return unnamed
    return dataset.assign_coords(
        unid=("storm", labels.index.to_numpy(str)),
        time=("storm", labels["time"].to_numpy("datetime64[ns]")),
    )


def _located(archive: Archive, dataset: "xr.Dataset", locate: bool) -> "xr.Dataset":
    """Box centres from the index of tornado reports, of which the labelled boxes were made."""
    path = index_file("tor")
    if not locate and not is_intact(archive.kept_as(path)):
        return dataset
    table = read_index(obtain(archive, path, INDEX))
    places = table[~table.index.duplicated()].reindex(dataset["unid"].values)
    return dataset.assign_coords(
        {
            name: ("storm", places[name].to_numpy(float), dataset[name].attrs)
            for name in ("latitude", "longitude")
        }
    )


def _read_pickle(path: Path) -> "xr.Dataset":
    """A container from (images, labels) or (images, labels, unids), every part checked."""
    content = load_pickled_arrays(path)
    if not isinstance(content, list | tuple) or len(content) not in (2, 3):
        raise InputError(f"{path} holds no (images, labels) or (images, labels, unids).")
    images, labels = np.asarray(content[0]), np.asarray(content[1])
    if images.dtype != np.uint8:
        raise InputError(f"{path}: images are {images.dtype}; the archive's are uint8 dBZ.")
    if labels.dtype.kind not in "iu":
        raise InputError(f"{path}: labels are {labels.dtype}; they must be whole class codes.")
    images = check_reflectivity(images, where=str(path), shape=(SIZE, SIZE))
    unids = time = None
    if len(content) == 3:
        unids = [str(name) for name in np.asarray(content[2]).ravel()]
        time = [_time(name, path) for name in unids]
    return make_dataset(images, labels, unid=unids, time=time, source=_SOURCE, where=str(path))


def _time(unid: str, path: Path) -> np.datetime64:
    try:
        return time_of_unid(unid)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


PICKLE = Kind(MAX_PICKLE_BYTES, _read_pickle, write_netcdf)
