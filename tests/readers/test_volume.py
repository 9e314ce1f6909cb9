"""Sweeps as files hold them: steep ones in ODIM, many of them, and sizes looked at before."""

import numpy as np
import numpy.testing as npt
import pytest
from odim_files import volume

from stormlens.errors import InputError
from stormlens.readers import Options, read
from stormlens.readers._volume import Raw, read_volume
from stormlens.stormbox import NATIONAL

RADAR = tuple(round(float(v)) for v in NATIONAL.cell(-97.28, 35.33))


def codes(rays=360, gates=150, first=0):
    """No echo (ODIM's undetect) but in the first gates: 55 dBZ."""
    made = np.zeros((rays, gates), np.uint8)
    made[:, :first] = 174
    return made


@pytest.mark.parametrize("sampling", ["nearest", "maximum"])
@pytest.mark.parametrize("quality_control", [False, True])
@pytest.mark.parametrize("elevation", [89.5, 90.0, 90.02])
def test_a_sweep_to_the_zenith_says_something_of_the_radars_cell(
    elevation, quality_control, sampling
):
    told = {"quality_control": quality_control, "sampling": sampling}
    content = volume([(0.5, codes()), (elevation, codes(first=3))], spacing=250.0)
    mosaic = read(content, Options(**told))
    npt.assert_array_equal(np.argwhere(mosaic.reflectivity.values), [RADAR[::-1]])
    alone = read(volume([(0.5, codes())], spacing=250.0), Options(**told))
    npt.assert_array_equal(mosaic.coverage, alone.coverage)


@pytest.mark.slow
def test_more_than_a_hundred_sweeps_are_all_used():
    sweeps = [(0.5, codes(36, 20))] * 119 + [(0.5, codes(36, 20, first=20))]
    mosaic = read(volume(sweeps))
    assert mosaic.reflectivity.values.max() == 55
    assert mosaic.attrs["product"] == "column maximum of 120 sweeps"


def raw(values, **attributes):
    values = np.asarray(values)
    return Raw(values.shape, lambda: values, attributes)


def raw_sweep(**changes):
    return {
        "azimuth": raw(np.arange(360.0)),
        "elevation": raw(np.full(360, 0.5)),
        "range": raw(500.0 + 1000 * np.arange(100)),
        "latitude": raw(35.0),
        "longitude": raw(-97.0),
        "DBZH": raw(np.full((360, 100), 20.0)),
        **changes,
    }


def read_raw(*sweeps):
    told = {"kind": "made up", "fill_is_clear": True}
    return read_volume(iter(sweeps), "x", Options(), **told)


def never():
    raise AssertionError("read before its size was looked at")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DBZH": Raw((360, 10**9), never, {})}, "has shape"),
        ({"azimuth": Raw((10**9,), never, {})}, "too many"),
        (
            {
                "azimuth": raw(np.arange(40_000) % 360.0),
                "elevation": raw(np.full(40_000, 0.5)),
                "range": raw(250.0 * np.arange(1, 2001)),
                "DBZH": Raw((40_000, 2000), never, {}),
            },
            "too many",
        ),
        ({"range": raw(np.append(500.0 + np.arange(99), 9000.0))}, "too uneven"),
        ({"elevation": raw(np.full(360, 200.0))}, "no places"),
        ({"longitude": raw(np.linspace(-100, -90, 7))}, "longitude has 7 values"),
    ],
)
def test_sizes_and_places_are_looked_at_first(change, message):
    with pytest.raises(InputError, match=message):
        read_raw(raw_sweep(**change))


@pytest.mark.slow
def test_a_radar_at_too_many_places_is_refused():
    sweeps = (raw_sweep(latitude=raw(25 + 0.05 * (n % 400))) for n in range(1100))
    far = {"range": raw(np.array([500.0, 1500.0])), "DBZH": raw(np.full((360, 2), 20.0))}
    with pytest.raises(InputError, match="over 1000 places"):
        read_raw(*({**each, **far} for each in sweeps))


def test_no_sweeps_are_said():
    with pytest.raises(InputError, match="its sweeps are none, and hold nothing"):
        read_raw()
