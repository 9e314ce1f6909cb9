"""Records and the xarray objects that they are made into and from: nothing is lost on the way."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, Boxes, Field, Grid, Mosaic, Predictions, is_dataset

TIME = np.datetime64("2011-04-27T19:02:30", "ns")


def same(one, other):
    """Whether two records hold the same values of the same types."""
    assert vars(one).keys() == vars(other).keys()
    for name, held in vars(one).items():
        found = vars(other)[name]
        pairs = held.items() if isinstance(held, dict) else [(name, held)]
        for key, value in pairs:
            there = found[key] if isinstance(held, dict) else found
            np.testing.assert_array_equal(there, value)
            assert type(there) is type(value)
            assert getattr(there, "dtype", None) == getattr(value, "dtype", None)
    return True


def storm(n=3):
    return {
        "unid": np.array(["a", "bc", "d"])[:n],
        "time": np.array([TIME, "NaT", TIME], "datetime64[ns]")[:n],
        "latitude": np.array([38.5, np.nan, 40.0])[:n],
        "longitude": np.array([-97.5, np.nan, -90.0])[:n],
        "coverage": np.array([1, 0.5, 0], np.float32)[:n],
    }


@pytest.fixture
def mosaic():
    rng = np.random.default_rng(1)
    dbz = rng.integers(0, 81, NATIONAL.shape, dtype=np.uint8)
    return Mosaic(dbz, dbz > 3, TIME, "noise", "speckle", "by chance", "maximum", True)


@pytest.mark.parametrize("units", ["dBZ", "1"])
def test_boxes_there_and_back(units):
    boxes = Boxes(np.full((3, 136, 136), 7, np.uint8), storm(), "three boxes", True, units)
    dataset = boxes.to_xarray()
    assert same(Boxes.from_xarray(dataset), boxes)
    assert dataset["latitude"].attrs == {"units": "degrees_north"}
    assert dataset.attrs["simulated"] == 1
    assert len(boxes) == 3


def test_a_mosaic_there_and_back(mosaic):
    assert same(Mosaic.from_xarray(mosaic.to_xarray()), mosaic)


@pytest.mark.parametrize("whole", [False, True])
def test_a_field_there_and_back(whole):
    rng = np.random.default_rng(2)
    share = rng.random((2, 3)).astype(np.float32)
    beside = {
        "coverage": share / 2,
        "latitude": rng.random((2, 3)),
        "longitude": rng.random((2, 3)),
        "time": TIME,
    }
    field = Field(
        rng.random((2, 3, 2)).astype(np.float32),
        ("QLCS", "Cellular"),
        np.array([7.5, 37.5]),
        np.array([15.0, 45.0, 75.0]),
        share,
        **(beside if whole else {}),
        model="chapter-relu",
        source="noise",
        simulated=True,
        stride=8,
        box=(4, 5),
        computed="box by box: so there",
    )
    dataset = field.to_xarray()
    assert same(Field.from_xarray(dataset), field)
    assert field.is_box_by_box
    assert not replace(field, computed="shared convolutions").is_box_by_box
    assert ("coverage" in dataset) == ("time" in dataset.coords) == whole
    assert (field.seen == (share / 2 if whole else 1)).all()
    assert dataset["y"].attrs["standard_name"] == "projection_y_coordinate"
    assert dataset["probability"].attrs["grid_mapping"] == "crs"


@pytest.mark.parametrize("confident", [False, True])
def test_predictions_there_and_back(confident):
    probability = np.tile(np.array([0.25, 0.75], np.float32), (3, 1))
    confidence = (probability > 0.5, np.array([0, 1, 2], np.float32), 0.4, 0.9)
    known = ("A", "B"), storm(), "net", "three boxes", True, False
    predictions = Predictions(probability, *known, *(confidence if confident else ()))
    assert same(Predictions.from_xarray(predictions.to_xarray()), predictions)


def test_chosen_boxes_keep_what_is_known_of_them():
    boxes = Boxes(np.arange(3, dtype=np.uint8).repeat(4).reshape(3, 2, 2), storm(), "three")
    found = boxes.chosen(boxes.storm["coverage"] > 0)
    assert same(found, Boxes(boxes.reflectivity[:2], storm(2), "three"))
    assert len(boxes.chosen(slice(0))) == 0


def test_a_dataset_is_told_from_all_else(mosaic):
    assert is_dataset(mosaic.to_xarray())
    assert not is_dataset(mosaic)
    assert not is_dataset(xr.DataArray([1]))


def test_to_tell_a_dataset_needs_no_xarray():
    code = "from stormlens.stormbox import is_dataset; assert not is_dataset(1)"
    check = f"{code}; import sys; assert 'xarray' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.fixture
def placed():
    """A mosaic on a grid of its own, other in every cell, as a Dataset."""
    rng = np.random.default_rng(4)
    grid = Grid(52.1, 5.18, (30, 30))
    dbz = rng.integers(1, 80, grid.shape).astype(np.uint8)
    return Mosaic(dbz, rng.random(grid.shape) < 0.7, TIME, "noise", grid=grid).to_xarray()


def test_a_mosaic_that_is_turned_is_the_same(placed):
    whole = Mosaic.from_xarray(placed)
    turned = placed.isel(y=slice(None, None, -1), x=slice(None, None, -1)).transpose("x", "y")
    assert same(whole, Mosaic.from_xarray(turned))


def test_a_part_of_a_mosaic_lies_where_it_was(placed):
    whole = Mosaic.from_xarray(placed)
    part = placed.isel(y=slice(3, 20), x=slice(28, 7, -1))
    held = Mosaic.from_xarray(part)
    assert held.grid == whole.grid
    inside = np.zeros(whole.grid.shape, bool)
    inside[3:20, 8:29] = True
    np.testing.assert_array_equal(held.reflectivity, np.where(inside, whole.reflectivity, 0))
    np.testing.assert_array_equal(held.coverage, whole.coverage & inside)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.isel(y=slice(None, None, 2)),
        lambda d: d.isel(y=[*range(15), *range(16, 30), 15]),
        lambda d: d.roll(x=3, roll_coords=True),
        lambda d: d.assign_coords(x=d["x"] - d["x"].mean()),
        lambda d: d.assign_coords(y=d["y"] * 1000),
        lambda d: d.assign_coords(y=d["y"] * np.nan),
        lambda d: d.assign_attrs(grid="52.10N-005.18E-10x10"),
    ],
)
def test_cells_of_no_grid_or_of_another_are_refused(placed, change):
    with pytest.raises(InputError, match=r"does not go from cell to cell of the grid 52\.10N"):
        Mosaic.from_xarray(change(placed))
