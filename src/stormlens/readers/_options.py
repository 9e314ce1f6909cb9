"""How a file is to be read: settings that every reader shares, checked at the door."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stormlens.errors import unknown

if TYPE_CHECKING:
    import pandas as pd

SAMPLINGS = ("nearest", "maximum")
RAIN_LAWS = {"marshall-palmer": (200.0, 1.6), "wsr-88d": (300.0, 1.4)}
"""Coefficients (a, b) of Z = a R^b, Z in mm6/m3 and R in mm/h."""


@dataclass(frozen=True)
class Options:
    """
    How a radar file is brought to the national grid.

    Attributes
    ----------
    sampling : {"nearest", "maximum"}
        The value nearest to a cell's centre, as the archive does, or the highest within it.
    rain : {"marshall-palmer", "wsr-88d"}
        The Z-R relation that turns rain rates into reflectivity: Z = 200 R^1.6 (Marshall and
        Palmer 1948) or the WSR-88D's convective Z = 300 R^1.4 (Fulton et al. 1998).
    quality_control : bool
        Take specks and echo of low correlation coefficient out of a radar's volume.
    index : pandas.DataFrame or None
        Where SVRIMG images belong; see `stormlens.datasets.svrimg.index`.
    """

    sampling: str = "nearest"
    rain: str = "marshall-palmer"
    quality_control: bool = False
    index: "pd.DataFrame | None" = None

    def __post_init__(self) -> None:
        if self.sampling not in SAMPLINGS:
            raise unknown("sampling", self.sampling, SAMPLINGS)
        if self.rain not in RAIN_LAWS:
            raise unknown("rain law", self.rain, RAIN_LAWS)
