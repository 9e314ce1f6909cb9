"""Pictures of a climatology: bars and cells are the counts that were given."""

import itertools

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from matplotlib.text import Text

from stormlens import plots
from stormlens.errors import InputError

MODES = ["Cellular", "QLCS", "Clear"]


@pytest.fixture
def climatology():
    rng = np.random.default_rng(0)
    regions = ["Midwest", "Florida", "elsewhere"]
    cells = rng.integers(0, 40, (3, 4, 5))
    cells[:, 0] = 0
    by_region = rng.integers(1, 50, (3, 3))
    by_region[:, 1] = 0
    return xr.Dataset(
        {
            "count": ("mode", [10, 20, 5]),
            "by_month": (("mode", "month"), rng.integers(0, 50, (3, 12))),
            "by_hour": (("mode", "hour"), rng.integers(0, 50, (3, 24))),
            "by_solar_hour": (("mode", "solar_hour"), np.zeros((3, 24), int)),
            "by_year": (("mode", "year"), rng.integers(0, 50, (3, 2))),
            "by_region": (("mode", "region"), by_region),
            "by_cell": (("mode", "latitude", "longitude"), cells),
        },
        coords={
            "mode": MODES,
            "month": range(1, 13),
            "hour": range(24),
            "solar_hour": range(24),
            "year": [2010, 2011],
            "region": regions,
            "latitude": [31.25, 33.75, 36.25, 38.75],
            "longitude": [-98.75, -96.25, -93.75, -91.25, -88.75],
        },
        attrs={"simulated": 0, "simulated_training": 0},
    )


@pytest.mark.parametrize("by", ["month", "hour", "year"])
def test_bars_stack_the_counts(climatology, by):
    ax = plots.mode_cycle(climatology, by)
    counts = climatology[f"by_{by}"].values
    heights = [[bar.get_height() for bar in bars] for bars in ax.containers]
    npt.assert_array_equal(heights, counts)
    tops = [[bar.get_y() + bar.get_height() for bar in bars] for bars in ax.containers]
    npt.assert_array_equal(tops, counts.cumsum(0))
    assert sorted(text.get_text() for text in ax.get_legend().get_texts()) == sorted(MODES)
    assert f"QLCS: {counts[1].sum():,}" in plots.alt_text(ax)


def test_a_cycle_of_unknown_times_can_be_drawn(climatology):
    assert "No box has a known time" in plots.alt_text(plots.mode_cycle(climatology, "solar_hour"))


def test_an_unknown_cycle_suggests_the_nearest(climatology):
    with pytest.raises(InputError, match="Did you mean 'month'"):
        plots.mode_cycle(climatology, "months")


def test_shares_of_regions_fill_the_bar_and_empty_regions_are_left_out(climatology):
    ax = plots.mode_shares(climatology)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["elsewhere", "Midwest"]
    widths = np.array([[bar.get_width() for bar in bars] for bars in ax.containers])
    npt.assert_allclose(widths.sum(0), 1)
    midwest = climatology["by_region"].sel(region="Midwest").values
    npt.assert_allclose(widths[:, 1], midwest / midwest.sum())
    assert f"{midwest.sum():,}" in [text.get_text() for text in ax.texts]


def test_maps_show_all_boxes_and_each_modes_share(climatology):
    figure = plots.climatology_map(climatology)
    drawn = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in drawn] == ["All boxes", *MODES]
    cells = climatology["by_cell"].values
    total = cells.sum(0)
    first, *others = [ax.collections[0].get_array() for ax in drawn]
    npt.assert_array_equal(first.filled(0), total)
    for shares, counts in zip(others, cells, strict=True):
        npt.assert_array_equal(np.ma.getmaskarray(shares), total < 10)
        npt.assert_allclose(shares.compressed(), (counts / np.maximum(total, 1))[total >= 10])
    assert "QLCS" in plots.alt_text(figure)


def test_a_map_of_no_place_is_refused(climatology):
    climatology["by_cell"][:] = 0
    with pytest.raises(InputError, match="known place"):
        plots.climatology_map(climatology)


@pytest.mark.parametrize("name", ["simulated", "simulated_training"])
def test_what_was_made_up_is_marked(climatology, name):
    marked = climatology.assign_attrs({name: 1})
    for ax in (
        plots.mode_cycle(marked),
        plots.mode_shares(marked),
        plots.climatology_map(marked).axes[0],
    ):
        assert "simulated" in [text.get_text() for text in ax.texts]
    assert "simulated" not in [text.get_text() for text in plots.mode_cycle(climatology).texts]


def narrow_figures(climatology):
    yield plots.mode_cycle(climatology, "month", narrow=True).figure
    yield plots.mode_cycle(climatology, "year", narrow=True).figure
    yield plots.mode_shares(climatology, narrow=True).figure
    yield plots.climatology_map(climatology, narrow=True)
    rows = [
        {"epoch": i, "loss": 1, "accuracy": 0.5, "val_loss": 1, "val_accuracy": 0.5} for i in (1, 2)
    ]
    published = {"accuracy": 0.9, "val_accuracy": 0.8}
    yield plots.chapter_comparison(
        {"chapter-linear": rows, "chapter-augmented": rows},
        {"chapter-linear": published, "chapter-augmented": published},
        narrow=True,
    )


def test_narrow_pictures_are_read_on_a_telephone(climatology):
    """Shown 358 pixels wide, on a page of 390, type is of 8 pixels at least and inside."""
    for figure in narrow_figures(climatology.assign_attrs(simulated=1)):
        figure.draw_without_rendering()
        width, height = figure.get_size_inches()
        texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
        assert min(text.get_fontsize() for text in texts) / 72 * 358 / width >= 8
        drawn = figure.get_tightbbox()
        assert (drawn.x0, drawn.y0) >= (-0.01, -0.01)
        assert drawn.x1 <= width + 0.01
        assert drawn.y1 <= height + 0.01
        assert height < 2.6 * width


def test_years_are_whole(climatology):
    ax = plots.mode_cycle(climatology, "year")
    ax.figure.draw_without_rendering()
    shown = [label.get_text() for label in ax.get_xticklabels()]
    assert {"2010", "2011"} <= set(shown)
    assert not [text for text in shown if "." in text]


@pytest.mark.slow
def test_a_map_of_the_world_names_few_meridians(climatology):
    """Boxes in Kansas and in Fiji: names of lines side by side stay apart."""
    wide = np.zeros((len(climatology["mode"]), 24, 72), np.int64)
    wide[0, 15, 16], wide[0, 7, 71] = 20, 30
    counts = xr.DataArray(
        wide,
        dims=("mode", "latitude", "longitude"),
        coords={
            "mode": climatology["mode"].values,
            "latitude": np.arange(-57.5, 60, 5),
            "longitude": np.arange(-177.5, 180, 5),
        },
    )
    kept = climatology.drop_vars(["by_cell", "latitude", "longitude"])
    figure = plots.climatology_map(kept.assign(by_cell=counts))
    figure.canvas.draw()
    labels = [label.get_window_extent() for label in figure.axes[0].get_xticklabels()]
    assert len(labels) >= 3
    edges = sorted((box.x0, box.x1) for box in labels)
    assert all(left[1] < right[0] for left, right in itertools.pairwise(edges))
