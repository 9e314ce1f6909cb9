"""Fields open in xarray: placed by every kind of coordinates, judged by the grid's own places."""

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens.errors import InputError
from stormlens.readers import from_xarray, grid_lonlat, make_mosaic, read
from stormlens.stormbox import NATIONAL, PIXEL_KM

DBZ = {"units": "dBZ"}


def blob():
    """Values on 1-D latitude and longitude: an echo about 36.5 N 97.5 W, a gap in the west."""
    values = np.zeros((60, 80), np.float32)
    values[20:30, 20:30] = 45.5
    values[:, :10] = np.nan
    return values


def meridians(values=None, units="dBZ", **more):
    values = blob() if values is None else values
    latitude, longitude = 34 + 0.1 * np.arange(60), -100 + 0.1 * np.arange(80)
    coords = {"lat": latitude, "lon": longitude, **more}
    return xr.DataArray(values, coords=coords, dims=("lat", "lon"), attrs={"units": units})


def at(mosaic, longitude, latitude):
    x, y = NATIONAL.cell(longitude, latitude)
    place = round(float(y)), round(float(x))
    return int(mosaic.reflectivity.values[place]), bool(mosaic.coverage.values[place])


def whole():
    """A field on the national grid itself, and its mosaic."""
    rng = np.random.default_rng(3)
    dbz = rng.integers(0, 75, NATIONAL.shape).astype(float)
    seen = rng.random(NATIONAL.shape) < 0.8
    made = make_mosaic(dbz, seen, time=np.datetime64("2011-04-27"), source="x")
    return np.where(seen, dbz, np.nan), made


def same(one, other):
    npt.assert_array_equal(one.coverage, other.coverage)
    npt.assert_array_equal(one.reflectivity, other.reflectivity)


def test_echo_clear_air_and_no_coverage():
    mosaic = from_xarray(meridians())
    assert at(mosaic, -97.55, 36.45) == (45, True)
    assert at(mosaic, -95.0, 36.0) == (0, True)
    assert at(mosaic, -99.5, 36.0) == (0, False)
    assert at(mosaic, -80.0, 36.0) == (0, False)


def test_a_mosaic_comes_back_as_it_is():
    _, made = whole()
    xr.testing.assert_identical(read(made), made)


@pytest.mark.parametrize("metres", [1000.0, 1.0])
def test_x_and_y_with_a_grid_mapping(metres):
    values, made = whole()
    unit = {"units": "km" if metres == 1.0 else "m"}
    mapping = dict(NATIONAL.mapping)
    for key in ("false_easting", "false_northing"):
        mapping[key] = mapping[key] * metres
    dataset = xr.Dataset(
        {"z": (("y", "x"), values, {**DBZ, "grid_mapping": "projection"})},
        coords={
            "y": ("y", np.arange(NATIONAL.shape[0]) * PIXEL_KM * metres, unit),
            "x": ("x", np.arange(NATIONAL.shape[1]) * PIXEL_KM * metres, unit),
            "projection": ((), 0, mapping),
        },
    )
    same(from_xarray(dataset), made)
    same(from_xarray(dataset.isel(y=slice(None, None, -1)).transpose("x", "y")), made)
    same(from_xarray(dataset, sampling="maximum"), made)


@pytest.mark.parametrize("transposed", [False, True])
def test_latitude_and_longitude_of_every_cell(transposed):
    values, made = whole()
    longitude, latitude = grid_lonlat()
    field = xr.DataArray(
        values,
        dims=("j", "i"),
        coords={"latitude": (("j", "i"), latitude), "longitude": (("j", "i"), longitude + 360)},
        attrs=DBZ,
    )
    same(from_xarray(field.transpose("i", "j") if transposed else field), made)


def test_latitudes_in_either_order_and_longitudes_of_either_convention():
    usual = from_xarray(meridians())
    field = meridians()
    same(from_xarray(field.isel(lat=slice(None, None, -1))), usual)
    same(from_xarray(field.isel(lon=slice(None, None, -1))), usual)
    same(from_xarray(field.assign_coords(lon=field.lon + 360)), usual)
    same(from_xarray(field.T), usual)


def test_uneven_axes_take_the_nearest_value():
    field = meridians()
    uneven = np.sort(np.concatenate([np.asarray(field.lat)[::3], np.asarray(field.lat)[1::3]]))
    mosaic = from_xarray(field.sel(lat=uneven))
    assert at(mosaic, -97.55, 36.45) == (45, True)
    assert at(mosaic, -95.0, 36.0) == (0, True)
    assert at(mosaic, -80.0, 36.0) == (0, False)


def test_rain_goes_through_the_relation_and_negative_rates_are_no_coverage():
    values = np.zeros((60, 80))
    values[20:30, 20:30] = 10.0
    values[40:] = -3
    mosaic = from_xarray(meridians(values, "mm/h"))
    assert at(mosaic, -97.55, 36.45) == (39, True)
    assert at(mosaic, -95.0, 36.0) == (0, True)
    assert at(mosaic, -95.0, 39.0) == (0, False)
    assert "Marshall" in mosaic.attrs["derived"]
    per_second = meridians(values / 3600, "kg m-2 s-1")
    same(from_xarray(per_second), mosaic)
    assert at(from_xarray(meridians(values, "mm/h"), rain="wsr-88d"), -97.55, 36.45)[0] == 38


def test_minus_infinity_is_clear_air():
    values = np.full((60, 80), -np.inf)
    mosaic = from_xarray(meridians(values))
    assert at(mosaic, -95.0, 36.0) == (0, True)


def test_the_highest_in_a_cell_is_found_between_cell_centres():
    latitude, longitude = 36 + 0.005 * np.arange(200), -97 + 0.005 * np.arange(200)
    values = np.zeros((200, 200))
    x, y = NATIONAL.cell(longitude[np.newaxis, :], latitude[:, np.newaxis])
    off = np.abs(x - np.rint(x)) + np.abs(y - np.rint(y))
    row, column = np.unravel_index(np.argmax(off), off.shape)
    values[row, column] = 60
    coords = {"lat": latitude, "lon": longitude}
    field = xr.DataArray(values, coords=coords, dims=("lat", "lon"), attrs=DBZ)
    assert from_xarray(field).reflectivity.values.max() == 0
    highest = from_xarray(field, sampling="maximum").reflectivity.values
    place = round(float(y[row, column])), round(float(x[row, column]))
    assert highest[place] == highest.max() == 60


def test_time_comes_from_the_coordinate_of_one_time():
    field = meridians().expand_dims(time=[np.datetime64("2020-07-14T20:15", "ns")])
    assert from_xarray(field).time == np.datetime64("2020-07-14T20:15")
    assert np.isnat(from_xarray(meridians()).time.values)


def test_the_one_field_of_reflectivity_of_a_dataset_is_taken():
    dataset = xr.Dataset({"velocity": meridians(units="m/s"), "echo": meridians()})
    same(from_xarray(dataset), from_xarray(meridians()))


def test_a_simulated_field_stays_one():
    dataset = meridians().to_dataset(name="echo").assign_attrs(simulated=1)
    assert from_xarray(dataset).attrs["simulated"] == 1


@settings(max_examples=20, deadline=None)
@given(
    south=st.floats(25, 45),
    west=st.floats(-120, -75),
    step=st.floats(0.02, 0.5),
    falling=st.booleans(),
)
def test_each_cell_takes_the_nearest_value(south, west, step, falling):
    values = np.arange(30 * 40).reshape(30, 40) % 70 + 1.0
    latitude, longitude = south + step * np.arange(30), west + step * np.arange(40)
    order = slice(None, None, -1 if falling else 1)
    coords = {"lat": latitude[order], "lon": longitude}
    field = xr.DataArray(values[order], coords=coords, dims=("lat", "lon"), attrs=DBZ)
    mosaic = from_xarray(field)
    wanted_longitude, wanted_latitude = grid_lonlat()
    seen = np.argwhere(mosaic.coverage.values)
    for y, x in seen[:: max(len(seen) // 50, 1)]:
        row = np.abs(latitude - wanted_latitude[y, x]).argmin()
        column = np.abs(longitude - wanted_longitude[y, x]).argmin()
        assert mosaic.reflectivity.values[y, x] == values[row, column]
        assert np.abs(latitude[row] - wanted_latitude[y, x]) <= step * 0.5001


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (meridians(units="K"), "no field of reflectivity or rain rate.*in K"),
        (meridians(units=""), "no field of reflectivity or rain rate"),
        (
            xr.Dataset({"a": meridians(), "b": meridians()}),
            r"several fields \(a, b\); give one, such as data\['a'\]",
        ),
        (meridians().expand_dims(time=2), "one time and one level are read"),
        (meridians().drop_vars(["lat", "lon"]), "no coordinates that place it"),
        (
            meridians().assign_coords(lat=np.linspace(45, 60, 60), lon=np.linspace(5, 15, 80)),
            "does not reach the national grid",
        ),
        (meridians().assign_coords(lat=np.linspace(0, 600, 60)), "no axis of degrees"),
        (
            meridians().rename(lat="y", lon="x").assign_coords(m=((), 0, dict(NATIONAL.mapping))),
            "is in no unit; m or km are read",
        ),
        (
            xr.DataArray(blob(), dims=("j", "i"), attrs=DBZ).assign_coords(
                lat=(("j", "i"), np.full((60, 80), 200.0)), lon=(("j", "i"), blob())
            ),
            "no degrees",
        ),
        (
            xr.DataArray(blob(), dims=("j", "i"), attrs=DBZ).assign_coords(
                lat=(("j", "i"), np.full((60, 80), 50.0)), lon=(("j", "i"), blob())
            ),
            "does not reach the national grid",
        ),
    ],
)
def test_what_is_wrong_is_said(field, message):
    with pytest.raises(InputError, match=message):
        from_xarray(field)


def test_a_grid_mapping_that_proj_does_not_know_is_said():
    axis = {"units": "m"}
    field = xr.DataArray(
        blob(),
        dims=("y", "x"),
        coords={"y": ("y", np.arange(60.0), axis), "x": ("x", np.arange(80.0), axis)},
        attrs={**DBZ, "grid_mapping": "m"},
    )
    for mapping in ("flat_earth", "latitude_longitude"):
        named = field.assign_coords(m=((), 0, {"grid_mapping_name": mapping}))
        with pytest.raises(InputError, match=r"not one that PROJ knows|no projection"):
            from_xarray(named)


def test_several_times_are_refused():
    field = meridians(time=("lat", np.arange(60).astype("datetime64[h]").astype("M8[ns]")))
    with pytest.raises(InputError, match="spans 60 times"):
        from_xarray(field)
