"""Fields open in xarray: placed by every kind of coordinates, judged by the grid's own places."""

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens.errors import InputError
from stormlens.readers import Options, from_xarray, grid_lonlat, make_mosaic, read
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


@pytest.mark.slow
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
    same(from_xarray(dataset, Options(sampling="maximum")), made)
    # Well-known text has a unit of its own, here km, whatever that of the axes is.
    dataset["projection"].attrs = {"crs_wkt": NATIONAL.wkt}
    same(from_xarray(dataset), made)


@pytest.mark.slow
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
    assert (
        at(from_xarray(meridians(values, "mm/h"), Options(rain="wsr-88d")), -97.55, 36.45)[0] == 38
    )


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
    highest = from_xarray(field, Options(sampling="maximum")).reflectivity.values
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


@pytest.mark.slow
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
            r"2 fields that could be read \(a, b\); choose one: --field a, .*Options\(field='a'\)",
        ),
        (meridians().expand_dims(time=2), r"one time is read.*ncks -d time,0.*isel\(time=0\)"),
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
        from_xarray(field, Options(grid="national"))


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


MARKS = [9999.0, 1e20, 9.969209968386869e36, 300.0, 95.5, np.inf, -999.0, -9999.0, -32768.0]
"""Fill values in use: of GRIB, of CF's older files, of netCDF itself, of codes of one byte."""


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("sampling", ["nearest", "maximum"])
def test_a_fill_value_that_nothing_explains_is_no_coverage(mark, sampling):
    values = blob()
    values[:, 40:] = mark
    mosaic = from_xarray(meridians(values), Options(sampling=sampling))
    assert at(mosaic, -97.55, 36.45) == (45, True)
    assert at(mosaic, -95.0, 36.0) == (0, False)
    assert mosaic.reflectivity.values.max() == 45


@pytest.mark.parametrize("mark", [9999.0, 1e20, -3.0, 2300.5])
@pytest.mark.parametrize("rain", ["marshall-palmer", "wsr-88d"])
def test_rain_that_never_fell_is_no_coverage(mark, rain):
    values = np.full((60, 80), 10.0)
    values[:, 40:] = mark
    mosaic = from_xarray(meridians(values, "mm/h"), Options(rain=rain))
    assert at(mosaic, -97.55, 36.45)[1]
    assert at(mosaic, -95.0, 36.0) == (0, False)


def mrms(clear=-99.0, unseen=-999.0):
    values = np.where(blob() > 0, blob(), clear)
    values[:, :10] = unseen
    return values


# What the readers of GRIB2 for xarray leave with an MRMS field: gribberish 0.30, cfgrib 0.9.15
# (of the data set), netCDF-Java 5; and what people write into files that they make of one.
TOLD = [
    ({"discipline": 209}, {}),
    ({}, {"GRIB_centre": "161"}),
    ({"Grib2_Parameter_Discipline": "Multi-Radar/Multi-Sensor"}, {}),
    ({}, {"source": "NOAA MRMS"}),
]


@pytest.mark.parametrize(("of_field", "of_all"), TOLD)
def test_mrms_s_mark_of_clear_air_is_heeded_where_it_is_told(of_field, of_all):
    field = meridians(mrms(unseen=np.nan)).to_dataset(name="unknown").assign_attrs(of_all)
    field["unknown"].attrs.update(of_field)
    mosaic = from_xarray(field)
    assert at(mosaic, -97.55, 36.45) == (45, True)
    assert at(mosaic, -95.0, 36.0) == (0, True)
    assert at(mosaic, -99.5, 36.0) == (0, False)


def test_both_marks_of_mrms_mean_what_mrms_means():
    mosaic = from_xarray(meridians(mrms()))
    assert at(mosaic, -95.0, 36.0) == (0, True)
    assert at(mosaic, -99.5, 36.0) == (0, False)


@pytest.mark.parametrize("clear", [-99.0, -99.9, -327.68])
def test_another_low_number_is_no_coverage(clear):
    assert at(from_xarray(meridians(mrms(clear, np.nan))), -95.0, 36.0) == (0, False)


def test_a_unit_may_be_called_unit():
    field = meridians()
    field.attrs["unit"] = field.attrs.pop("units")
    for axis in ("lat", "lon"):
        field[axis].attrs["unit"] = {"lat": "degrees_north", "lon": "degrees_east"}[axis]
    same(from_xarray(field), from_xarray(meridians()))


def test_a_unit_that_nobody_knows_is_said_to_be_none():
    with pytest.raises(InputError, match="it holds unknown in no unit"):
        from_xarray(meridians(units="unknown").to_dataset(name="unknown"))


START, VALID = np.datetime64("2020-07-14T18:00", "ns"), np.datetime64("2020-07-14T21:00", "ns")
REFERENCE = {"standard_name": "forecast_reference_time"}


@pytest.mark.parametrize(
    "coordinates",
    [
        # cfgrib's names (CF 1.11, 4.4: `time` is when a value holds)
        {"time": (START, REFERENCE), "valid_time": (VALID, {"standard_name": "time"})},
        {"time": (START, {}), "valid_time": (VALID, {})},
        {"reftime": (START, REFERENCE), "time1": (VALID, {"standard_name": "time", "axis": "T"})},
        {"a": (START, REFERENCE), "b": (VALID, {"axis": "T"})},
        {"XTIME": (VALID, {"description": "minutes since start"})},
        {
            "time": (START, REFERENCE),
            "step": (np.timedelta64(3, "h"), {"standard_name": "forecast_period"}),
        },
        {
            "time": (START, REFERENCE),
            "step": (180.0, {"standard_name": "forecast_period", "units": "minutes"}),
        },
    ],
)
def test_a_forecast_s_time_is_when_it_holds(coordinates):
    field = meridians(**{key: ((), value, attrs) for key, (value, attrs) in coordinates.items()})
    assert from_xarray(field).time.values == VALID


def test_the_start_of_a_forecast_alone_is_no_time_of_it():
    assert np.isnat(from_xarray(meridians(time=((), START, REFERENCE))).time.values)


def test_times_of_a_calendar_of_its_own_are_unknown():
    cftime = pytest.importorskip("cftime")
    kinds = {"360_day": cftime.Datetime360Day(2020, 2, 30), "standard": cftime.datetime(1, 2, 3)}
    for calendar, moment in kinds.items():
        field = meridians(time=((), np.array(moment, object), {}))
        assert np.isnat(from_xarray(field).time.values), calendar


def test_of_several_fields_the_one_that_is_named_is_read():
    dataset = xr.Dataset({"low": meridians(), "high": meridians(blob() + 10), "rain": meridians()})
    dataset["rain"].attrs["units"] = "mm/h"
    assert at(from_xarray(dataset, Options(field="high")), -97.55, 36.45) == (55, True)
    assert "Marshall" in read(dataset, Options(field="rain")).attrs["derived"]
    with pytest.raises(InputError, match=r"rate called none.*it holds low in dBZ"):
        from_xarray(dataset, Options(field="none"))


def levels(**attrs):
    """Two levels, of which one misses the north and the other the south."""
    low, high = blob(), blob() - 10
    low[40:], high[:15] = np.nan, 9999
    field = xr.concat([meridians(low), meridians(high)], "k")
    return field.assign_coords(k=("k", [500.0, 1000.0], attrs))


@pytest.mark.parametrize("vertical", [{"axis": "Z"}, {"positive": "up"}])
def test_of_levels_the_highest_of_each_column_counts(vertical):
    mosaic = from_xarray(levels(**vertical))
    assert at(mosaic, -97.55, 36.45) == (45, True)
    assert at(mosaic, -95.0, 39.5) == (0, True)
    assert at(mosaic, -95.0, 34.5) == (0, True)
    assert mosaic.attrs["product"].endswith("column maximum of 2 levels")
    same(from_xarray(levels().drop_vars("k").rename(k="bottom_top")), mosaic)
