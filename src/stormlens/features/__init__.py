"""
Features of storm boxes: a table of named numbers, for baselines and for exploring data.

`measure` takes boxes and gives a number for each of some thirty features: how much echo there is,
how the largest core is shaped, what share is stratiform, how rough the picture is, and what points
to a radar's faults rather than to weather. `describe` says what each of them means.
"""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.features._measure import measure, measure_images
    from stormlens.features._remember import remembering
    from stormlens.features._steiner import convective
    from stormlens.features._table import TABLE_VERSION, Feature, describe

__all__ = [
    "TABLE_VERSION",
    "Feature",
    "convective",
    "describe",
    "measure",
    "measure_images",
    "remembering",
]

on_first_use(
    __name__,
    {
        "_measure": "measure measure_images",
        "_remember": "remembering",
        "_steiner": "convective",
        "_table": "TABLE_VERSION Feature describe",
    },
)
