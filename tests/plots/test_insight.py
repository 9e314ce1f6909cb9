"""Pictures of a network's inside: what they show, in numbers, and what they say of it."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgba

from stormlens import insight, plots
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.stormbox import MODES

EDGE = np.array([[-1, 0, 1], [-10, 0, 10], [-1, 0, 1.0]])


def boxes(n=4, labelled=True, **options):
    images = np.random.default_rng(0).integers(0, 75, (n, 12, 12)).astype(np.uint8)
    return make_dataset(images, np.arange(n) % 6 if labelled else None, source="test", **options)


def texts(figure):
    """Everything that is written on a picture."""
    written = [text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))]
    return " | ".join(written)


def kernels(filters=10):
    values = np.random.default_rng(1).normal(size=(filters, 2, 3, 3))
    attributes = {"layer": "conv", "simulated_training": 1}
    return xr.DataArray(
        values, dims=("filter", "channel", "row", "column"), attrs=attributes, name="kernels"
    )


@pytest.mark.slow
def test_filters_share_a_scale_centred_on_zero():
    of_layer = kernels()
    figure = plots.filters(of_layer, channel=1)
    images = [ax.images[0] for ax in figure.axes if ax.images and ax.get_title()]
    assert len(images) == 10
    limit = np.abs(of_layer.values[:, 1]).max()
    assert {image.get_clim() for image in images} == {(-limit, limit)}
    np.testing.assert_array_equal(images[3].get_array(), of_layer.values[3, 1])
    assert images[3].origin == "lower"
    assert "trained on simulated storms" in texts(figure)
    assert plots.alt_text(figure).startswith("10 kernels of 3 by 3 weights, from -")
    with pytest.raises(InputError, match="no channel 2; they go from 0 to 1"):
        plots.filters(of_layer, channel=2)
    with pytest.raises(InputError, match="at least 1 column, not 0"):
        plots.filters(of_layer, columns=0)


def test_filters_name_what_they_resemble_unless_noise_would():
    of_layer = kernels(2)
    matches = xr.Dataset(
        {
            "name": (("filter", "channel"), [["edge", "blur"], ["blur", "blur"]]),
            "correlation": (("filter", "channel"), [[-0.93, 0.1], [0.5, 0.1]]),
        },
        attrs={"by_chance": 0.78},
    )
    figure = plots.filters(of_layer, matches)
    first, second = (ax.title for ax in figure.axes[:2])
    assert first.get_text() == "0: -0.93\nedge"
    assert first.get_color() != second.get_color()  # one is highlighted, the other grey
    assert plots.alt_text(figure).endswith("than noise is (0.78): 0 edge -0.93.")


def test_a_resemblance_ranks_the_classical_kernels():
    figure = plots.resemblance(insight.resemblance(-EDGE), -EDGE, chance=0.78)
    left, middle, right = figure.axes
    assert left.get_title() == "this kernel"
    assert right.get_title().startswith("edge, turned 180°")
    assert middle.get_xlim() == (-1, 1)
    assert "Noise reaches 0.78." in plots.alt_text(figure)
    assert "edge +1.00" in plots.alt_text(figure)
    with pytest.raises(InputError, match="no match to draw"):
        plots.resemblance([], EDGE)


def test_applied_kernels_are_dbz_or_signed():
    box = boxes(1, simulated=True).isel(storm=0)
    results = insight.apply_kernels(box, {"blur": np.full((3, 3), 1 / 9), "edge": EDGE})
    figure = plots.kernels_applied(results)
    blur, edge = (figure.axes[i].images[0] for i in (0, 1))
    assert blur.get_clim() == (0, 80)
    low, high = edge.get_clim()
    assert low == -high
    assert "Reflectivity (dBZ)" in texts(figure)
    assert "simulated, not observed" in texts(figure)
    assert plots.alt_text(figure).startswith("Correlation of a storm box with 2 kernels: blur from")


def maps(low=0.0):
    values = np.random.default_rng(2).uniform(low, 1, (2, 6, 6, 5)).astype(np.float32)
    values[..., 4] = 0
    return xr.DataArray(
        values, dims=("storm", "row", "column", "filter"), attrs={"layer": "conv", "simulated": 0}
    )


def test_feature_maps_have_their_own_scale_or_share_one():
    of_storms = maps()
    own = [ax.images[0].get_clim() for ax in plots.feature_maps(of_storms, storm=1).axes[:5]]
    strongest = of_storms.values[1].max((0, 1))
    np.testing.assert_allclose([high for _, high in own[:4]], strongest[:4])
    assert {low for low, _ in own} == {0}
    shared = plots.feature_maps(of_storms, storm=1, shared=True)
    assert len({ax.images[0].get_clim() for ax in shared.axes[:5]}) == 1
    assert plots.alt_text(shared).endswith(
        f"Strongest: filter {strongest.argmax()} ({strongest.max():.2f}); silent: 1."
    )
    assert shared.axes[0].images[0].origin == "lower"


def test_maps_below_zero_are_signed():
    figure = plots.feature_maps(maps(low=-1))
    low, high = figure.axes[0].images[0].get_clim()
    assert low == -high
    assert "4: silent" in texts(figure)


def test_maps_of_a_mode_are_drawn_too():
    means = maps().rename(storm="mode").assign_coords(mode=["Cellular", "QLCS"])
    assert len(plots.feature_maps(means.sel(mode="QLCS")).axes) >= 5
    with pytest.raises(InputError, match=r"choose one mode with \.sel"):
        plots.feature_maps(means)
    with pytest.raises(InputError, match="no storm 2; they go from 0 to 1"):
        plots.feature_maps(maps(), storm=2)


def ends(n=4):
    rng = np.random.default_rng(3)
    chances = rng.dirichlet(np.ones(6), n).astype(np.float32)
    hidden = rng.random((n, 16)).astype(np.float32)
    hidden[:, 5] = 0
    return xr.Dataset(
        {
            "hidden": (("storm", "unit"), hidden, {"layer": "dense"}),
            "probability": (("storm", "mode"), chances),
        },
        coords={"mode": list(MODES)},
        attrs={"simulated": 0, "simulated_training": 1},
    )


def test_the_end_of_the_network_shows_box_units_and_probabilities():
    values = ends()
    figure = plots.inside(values, boxes(), storm=2)
    heights = [
        patch.get_height() for ax in figure.axes for patch in ax.patches if len(ax.patches) == 16
    ]
    np.testing.assert_allclose(heights, values["hidden"].values[2])
    (bars,) = (ax for ax in figure.axes if len(ax.patches) == 6)
    np.testing.assert_allclose(
        [patch.get_width() for patch in bars.patches], values["probability"].values[2]
    )
    assert bars.patches[1].get_facecolor() == to_rgba(plots.MODE_COLOURS["QLCS"])
    bold = [label.get_text() for label in bars.get_yticklabels() if label.get_weight() == "bold"]
    assert bold == ["Tropical"]
    words = plots.alt_text(figure)
    assert "15 of 16 units of layer dense answer" in words
    assert words.endswith("Truth: Tropical.")
    assert "trained on simulated storms" in texts(figure)
    plain = plots.inside(values, boxes(labelled=False))
    assert "Truth" not in plots.alt_text(plain)


def test_the_end_of_the_network_by_mode_puts_silent_units_last():
    means = insight.mean_by_mode(ends(12), boxes(12))
    figure = plots.inside_by_mode(means)
    shades = figure.axes[0].images[0].get_array()
    assert shades.shape == (6, 16)
    assert (shades[:, -1] == 0).all()
    own = shades.argmax(axis=0)[:-1]
    assert (np.diff(own) >= 0).all()
    assert "a mode gives itself: Cellular 0." in plots.alt_text(figure)


def found(index, distance, **attributes):
    return xr.Dataset(
        {"index": (("storm", "rank"), [index]), "distance": (("storm", "rank"), [distance])},
        attrs=attributes,
    )


def test_neighbours_stand_beside_the_box_asked_about():
    dataset = boxes(5)
    one = dataset.isel(storm=[0])
    figure = plots.neighbours(found([3, 1], [0.01, 0.2], simulated=1), one, dataset)
    assert [ax.get_title() for ax in figure.axes[:3]] == [
        "this box\nCellular",
        "Other\n0.010",
        "QLCS\n0.200",
    ]
    shown = figure.axes[1].images[0].get_array()
    np.testing.assert_array_equal(shown.filled(0), dataset["reflectivity"].values[3])
    assert "simulated" in texts(figure)
    assert plots.alt_text(figure) == (
        "A storm box (Cellular) and the 2 most like it by cosine distance: Other 0.010, QLCS 0.200."
    )
    unlabelled = plots.neighbours(found([2], [0.1]), boxes(1, labelled=False), dataset)
    assert unlabelled.axes[0].get_title() == "this box\nunlabelled"
    assert unlabelled.axes[1].get_title() == "Tropical\n0.100"


@pytest.mark.parametrize("method", ["pca", "umap"])
def test_a_map_has_the_colours_of_the_modes(method):
    dataset = boxes(9, simulated=True)
    placed = xr.Dataset(
        {
            "position": (("storm", "axis"), np.arange(18.0).reshape(9, 2)),
            "mode": dataset["mode"].variable,
        },
        attrs={"simulated": 1},
    )
    if method == "pca":
        placed["explained"] = ("axis", [0.61, 0.2])
    ax = plots.embedding(placed)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:2] == ["Cellular (2)", "QLCS (2)"]
    points = {group.get_label(): group for group in ax.collections}
    np.testing.assert_array_equal(points["QLCS (2)"].get_offsets(), [[2, 3], [14, 15]])
    assert ax.get_xlabel() == ("Component 1 (61% of variance)" if method == "pca" else "UMAP 1")
    assert "Cellular (2) around 6.0, 7.0" in plots.alt_text(ax)
    assert "simulated" in texts(ax.figure)
    alone = plots.embedding(placed.drop_vars("mode"))
    assert alone.get_legend().get_texts()[0].get_text() == "unlabelled (9)"


def test_mean_boxes_stand_one_above_the_other():
    dataset = boxes(12, simulated=True)
    means = insight.mean_boxes(dataset)
    figure = plots.mean_boxes(means)
    assert figure.axes[0].get_title() == "Cellular\nn = 2"
    drawn = figure.axes[6 + 1].images[0].get_array().filled(0)
    np.testing.assert_array_equal(drawn, means["pmm"].sel(mode="QLCS"))
    assert "simulated, not observed" in texts(figure)
    assert f"Cellular {float(means['mean'][0].max()):.0f} and" in plots.alt_text(figure)
    with pytest.raises(InputError, match="Unknown colour table 'rainbow'"):
        plots.mean_boxes(means, colours="rainbow")
