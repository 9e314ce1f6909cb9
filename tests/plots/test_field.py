"""Maps of a probability field: a panel a mode, clear air white, the unseen grey."""

import numpy as np
import pytest
import xarray as xr

from stormlens.errors import InputError
from stormlens.plots import alt_text, probability_field
from stormlens.stormbox import MODES


@pytest.fixture
def field():
    """Four by six boxes: the west unseen, the north without echo."""
    rng = np.random.default_rng(0)
    probability = rng.dirichlet(np.ones(6), (4, 6)).astype(np.float32)
    coverage, echo = np.ones((4, 6), np.float32), np.full((4, 6), 0.2, np.float32)
    coverage[:, :2], echo[3] = 0.2, 0
    return xr.Dataset(
        {
            "probability": (("y", "x", "mode"), probability),
            "coverage": (("y", "x"), coverage),
            "echo": (("y", "x"), echo),
        },
        coords={
            "y": 1000 + 30.0 * np.arange(4),
            "x": 2000 + 30.0 * np.arange(6),
            "mode": list(MODES),
            "time": np.datetime64("2011-04-27T19:00", "ns"),
        },
        attrs={"source": "made-up storms", "simulated_training": 1},
    )


def panels_of(figure):
    return [ax for ax in figure.axes if ax.get_title() in MODES]


def test_each_mode_has_its_map_with_its_values(field):
    figure = probability_field(field)
    for ax in panels_of(figure):
        values = ax.images[-1].get_array()
        wanted = field["probability"].sel(mode=ax.get_title()).values
        assert values.count() == 3 * 4
        np.testing.assert_array_equal(values.compressed(), wanted[:3, 2:].ravel())
        assert ax.images[-1].get_clim() == (0, 1)
        # Half a step beyond the outer centres, in km.
        assert ax.images[-1].get_extent() == [1985, 2165, 985, 1105]
    assert [ax.get_title() for ax in panels_of(figure)] == list(MODES)


def test_clear_air_is_white_and_the_unseen_is_not(field):
    ax = panels_of(probability_field(field))[0]
    clear = ax.images[0].get_array()
    assert clear.count() == 4
    assert not np.ma.getmaskarray(clear)[3, 2:].any()
    assert ax.images[0].cmap(0.0)[:3] == (1, 1, 1)
    assert ax.get_facecolor()[:3] != (1, 1, 1)


def test_says_when_and_what_trained(field):
    figure = probability_field(field)
    assert "2011-04-27 19:00 UTC" in figure.get_suptitle()
    assert "simulated" in figure.get_supxlabel()
    assert "Probability of QLCS" in alt_text(figure)


def test_one_row_of_boxes_is_no_map(field):
    with pytest.raises(InputError, match="smaller stride"):
        probability_field(field.isel(y=[0]))


def test_a_map_shows_what_radars_see_and_100_km_around(field):
    far = field.isel(y=[0] * 10, x=[0] * 40)
    far = far.assign_coords(y=30.0 * np.arange(10), x=30.0 * np.arange(40))
    far["coverage"][:] = 0.0
    far["coverage"][3:6, 20:24] = 1.0
    for ax in panels_of(probability_field(far)):
        assert ax.get_xlim() == (600 - 100 - 15, 690 + 100 + 15)
        assert ax.get_ylim() == (0 - 15, 150 + 100 + 15)  # no farther than the field goes


def test_a_field_of_elsewhere_has_its_own_meridians(field):
    field.attrs["grid"] = "37.85S-144.75E-401x401"
    field = field.assign_coords(y=700 + 30.0 * np.arange(4), x=700 + 30.0 * np.arange(6))
    ax = panels_of(probability_field(field))[0]
    assert all(label.get_text().endswith("E") for label in ax.get_xticklabels())
    assert all(label.get_text().endswith("S") for label in ax.get_yticklabels())
    assert ax.get_xticklabels()
