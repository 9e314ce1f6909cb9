"""From an input to boxes: each kind, and a sentence for each thing that can be wrong with it."""

import io

import nexrad_files
import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest

from stormlens import readers
from stormlens.archive._extract import Members, RadarFile, Rules, SimulatedBoxes, extract
from stormlens.boxes import Cutting, at_reports, find_storms, grid
from stormlens.datasets import load
from stormlens.errors import InputError, needs_packages
from stormlens.readers import make_mosaic
from stormlens.stormbox import NATIONAL, Mosaic

from .conftest import patterned
from .svrimg_tars import png_of, unids

TIME = np.datetime64("2011-04-27T19:00", "ns")


@pytest.fixture
def mosaic():
    dbz = np.zeros(NATIONAL.shape)
    dbz[300:320, 500:520] = 52
    dbz[600:620, 900:920] = 47
    coverage = np.ones(NATIONAL.shape, bool)
    coverage[:, :200] = False
    return make_mosaic(dbz, coverage, time=TIME, source="two squares")


@pytest.fixture
def volume(tmp_path):
    """A file whose content does not matter, as `readers.read_mosaic` is stood in for."""
    path = tmp_path / "volume.gz"
    path.write_bytes(b"content")
    return RadarFile(str(path), 7, "t")


@pytest.fixture
def reading(monkeypatch):
    """Let `readers.read_mosaic` give this, or raise it."""

    def stand_in(result):
        def read(content, options, **name):
            if isinstance(result, BaseException):
                raise result
            return Mosaic.from_xarray(result)

        monkeypatch.setattr(readers, "read_mosaic", read)

    return stand_in


def test_boxes_are_cut_where_storms_are(volume, reading, mosaic):
    reading(mosaic)
    arrays, problems, simulated, *_ = extract(volume, Rules())
    expected = find_storms(mosaic)
    assert (problems, simulated, expected.sizes["storm"]) == ([], False, 2)
    for name in ("reflectivity", "unid", "latitude", "coverage", "echo", "xmin", "ymin"):
        npt.assert_array_equal(arrays[name], expected[name])
    assert set(arrays["time"]) == {TIME.astype("M8[s]").astype(int)}


def test_boxes_are_cut_on_a_grid_or_at_reports(volume, reading, mosaic):
    reading(mosaic)
    on_grid = extract(volume, Rules(Cutting("grid", stride=300))).arrays
    npt.assert_array_equal(on_grid["reflectivity"], grid(mosaic, 300)["reflectivity"])
    table = pd.DataFrame(
        {
            "latitude": [35.0, 35.0],
            "longitude": [-97.0, -97.0],
            "time": [TIME, TIME + np.timedelta64(10**14, "ns")],
        }
    )
    at = extract(volume, Rules(Cutting("reports", reports=table))).arrays
    npt.assert_array_equal(at["unid"], at_reports(mosaic, table)["unid"])
    assert len(at["unid"]) == 1  # the other is a day away
    points = Cutting("points", points=[(35.0, -97.0), (38.5, -97.5)])
    at = extract(volume, Rules(points)).arrays
    npt.assert_allclose(at["latitude"], [35.0, 38.5], atol=0.02)


def test_clear_air_gives_no_box_and_no_problem(volume, reading):
    blank = np.zeros(NATIONAL.shape)
    reading(make_mosaic(blank, np.ones(NATIONAL.shape, bool), time=TIME, source="clear"))
    arrays, problems, *_ = extract(volume, Rules())
    assert (len(arrays["unid"]), problems) == (0, [])


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (InputError("volume.gz is cut short; get it again."), "volume.gz is cut short"),
        (InputError("it holds no reflectivity."), "volume.gz: it holds no reflectivity"),
        (OSError(5, "Input/output error"), "volume.gz cannot be read: Input/output error."),
        (MemoryError(), "volume.gz needs more memory"),
        (IndexError("list index"), "volume.gz failed in a way not foreseen: IndexError: list ind"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_and_raises_nothing(volume, reading, error, sentence):
    reading(error)
    arrays, (problem,), *_ = extract(volume, Rules())
    assert len(arrays["unid"]) == 0
    assert sentence in problem


def test_a_missing_library_ends_the_run(volume, reading):
    error = needs_packages("ODIM volumes need xradar")
    error.__cause__ = ImportError("xradar")
    reading(error)
    with pytest.raises(InputError, match="need xradar"):
        extract(volume, Rules())


def test_a_file_that_is_gone_is_told(tmp_path):
    problems = extract(RadarFile(str(tmp_path / "gone.gz"), 1, ""), Rules()).problems
    assert "gone.gz cannot be read" in problems[0]


def test_png_and_npy_are_boxes_already(tmp_path):
    (unid,) = unids(1)
    box = patterned(1, 8)[0]
    (tmp_path / f"{unid}.png").write_bytes(png_of(box))
    arrays = extract(RadarFile(str(tmp_path / f"{unid}.png"), 1, ""), Rules()).arrays
    npt.assert_array_equal(arrays["reflectivity"], box[np.newaxis])
    assert arrays["unid"].tolist() == [unid]
    assert arrays["time"].tolist() == [int(np.datetime64("2011-04-01T00:30", "s").astype(int))]
    np.save(tmp_path / "many.npy", patterned(3))
    arrays = extract(RadarFile(str(tmp_path / "many.npy"), 1, ""), Rules()).arrays
    npt.assert_array_equal(arrays["reflectivity"], patterned(3))
    assert arrays["unid"].tolist() == ["many[0]", "many[1]", "many[2]"]
    assert np.isnan(arrays["coverage"]).all()


@pytest.mark.parametrize("name", ["empty.png", "bad.png", "empty.npy", "bad.npy", "objects.npy"])
def test_bad_boxes_are_told(tmp_path, name):
    objects = io.BytesIO()
    np.save(objects, np.array([{}], object), allow_pickle=True)
    content = {"empty": b"", "bad": b"bad" * 9, "objects": objects.getvalue()}
    (tmp_path / name).write_bytes(content[name.partition(".")[0]])
    (problem,) = extract(RadarFile(str(tmp_path / name), 1, ""), Rules()).problems
    assert name in problem


def test_a_bad_member_costs_no_other():
    box = patterned(1, 5)[0]
    good, bad, grey = unids(3)
    members = [(f"tor/{good}.png", png_of(box)), (f"{bad}.png", b"\x89PNG\r\n\x1a\n cut")]
    members.append((f"{grey}.png", png_of(box[:100])))
    arrays, problems, *_ = extract(Members("2011.tar.gz#00000", 1, "", members), Rules())
    assert arrays["unid"].tolist() == [good]
    assert len(problems) == 2
    assert f"2011.tar.gz, {bad}.png is a PNG image cut short" in problems[0]
    assert "100 x 136" in problems[1]


def test_a_simulated_part_is_the_datasets():
    part = extract(SimulatedBoxes("part", 20, "", seed=2, first=30, count=20), Rules())
    expected = load("simulated", split="train", seed=2, first=30, count=20)
    npt.assert_array_equal(part.arrays["reflectivity"], expected["reflectivity"])
    assert part.simulated


def test_boxes_of_a_radar_elsewhere_carry_its_grid(tmp_path):
    path = tmp_path / "de-bilt"
    dbz = np.zeros((36, 50), np.uint8)
    dbz[:12] = nexrad_files.code(45)
    turn = nexrad_files.Turn(0.5, {"REF": dbz}, spacing=1000)
    path.write_bytes(nexrad_files.volume([turn], latitude=52.1, longitude=5.18))
    arrays = extract(RadarFile(str(path), path.stat().st_size, ""), Rules()).arrays
    assert set(arrays["grid"]) == {"52.10N-005.18E-401x401"}
    assert arrays["unid"][0].endswith("@52.10N-005.18E-401x401")
    assert 51 < arrays["latitude"][0] < 53
