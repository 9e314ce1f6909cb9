"""
Hard edges that no weather makes: where echo is cut to exact zero along a line or a circle.

A hard edge lies between a pixel of 20 dBZ or more and a neighbour that is exactly zero. Storms fade
out; a radar's coverage ends at once, along straight lines at sectors and borders, along a circle at
its range. Lines are found by a Hough transform. A circle's centre is sought where many of the
edge's normals cross (Kimme, Ballard and Sklansky 1975, Comm. ACM 18, 120-122), then refined around
there by the distance at which most of the edge lies.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stormlens.features._table import HARD_DBZ, RANGE_KM
from stormlens.stormbox import PIXEL_KM

Floats = NDArray[np.float64]

_ANGLES = np.deg2rad(np.arange(0.0, 180.0, 1.5))
_SMOOTH = 2.0  # pixels over which an edge's normal is taken
_CELL = 4.0  # pixels to a side of the cells in which normals cross
_STEP = 2.0  # pixels from one to the next distance along a normal
_CENTRES = 4  # cells that are refined
_FEWEST_SIDES = 12  # fewer make no edge
_MOST_SIDES = 2000  # more, as in a field of specks, are sampled
_NEAR = np.array([-1.0, 0.0, 1.0])
_BINS = 2  # a pixel
_WIDE = 2 * _BINS  # bins that an edge lies in
_GAP = _BINS  # bins between it and its surroundings
_AROUND = 4 * _BINS  # bins on either side that it is compared with
_ASIDE = _WIDE + _GAP + _AROUND


class _Edge(NamedTuple):
    """Middles of the sides that strong pixels share with exact zeros."""

    y: Floats
    x: Floats
    worth: float
    """Sides that each of them represents."""

    @classmethod
    def of(cls, image: NDArray[np.uint8]) -> "_Edge":
        blank, strong = image == 0, image >= HARD_DBZ
        beside = (blank[:, 1:] & strong[:, :-1]) | (strong[:, 1:] & blank[:, :-1])
        above = (blank[1:] & strong[:-1]) | (strong[1:] & blank[:-1])
        (y1, x1), (y2, x2) = np.nonzero(beside), np.nonzero(above)
        y, x = np.concatenate([y1, y2 + 0.5]), np.concatenate([x1 + 0.5, x2])
        if len(y) <= _MOST_SIDES:
            return cls(y, x, 1.0)
        # Drawn at random, with a fixed seed: every n-th side would make a pattern of its own.
        drawn = np.random.default_rng(0).choice(len(y), _MOST_SIDES, replace=False)
        return cls(y[drawn], x[drawn], len(y) / _MOST_SIDES)


def edge_features(images: NDArray[np.uint8]) -> dict[str, Floats]:
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
    side, diagonal = min(images.shape[1:]), float(np.hypot(*images.shape[1:]))
    straight, circular = np.zeros(len(images)), np.zeros(len(images))
    for number, image in enumerate(images):
        edge = _Edge.of(image)
        if len(edge.y) >= _FEWEST_SIDES:
            straight[number] = _longest_line(edge)
            circular[number] = _longest_arc(edge, image)
    return {
        "straight_edge": np.clip(straight, 0.0, diagonal) / side,
        "circular_edge": np.clip(circular, 0.0, np.pi * side) / side,
    }


def _longest_line(edge: _Edge) -> float:
    """Length of the edge that lies along one line, in pixels."""
    normal_x, normal_y = np.cos(_ANGLES), np.sin(_ANGLES)
    distance = np.outer(normal_x, edge.x) + np.outer(normal_y, edge.y)
    most = _highest_peak(distance, np.full(distance.shape, edge.worth), edge.worth)
    # A slanted edge is a staircase: its sides number |cos| + |sin| times its length.
    steps = np.abs(normal_x) + np.abs(normal_y)
    return float((most / steps).max())


def _longest_arc(edge: _Edge, image: NDArray[np.uint8]) -> float:
    """Length of the edge that lies along one circle, in pixels."""
    nearest, farthest = (kilometres / PIXEL_KM for kilometres in RANGE_KM)
    best = 0.0
    for centre in _crossings(edge, image, nearest, farthest):
        for step in (_CELL, _CELL / 2, _CELL / 4, _CELL / 8):
            y, x = (
                axis.ravel()[:, None]
                for axis in np.meshgrid(
                    centre[0] + step * _NEAR, centre[1] + step * _NEAR, indexing="ij"
                )
            )
            dy, dx = edge.y - y, edge.x - x
            distance = np.hypot(dy, dx)
            is_range = (distance >= nearest) & (distance < farthest)
            # As for a line, with the circle's normal at each point.
            steps = (np.abs(dy) + np.abs(dx)) / np.maximum(distance, 1.0)
            length = np.where(is_range, edge.worth, 0.0) / np.maximum(steps, 1.0)
            found = _highest_peak(distance, length, edge.worth)
            centre = y[found.argmax(), 0], x[found.argmax(), 0]
            best = max(best, float(found.max()))
    return best


def _crossings(
    edge: _Edge, image: NDArray[np.uint8], nearest: float, farthest: float
) -> list[tuple[float, float]]:
    """
    Middles of the cells in which most normals of the edge cross, (y, x) in pixels.

    Cells reach as far as the image and its own size on each side of it, so `rows` and `columns` of
    them are three times the image's, and its first pixel is at a third of both.
    """
    votes = _votes(edge, image, nearest, farthest)
    rows, columns = votes.shape
    # A centre may lie near the border of its cell: its neighbours' votes count too.
    around = np.pad(votes, 1)
    around = around[:-2] + around[1:-1] + around[2:]
    around = around[:, :-2] + around[:, 1:-1] + around[:, 2:]
    found: list[tuple[float, float]] = []
    for _ in range(_CENTRES):
        row, column = np.unravel_index(around.argmax(), around.shape)
        if around[row, column] == 0:
            break
        y, x = float(row - rows // 3), float(column - columns // 3)
        found.append(((y + 0.5) * _CELL, (x + 0.5) * _CELL))
        around[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = 0
    return found


def _votes(
    edge: _Edge, image: NDArray[np.uint8], nearest: float, farthest: float
) -> NDArray[np.intp]:
    """How many points along the edge's normals, on either side of it, lie in each cell."""
    from scipy.ndimage import gaussian_filter

    blank = (image == 0).astype(np.float64)
    places = np.ceil(edge.y).astype(np.int64), np.ceil(edge.x).astype(np.int64)
    slopes = [
        gaussian_filter(blank, _SMOOTH, order=order, mode="nearest")[places]
        for order in ((1, 0), (0, 1))
    ]
    size = np.maximum(np.hypot(*slopes), 1e-12)
    along = np.arange(nearest, farthest, _STEP)
    along = np.concatenate([-along, along])
    y = (edge.y + np.multiply.outer(along, slopes[0] / size)).ravel()
    x = (edge.x + np.multiply.outer(along, slopes[1] / size)).ravel()
    rows, columns = (3 * int(np.ceil(count / _CELL)) for count in image.shape)
    cell_y = np.floor(y / _CELL).astype(np.int64) + rows // 3
    cell_x = np.floor(x / _CELL).astype(np.int64) + columns // 3
    inside = (cell_y >= 0) & (cell_y < rows) & (cell_x >= 0) & (cell_x < columns)
    cells = cell_y[inside] * columns + cell_x[inside]
    return np.bincount(cells, minlength=rows * columns).reshape(rows, columns)


def _highest_peak(distance: Floats, worth: Floats, largest: float) -> Floats:
    """
    The highest peak of each row's histogram of distances, above its surroundings.

    A peak is two pixels wide, since the steps of a slanted edge lie on either side of it. A field
    of specks has as many points a few pixels on, and is no edge. So the mean of the fuller side is
    subtracted, and three standard deviations of it: those of chance, for points worth `largest`.
    """
    bins = np.floor(distance * _BINS).astype(np.int64)
    bins += _ASIDE - bins.min()
    count, width = len(bins), int(bins.max()) + 1 + _ASIDE
    places = bins + width * np.arange(count)[:, None]
    sums = np.bincount(places.ravel(), weights=worth.ravel(), minlength=width * count)
    up_to = np.zeros((count, width + 1))
    sums.reshape(count, width).cumsum(axis=1, out=up_to[:, 1:])
    first = np.arange(_ASIDE, width - _ASIDE + 1)

    def between(start: int, end: int) -> Floats:
        return up_to[:, first + end] - up_to[:, first + start]

    edge = between(0, _WIDE)
    before, after = (
        between(-_GAP - _AROUND, -_GAP),
        between(_WIDE + _GAP, _WIDE + _GAP + _AROUND),
    )
    around = np.maximum(before, after) * (_WIDE / _AROUND)
    return (edge - around - 3.0 * np.sqrt(largest * np.maximum(around, 0.0))).max(axis=1)
