"""CfRadial: placed by azimuth and range, in NetCDF-3 and 4, versions 1 and 2."""

import io

import numpy as np
import numpy.testing as npt
import pytest
import xradar
from cfradial_files import cfradial

from stormlens.errors import InputError
from stormlens.readers import read
from stormlens.stormbox import NATIONAL

RADAR = tuple(round(float(v)) for v in NATIONAL.cell(-97.28, 35.33))


def sweep(value=np.nan):
    return np.full((360, 150), value)


def test_an_echo_lies_where_azimuth_and_range_say():
    dbz = sweep()
    dbz[178:182, 77:83] = 50.25  # due south, 80 km away
    mosaic = read(cfradial([(0.5, dbz)]))
    y, x = np.nonzero(mosaic.reflectivity.values)
    south = NATIONAL.cell(-97.28, 35.33 - 80 / 110.95)
    assert abs(x.mean() - south[0]) < 1
    assert abs(y.mean() - south[1]) < 1
    assert set(np.unique(mosaic.reflectivity.values[y, x])) == {50}


def test_the_highest_sweep_counts_and_gates_without_value_are_clear_air():
    mosaic = read(cfradial([(0.5, sweep(20.0)), (2.5, sweep(35.0))]))
    x, y = RADAR
    assert mosaic.reflectivity.values[y + 8, x + 8] == 35
    clear = read(cfradial([(0.5, sweep())]))
    assert clear.coverage.values[y + 8, x + 8]
    assert clear.reflectivity.values.max() == 0
    assert not clear.coverage.values[y + 60, x]


def test_netcdf_3_and_4_read_alike():
    sweeps = [(0.5, sweep(20.0)), (2.5, sweep(35.0))]
    assert read(cfradial(sweeps)).identical(read(cfradial(sweeps, classic=True)))


def test_version_2_reads_as_version_1(tmp_path):
    dbz = sweep()
    dbz[80:120, 50:80] = 41.0
    first = cfradial([(0.5, dbz), (1.5, dbz)])
    tree = xradar.io.open_cfradial1_datatree(io.BytesIO(first), engine="h5netcdf")
    tree.attrs.update(dict.fromkeys(("history", "institution", "instrument_name", "source"), ""))
    path = tmp_path / "volume.nc"
    xradar.io.to_cfradial2(tree, path, engine="h5netcdf", timestep=None)
    mosaic = read(path)
    npt.assert_array_equal(mosaic.reflectivity, read(first).reflectivity)
    npt.assert_array_equal(mosaic.coverage, read(first).coverage)


def test_time_is_that_of_the_first_ray():
    mosaic = read(cfradial([(0.5, sweep(20.0))]))
    assert mosaic.time.values == np.datetime64("2013-05-20T20:00:00")


def test_reflectivity_of_another_name_is_known_by_its_unit():
    mosaic = read(cfradial([(0.5, sweep(33.0))], moment="reflectivity_horizontal"))
    x, y = RADAR
    assert mosaic.reflectivity.values[y + 8, x] == 33


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"moment": "VEL", "units": "m/s"}, "no sweep around its radar with reflectivity.*VEL"),
        ({"mode": "rhi"}, "no sweep around its radar"),
        ({"latitude": 48.0, "longitude": 11.0}, "does not reach the national grid"),
        ({"spacing": -250.0}, "no places"),
    ],
)
def test_what_is_wrong_is_said(fields, message):
    with pytest.raises(InputError, match=message):
        read(cfradial([(0.5, sweep(20.0))], **fields), grid="national")
