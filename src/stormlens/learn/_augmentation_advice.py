"""
Sentences on an augmentation's effect on a storm: what no storm would do, and what nobody sees.

A label is that of the storm around its report, at the centre of the box, so a
movement of the report is given in km. Storm modes differ by size, elongation and
the place of their stratiform rain, so a change of these is mentioned if it leaves
the range of real storms. References are named in the sentences:
Houze, Smull and Dodge (1990), Mon. Wea. Rev. 118, 613-654; Parker and Johnson
(2000), Mon. Wea. Rev. 128, 3413-3436; Smith et al. (2012), Wea. Forecasting 27,
1114-1135.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from stormlens.augment import Augmentation
from stormlens.stormbox import PIXEL_KM, SIZE

_MOST_ROTATION = 55.0  # degrees, as in the notebook of the archive's authors
_ZOOM = (0.8, 1.25)  # a fifth smaller, a quarter larger
_MOST_ELONGATION = 1.3
_CELL_KM = 30


class Advice(NamedTuple):
    """
    A sentence on some settings.

    Attributes
    ----------
    warning : bool
        Whether it spoils what the label says, or is good to know only.
    subject : str
        What it is about, in a word or two.
    text : str
        The sentence.
    """

    warning: bool
    subject: str
    text: str


def advice(
    augmentation: Augmentation, beyond: float = 0.0, shape: tuple[int, int] = (SIZE, SIZE)
) -> list[Advice]:
    """
    All that a user should know of some settings, warnings first.

    Parameters
    ----------
    augmentation : Augmentation
        The settings.
    beyond : float, optional
        Share of the pixels that lie beyond the edge in the images drawn, 0 to 1, as
        `beyond_the_edge` gives it.
    shape : tuple of int, optional
        Rows and columns of a box.

    Returns
    -------
    advice : list of Advice

    Examples
    --------
    >>> [each.subject for each in advice(Augmentation(rotation_range=0.1, vertical_flip=True))]
    ['vertical flip', 'too small to see']
    """
    found = [
        *_of_shifts(augmentation, shape),
        *_of_rotation(augmentation),
        *_of_flips(augmentation),
        *_of_zoom(augmentation),
        *_of_shear(augmentation),
        *_of_filling(augmentation, beyond),
        *(Advice(False, "too small to see", note) for note in augmentation.notes()),
    ]
    return sorted(found, key=lambda each: not each.warning)


def report_reach(augmentation: Augmentation, rows: int, columns: int) -> tuple[float, float]:
    """
    How far the storm report can move from the centre at most.

    A map takes output pixels to input ones, so the report moves by the shift as zoom and shear
    undo it: with columns x and rows y, (tx + ty tan s) / zx and ty / (zy cos s).

    Parameters
    ----------
    augmentation : Augmentation
        The settings.
    rows, columns : int
        Pixels of a box.

    Returns
    -------
    x, y : float
        km to the east or west, and to the north or south; both at once can occur.

    Examples
    --------
    >>> report_reach(Augmentation(width_shift_range=0.25), 136, 136)
    (127.5, 0.0)
    """
    smallest = augmentation.zoom_range[0]
    slant = math.radians(augmentation.shear_range)
    tx = augmentation.width_shift_range * columns * PIXEL_KM
    ty = augmentation.height_shift_range * rows * PIXEL_KM
    return (tx + ty * math.tan(slant)) / smallest, ty / (smallest * math.cos(slant))


def elongation(augmentation: Augmentation) -> float:
    """
    How many times as long as wide a round cell can become.

    A shear by s in x and y, [[1, -sin s], [0, cos s]], has singular values whose ratio is
    sqrt((1 + sin s) / (1 - sin s)); zooms drawn apart multiply it by high / low at most.

    Parameters
    ----------
    augmentation : Augmentation
        The settings.

    Returns
    -------
    ratio : float
        1 for what stays round; an upper bound where shear and zoom act together.
    """
    low, high = augmentation.zoom_range
    sine = math.sin(math.radians(augmentation.shear_range))
    return high / low * math.sqrt((1 + sine) / (1 - sine))


def beyond_the_edge(matrices: ArrayLike, rows: int, columns: int) -> float:
    """
    Share of the pixels whose place in the box they are taken from lies outside it.

    Parameters
    ----------
    matrices : array_like, shape (N, 2, 3)
        Output pixel (row, column, 1) to input (row, column).
    rows, columns : int
        Pixels of a box.

    Returns
    -------
    share : float
        0 to 1.
    """
    # Every other row and column will do for a share.
    grid = np.stack(np.meshgrid(np.arange(0, rows, 2), np.arange(0, columns, 2), indexing="ij"))
    ones = np.ones((1, *grid.shape[1:]))
    places = np.einsum("nij,jrc->nirc", np.asarray(matrices), np.concatenate([grid, ones]))
    edges = np.array([rows, columns], float)[:, None, None] - 0.5
    # The box reaches half a pixel beyond the middles of its outermost pixels.
    outside = (places < -0.5) | (places > edges)
    return float(outside.any(axis=1).mean())


def _of_shifts(ranges: Augmentation, shape: tuple[int, int]) -> list[Advice]:
    x, y = report_reach(ranges, *shape)
    if not x and not y:
        return []
    parts = [f"{x:.0f} km east or west"] if x else []
    parts += [f"{y:.0f} km north or south"] if y else []
    both = f", {math.hypot(x, y):.0f} km in all," if x and y else ""
    return [
        Advice(
            True,
            "report moves",
            f"The storm report leaves the centre by up to {' and '.join(parts)}{both} but the "
            "label holds for the storm at the centre; the archive's authors advise against shifts.",
        )
    ]


def _of_rotation(ranges: Augmentation) -> list[Advice]:
    turn = ranges.rotation_range
    if turn <= _MOST_ROTATION:
        return []
    return [
        Advice(
            True,
            "rotation",
            f"Turns of up to {turn:g} degrees bring the stratiform rain of a squall line to the "
            "wrong side: most lines move towards the east and trail it behind them (Parker and "
            "Johnson 2000). The archive's own notebook stops at "
            f"{_MOST_ROTATION:g} degrees.",
        )
    ]


def _of_flips(ranges: Augmentation) -> list[Advice]:
    found = []
    if ranges.vertical_flip:
        found.append(
            Advice(
                True,
                "vertical flip",
                "North and south change places: Tropical spirals turn clockwise, as no cyclone "
                "does north of the equator, and the strong end of a leading line with its "
                "stratiform rain moves from the south to the north (Houze et al. 1990).",
            )
        )
    if ranges.horizontal_flip:
        found.append(
            Advice(
                True,
                "horizontal flip",
                "East and west change places: the stratiform rain behind a line comes to lie "
                "ahead of it, which is rarer (Parker and Johnson 2000), and a Tropical spiral "
                "turns the wrong way.",
            )
        )
    return found


def _of_zoom(ranges: Augmentation) -> list[Advice]:
    low, high = ranges.zoom_range
    if low >= _ZOOM[0] and high <= _ZOOM[1]:
        return []
    return [
        Advice(
            True,
            "zoom",
            f"A pixel is {PIXEL_KM:g} km wide, so size tells: at these factors a cell {_CELL_KM} "
            f"km across is drawn {_CELL_KM / high:.0f} to {_CELL_KM / low:.0f} km across, and a "
            "line differs from cells by its length of 100 km or more (Smith et al. 2012).",
        )
    ]


def _of_shear(ranges: Augmentation) -> list[Advice]:
    ratio = elongation(ranges)
    if ratio <= _MOST_ELONGATION:
        return []
    return [
        Advice(
            True,
            "stretching",
            f"Shear and uneven zoom can make a round cell {ratio:.1f} times as long as wide; "
            "a line differs from cells by being three times as long as wide (Smith et al. 2012).",
        )
    ]


_FILLINGS = {
    "nearest": "drawn out from the outermost pixels, as streaks that no storm has",
    "wrap": "taken from the opposite side of the box",
    "reflect": "the box once more, as its mirror image",
}


def _of_filling(ranges: Augmentation, beyond: float) -> list[Advice]:
    if ranges.fill_mode != "constant" and ranges.cval:
        yet = [Advice(False, "cval", "cval is used with the fill mode constant only.")]
    else:
        yet = []
    if not beyond:
        return yet
    if ranges.fill_mode == "constant":
        what = f"invented echo of {ranges.cval:g} dBZ" if ranges.cval else "blank: echo is cut off"
    else:
        what = _FILLINGS[ranges.fill_mode]
    share = "under 1" if beyond < 0.01 else f"{100 * beyond:.0f}"
    text = (
        f"Of the pixels of these nine images, {share}\N{NO-BREAK SPACE}% lie beyond the edge and "
        f"are {what}."
    )
    return [Advice(ranges.fill_mode != "reflect", f"fill: {ranges.fill_mode}", text), *yet]
