"""Boxes where the storms are: which regions count, where boxes lie, which ones merge."""

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens import boxes
from stormlens.boxes._storms import MARGIN
from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, SIZE


def corners(found):
    return list(zip(found["ymin"].values.tolist(), found["xmin"].values.tolist(), strict=True))


def test_one_box_in_the_middle_of_each_region_largest_first(mosaic_of):
    mosaic = mosaic_of({(300, 300, 10, 20): 45, (600, 900, 30, 40): 50, (100, 1200, 4, 4): 60})
    # Middle of rows 600 to 629 is 614.5, whose box begins at 547; and so on.
    assert corners(boxes.find_storms(mosaic)) == [(547, 852), (237, 242), (34, 1134)]


def test_equal_regions_go_from_south_to_north(mosaic_of):
    mosaic = mosaic_of({(500, 200, 5, 5): 45, (200, 900, 5, 5): 45})
    assert [row for row, _ in corners(boxes.find_storms(mosaic))] == [135, 435]


def test_weak_or_small_regions_have_no_box(mosaic_of):
    mosaic = mosaic_of({(300, 300, 20, 20): 39, (600, 900, 1, 7): 70})  # 7 cells are 98 km2
    assert boxes.find_storms(mosaic).sizes["storm"] == 0
    assert boxes.find_storms(mosaic, threshold=39).sizes["storm"] == 1
    assert boxes.find_storms(mosaic, minimum_area=98).sizes["storm"] == 1


def test_cells_that_touch_at_a_corner_are_one_region(mosaic_of):
    stairs = {(300 + i, 300 + i, 1, 1): 50 for i in range(8)}  # 8 cells are 112.5 km2
    assert boxes.find_storms(mosaic_of(stairs)).sizes["storm"] == 1


def test_a_line_longer_than_a_box_has_one_box_where_most_of_it_is(mosaic_of):
    # 300 columns, and a heavy western end: 20 x 40 cells beside a tail of 2 x 260.
    mosaic = mosaic_of({(400, 500, 20, 40): 50, (400, 540, 2, 260): 45})
    ((row, column),) = corners(boxes.find_storms(mosaic))
    mean = (800 * 519.5 + 520 * 669.5) / 1320
    assert column == np.floor(mean - 67)
    assert row == 342  # the middle of rows 400 to 419, cut to nothing


def test_neighbours_merge_where_the_smaller_ones_centre_is_well_inside(mosaic_of):
    # The large region's centre is at column 309.5; the inner part of its box ends 52 cells east.
    assert SIZE / 2 - MARGIN == 52
    large = {(300, 300, 20, 20): 50}
    within = large | {(300, 357, 10, 10): 50}  # centre at column 361.5
    beyond = large | {(300, 358, 10, 10): 50}
    assert corners(boxes.find_storms(mosaic_of(within))) == [(242, 242)]
    assert corners(boxes.find_storms(mosaic_of(beyond))) == [(242, 242), (237, 295)]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_boxes_stand_apart_and_no_regions_centre_is_left_out(mosaic_of, seed):
    rng = np.random.default_rng(seed)
    # One block at most at a place of a lattice of 40 cells: none touches another, each is a region.
    places = rng.choice(21 * 34, 60, replace=False)
    blocks = {
        (40 * int(i), 40 * int(j), int(rng.integers(3, 30)), int(rng.integers(3, 30))): 45
        for i, j in zip(places // 34, places % 34, strict=True)
    }
    centres = np.array([(y + (h - 1) / 2, x + (w - 1) / 2) for y, x, h, w in blocks])
    areas = np.array([h * w * 14.0625 for _, _, h, w in blocks])
    found = boxes.find_storms(mosaic_of(blocks))
    middles = np.array(corners(found)) + (SIZE - 1) / 2
    apart = np.abs(centres[areas >= 100][:, np.newaxis] - middles).max(axis=2)
    assert (apart.min(axis=1) <= 52.5).all()
    between = np.abs(middles[:, np.newaxis] - middles).max(axis=2)
    assert (between[~np.eye(len(middles), dtype=bool)] > 51).all()
    assert corners(boxes.find_storms(mosaic_of(blocks))) == corners(found)


def test_clear_air_has_no_storm(mosaic_of):
    assert boxes.find_storms(mosaic_of()).sizes["storm"] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"threshold": 0}, "threshold is 0"),
        ({"threshold": 81}, "1 to 80"),
        ({"minimum_area": -1}, "minimum area"),
        ({"minimum_area": np.nan}, "minimum area"),
    ],
)
def test_settings_out_of_bounds_are_refused(mosaic_of, options, words):
    with pytest.raises(InputError, match=words):
        boxes.find_storms(mosaic_of(), **options)


def test_the_grid_has_every_whole_box(speckled):
    found = boxes.grid(speckled, 100)
    rows, columns = (range(0, cells - SIZE + 1, 100) for cells in NATIONAL.shape)
    assert corners(found) == [(row, column) for row in rows for column in columns]
    npt.assert_array_equal(found["reflectivity"][-1], speckled["reflectivity"][700:836, 1200:1336])


def test_the_grid_leaves_out_what_radars_hardly_see(mosaic_of):
    coverage = np.zeros(NATIONAL.shape, bool)
    coverage[:, :200] = True
    mosaic = mosaic_of(coverage=coverage)
    # Boxes from columns 0, 68, 136, ...: seen by 136, 132, 64, 0 columns of 136.
    assert set(boxes.grid(mosaic)["xmin"].values.tolist()) == {0, 68}
    assert set(boxes.grid(mosaic, minimum_coverage=0.4)["xmin"].values.tolist()) == {0, 68, 136}
    assert boxes.grid(mosaic, minimum_coverage=0).sizes["storm"] == 12 * 19


@pytest.mark.parametrize(("stride", "share"), [(0, 0.5), (1.5, 0.5), (True, 0.5), (8, 1.5)])
def test_an_impossible_grid_is_refused(mosaic_of, stride, share):
    with pytest.raises(InputError):
        boxes.grid(mosaic_of(), stride, minimum_coverage=share)
