"""
The simulator: labelled storm boxes of all six modes, made from a seed.

Simulated boxes are for learning, for tests and for work offline. They resemble
the archive's in texture, coverage and reflectivity, and are always called
SIMULATED. `docs/simulator.md` shows what they hold and where they fall short.
"""

from stormlens.datasets._simulated._assemble import load_simulated, simulate
from stormlens.datasets._simulated._families import FAMILIES, Family

__all__ = ["FAMILIES", "Family", "load_simulated", "simulate"]
