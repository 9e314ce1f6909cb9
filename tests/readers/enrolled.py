"""Small valid files of every format: one line enrols a format in the contract and the fuzz test."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from cfradial_files import cfradial
from grib_files import PRECIP_RATE, grib
from gridrad_files import gridrad
from knmi_files import knmi_image, knmi_volume
from netcdf_files import example, meridians, mosaic
from nexrad_files import Turn, code, legacy_volume, volume
from odim_files import composite
from odim_files import volume as odim_volume
from png_files import UNID, index, png

ECHO = [(z, y, x, 45.0, 2.0, 4, 4) for z in (1, 2) for y in range(10, 20) for x in range(20, 40)]


def _field(clear=-99.0, unseen=-999.0):
    values = np.full((40, 50), clear)
    values[:10], values[20:30, 20:30] = unseen, 45.5
    return values


def _codes(rays=40, gates=50):
    codes = np.zeros((rays, gates), np.uint8)
    codes[:10], codes[20:30, 20:30] = 255, 160
    return codes


def _dbz():
    dbz = np.full((40, 50), np.nan)
    dbz[20:30, 20:30] = 45.5
    return dbz


def _turn(rays=36, **shape):
    codes = np.zeros((rays, 60), np.uint8)
    codes[: rays // 3, 10:30] = code(45)
    return Turn(0.5, {"REF": codes}, spacing=1000, **shape)


def _legacy():
    return legacy_volume([_turn(150, first_gate=0)])


_IN_KANSAS = {
    "projection": "+proj=longlat +datum=WGS84",
    "corners": [-100.0, 34.0, -100.0, 40.0, -92.0, 40.0, -92.0, 34.0],
}
_IN_OKLAHOMA = {"latitude": 35.33, "longitude": -97.28, "formula": "GEO=0.5*PV+-32.0"}


@dataclass(frozen=True)
class Case:
    """A file: its format's name, how it is made, its own name, what is read with it."""

    name: str
    format: str
    make: Callable[[], bytes]
    file: str = "file"
    options: dict = field(default_factory=dict)
    has_time: bool = True


CASES = [
    Case("nexrad", "nexrad", lambda: volume([_turn()]), "KTLX20130520_200000"),
    Case("nexrad-plain", "nexrad", lambda: volume([_turn()], packed=False), "KTLX20130520_200000"),
    Case("nexrad-legacy", "nexrad", _legacy, "KLIX20050828_180149"),
    Case("mrms-png", "mrms", lambda: grib(_field()), "mrms.grib2"),
    Case("mrms-simple", "mrms", lambda: grib(_field(), png=False, bits=14), "mrms.grib2"),
    Case("mrms-rain", "mrms", lambda: grib(_field(0, -3), product=PRECIP_RATE), "rain.grib2"),
    Case("gridrad", "gridrad", lambda: gridrad(ECHO), "nexrad_3d.nc"),
    Case("gridrad-3", "gridrad", lambda: gridrad(ECHO, version="v3.1"), "nexrad_3d.nc"),
    Case("odim-composite", "odim", lambda: composite(_codes()), "odim.h5"),
    Case("odim-volume", "odim", lambda: odim_volume([(0.5, _codes())]), "volume.h5"),
    Case("knmi-composite", "knmi", lambda: knmi_image(_codes(), **_IN_KANSAS), "knmi.h5"),
    Case("knmi-volume", "knmi", lambda: knmi_volume([(0.5, _codes())], **_IN_OKLAHOMA), "knmi.h5"),
    Case("cfradial", "cfradial", lambda: cfradial([(0.5, _dbz())]), "cfrad.nc"),
    Case("cfradial-3", "cfradial", lambda: cfradial([(0.5, _dbz())], classic=True), "cfrad.nc"),
    Case("svrimg", "svrimg", lambda: png(np.eye(136) * 40), f"{UNID}.png", {"index": index()}),
    Case("grid", "netcdf", lambda: meridians(_dbz()), "grid.nc"),
    Case("grid-3", "netcdf", lambda: meridians(_dbz(), classic=True), "grid.nc"),
    Case("mosaic", "netcdf", mosaic, "mosaic.nc"),
    Case("example", "netcdf", example, "nexrad_REFC_COL_MAX_INTERP_v3_1_20110427T190000Z.nc"),
]

BY_NAME = {case.name: case for case in CASES}
