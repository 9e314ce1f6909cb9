"""Single images by their UNID, and their place on the national grid."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from stormlens.datasets._boxes import check_reflectivity
from stormlens.datasets._cache import is_intact
from stormlens.datasets._container import make_dataset
from stormlens.datasets._png import read_png
from stormlens.datasets.svrimg._archive import CITATION, Archive, image_file, index_file
from stormlens.datasets.svrimg._download import NotInArchive
from stormlens.datasets.svrimg._obtain import Kind, obtain
from stormlens.datasets.svrimg._tables import read_index
from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, SIZE, hazard_of_unid, time_of_unid

if TYPE_CHECKING:
    import xarray as xr

_MAX_BYTES = 2**20


def image(
    unid: str,
    *,
    cache: str | Path | None = None,
    url: str | Path | None = None,
    refresh: bool = False,
) -> "xr.Dataset":
    """
    One of the archive's half million images.

    Parameters
    ----------
    unid : str
        Identifier, such as ``"201104041310z000282671"`` or one that ends in ``_hail``.
    cache, url, refresh
        As for `splits`.

    Returns
    -------
    dataset : xarray.Dataset
        The container with one storm.

    Raises
    ------
    InputError
        If the UNID is not valid, or the image cannot be obtained or is no storm box.
    """
    return images([unid], cache=cache, url=url, refresh=refresh)


def images(
    unids: Iterable[str],
    *,
    skip_missing: bool = False,
    cache: str | Path | None = None,
    url: str | Path | None = None,
    refresh: bool = False,
) -> "xr.Dataset":
    """
    Images by their UNIDs, in the order given.

    Parameters
    ----------
    unids : iterable of str
        Identifiers, of any hazard.
    skip_missing : bool, optional
        Leave out what the archive does not hold, instead of raising.
    cache, url, refresh
        As for `splits`.

    Returns
    -------
    dataset : xarray.Dataset
        The container. Times come from the UNIDs; latitude and longitude are known where
        the hazard's index lies in the cache (see `index`).

    Raises
    ------
    InputError
        If a UNID is not valid, an image cannot be obtained or is no storm box, or none is left.
    """
    import requests

    archive = Archive.at(url, cache)
    asked = [unids] if isinstance(unids, str) else list(unids)
    found: dict[str, np.ndarray] = {}
    with requests.Session() as session:
        for unid in asked:
            try:
                path = obtain(archive, image_file(unid), PNG, refresh=refresh, session=session)
            except NotInArchive:
                if not skip_missing:
                    raise
                continue
            found[unid] = _read_png(path)
    kept = [unid for unid in asked if unid in found]
    if not kept:
        raise InputError(f"None of the {len(asked)} images asked for is in the archive.")
    latitude, longitude = _places(archive, kept)
    return make_dataset(
        np.concatenate([found[unid] for unid in kept]),
        unid=kept,
        time=[time_of_unid(unid) for unid in kept],
        latitude=latitude,
        longitude=longitude,
        source="SVRIMG images (Haberlie, Ashley and Karpinski 2020)",
    ).assign_attrs(references=CITATION)


def paste_on_grid(image: ArrayLike, xmin: int, ymin: int) -> np.ndarray:
    """
    An image back in its place on the national grid.

    Parameters
    ----------
    image : array_like of uint8, shape (y, x)
        dBZ, row 0 in the south.
    xmin, ymin : int
        South-west cell of the image, as in the image index.

    Returns
    -------
    grid : ndarray of uint8, shape (899, 1399)
        0 outside the image; row 0 in the south.

    Raises
    ------
    InputError
        If the values are no reflectivity, or the image would lie outside the grid.

    Examples
    --------
    >>> grid = paste_on_grid([[40, 41], [42, 43]], xmin=826, ymin=262)
    >>> print(grid.shape, grid[262, 826], grid[263, 827])
    (899, 1399) 40 43
    """
    box = check_reflectivity(np.asarray(image)[np.newaxis], where="image")[0]
    rows, columns = box.shape
    y_cells, x_cells = NATIONAL.shape
    if not (0 <= xmin <= x_cells - columns and 0 <= ymin <= y_cells - rows):
        msg = (
            f"An image of {rows} x {columns} cells at xmin {xmin}, ymin {ymin} leaves the grid "
            f"of {y_cells} x {x_cells}; take both from the image's row of the index."
        )
        raise InputError(msg)
    grid = np.zeros(NATIONAL.shape, np.uint8)
    grid[ymin : ymin + rows, xmin : xmin + columns] = box
    return grid


def _places(archive: Archive, unids: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude of the boxes whose hazard's index is in the cache, else NaN."""
    latitude, longitude = np.full((2, len(unids)), np.nan)
    hazards = np.array([hazard_of_unid(unid) for unid in unids])
    for hazard in np.unique(hazards):
        path = archive.kept_as(index_file(str(hazard)))
        if is_intact(path):
            table = read_index(path)
            of_hazard = hazards == hazard
            rows = table[~table.index.duplicated()].reindex(np.array(unids)[of_hazard])
            latitude[of_hazard] = rows["latitude"]
            longitude[of_hazard] = rows["longitude"]
    return latitude, longitude


def _read_png(path: Path) -> np.ndarray:
    return check_reflectivity(read_png(path)[np.newaxis], where=str(path), shape=(SIZE, SIZE))


PNG = Kind(_MAX_BYTES, _read_png)
