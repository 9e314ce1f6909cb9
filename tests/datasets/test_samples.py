"""Sample files: other decoders read them, they hold what was simulated, and all say SIMULATED."""

import struct

import h5py
import numpy as np
import numpy.testing as npt
import pyproj
import pytest
import xradar
from PIL import Image

from stormlens import boxes, readers
from stormlens.datasets import info, is_simulated, read_boxes, read_netcdf, write_samples
from stormlens.datasets._samples._weather import simulated_weather
from stormlens.errors import InputError
from stormlens.stormbox import MODES, NATIONAL


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples") / "new" / "sample"
    files = write_samples(folder)
    assert {file for file in folder.rglob("*") if file.is_file()} == set(files)
    assert sum(file.stat().st_size for file in files) < 3e6
    return folder


@pytest.fixture(scope="module")
def weather():
    return simulated_weather(0)


@pytest.mark.slow
def test_the_readme_names_every_file_and_says_simulated(folder):
    text = (folder / "README.txt").read_text()
    assert text.startswith("SIMULATED")
    assert all(path.name in text for path in folder.iterdir() if path.name != "README.txt")


@pytest.mark.slow
def test_boxes_of_every_kind_are_read(folder, weather):
    png = read_boxes(folder / "box.png")
    npt.assert_array_equal(png.reflectivity[0], weather.radar_box)
    array, labelled = read_boxes(folder / "boxes.npy"), read_netcdf(folder / "boxes.nc")
    npt.assert_array_equal(array.reflectivity, labelled.reflectivity)
    assert is_simulated(labelled)
    own = info(folder / "my-boxes")
    assert png.simulated
    assert own.simulated
    assert all(set(counts) == set(MODES) for counts in own.counts.values())
    assert min(min(counts.values()) for counts in own.counts.values()) >= 1


def test_pictures_are_the_archives_kind(folder):
    """IHDR of the PNG specification, section 11.2.2: 8 bits, colour type 3."""
    content = (folder / "box.png").read_bytes()
    assert struct.unpack(">IIBB", content[16:26]) == (136, 136, 8, 3)
    assert "SIMULATED" in Image.open(folder / "box.png").text["Comment"]


def test_another_decoder_reads_the_volumes(folder, weather):
    first, second = sorted((folder / "volumes").iterdir())
    sweep = xradar.io.open_nexradlevel2_datatree(first)["sweep_0"].to_dataset()
    assert sweep["DBZH"].shape == (360, 300)
    assert str(sweep["time"].values[0])[:19] == "2000-06-15T21:00:00"
    # At half a degree the way over ground is the way along the beam, to 0.1 km in 150.
    azimuth = np.deg2rad(sweep["azimuth"].values)[:, np.newaxis]
    km = sweep["range"].values[:120] / 1000
    x, y = (np.rint(67.5 + km * f(azimuth) / 3.75).astype(int) for f in (np.sin, np.cos))
    seen, held = sweep["DBZH"].values[:, :120], weather.radar_box[y, x].astype(float)
    inside = (held > 20) & np.isfinite(seen)
    assert inside.sum() > 5000
    assert np.abs(seen - held)[inside].mean() < 3
    later = xradar.io.open_nexradlevel2_datatree(second)["sweep_0"].to_dataset()
    assert later["time"].values[0] - sweep["time"].values[0] == np.timedelta64(10, "m")


def test_a_volume_becomes_the_storm_again(folder, weather):
    mosaic = readers.read(sorted((folder / "volumes").iterdir())[0])
    assert mosaic.attrs["simulated"] == 1
    x, y = (round(float(at)) - 68 for at in NATIONAL.cell(-97.5, 38.0))
    around = mosaic.isel(y=slice(y, y + 136), x=slice(x, x + 136))
    away = np.hypot(*np.meshgrid(np.arange(136) - 67.5, np.arange(136) - 67.5))
    within = away * 3.75 < 301  # km: 300 gates of 1 km behind the first 1.5
    assert (around["coverage"].values == within).mean() > 0.99
    near = away < 40
    read, held = around["reflectivity"].values[near], weather.radar_box[near]
    assert np.corrcoef(read, held)[0, 1] > 0.9
    npt.assert_allclose(np.percentile(read, [50, 99]), np.percentile(held, [50, 99]), atol=3)


def test_the_composite_is_on_the_grid_by_another_projection(folder, weather):
    """Corners as PROJ has them (ODIM 2.4, section 4.2), values exact to the cell."""
    with h5py.File(folder / "mosaic.h5") as file:
        where = dict(file["where"].attrs)
        codes = file["dataset1/data1/data"][()]
        assert file["how"].attrs["simulated"] == b"True"
    project = pyproj.Proj(where["projdef"].decode())
    west, south = project(where["LL_lon"], where["LL_lat"])
    east, north = project(where["UR_lon"], where["UR_lat"])
    npt.assert_allclose([east - west, north - south], [1399 * 3750, 899 * 3750], atol=1)
    assert (codes.shape, codes.max()) == ((899, 1399), 255)
    mosaic = readers.read(folder / "mosaic.h5")
    assert mosaic.attrs["simulated"] == 1
    npt.assert_array_equal(mosaic["reflectivity"], weather.dbz)
    npt.assert_array_equal(mosaic["coverage"], weather.seen)


def test_reports_lie_on_storms_at_their_time(folder, weather):
    table = boxes.read_reports(folder / "reports.csv")
    assert len(table) == 12
    mosaic = readers.read(folder / "mosaic.h5")
    cut = boxes.at_reports(mosaic, table)
    assert cut.sizes["storm"] == 12
    middle = cut["reflectivity"].values[:, 66:71, 66:71]
    assert (middle.max(axis=(1, 2)) >= 50).all()


@pytest.mark.slow
def test_a_seed_gives_the_same_storms_and_another_others(folder, tmp_path):
    again, other = write_samples(tmp_path / "again"), write_samples(tmp_path / "other", seed=7)
    for name in ("box.png", "mosaic.h5", "reports.csv", "volumes/XSIM20000615_210000_V06"):
        content = (folder / name).read_bytes()
        assert (tmp_path / "again" / name).read_bytes() == content
        assert (tmp_path / "other" / name).read_bytes() != content
    assert len(other) == len(again)


def test_folders_that_are_in_use_are_refused(folder, tmp_path):
    before = (folder / "box.png").stat().st_mtime_ns
    for place in (folder, folder / "box.png"):
        with pytest.raises(InputError, match="is there already; give a new folder"):
            write_samples(place)
    assert (folder / "box.png").stat().st_mtime_ns == before
    with pytest.raises(InputError, match="seed"):
        write_samples(tmp_path, seed=-1)
    assert list(tmp_path.iterdir()) == []


def test_only_what_is_said_to_be_simulated_is_called_so(folder, tmp_path):
    observed = tmp_path / "observed.h5"
    observed.write_bytes((folder / "mosaic.h5").read_bytes())
    with h5py.File(observed, "r+") as file:
        file["how"].attrs["simulated"] = np.bytes_("False")
    assert readers.read(observed).attrs["simulated"] == 0
    volume = sorted((folder / "volumes").iterdir())[0].read_bytes()
    assert readers.read(volume.replace(b"XSIM", b"KTLX", 1)).attrs["simulated"] == 0


def test_pictures_of_radars_are_not_called_simulated(folder, tmp_path):
    """The same picture without its chunk of text."""
    picture = Image.open(folder / "box.png")
    picture.info.clear()
    picture.save(tmp_path / "box.png")
    assert not read_boxes(tmp_path / "box.png").simulated
    assert read_boxes([tmp_path / "box.png", folder / "box.png"]).simulated
