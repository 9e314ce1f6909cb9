"""Small valid files of every format: one line enrols a format in the contract and the fuzz test."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from cfradial_files import cfradial
from grib_files import PRECIP_RATE, grib, jma
from gridrad_files import gridrad
from knmi_files import knmi_image, knmi_volume
from netcdf_files import example, meridians, mosaic
from nexrad_files import Turn, code, legacy_volume, volume
from odim_files import composite
from odim_files import volume as odim_volume
from png_files import UNID, index, png
from structures import classic, hdf5, level2, packed_level2, words
from structures import grib as grib2
from structures import png as picture

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


def _rain_levels():
    runs = [(0, 500), (1, 500), (3, 20), (1, 980)]
    how = {"rows": 40, "columns": 50, "step": (50_000, 50_000), "north": 45.0, "west": 255.0}
    return jma(runs, [0, 10, 1000], **how)


_IN_KANSAS = {
    "projection": "+proj=longlat +datum=WGS84",
    "corners": [-100.0, 34.0, -100.0, 40.0, -92.0, 40.0, -92.0, 34.0],
}
_IN_OKLAHOMA = {"latitude": 35.33, "longitude": -97.28, "formula": "GEO=0.5*PV+-32.0"}


def _marked():
    field = _field()
    return grib(field, png=False, bitmap=field != -999)


def _rain():
    return grib(_field(0, -3), product=PRECIP_RATE)


def _knmi_volume():
    return knmi_volume([(0.5, _codes())], **_IN_OKLAHOMA)


def _classic_sweeps():
    return cfradial([(0.5, _dbz())], classic=True)


@dataclass(frozen=True)
class Case:
    """
    A file: its format's name, how it is made, its own name, what is read with it.

    `structure` makes one change to what the format is made of; see `structures`. A text's words
    are what it is made of by default.
    """

    name: str
    format: str
    make: Callable[[], bytes]
    structure: Callable[[bytes, np.random.Generator], bytes] = words
    file: str = "file"
    options: dict = field(default_factory=dict)
    has_time: bool = True


_LEVEL2, _SITE = "KTLX20130520_200000", "KLIX20050828_180149"
_EXAMPLE = "nexrad_REFC_COL_MAX_INTERP_v3_1_20110427T190000Z.nc"
_UNID = {"index": index()}

CASES = [
    Case("nexrad", "nexrad", lambda: volume([_turn()]), packed_level2, _LEVEL2),
    Case("nexrad-plain", "nexrad", lambda: volume([_turn()], packed=False), level2, _LEVEL2),
    Case("nexrad-legacy", "nexrad", _legacy, level2, _SITE),
    Case("mrms-png", "mrms", lambda: grib(_field()), grib2, "mrms.grib2"),
    Case("mrms-simple", "mrms", lambda: grib(_field(), png=False, bits=14), grib2, "mrms.grib2"),
    Case("mrms-marked", "mrms", _marked, grib2, "mrms.grib2"),
    Case("mrms-rain", "mrms", _rain, grib2, "rain.grib2"),
    Case("jma", "mrms", _rain_levels, grib2, "jma.grib2"),
    Case("gridrad", "gridrad", lambda: gridrad(ECHO), hdf5, "nexrad_3d.nc"),
    Case("gridrad-3", "gridrad", lambda: gridrad(ECHO, version="v3.1"), hdf5, "nexrad_3d.nc"),
    Case("odim-composite", "odim", lambda: composite(_codes()), hdf5, "odim.h5"),
    Case("odim-volume", "odim", lambda: odim_volume([(0.5, _codes())]), hdf5, "volume.h5"),
    Case("knmi-composite", "knmi", lambda: knmi_image(_codes(), **_IN_KANSAS), hdf5, "knmi.h5"),
    Case("knmi-volume", "knmi", _knmi_volume, hdf5, "knmi.h5"),
    Case("cfradial", "cfradial", lambda: cfradial([(0.5, _dbz())]), hdf5, "cfrad.nc"),
    Case("cfradial-3", "cfradial", _classic_sweeps, classic, "cfrad.nc"),
    Case("svrimg", "svrimg", lambda: png(np.eye(136) * 40), picture, f"{UNID}.png", _UNID),
    Case("grid", "netcdf", lambda: meridians(_dbz()), hdf5, "grid.nc"),
    Case("grid-3", "netcdf", lambda: meridians(_dbz(), classic=True), classic, "grid.nc"),
    Case("mosaic", "netcdf", mosaic, hdf5, "mosaic.nc"),
    Case("example", "netcdf", example, hdf5, _EXAMPLE),
]

BY_NAME = {case.name: case for case in CASES}
