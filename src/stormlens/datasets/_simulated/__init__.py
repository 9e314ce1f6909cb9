"""
The simulator: labelled storm boxes of all six modes, made from a seed.

Simulated boxes are for learning, for tests and for work offline. They resemble
the archive's in texture, coverage and reflectivity, and are always called
SIMULATED. `docs/simulator.md` shows what they hold and where they fall short.

A box's painters draw from one generator, one after the other. So the order of draws is part
of the result: to add, remove or move one changes all that is drawn after it, in each box of
that kind and for every seed. A changed painter makes another data set of the same name.
"""

from stormlens.datasets._simulated._assemble import load_simulated, simulate
from stormlens.datasets._simulated._families import FAMILIES, Family

__all__ = ["FAMILIES", "Family", "load_simulated", "simulate"]
