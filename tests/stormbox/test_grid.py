import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlens.stormbox import NATIONAL, offsets_km

# Cell centres (x, y) and their published latitude and longitude.
CORNERS = [
    ((0, 0), (20.509216, -121.81102)),
    ((0, 898), (48.89253, -133.66338)),
    ((1398, 898), (48.89253, -61.33661)),
    ((1398, 0), (20.509216, -73.188965)),
]
METRE = 1 / 111_000


@pytest.mark.parametrize(("cell", "place"), CORNERS)
def test_corners_lie_where_the_archive_says(cell, place):
    longitude, latitude = NATIONAL.lonlat(*cell)
    npt.assert_allclose(latitude, place[0], atol=METRE)
    # A metre of longitude is shorter than a metre of latitude; published to five decimals.
    npt.assert_allclose(longitude, place[1], atol=2 * METRE)


@given(st.floats(0, 1398), st.floats(0, 898))
def test_place_and_cell_are_inverse(x, y):
    npt.assert_allclose(NATIONAL.cell(*NATIONAL.lonlat(x, y)), (x, y), atol=1e-6)


def test_centre_of_a_box_lies_between_its_middle_cells():
    npt.assert_allclose(NATIONAL.box_centre(631, 381), NATIONAL.lonlat(698.5, 448.5))


def test_offsets_span_the_box_of_510_km():
    km = offsets_km()
    assert km.shape == (136,)
    npt.assert_allclose(np.diff(km), 3.75)
    npt.assert_allclose(km[0] + km[-1], 510)


def test_the_south_pole_is_no_cell():
    assert not np.isfinite(NATIONAL.cell(30.0, -90.0)).any()
