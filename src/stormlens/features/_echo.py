"""How much echo there is, how strong, and how much of it is stratiform."""

import numpy as np
from numpy.typing import NDArray

from stormlens.features._steiner import convective
from stormlens.features._table import AREA_DBZ
from stormlens.stormbox import ECHO_DBZ, PIXEL_KM

_VALUES = np.arange(256)


def echo_features(images: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """
    Shares, areas and strength of echo.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, rows, columns)

    Returns
    -------
    columns : dict of str to ndarray of float64, shape (N,)
    """
    counts = _counts(images)
    pixels = images.shape[1] * images.shape[2]
    above = counts[:, ::-1].cumsum(axis=1)[:, ::-1]  # pixels of each value or a higher one
    echoes = above[:, ECHO_DBZ]
    some = np.maximum(echoes, 1)
    mean = counts[:, ECHO_DBZ:] @ _VALUES[ECHO_DBZ:] / some
    square = counts[:, ECHO_DBZ:] @ _VALUES[ECHO_DBZ:] ** 2 / some
    stratiform = echoes - convective(images).sum(axis=(1, 2))
    return {
        "zero_share": counts[:, 0] / pixels,
        "echo_share": echoes / pixels,
        **{f"area_{dbz}": above[:, dbz] * PIXEL_KM**2 for dbz in AREA_DBZ},
        "highest": images.max(axis=(1, 2)).astype(np.float64),
        "mean_echo": mean,
        "spread_echo": np.sqrt(np.maximum(square - mean * mean, 0.0)),
        "stratiform_share": stratiform / some,
    }


def _counts(images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How many pixels of each image have each value, shape (N, 256)."""
    places = images.astype(np.int64) + 256 * np.arange(len(images))[:, None, None]
    return np.bincount(places.ravel(), minlength=256 * len(images)).reshape(-1, 256)
