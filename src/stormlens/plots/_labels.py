"""
Place the names of boxes on a map so that they do not overlap.

Each name has several candidate places along its box's edge. Names are placed in
order, each where it overlaps least with those before it. A name that would still
overlap is left out, which is better than two that cannot be read.
"""

from collections.abc import Sequence
from typing import NamedTuple

_OVERLAP = 0.05  # share of a name that may lie on others


class Span(NamedTuple):
    """A rectangle: west, south, east, north."""

    west: float
    south: float
    east: float
    north: float

    @property
    def area(self) -> float:
        """Area; 0 if its edges are in reverse order, as of rectangles that do not meet."""
        return max(self.east - self.west, 0) * max(self.north - self.south, 0)

    def shared(self, other: "Span") -> float:
        """Area that two rectangles share."""
        return Span(
            max(self.west, other.west),
            max(self.south, other.south),
            min(self.east, other.east),
            min(self.north, other.north),
        ).area


def place_labels(
    boxes: Sequence[Span], sizes: Sequence[tuple[float, float]], window: Span
) -> list[Span | None]:
    """
    Choose a place for each box's name.

    Parameters
    ----------
    boxes : sequence of Span
        Outlines, the most important first.
    sizes : sequence of (float, float)
        Width and height of each name, in the units of the boxes.
    window : Span
        What the picture shows.

    Returns
    -------
    places : list of Span or None
        None if there is no free place.
    """
    placed: list[Span] = []
    places: list[Span | None] = []
    for box, (width, height) in zip(boxes, sizes, strict=True):
        candidates = [
            span
            for span in _candidates(box, width, height)
            if span.shared(window) > (1 - 1e-6) * span.area
        ]
        crowding = [sum(span.shared(other) for other in placed) for span in candidates]
        least = min(crowding, default=float("inf"))
        if least > _OVERLAP * width * height:
            places.append(None)
            continue
        chosen = candidates[crowding.index(least)]
        placed.append(chosen)
        places.append(chosen)
    return places


def _candidates(box: Span, width: float, height: float) -> list[Span]:
    """Places along a box's edge, the best first: above, in its corners, below, at its sides."""
    left, right = box.west, box.east - width
    middle = (left + right) / 2
    rows = (box.north, box.north - height, box.south, box.south - height)
    corners = [(x, y) for y in rows for x in (left, right, middle)]
    steps = [box.south + share * (box.north - box.south - height) for share in (0.75, 0.5, 0.25)]
    sides = [(x, y) for y in steps for x in (left, right, box.east, box.west - width)]
    return [Span(x, y, x + width, y + height) for x, y in (*corners, *sides)]
