"""Pictures of explanations: centred on zero, north up, in words, and marked when made up."""

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from stormlens import plots as pictures
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.plots import alt_text

SIZE = 24


def boxes(**options):
    images = np.zeros((2, SIZE, SIZE), np.uint8)
    images[0, 4:20, 10:14] = 30
    images[0, 6:18, 11:13] = 55
    return make_dataset(images, [1, 5], source="test", **options)


def explanation(dataset, values=None, method="gradient", mode="QLCS", **attributes):
    shape = dataset["reflectivity"].shape
    values = np.random.default_rng(0).normal(0, 1, shape) if values is None else values
    return xr.Dataset(
        {
            "attribution": (("storm", "y", "x"), values),
            "score": ("storm", [2.0, 1.0]),
            "probability": ("storm", [0.93, 0.4]),
        },
        coords={"unid": dataset["unid"], "mode": ("storm", [mode, mode])},
        attrs={"method": method, **attributes},
    )


def drawn(figure):
    FigureCanvasAgg(figure).draw()
    return figure


def texts(figure):
    found = [text.get_text() for ax in figure.axes for text in ax.texts]
    return [*found, figure.get_supxlabel(), figure.get_suptitle()]


def test_signed_attributions_are_centred_on_zero_over_contours():
    dataset = boxes()
    ax = pictures.attribution(explanation(dataset), dataset)
    low, high = ax.images[0].get_clim()
    assert low == -high
    assert ax.images[0].get_cmap().name == "RdBu_r"
    assert ax.images[0].origin == "lower"
    npt.assert_allclose(ax.images[0].get_extent(), (0, 90, 0, 90))
    assert [label.get_text() for label in ax.get_legend().get_texts()] == ["20 dBZ", "40 dBZ"]
    drawn(ax.figure)


def test_attributions_that_are_never_negative_begin_at_zero():
    dataset = boxes()
    values = np.zeros((2, SIZE, SIZE))
    values[0, 5, 7] = 3.0
    ax = pictures.attribution(explanation(dataset, values, "grad-cam"), dataset)
    assert ax.images[0].get_clim() == (0, 3)
    assert ax.get_title() == "Why QLCS (probability 0.93)? Grad-CAM"
    assert "strongest pixel 26 km east and 19 km north" in alt_text(ax)


def test_a_few_strong_pixels_lie_beyond_the_scale():
    dataset = boxes()
    values = np.random.default_rng(0).uniform(-1, 1, (2, SIZE, SIZE))
    values[0, 0, 0] = 50
    figure = drawn(pictures.attribution(explanation(dataset, values), dataset).figure)
    assert figure.axes[0].images[0].get_clim()[1] < 1.1
    assert figure.axes[1].get_ylabel() == "Score gained per dBZ more"


def test_small_numbers_carry_their_power_in_the_label():
    dataset = boxes()
    figure = pictures.attribution(
        explanation(dataset, np.full((2, SIZE, SIZE), -4e-5)), dataset, axes=False
    ).figure
    drawn(figure)
    assert figure.axes[1].get_ylabel().endswith("($10^{-5}$)")
    assert "\N{MINUS SIGN}4" in [label.get_text() for label in figure.axes[1].get_yticklabels()]


def test_empty_boxes_and_flat_maps_are_drawn():
    dataset = boxes()
    flat = explanation(dataset, np.zeros((2, SIZE, SIZE)))
    ax = pictures.attribution(flat, dataset, 1)
    drawn(ax.figure)
    assert alt_text(ax) == "Gradient of QLCS: no pixel speaks for it."


def test_images_without_reflectivity_have_neither_kilometres_nor_contours():
    dataset = boxes(units="1")
    ax = pictures.attribution(explanation(dataset), dataset)
    assert ax.get_legend() is None
    assert len(ax.get_xticks()) == 0
    drawn(pictures.attributions([explanation(dataset)], dataset))


def test_words_say_where_the_evidence_lies():
    dataset = boxes()
    values = np.zeros((2, SIZE, SIZE))
    values[0, 10, 11:13] = 1.0  # on 55 dBZ
    values[0, 0, 0:2] = 1.0
    words = alt_text(pictures.attribution(explanation(dataset, values, "occlusion"), dataset))
    assert words.startswith("Occlusion of QLCS: half of what speaks for it lies in 0.3% of the box")
    assert "50% on echo of 40 dBZ" in words


def test_a_sum_that_misses_the_score_is_not_passed_over():
    dataset = boxes()
    explained = explanation(dataset, method="integrated-gradients", tolerance=0.01)
    explained = explained.assign(residual=("storm", [0.004, 0.08]))
    assert "adds up" not in pictures.attribution(explained, dataset, 0).get_title()
    assert "but for 8%" in pictures.attribution(explained, dataset, 1).get_title()


@pytest.mark.parametrize(
    ("attributes", "mark"),
    [
        ({"simulated": 1}, "simulated"),
        ({"simulated_training": 1}, "trained on simulated storms"),
    ],
)
def test_what_was_made_up_is_marked(attributes, mark):
    dataset = boxes()
    explained = explanation(dataset, **attributes)
    assert mark in texts(pictures.attribution(explained, dataset).figure)
    figure = pictures.attributions([explained], dataset)
    assert any(mark in text for text in texts(figure))


def test_methods_stand_beside_their_storm():
    dataset = boxes()
    several = [
        explanation(dataset, method=name) for name in ("gradient", "occlusion", "smoothgrad")
    ]
    figure = drawn(pictures.attributions(several, dataset, columns=2))
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["The storm", "Gradient", "Occlusion", "SmoothGrad"]
    assert figure.get_suptitle() == "Why QLCS (probability 0.93)?"
    assert figure.get_figwidth() <= 8
    assert alt_text(figure).startswith("Storm box: echo over")


def test_modes_stand_beside_each_other_with_their_names():
    dataset = boxes()
    several = [explanation(dataset, mode=mode) for mode in ("QLCS", "Cellular")]
    figure = pictures.attributions(several, dataset)
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["The storm", "QLCS: Gradient", "Cellular: Gradient"]
    assert figure.get_suptitle() == ""


def curves(area, **attributes):
    share = np.linspace(0, 1, 5)
    values = np.repeat(1 - share[None], 2, 0)
    return xr.Dataset(
        {
            "deletion": (("storm", "share"), values),
            "insertion": (("storm", "share"), 1 - values),
            "deletion_area": ("storm", [area, area]),
            "insertion_area": ("storm", [1 - area, 1 - area]),
        },
        coords={"share": share},
        attrs=attributes,
    )


def test_faithfulness_names_areas_and_draws_random_order_in_grey():
    measured = {"gradient": curves(0.2, simulated=1), "random": curves(0.5, simulated=1)}
    figure = drawn(pictures.faithfulness(measured))
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["Gradient 0.20", "Random order 0.50"]
    assert figure.axes[1].lines[1].get_linestyle() == ":"
    assert "Gradient 0.20 and 0.80" in alt_text(figure)
    assert "simulated, not observed" in texts(figure)


def test_sanity_passes_over_maps_without_a_rank_correlation():
    left = xr.DataArray(
        [[1.0, 1.0], [0.5, np.nan], [0.1, 0.3]],
        dims=("layers", "storm"),
        coords={"layers": [0, 1, 2]},
        attrs={"simulated_training": 1},
    )
    ax = pictures.sanity({"gradient": left})
    npt.assert_allclose(ax.lines[0].get_ydata(), [1, 0.5, 0.2])
    assert "Gradient 0.20" in alt_text(ax)
    assert "simulated" in texts(ax.figure)


def wish(**attributes):
    values = np.zeros((SIZE, SIZE), np.uint8)
    values[:12] = 60
    return xr.DataArray(values, dims=("y", "x"), attrs={"response": 1.25, **attributes})


def test_wishes_carry_filter_and_response():
    wishes = [wish(filter=3, layer="conv"), wish(filter="QLCS", simulated_training=1)]
    figure = drawn(pictures.maximised(wishes))
    titles = [ax.get_title() for ax in figure.axes[:2]]
    assert titles == ["conv, filter 3: 1.2", "QLCS: 1.2"]
    assert "echo over 50% of the box, at most 60 dBZ" in alt_text(figure)
    own = pictures.maximised(wishes[0], titles=["mine"])
    assert own.axes[0].get_title() == "mine"


def test_bad_input_gets_its_sentence():
    dataset = boxes()
    explained = explanation(dataset)
    for call, sentence in (
        (lambda: pictures.attribution(explained, dataset.isel(storm=[0])), "does not fit boxes"),
        (lambda: pictures.attribution(explained, dataset.isel(storm=[1, 0])), "in the same order"),
        (lambda: pictures.attribution(explained, dataset, 2), "There is no storm 2"),
        (lambda: pictures.attributions([], dataset), "no explanation to draw"),
        (lambda: pictures.attributions([explained], dataset, columns=0), "at least 1 column"),
        (lambda: pictures.faithfulness({}), "no curve to draw"),
        (lambda: pictures.sanity({}), "no check to draw"),
        (lambda: pictures.maximised([]), "0 boxes in 4 columns"),
        (lambda: pictures.maximised(wish(), titles=["a", "b"]), "2 titles for 1"),
    ):
        with pytest.raises(InputError, match=sentence):
            call()


def test_panels_draw_where_they_are_told():
    dataset, axes = boxes(), Figure().subplots(1, 2)
    assert pictures.attribution(explanation(dataset), dataset, ax=axes[1]) is axes[1]
    assert pictures.attribution(explanation(dataset), dataset, ax=axes[0], title="T") is axes[0]
    assert axes[0].get_title() == "T"
