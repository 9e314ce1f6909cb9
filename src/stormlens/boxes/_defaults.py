"""
The ways to cut boxes, and the settings that hold by default.

Plain values in a module that imports nothing: the command line shows them in its
help, which loads no NumPy.
"""

WAYS = ("storms", "grid", "points", "reports")
"""Around strong echo, on a regular grid, around points, around storm reports."""

THRESHOLD_DBZ = 40
"""Lowest reflectivity of a storm's core, dBZ; convective as in Steiner et al. 1995."""

MINIMUM_AREA_KM2 = 100.0
"""Smallest core, km2: some 11 km across."""

STRIDE = 68
"""Cells of 3.75 km from one box of a grid to the next: half a box."""

MINIMUM_COVERAGE = 0.5
"""Share of a box of a grid that radars must see."""

WITHIN_MINUTES = 30.0
"""How far a report's time may lie from the mosaic's, as in the archive."""
