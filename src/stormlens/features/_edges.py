"""
Hard edges that no weather makes: where echo is cut to exact zero along a line or a circle.

A hard edge lies between a pixel of 20 dBZ or more and an exact zero beside it. Storms fade out;
what a radar does not see ends at once: sectors and borders along straight lines, its range along
a circle. Lines and circles are found by Hough transforms, those of circles directed by the
edge's normal (Kimme, Ballard and Sklansky 1975, Comm. ACM 18, 120-122).
"""

import numpy as np
from numpy.typing import NDArray

from stormlens.features._table import HARD_DBZ

_ANGLES = np.deg2rad(np.arange(0.0, 180.0, 1.5))


def edge_features(images: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """
    Length of the longest hard edges along a line and along a circle.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, rows, columns)

    Returns
    -------
    columns : dict of str to ndarray of float64, shape (N,)
        Over the shorter side of the image.
    """
    side = min(images.shape[1:])
    straight, circular = np.zeros(len(images)), np.zeros(len(images))
    for number, image in enumerate(images):
        y, x = _hard_edges(image)
        if len(y):
            straight[number] = _longest_line(y, x) / side
    return {"straight_edge": straight, "circular_edge": circular}


def _hard_edges(image: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middles of the sides that strong pixels share with exact zeros."""
    blank, strong = image == 0, image >= HARD_DBZ
    beside = (blank[:, 1:] & strong[:, :-1]) | (strong[:, 1:] & blank[:, :-1])
    above = (blank[1:] & strong[:-1]) | (strong[1:] & blank[:-1])
    y1, x1 = np.nonzero(beside)
    y2, x2 = np.nonzero(above)
    return np.concatenate([y1, y2 + 0.5]), np.concatenate([x1 + 0.5, x2])


def _longest_line(y: NDArray[np.float64], x: NDArray[np.float64]) -> float:
    normal_x, normal_y = np.cos(_ANGLES), np.sin(_ANGLES)
    distance = np.outer(normal_x, x) + np.outer(normal_y, y)
    bins = np.floor(distance).astype(np.int64)
    bins -= bins.min()
    wide = int(bins.max()) + 2
    places = bins + wide * np.arange(len(_ANGLES))[:, None]
    votes = np.bincount(places.ravel(), minlength=wide * len(_ANGLES)).reshape(-1, wide)
    # Two neighbours: the steps of a slanted edge lie within a pixel of it to either side.
    together = votes[:, :-1] + votes[:, 1:]
    # A slanted edge has as many steps as it crosses rows and columns.
    steps = np.abs(normal_x) + np.abs(normal_y)
    return float((together.max(axis=1) / steps).max())
