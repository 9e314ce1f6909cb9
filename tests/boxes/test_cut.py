"""The cut: where a box lies, what it holds and what radars saw of it."""

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from stormlens import boxes
from stormlens.boxes._cut import unique_ids
from stormlens.datasets import read_images, read_netcdf, write_netcdf
from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, SIZE, Boxes, Mosaic

ROWS, COLUMNS = NATIONAL.shape


def cell_by_cell(plane, xmin, ymin):
    """The plainest judge: every cell of a box looked up by itself."""
    box = np.zeros((SIZE, SIZE), plane.dtype)
    for row in range(SIZE):
        for column in range(SIZE):
            y, x = ymin + row, xmin + column
            if 0 <= y < ROWS and 0 <= x < COLUMNS:
                box[row, column] = plane[y, x]
    return box


@pytest.mark.parametrize(
    ("x", "y"), [(700, 450), (0, 0), (1398, 898), (-60.2, 500.7), (1440, 3), (-5000, 99999)]
)
def test_a_box_is_its_cells_and_those_off_the_grid_are_unseen(speckled, x, y):
    box = boxes.cut(speckled, [x], [y]).isel(storm=0)
    corner = int(box["xmin"]), int(box["ymin"])
    expected = cell_by_cell(speckled["reflectivity"].values, *corner)
    npt.assert_array_equal(box["reflectivity"].values, expected)
    seen = cell_by_cell(speckled["coverage"].values, *corner)
    npt.assert_allclose(box["coverage"], seen.mean(), rtol=1e-6)
    npt.assert_allclose(box["echo"], (expected >= 5).mean(), rtol=1e-6)


@given(st.floats(-300, 1700), st.floats(-300, 1200))
def test_the_centre_is_within_half_a_cell_of_the_point(x, y):
    first = boxes._cut._first_cell([x, y], "x")
    assert (np.abs(first + (SIZE - 1) / 2 - [x, y]) <= 0.5 + 1e-9).all()


def test_boxes_carry_place_time_and_source(speckled):
    cut = boxes.cut(speckled, [700, 100], [450, 200])
    longitude, latitude = NATIONAL.box_centre(cut["xmin"].values, cut["ymin"].values)
    npt.assert_array_equal(cut["latitude"], latitude)
    npt.assert_array_equal(cut["longitude"], longitude)
    assert (cut["time"].values == np.datetime64("2011-04-27T19:02:30")).all()
    assert cut.attrs["source"] == "made-up speckle"
    assert cut.attrs["simulated"] == 0
    dtypes = {name: cut[name].dtype for name in ("xmin", "ymin", "coverage", "echo")}
    assert dtypes == {"xmin": "int32", "ymin": "int32", "coverage": "float32", "echo": "float32"}


def test_boxes_of_a_simulated_mosaic_are_simulated(mosaic_of):
    assert boxes.cut(mosaic_of(simulated=True), [500], [500]).attrs["simulated"] == 1


def test_ids_say_time_and_place(mosaic_of):
    longitude, latitude = NATIONAL.lonlat(700.5, 450.5)
    name = boxes.cut(mosaic_of(), [700.5], [450.5])["unid"].item()
    assert name == f"20110427T1902Z-{latitude:05.2f}N-{-longitude:06.2f}W"
    assert boxes.cut(mosaic_of(time=None), [700.5], [450.5])["unid"].item() == name[15:]


def test_ids_differ_for_neighbouring_cells_and_for_the_same_one(mosaic_of):
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(60) * 23, np.arange(2) + 897))
    names = boxes.cut(mosaic_of(), np.r_[x, x + 1, 5, 5, 5], np.r_[y, y, 5, 5, 5])["unid"].values
    assert len(set(names)) == len(names)
    assert [name[-2:] for name in names[-2:]] == ["-2", "-3"]


@pytest.mark.slow
@given(st.lists(st.sampled_from(["a", "b", "a-2"]), max_size=8))
def test_unique_ids_keep_their_order_and_beginning(names):
    told = unique_ids(names)
    assert len(set(told)) == len(told)
    assert all(new.startswith(old) for new, old in zip(told, names, strict=True))


def test_given_ids_are_kept(mosaic_of):
    assert boxes.cut(mosaic_of(), [1, 2], [3, 4], unid=["a", "b"])["unid"].values.tolist() == [
        "a",
        "b",
    ]


def test_no_point_gives_no_box(mosaic_of):
    none = boxes.cut(mosaic_of(), [], [])
    assert none.sizes == {"storm": 0, "y": SIZE, "x": SIZE}
    assert {"coverage", "echo", "xmin", "ymin"} <= set(none.coords)


def test_a_file_keeps_what_boxes_carry(speckled, tmp_path):
    cut = boxes.cut(speckled, [700, -20], [450, 200])
    read = read_netcdf(write_netcdf(cut, tmp_path / "boxes.nc"))
    for name in ("reflectivity", "xmin", "ymin", "coverage", "echo", "unid"):
        npt.assert_array_equal(read[name], cut[name])
        assert read[name].dtype == cut[name].dtype


def test_a_file_with_an_impossible_coverage_is_refused(speckled, tmp_path):
    cut = boxes.cut(speckled, [700], [450])
    path = write_netcdf(cut.assign_coords(coverage=("storm", [1.5])), tmp_path / "boxes.nc")
    with pytest.raises(InputError, match=r"boxes\.nc: coverage is a share"):
        read_netcdf(path)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([1, 2], [1], "as many of each"),
        ([np.nan], [1], "finite"),
        ([[1]], [[1]], "one finite cell"),
        (["west"], [1], "no cell numbers"),
    ],
)
def test_what_is_no_cell_is_refused(mosaic_of, x, y, words):
    with pytest.raises(InputError, match=words):
        boxes.cut(mosaic_of(), x, y)


def test_what_is_no_mosaic_is_refused(mosaic_of):
    with pytest.raises(InputError, match="not from a ndarray"):
        boxes.cut(np.zeros(NATIONAL.shape), [1], [1])
    with pytest.raises(InputError, match=r"coverage must have shape \(899, 1399\)"):
        boxes.cut(mosaic_of().drop_vars("coverage"), [1], [1])


def test_boxes_read_together_keep_what_all_of_them_carry(speckled, tmp_path):
    cut = boxes.cut(speckled, [700], [450])
    paths = [write_netcdf(cut, tmp_path / name) for name in ("a.nc", "b.nc")]
    assert {"coverage", "xmin"} <= set(read_images(paths).coords)
    np.save(tmp_path / "plain.npy", np.zeros((SIZE, SIZE)))
    mixed = read_images([*paths, tmp_path / "plain.npy"])
    assert mixed.sizes["storm"] == 3
    assert not {"coverage", "xmin"} & set(mixed.coords)


def test_plain_arrays_give_plain_arrays_of_the_same(speckled):
    """One implementation serves both kinds; each gives what it is given."""
    plain = Mosaic.from_xarray(speckled)
    table = pd.DataFrame({"latitude": [38.0], "longitude": [-97.0], "time": ["2011-04-27T19:00"]})
    track = pd.concat([table, table.assign(time="2011-04-27T20:00")])
    for way, options in (
        (boxes.cut, ([700, -500], [450, 3])),
        (boxes.cut, ([], [])),
        (boxes.find_storms, (74,)),
        (boxes.grid, (400,)),
        (boxes.at_points, (38.0, -97.0)),
        (boxes.at_reports, (table,)),
        (boxes.along_track, (track,)),
    ):
        found = way(plain, *options)
        assert isinstance(found, Boxes)
        xr.testing.assert_identical(found.to_xarray(), way(speckled, *options))


def test_a_mosaic_of_another_size_is_refused():
    small = Mosaic(
        np.zeros((5, 5), np.uint8), np.ones((5, 5), bool), np.datetime64("NaT", "ns"), "small"
    )
    with pytest.raises(InputError, match=r"reflectivity must have shape \(899, 1399\)"):
        boxes.find_storms(small)
