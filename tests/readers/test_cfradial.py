"""CfRadial: placed by azimuth and range, in NetCDF-3 and 4, versions 1 and 2."""

import io

import h5py
import netCDF4
import nexrad_files as nexrad
import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
import xradar
from cfradial_files import cfradial
from odim_files import volume as odim_volume

from stormlens.errors import InputError
from stormlens.readers import Options, read
from stormlens.readers._cfradial import _ReadOnce
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
        read(cfradial([(0.5, sweep(20.0))], **fields), Options(grid="national"))


def changed(sweeps, change, **fields):
    return read(cfradial(sweeps, change=change, **fields))


def rising():
    """A sweep from 0 to 74 dBZ, by half a dBZ from ring to ring."""
    return np.broadcast_to(np.arange(150) / 2, (360, 150)).copy()


def as_bytes(dataset, **fields):
    """DBZH in bytes without a sign of their own, 0.5 dBZ a code from -32 dBZ on."""
    dbz = dataset["DBZH"].values * 0.01
    codes = np.where(dataset["DBZH"].values == -32768, 255, (dbz + 32) * 2).astype("u1")
    told = {"units": "dBZ", "scale_factor": 0.5, "add_offset": -32.0, "_Unsigned": "true"}
    return dataset.assign(DBZH=(("time", "range"), codes.view("i1"), told | fields))


@pytest.mark.parametrize("classic", [False, True])
@pytest.mark.parametrize("fill", [{}, {"_FillValue": np.int8(-1)}])
def test_bytes_told_to_be_unsigned_are(classic, fill):
    # NetCDF Users Guide, appendix A: from 31 dBZ on (code 127) these are negative as they lie.
    plain = read(cfradial([(0.5, rising())]))
    mosaic = changed([(0.5, rising())], lambda d: as_bytes(d, **fill), classic=classic)
    npt.assert_array_equal(mosaic.reflectivity, plain.reflectivity)
    assert mosaic.reflectivity.values.max() >= 73


@pytest.mark.parametrize("bounds", [{"valid_range": [3000, 5000]}, {"valid_min": 3000}])
def test_what_is_out_of_valid_bounds_is_missing(bounds):
    def change(dataset):
        dataset["DBZH"].attrs.update({k: np.array(v, "i2") for k, v in bounds.items()})
        return dataset

    values = changed([(0.5, rising())], change).reflectivity.values
    assert values[values > 0].min() == 30
    assert values.max() == (50 if "valid_range" in bounds else 74)


def test_several_marks_of_missing_data_are_heeded():
    def change(dataset):
        dataset["DBZH"].attrs["missing_value"] = np.array([4000, 4500], "i2")
        return dataset

    values = changed([(0.5, np.repeat([[20, 40, 45, 40, 20]], 360, 0).repeat(30, 1))], change)
    assert set(np.unique(values.reflectivity)) == {0, 20}


def test_a_mark_that_is_not_told_is_no_coverage():
    def change(dataset):
        return dataset.assign(DBZH=(("time", "range"), values, {"units": "dBZ"}))

    values = np.where(np.arange(150) < 75, 20.0, 9999.0).astype("f4") * np.ones((360, 1), "f4")
    mosaic = changed([(0.5, rising())], change)
    x, y = RADAR
    assert mosaic.reflectivity.values.max() == 20
    assert mosaic.coverage.values[y + 18, x]
    assert not mosaic.coverage.values[y + 22, x]


@pytest.mark.parametrize(
    ("key", "unit", "factor"),
    [
        ("range", "km", 1e-3),
        ("range", "kilometers", 1e-3),
        ("range", "Meters", 1.0),
        ("azimuth", "radians", np.pi / 180),
        ("elevation", "rad", np.pi / 180),
        ("longitude", "degrees_west", -1.0),
        ("longitude", "degree_E", 1.0),
        ("latitude", "degree_N", 1.0),  # as Py-ART's sample of a cloud radar has it
    ],
)
def test_coordinates_are_read_in_their_unit(key, unit, factor):
    def change(dataset):
        told = {"units": unit}
        dims = dataset[key].dims
        return dataset.assign_coords({key: (dims, dataset[key].values * factor, told)})

    sweeps = [(0.5, rising()), (9.5, rising())]
    assert changed(sweeps, change).identical(read(cfradial(sweeps)))


def test_a_unit_that_is_not_known_is_refused():
    def change(dataset):
        dataset["range"].attrs["units"] = "furlongs"
        return dataset

    with pytest.raises(InputError, match="range is in 'furlongs'"):
        changed([(0.5, rising())], change)


def test_packed_coordinates_are_unpacked():
    def change(dataset):
        azimuth = np.rint(dataset["azimuth"].values / 0.01).astype("u2")
        told = {"units": "degrees", "scale_factor": 0.01}
        return dataset.assign(azimuth=(("time",), azimuth, told))

    assert changed([(0.5, rising())], change).identical(read(cfradial([(0.5, rising())])))


@pytest.mark.parametrize("classic", [False, True])
def test_the_clock_of_arm_files_is_read(classic):
    def change(dataset):
        # As the ARM facility writes it; UDUNITS takes the last part for a zone.
        dataset["time"].attrs["units"] = "seconds since 2011-05-20T10:08:27 0:00"
        return dataset.assign_coords(time=dataset["time"].copy(data=dataset["time"] + 2.0))

    mosaic = changed([(0.5, rising())], change, classic=classic)
    assert mosaic.time.values == np.datetime64("2011-05-20T10:08:29")


def test_a_longitude_to_the_east_is_the_same_as_to_the_west():
    sweeps = [(0.5, rising())]
    east = read(cfradial(sweeps, longitude=262.72))
    assert east.identical(read(cfradial(sweeps, longitude=-97.28)))


def along(*places):
    """A change that gives each ray a place of its own, in as many parts as there are places."""

    def change(dataset):
        rays = dataset.sizes["time"]
        each = np.repeat(np.array(places, float), -(-rays // len(places)), axis=0)[:rays]
        return dataset.assign(
            latitude=(("time",), each[:, 0], {"units": "degrees_north"}),
            longitude=(("time",), each[:, 1], {"units": "degrees_east"}),
        )

    return change


@pytest.mark.parametrize("sampling", ["nearest", "maximum"])
def test_a_radar_that_moves_is_placed_where_it_stood_at_each_sweep(sampling):
    # Two sweeps 111 km apart: as the maximum of two radars that stand still.
    first, second = sweep(30.0), sweep(45.0)
    first[:, 60:], second[:, 60:] = np.nan, np.nan
    moving = cfradial([(0.5, first), (1.5, second)], change=along((35, -97), (36, -97)))
    south, north = (
        read(cfradial([each], latitude=latitude, longitude=-97.0), Options(sampling=sampling))
        for each, latitude in (((0.5, first), 35), ((1.5, second), 36))
    )
    mosaic = read(moving, Options(sampling=sampling))
    npt.assert_array_equal(mosaic.reflectivity, np.maximum(south.reflectivity, north.reflectivity))
    npt.assert_array_equal(mosaic.coverage, south.coverage | north.coverage)


def test_a_radar_that_moves_within_a_sweep_is_placed_at_each_part():
    dbz = sweep()
    dbz[:, 40:44] = 40
    mosaic = read(cfradial([(0.5, dbz)], change=along((35, -97), (35, -96))))
    (west, east), row = NATIONAL.cell(np.array([-97, -96]), 35.0)
    (x,) = np.nonzero(mosaic.reflectivity.values[round(float(row[0]))])
    # Rays to the east were seen from the first place, rays to the west from the second.
    assert (x[0], x[-1]) == (round(west + 42 / 3.75), round(east - 42 / 3.75))


def test_a_ship_at_anchor_has_one_place_and_gaps_in_it_are_passed_over():
    dbz = sweep(33.0)
    wavering = [(35 + 1e-4 * n % 3e-4, -97) for n in range(10)]
    still = read(cfradial([(0.5, dbz)], latitude=35.0, longitude=-97.0))
    npt.assert_array_equal(
        read(cfradial([(0.5, dbz)], change=along(*wavering))).coverage, still.coverage
    )
    gap = [(np.nan, np.nan) if n == 5 else (35, -97) for n in range(36)]
    mosaic = read(cfradial([(0.5, dbz)], change=along(*gap)))
    x, y = (round(float(v)) for v in NATIONAL.cell(-97.0, 35.0))
    assert not mosaic.coverage.values[y + 12, x + 18]  # towards 55 degrees
    assert mosaic.coverage.values[y - 12, x + 18]
    assert mosaic.coverage.values.sum() > 0.95 * still.coverage.values.sum()
    with pytest.raises(InputError, match="1 without azimuth or place"):
        read(cfradial([(0.5, dbz)], change=along((np.nan, np.nan))))


def test_more_than_a_hundred_sweeps_are_all_used():
    low = np.full((36, 60), 20.0)
    high = low.copy()
    high[:, 40:] = 44
    mosaic = read(cfradial([(0.5, low)] * 149 + [(0.5, high)]))
    assert mosaic.reflectivity.values.max() == 44
    assert mosaic.attrs["product"] == "column maximum of 150 sweeps"


def test_sweeps_up_and_down_are_left_out_and_told():
    around, upright = np.full((360, 150), 25.0), np.full((90, 150), 60.0)
    modes = ["azimuth_surveillance", "rhi"]
    mosaic = read(cfradial([(0.5, around), (0.5, upright)], mode=modes))
    assert mosaic.reflectivity.values.max() == 25
    assert mosaic.attrs["product"] == "column maximum of 1 sweep; 1 RHI left out"

    def change(dataset):
        dataset["elevation"].values[:] = np.arange(90)
        return dataset

    with pytest.raises(InputError, match="its sweeps are 1 RHI, and hold DBZH"):
        read(cfradial([(0.5, upright)], change=change))

    def low(dataset):
        # A low one, without its mode: its angles go up, and hardly around.
        dataset["elevation"].values[:] = np.arange(90) / 10
        return dataset.assign(azimuth=(("time",), 359 + 0.02 * np.arange(90.0)))

    with pytest.raises(InputError, match="its sweeps are 1 RHI"):
        read(cfradial([(0.5, upright)], change=low))


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["nearest", "maximum"])
@pytest.mark.parametrize("quality_control", [False, True])
@pytest.mark.parametrize("elevation", [89.5, 89.9, 90, 90.02])
def test_a_sweep_to_the_zenith_says_something_of_the_radars_cell(
    elevation, quality_control, sampling
):
    level, upward = sweep(20.0), sweep()
    upward[:, :3] = 55
    told = {"quality_control": quality_control, "sampling": sampling}
    alone = read(cfradial([(0.5, level)]), Options(**told))
    mosaic = read(cfradial([(0.5, level), (elevation, upward)]), Options(**told))
    changed_at = np.argwhere(mosaic.reflectivity.values != alone.reflectivity.values)
    npt.assert_array_equal(changed_at, [RADAR[::-1]])
    assert mosaic.reflectivity.values[RADAR[::-1]] == 55
    npt.assert_array_equal(mosaic.coverage, alone.coverage)


def test_rays_that_waver_are_placed_by_their_own_elevation():
    # A ship rolls: rays to the east look up by 10 degrees, to the west by 2.
    def change(dataset):
        dataset["elevation"].values[:] = np.where(np.arange(360) < 180, 10, 2)
        return dataset

    mosaic = changed([(6.0, rising())], change)
    x, y = RADAR
    for tilt, side in ((10.0, slice(x + 3, x + 40)), (2.0, slice(x - 40, x - 3))):
        one = read(cfradial([(tilt, rising())]))
        npt.assert_array_equal(
            mosaic.reflectivity[y - 2 : y + 3, side], one.reflectivity[y - 2 : y + 3, side]
        )


def test_rays_in_transition_are_passed_over():
    def change(dataset):
        between = np.zeros(360, "i1")
        between[85:95] = 1
        return dataset.assign(antenna_transition=(("time",), between))

    x, y = RADAR
    coverage = changed([(0.5, rising())], change).coverage.values
    assert not coverage[y, x + 30]
    assert coverage[y, x - 30]


def ragged(counts):
    """A change that puts rays one behind the other, the first of `counts` gates and so on."""

    def change(dataset):
        codes, told = dataset["DBZH"].values, dataset["DBZH"].attrs
        row = np.concatenate([ray[:count] for ray, count in zip(codes, counts, strict=True)])
        begins = np.cumsum(counts) - counts
        return dataset.drop_vars("DBZH").assign(
            DBZH=(("n_points",), row, told),
            ray_n_gates=(("time",), np.array(counts, "i4")),
            ray_start_index=(("time",), begins.astype("i4")),
        )

    return change


@pytest.mark.parametrize("classic", [False, True])
def test_rays_of_different_lengths_are_unfolded(classic):
    counts = np.where(np.arange(720) % 360 < 180, 150, 60)
    cut = rising()
    sweeps = [(0.5, rising()), (1.5, np.flipud(rising()))]
    mosaic = changed(sweeps, ragged(counts), classic=classic)
    x, y = RADAR
    whole = read(cfradial([(0.5, cut), (1.5, cut)]))
    east, west = (slice(y - 3, y + 4), slice(x + 3, None)), (slice(y - 3, y + 4), slice(0, x - 3))
    npt.assert_array_equal(mosaic.reflectivity[east], whole.reflectivity[east])
    near = read(cfradial([(0.5, cut[:, :60]), (1.5, cut[:, :60])]))
    npt.assert_array_equal(mosaic.reflectivity[west], near.reflectivity[west])
    npt.assert_array_equal(mosaic.coverage[west], near.coverage[west])


def test_gates_of_uneven_spacing_lie_where_range_says():
    def change(dataset):
        gates = np.concatenate([np.arange(75) * 500, 37_500 + np.arange(75) * 1500]) + 500.0
        return dataset.assign_coords(range=(("range",), gates.astype("f4"), {"units": "m"}))

    dbz = sweep()
    dbz[:, 95:98] = 50  # 69 km away
    values = changed([(0.5, dbz)], change).reflectivity.values
    y, x = np.nonzero(values)
    assert np.hypot(x - RADAR[0], y - RADAR[1]).min() == pytest.approx(67.5 / 3.75, abs=1.2)
    assert np.hypot(x - RADAR[0], y - RADAR[1]).max() == pytest.approx(70.5 / 3.75, abs=1.2)


def test_sweeps_may_have_gates_of_their_own():
    # CfRadial 1.4: start and spacing of each ray, where range cannot tell them for all.
    def change(dataset):
        rays = dataset.sizes["time"] // 2
        return dataset.assign(
            ray_start_range=(("time",), np.repeat([500.0, 250.0], rays), {"units": "meters"}),
            ray_gate_spacing=(("time",), np.repeat([1000.0, 500.0], rays), {"units": "meters"}),
        )

    quiet, loud = sweep(10.0), sweep()
    loud[:, 100:104] = 50
    values = changed([(0.5, quiet), (0.5, loud)], change).reflectivity.values
    y, x = np.nonzero(values == 50)
    assert np.hypot(x - RADAR[0], y - RADAR[1]).mean() == pytest.approx(51.25 / 3.75, abs=0.5)


def test_angles_from_an_aircraft_are_refused_by_name():
    def applied(done):
        def change(dataset):
            rays = dataset.sizes["time"]
            return dataset.assign(
                platform_type=((), np.array("aircraft_belly", "S32")),
                rotation=(("time",), np.zeros(rays, "f4")),
                georefs_applied=(("time",), np.full(rays, done, "i1")),
            )

        return change

    assert changed([(0.5, rising())], applied(1)).coverage.values.any()
    with pytest.raises(InputError, match=r"from its aircraft.*RadxConvert"):
        changed([(0.5, rising())], applied(0))
    with pytest.raises(InputError, match="by rotation and tilt alone"):
        changed([(0.5, rising())], lambda d: applied(1)(d).drop_vars("azimuth"))


def test_each_ray_written_twice_changes_nothing():
    once = rising()
    once[:, ::2] = np.nan
    twice = cfradial(
        [(0.5, np.repeat(once, 2, 0))],
        change=lambda d: d.assign(azimuth=(("time",), np.repeat(np.arange(360) + 0.5, 2))),
    )
    npt.assert_array_equal(read(twice).reflectivity, read(cfradial([(0.5, once)])).reflectivity)


def written(tree, write, tmp_path, **options):
    """What xradar writes of a volume, with the text that it looks for in its attributes."""
    tree.attrs.setdefault("history", "")
    path = tmp_path / "volume.nc"
    write(tree, path, **options)
    return path


def test_version_2_of_an_odim_volume_reads_as_that(tmp_path):
    codes = np.zeros((360, 150), np.uint8)
    codes[:, 50:60], codes[:, 90:100], codes[90:180, 110:] = 130, 164, 255
    path = tmp_path / "volume.h5"
    path.write_bytes(odim_volume([(0.5, codes), (2.0, codes)]))
    tree = xradar.io.open_odim_datatree(path)
    mosaic = read(written(tree, xradar.io.to_cfradial2, tmp_path, engine="h5netcdf"))
    plain = read(path)
    npt.assert_array_equal(mosaic.reflectivity, plain.reflectivity)
    # `_Undetect` tells clear air, so that nodata is no coverage.
    npt.assert_array_equal(mosaic.coverage, plain.coverage)
    assert abs(mosaic.time.values - plain.time.values) < np.timedelta64(1, "s")
    assert "CfRadial" in mosaic.attrs["source"]


@pytest.mark.filterwarnings("ignore:saving variable")  # xradar's codes have no fill value
@pytest.mark.parametrize(
    ("write", "options"),
    [
        (xradar.io.to_cfradial1, {}),
        (xradar.io.to_cfradial2, {"engine": "h5netcdf"}),
        (xradar.io.to_cfradial2, {"engine": "netcdf4"}),
    ],
)
def test_what_xradar_writes_of_a_nexrad_volume_reads_as_that(tmp_path, write, options):
    codes = np.full((360, 120), nexrad.code(5.0), np.uint8)
    codes[:, 40:60], codes[100:120, 80:90] = nexrad.code(35.0), nexrad.code(52.0)
    turns = [nexrad.Turn(tilt, {"REF": codes}, spacing=1000) for tilt in (0.5, 2.4)]
    content = nexrad.volume(turns)
    tree = xradar.io.open_nexradlevel2_datatree(content)
    for node in tree.subtree:  # NetCDF has no truth values, so that they are not written
        node.attrs = {k: v for k, v in node.attrs.items() if not isinstance(v, bool | np.bool_)}
    later = tree["sweep_1"].to_dataset(inherit=False)
    # Version 1 is put together by time, which these sweeps share.
    tree["sweep_1"] = xr.DataTree(later.assign_coords(time=later.time + np.timedelta64(20, "s")))
    path = written(tree, write, tmp_path, **options)
    mosaic, plain = read(path), read(content)
    assert "CfRadial" in mosaic.attrs["source"]
    npt.assert_array_equal(mosaic.coverage, plain.coverage)
    npt.assert_array_equal(mosaic.reflectivity, plain.reflectivity)
    assert abs(mosaic.time.values - plain.time.values) < np.timedelta64(1, "s")


def test_version_2_keeps_its_own_units(tmp_path):
    # xradar writes its own (m, seconds since 1970) in their place when it reads.
    first = cfradial([(0.5, rising())])
    tree = xradar.io.open_cfradial1_datatree(io.BytesIO(first), engine="h5netcdf")
    tree.attrs.update(dict.fromkeys(("history", "institution", "instrument_name", "source"), ""))
    path = written(tree, xradar.io.to_cfradial2, tmp_path, engine="h5netcdf")
    with h5py.File(path, "r+") as file:
        group = file["sweep_0"]
        group["range"][...] = group["range"][...] / 1000
        group["range"].attrs["units"] = "km"
        group["time"][...] = np.arange(360) * 0.1 / 3600
        group["time"].attrs["units"] = "hours since 2013-05-20T20:00:00 0:00"
    assert read(path).identical(read(first))


def test_a_moving_radar_of_version_2_tells_its_places_in_a_group_of_its_own(tmp_path):
    first = cfradial([(0.5, sweep(30.0))])
    tree = xradar.io.open_cfradial1_datatree(io.BytesIO(first), engine="h5netcdf")
    tree.attrs.update(dict.fromkeys(("history", "institution", "instrument_name", "source"), ""))
    path = written(tree, xradar.io.to_cfradial2, tmp_path, engine="h5netcdf")
    with h5py.File(path, "r+") as file:
        places = file["sweep_0"].create_group("georeference")
        places["latitude"], places["longitude"] = np.full(360, 36.5), np.full(360, -96.5)
    moved = read(cfradial([(0.5, sweep(30.0))], latitude=36.5, longitude=-96.5))
    npt.assert_array_equal(read(path).coverage, moved.coverage)


def test_a_file_as_pyart_writes_it_is_read(tmp_path):
    # Py-ART's write_cfradial: floats that are not packed, text letter by letter, time unlimited.
    path = tmp_path / "pyart.nc"
    dbz = np.ma.masked_invalid(np.where(np.arange(150) % 2, rising(), np.nan))
    with netCDF4.Dataset(path, "w", format="NETCDF4") as file:
        for dimension, size in {
            "time": None,
            "range": 150,
            "sweep": 1,
            "string_length": 32,
        }.items():
            file.createDimension(dimension, size)
        file.Conventions, file.version = "CF/Radial instrument_parameters", "1.3"

        def put(key, kind, dimensions, values, units="", **options):
            made = file.createVariable(key, kind, dimensions, zlib=True, **options)
            made.units = units
            made[:] = values

        put("time", "f8", ("time",), np.arange(360) * 0.1, "seconds since 2013-05-20T20:00:00Z")
        put("range", "f4", ("range",), 500 + 1000 * np.arange(150), "meters")
        put("azimuth", "f4", ("time",), np.arange(360) + 0.5, "degrees")
        put("elevation", "f4", ("time",), np.full(360, 0.5), "degrees")
        put("reflectivity", "f4", ("time", "range"), dbz, "dBZ", fill_value=-9999.0)
        put("sweep_start_ray_index", "i4", ("sweep",), 0)
        put("sweep_end_ray_index", "i4", ("sweep",), 359)
        mode = netCDF4.stringtochar(np.array(["azimuth_surveillance"], "S32"))
        put("sweep_mode", "S1", ("sweep", "string_length"), mode)
        for key, value in {"latitude": 35.33, "longitude": -97.28, "altitude": 370}.items():
            file.createVariable(key, "f8", ())[...] = value
    npt.assert_array_equal(
        read(path).reflectivity, read(cfradial([(0.5, dbz.filled(np.nan))])).reflectivity
    )
    assert read(path).time.values == np.datetime64("2013-05-20T20:00:00")


def test_variables_that_overlap_in_netcdf_3_are_refused():
    content = _ReadOnce(bytes(1000))
    content.read(1500)
    content.seek(0)
    with pytest.raises(ValueError, match="overlap"):
        [content.seek(0) or content.read(500) for _ in range(3)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop_vars("latitude"), "does not say where its radar stands"),
        (lambda d: d.assign(latitude=((), np.nan)), "does not say where its radar stands"),
        (lambda d: d.drop_vars("elevation"), "lacks azimuth, elevation or range"),
        (lambda d: d.drop_vars("sweep_end_ray_index"), "lacks azimuth or where its sweeps"),
        (
            lambda d: d.assign(sweep_end_ray_index=(("sweep",), np.array([400], "i4"))),
            "rays 0 to 400 of 360",
        ),
        (lambda d: d.assign(latitude=((), 135.0)), "no place on earth"),
    ],
)
def test_what_is_lacking_is_said(change, message):
    with pytest.raises(InputError, match=message):
        changed([(0.5, rising())], change)


def test_a_radar_of_which_no_place_is_known_can_be_told_one():
    known = read(cfradial([(0.5, rising())]))
    for change in (
        lambda d: d.drop_vars(["latitude", "longitude"]),
        lambda d: d.assign(latitude=((), np.nan), longitude=((), np.nan)),
    ):
        content = cfradial([(0.5, rising())], change=change)
        told = read(content, Options(site=(35.33, -97.28, 370)))
        np.testing.assert_array_equal(told.reflectivity, known.reflectivity)
        assert told.attrs["source"] == known.attrs["source"]
    assert read(cfradial([(0.5, rising())]), Options(site=(40.0, -90.0))).identical(known)
