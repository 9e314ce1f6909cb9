"""
Whole archives: a store of storm boxes, their labels, and what they say about climate.

`build` turns radar files into a Zarr store of boxes with a catalogue, `classify`
labels every box into a table of Parquet files, and `summarise` counts them. Work
is shared by processes on this machine or by those of a Dask scheduler, in
bounded memory, and can be stopped at any moment and taken up again.
"""

from stormlens.archive._build import build
from stormlens.archive._classify import classify
from stormlens.archive._outcome import Outcome
from stormlens.archive._regions import REGIONS, Region, region_numbers
from stormlens.archive._summary import shares, summarise

__all__ = [
    "REGIONS",
    "Outcome",
    "Region",
    "build",
    "classify",
    "region_numbers",
    "shares",
    "summarise",
]
