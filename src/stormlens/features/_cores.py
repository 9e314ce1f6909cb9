"""The largest core and how it is shaped, and the longest line that cores make."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormlens.features._around import widened
from stormlens.features._table import BEND_KM, CORE_DBZ, LINK_KM
from stormlens.stormbox import PIXEL_KM

Columns = dict[str, NDArray[np.float64]]
Floats = NDArray[np.float64]

_DIRECTIONS = np.deg2rad(np.arange(0.0, 180.0, 2.0))  # extents miss a six-thousandth at most
_ALIKE = 1e-9  # share below which two moments are one, rounding aside
_SQUARE = 1 / 12  # variance of a pixel's own square, in pixels squared
_SIDES = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, -0.5], [0.0, 0.5]])  # of a pixel, from its middle
# Middles and hull lie on half-integers, so one that is off a side of the hull is off by over
# 1e-3 pixels (half of a cell over the longest side, 136 root 2); rounding makes some 1e-13.
_ON = 1e-6


def core_features(images: NDArray[np.uint8]) -> Columns:
    """
    Shape and place of the largest core of each image.

    A core is a group of pixels of 40 dBZ or more that touch by sides or corners; of several
    that are largest the first counts, from the south. Second moments are those of squares, not
    of points, so that a core of one pixel has an extent.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, rows, columns)

    Returns
    -------
    columns : dict of str to ndarray of float64, shape (N,)
    """
    labels, number = _groups(images >= CORE_DBZ)
    image, y, x = np.nonzero(labels)
    of = labels[image, y, x]
    areas = np.bincount(of, minlength=number + 1)
    image_of = np.zeros(number + 1, np.int64)  # of each group
    image_of[of] = image
    largest = _best(areas, image_of, len(images))
    kept = largest[image] == of
    core = _Core.of(image[kept], y[kept], x[kept], len(images))
    total = np.bincount(image, minlength=len(images))
    length, width = core.axes()
    sine, cosine = core.direction()
    rows, columns = images.shape[1:]
    away = np.hypot(core.y - (rows - 1) / 2, core.x - (columns - 1) / 2)
    return {
        "core_count": np.bincount(image_of[1:], minlength=len(images)).astype(np.float64),
        "core_area": core.area * PIXEL_KM**2,
        "core_share": core.area / np.maximum(total, 1),
        "core_length": length * PIXEL_KM,
        "core_width": width * PIXEL_KM,
        "core_elongation": 1.0 - _over(width, length, otherwise=1.0),
        "core_sin2": sine,
        "core_cos2": cosine,
        "core_curvature": core.curvature() / PIXEL_KM,
        "core_solidity": _solidity(labels, largest),
        "core_distance": np.where(core.area > 0, away, np.hypot(rows, columns) / 2) * PIXEL_KM,
    }


def line_features(images: NDArray[np.uint8]) -> Columns:
    """
    Length and width of the longest line that the cores of each image make.

    Cores belong to one line if they touch once each is widened by 12 km. The line's length is
    the greatest distance between two of their pixels, plus one pixel.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, rows, columns)

    Returns
    -------
    columns : dict of str to ndarray of float64, shape (N,)
    """
    cores = images >= CORE_DBZ
    labels, number = _groups(widened(cores, LINK_KM / PIXEL_KM))
    image, y, x = np.nonzero(cores)
    of = labels[image, y, x]
    in_order = np.argsort(of, kind="stable")
    image, y, x, of = image[in_order], y[in_order], x[in_order], of[in_order]
    extents, areas = np.zeros(number + 1), np.bincount(of, minlength=number + 1)
    image_of = np.zeros(number + 1, np.int64)
    image_of[of] = image
    if number:
        extents[1:] = _extents(y, x, np.searchsorted(of, np.arange(1, number + 1))) + 1.0
    longest = _best(extents, image_of, len(images))
    length, area = extents[longest], areas[longest]
    return {
        "line_length": length * PIXEL_KM,
        "line_width": _over(area, length, otherwise=0.0) * PIXEL_KM,
    }


def _groups(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Groups of pixels that touch within an image: labels from 1 in order, and their number."""
    from scipy.ndimage import label

    within = np.zeros((3, 3, 3), bool)
    within[1] = True
    labels, number = label(mask, within)
    return labels, int(number)


def _best(worth: NDArray[np.generic], image_of: NDArray[np.int64], images: int) -> NDArray[np.intp]:
    """Largest group of each image, the first if several are as large; 0 for an image without."""
    rising = np.lexsort((-np.arange(len(worth)), worth))
    rising = rising[rising > 0]
    best = np.zeros(images, np.intp)
    best[image_of[rising]] = rising  # repeated indices: NumPy keeps the last value, the largest
    return best


def _extents(y: NDArray[np.intp], x: NDArray[np.intp], starts: NDArray[np.intp]) -> Floats:
    """Greatest extent of each group of points, whose points begin at `starts`, in pixels."""
    extents = np.zeros(len(starts))
    for angle in _DIRECTIONS:
        along = x * np.cos(angle) + y * np.sin(angle)
        ends = np.maximum.reduceat(along, starts) - np.minimum.reduceat(along, starts)
        np.maximum(extents, ends, out=extents)
    return extents


def _over(some: NDArray[np.generic], others: Floats, otherwise: float) -> Floats:
    """A quotient, and another value where the divisor is 0."""
    return np.divide(some, others, out=np.full(len(others), otherwise), where=others > 0)


def _solidity(labels: NDArray[np.int32], largest: NDArray[np.intp]) -> Floats:
    """Area of each image's core over that of its convex hull; 0 where it has none."""
    from scipy.ndimage import find_objects

    places, solidity = find_objects(labels), np.zeros(len(largest))
    for number in np.flatnonzero(largest):
        place = places[largest[number] - 1]
        core = labels[place][0] == largest[number]
        solidity[number] = core.sum() / _hull_area(core)
    return solidity


def _hull_area(core: NDArray[np.bool_]) -> int:
    """
    Pixels whose middle lies in or on the convex hull of a core, as scikit-image counts them.

    The hull is that of the middles of all pixels' sides, so that one pixel has a hull too. The
    first and last pixel of each row are enough to draw it.
    """
    from scipy.spatial import ConvexHull

    rows, columns = core.shape
    y = np.flatnonzero(core.any(axis=1))
    first, last = core[y].argmax(axis=1), columns - 1 - core[y, ::-1].argmax(axis=1)
    ends = np.concatenate([np.column_stack([y, first]), np.column_stack([y, last])])
    sides = np.concatenate([ends + step for step in _SIDES])
    planes = ConvexHull(sides).equations  # outside of a side, normal and offset give above 0
    middles = np.indices((rows, columns)).reshape(2, -1)
    outside = planes[:, :2] @ middles + planes[:, 2:]
    return int((outside.max(axis=0) < _ON).sum())


@dataclass(frozen=True)
class _Core:
    """Points of one core an image, and their moments in pixels, as squares have them."""

    image: NDArray[np.intp]
    dy: Floats
    dx: Floats
    area: Floats
    y: Floats
    x: Floats
    yy: Floats
    xx: Floats
    xy: Floats

    @classmethod
    def of(
        cls, image: NDArray[np.intp], y: NDArray[np.intp], x: NDArray[np.intp], images: int
    ) -> "_Core":
        area = np.bincount(image, minlength=images).astype(np.float64)
        some = np.maximum(area, 1.0)

        def mean(values: NDArray[np.generic]) -> Floats:
            return np.bincount(image, weights=values, minlength=images) / some

        middle_y, middle_x = mean(y), mean(x)
        dy, dx = y - middle_y[image], x - middle_x[image]
        own = np.where(area > 0, _SQUARE, 0.0)
        yy, xx, xy = mean(dy * dy) + own, mean(dx * dx) + own, mean(dx * dy)
        return cls(image, dy, dx, area, middle_y, middle_x, yy, xx, xy)

    def axes(self) -> tuple[Floats, Floats]:
        """Major and minor axis of the ellipse with these second moments."""
        middle = (self.yy + self.xx) / 2
        spread = np.hypot((self.xx - self.yy) / 2, self.xy)
        return 4.0 * np.sqrt(middle + spread), 4.0 * np.sqrt(np.maximum(middle - spread, 0.0))

    def direction(self) -> tuple[Floats, Floats]:
        """Sine and cosine of twice the major axis's angle; 0 where both axes are equal."""
        across, along = 2.0 * self.xy, self.xx - self.yy
        size = np.hypot(across, along)
        size[size <= _ALIKE * (self.xx + self.yy)] = 0.0
        return _over(across, size, otherwise=0.0), _over(along, size, otherwise=0.0)

    def curvature(self) -> Floats:
        """Curvature of the least-squares parabola v(u), u along the major axis and v across it."""
        angle = np.arctan2(2.0 * self.xy, self.xx - self.yy)[self.image] / 2
        u = self.dx * np.cos(angle) + self.dy * np.sin(angle)
        v = self.dy * np.cos(angle) - self.dx * np.sin(angle)
        n = len(self.area)
        second, third, fourth, mixed = (
            np.bincount(self.image, weights=values, minlength=n) / np.maximum(self.area, 1.0)
            for values in (u**2, u**3, u**4, u * u * v)
        )
        # The normal equations of v = a + b u + c u^2, solved for c. They are this short because u
        # and v are measured from the centroid along the principal axes: the means of u, v and
        # u v are 0.
        skew = _over(third**2, second, otherwise=0.0)
        rest = fourth - second**2 - skew
        is_long = self.axes()[0] * PIXEL_KM >= BEND_KM
        rest[~is_long | (rest <= _ALIKE * second**2)] = 0.0
        return _over(2.0 * np.abs(mixed), rest, otherwise=0.0)
