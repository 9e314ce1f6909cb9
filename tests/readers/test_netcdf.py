"""NetCDF files: a mosaic written and read back, the archive's example, CF grids of either kind."""

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from h5bytes import written
from netcdf_files import example, meridians, mosaic, wrfout
from small_archive import write_archive, write_grids

from stormlens.errors import InputError
from stormlens.readers import make_mosaic, read, read_mosaic
from stormlens.stormbox import NATIONAL, Grid, Mosaic

TIMES = [np.datetime64("2011-04-27T19:00:01"), None]


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_a_mosaic_written_to_a_file_comes_back_identical(tmp_path, time, engine):
    rng = np.random.default_rng(0)
    made = make_mosaic(
        rng.integers(0, 81, NATIONAL.shape),
        rng.random(NATIONAL.shape) < 0.7,
        time=time,
        source="a source",
        product="a product",
        derived="from rain",
        sampling="maximum",
        simulated=True,
    )
    made.to_netcdf(tmp_path / "mosaic.nc", engine=engine)
    xr.testing.assert_identical(read(tmp_path / "mosaic.nc"), made)


def test_a_mosaic_in_a_file_is_read_as_it_was_made_a_part_of_it_too(tmp_path):
    rng = np.random.default_rng(5)
    grid = Grid(52.1, 5.18, (40, 50))
    dbz = rng.integers(0, 81, grid.shape).astype(np.uint8)
    seen = rng.random(grid.shape) < 0.8
    time = np.datetime64("2026-03-28", "ns")
    whole = Mosaic(np.where(seen, dbz, 0), seen, time, "some", grid=grid, is_whole=False)
    path = tmp_path / "mosaic.nc"
    whole.to_xarray().to_netcdf(path)
    again = read_mosaic(path)
    assert not again.is_whole
    xr.testing.assert_identical(again.to_xarray(), whole.to_xarray())
    # What lies beside the part was not seen, as what no radar sees within it.
    whole.to_xarray().isel(y=slice(30, 9, -1), x=slice(5, 45)).to_netcdf(path)
    part = read_mosaic(path)
    assert part.grid == grid
    assert not part.is_whole
    inside = np.zeros(grid.shape, bool)
    inside[10:31, 5:45] = True
    npt.assert_array_equal(part.reflectivity, np.where(inside, whole.reflectivity, 0))
    npt.assert_array_equal(part.coverage, whole.coverage & inside)


def test_a_mosaic_in_netcdf_3_comes_back(tmp_path):
    dbz = np.zeros(NATIONAL.shape)
    dbz[400:420, 700:720] = 50
    made = make_mosaic(dbz, np.ones(NATIONAL.shape), time=TIMES[0], source="x")
    made["reflectivity"] = made["reflectivity"].astype("i2", keep_attrs=True)
    made.drop_attrs().to_netcdf(tmp_path / "m.nc", engine="scipy")
    back = read(tmp_path / "m.nc")
    npt.assert_array_equal(back.reflectivity, dbz)
    assert back.coverage.values.all()


@pytest.mark.slow
def test_a_mosaic_with_impossible_values_is_refused():
    bad = read(mosaic())
    bad["reflectivity"] = bad["reflectivity"] + np.uint8(150)
    with pytest.raises(InputError, match="must lie in 0 to 80"):
        read(bad)


def test_the_archive_s_example_mosaic_is_read(tmp_path):
    write_grids(write_archive(tmp_path).parent)
    path = next(tmp_path.rglob("nexrad_REFC*.nc"))
    expected = xr.open_dataset(path, engine="h5netcdf", mask_and_scale=False)["REFC_MAX"]
    found = read(path)
    npt.assert_array_equal(found.reflectivity, np.squeeze(expected))
    assert found.coverage.values.all()
    assert found.time == np.datetime64("2011-04-27T19:00")


def test_the_example_needs_the_grid_s_shape():
    with pytest.raises(InputError, match=r"REFC_MAX has shape|cut short|damaged"):
        read(example(np.zeros((10, 10), np.uint8)))


def test_netcdf_3_and_4_read_alike():
    values = np.zeros((40, 50))
    values[10:20, 10:20] = 44
    assert read(meridians(values), name="x").identical(
        read(meridians(values, classic=True), name="x")
    )


@pytest.mark.slow
def test_packed_values_are_unpacked(tmp_path):
    values = np.full((40, 50), 33.5)
    values[:10] = np.nan
    dataset = xr.Dataset(
        {"z": (("lat", "lon"), values, {"units": "dBZ"})},
        coords={"lat": 33 + 0.1 * np.arange(40), "lon": -100 + 0.1 * np.arange(50)},
    )
    packing = {"dtype": "i2", "scale_factor": 0.5, "add_offset": 10.0, "_FillValue": -999}
    dataset.to_netcdf(tmp_path / "z.nc", engine="h5netcdf", encoding={"z": packing})
    dataset.to_netcdf(tmp_path / "plain.nc", engine="h5netcdf")
    found = read(tmp_path / "z.nc", name="z")
    assert found.identical(read(tmp_path / "plain.nc", name="z"))
    assert set(np.unique(found.reflectivity)) == {0, 33}


def test_netcdf_of_kind_5_says_how_to_convert():
    with pytest.raises(InputError, match="nccopy"):
        read(b"CDF\x05" + bytes(100))


def test_a_file_without_reflectivity_says_what_it_holds():
    with pytest.raises(InputError, match="field in K"):
        read(meridians(np.ones((40, 50)), units="K"))


@pytest.mark.parametrize("classic", [True, False])
@pytest.mark.parametrize("xtime", [True, False])
def test_a_model_s_levels_are_placed_and_dated_as_wrf_writes_them(classic, xtime):
    dbz = np.full((3, 40, 50), -35.0)
    dbz[1, 20:30, 20:30] = 44.5
    mosaic = read(wrfout(dbz, xtime=xtime, classic=classic))
    x, y = NATIONAL.cell(-97.55, 35.45)
    assert mosaic.reflectivity.values[round(float(y)), round(float(x))] == 44
    assert set(np.unique(mosaic.reflectivity)) == {0, 44}
    assert mosaic.time == np.datetime64("2020-07-14T20:15")
    x, y = NATIONAL.cell(-96.0, 34.0)
    assert mosaic.coverage.values[round(float(y)), round(float(x))]


def test_a_time_that_cannot_be_decoded_is_unknown(tmp_path):
    dataset = xr.Dataset(
        {"z": (("lat", "lon"), np.full((40, 50), 33.5), {"units": "dBZ"})},
        coords={"lat": 33 + 0.1 * np.arange(40), "lon": -100 + 0.1 * np.arange(50)},
    )
    for units in ("days since 0000-00-00", "days since 0001-01-01"):
        dataset["time"] = ((), 5.0, {"units": units})
        dataset.to_netcdf(tmp_path / "z.nc", engine="h5netcdf")
        found = read(tmp_path / "z.nc")
        assert np.isnat(found.time.values)
        assert found.reflectivity.values.max() == 33


def test_a_reference_with_a_zone_is_read_by_udunits_rules(tmp_path):
    dataset = xr.Dataset(
        {"z": (("lat", "lon"), np.full((40, 50), 33.5), {"units": "dBZ"})},
        coords={"lat": 33 + 0.1 * np.arange(40), "lon": -100 + 0.1 * np.arange(50)},
    )
    dataset["time"] = ((), 60.0, {"units": "seconds since 2011-05-20T10:08:27 0:00"})
    dataset.to_netcdf(tmp_path / "z.nc", engine="h5netcdf")
    assert read(tmp_path / "z.nc").time == np.datetime64("2011-05-20T10:09:27")


def test_what_is_not_wanted_of_a_large_file_is_not_read():
    large = {"chunks": (1, 1000, 1000), "compression": "gzip"}

    def write(file):
        file.dimensions = {"n": 700, "j": 1000, "i": 1000, "lat": 40, "lon": 50}
        file.create_variable("other", ("n", "j", "i"), "f4", **large)
        field = file.create_variable("z", ("lat", "lon"), "f4", data=np.full((40, 50), 33.5))
        field.attrs["units"] = "dBZ"
        file.create_variable("lat", ("lat",), "f8", data=33 + 0.1 * np.arange(40))
        file.create_variable("lon", ("lon",), "f8", data=-100 + 0.1 * np.arange(50))

    content = written(write)
    with pytest.raises(InputError, match="larger than its file can hold"):
        read(content)
    # Deflate packs to a thousandth at best: so large a file may hold so much.
    assert read(content + bytes(3_000_000)).reflectivity.values.max() == 33
