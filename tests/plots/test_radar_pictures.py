"""Radar pictures: orientation, kilometres, colour bins, no echo, and the mark of simulated data."""

import numpy as np
import numpy.testing as npt
import pytest
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.plots import (
    MODE_COLOURS,
    NWS_COLOURS,
    class_colours,
    colour_bar,
    contact_sheet,
    reflectivity_palette,
    storm_box,
)
from stormlens.stormbox import MAX_DBZ, MODES


def _boxes(n=3, *, simulated=False, modes=True):
    images = np.zeros((n, 136, 136), np.uint8)
    images[:, 100:, 90:] = 55
    return make_dataset(
        images,
        np.arange(n) if modes else None,
        time=np.full(n, "2011-04-27T21:54", "datetime64[ns]"),
        source="test",
        simulated=simulated,
    )


def _rgba(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def _bare_axes():
    return Figure(figsize=(2, 2), dpi=100).add_axes((0, 0, 1, 1))


def _texts(figure):
    found = [text.get_text() for ax in figure.axes for text in ax.texts]
    return [*found, figure.get_supxlabel()]


def _colour_of(value, colours):
    """Colour in which a pixel of `value` is drawn."""
    image = storm_box([[value]], colours=colours).images[0]
    return to_hex(image.to_rgba(image.get_array())[0, 0], keep_alpha=True)


def test_what_lies_in_the_north_east_is_drawn_upper_right():
    box = np.zeros((136, 136), np.uint8)
    box[110:130, 100:120] = 50  # rows count northward, columns eastward
    ax = storm_box(box, _bare_axes(), colorbar=False, axes=False)
    picture = _rgba(ax.figure)[..., :3].astype(int)
    orange = to_hex(ax.images[0].to_rgba(50))
    red, green, blue = (int(orange[i : i + 2], 16) for i in (1, 3, 5))
    rows, columns = np.nonzero(np.abs(picture - [red, green, blue]).sum(-1) < 10)
    assert columns.mean() > 0.7 * picture.shape[1]
    assert rows.mean() < 0.3 * picture.shape[0]  # the buffer's row 0 is the top


def test_real_squall_line_has_its_rain_behind_it(shared_data):
    # 4 April 2011: the line runs SSW-NNE and moves east; the broad shield lies to its north-west.
    box = np.load(shared_data / "svrimg" / "five_images_20110404.npy")[0].squeeze()
    drawn = storm_box(box).images[0]
    assert drawn.origin == "lower"
    rain = drawn.get_array().filled(0) >= 20
    north, east = np.indices(rain.shape)
    assert rain[north > east].mean() > 2 * rain[north < east].mean()


def test_axes_are_km_from_the_south_west_corner():
    ax = storm_box(np.ones((136, 136)))
    npt.assert_allclose(ax.images[0].get_extent(), (0, 510, 0, 510))
    for ticks in (ax.get_xticks(), ax.get_yticks()):
        npt.assert_allclose(ticks, [0, 128, 256, 384, 512])
    assert ax.get_xlim() == ax.get_ylim() == (0, 512)
    assert ax.get_xlabel() == ax.get_ylabel() == "km"


@pytest.mark.slow
@pytest.mark.parametrize("dbz", range(1, 80))
def test_each_nws_colour_fills_its_own_5_dbz_bin(dbz):
    assert _colour_of(dbz, "nws") == NWS_COLOURS[dbz // 5] + "ff"


def test_nws_table_has_16_bins_and_black_at_80():
    assert len(NWS_COLOURS) == 17
    assert _colour_of(80, "nws") == "#000000ff"
    ax = storm_box([[80]], colours="nws")
    bar = ax.images[0].colorbar
    npt.assert_allclose(bar.norm.boundaries, np.arange(0, 85, 5))
    assert bar.cmap.N == 16
    assert bar.extend == "max"


@pytest.mark.parametrize("colours", ["accessible", "nws"])
def test_no_echo_shows_the_background(colours):
    assert _colour_of(0, colours).endswith("00")  # transparent
    assert storm_box([[0]], colours=colours).get_facecolor() == (1, 1, 1, 1)


def test_colour_bar_is_in_dbz_from_0_to_80():
    bar = storm_box([[10]]).images[0].colorbar
    assert "dBZ" in bar.ax.get_ylabel()
    assert (bar.vmin, bar.vmax) == (0, 80)
    assert storm_box([[10]], colorbar=False).images[0].colorbar is None


def _seen_by(rgb, blindness):
    """Colours as a dichromat sees them, in CIELAB (Machado et al. 2009, severity 1)."""
    matrices = {
        "protan": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deutan": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    }
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.transpose(matrices[blindness]), 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = linear @ np.transpose(to_xyz) / [0.9505, 1, 1.089]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1
    )


@pytest.mark.parametrize("blindness", ["protan", "deutan"])
def test_default_colours_stay_apart_for_colour_blind_readers(blindness):
    # Any two reflectivities 10 dBZ apart must differ visibly; the NWS table fails this.
    apart = np.abs(np.subtract.outer(np.arange(1, 80), np.arange(1, 80))) >= 10
    nearest = {}
    for colours in ("accessible", "nws"):
        image = storm_box([[1]], colours=colours).images[0]
        lab = _seen_by(image.to_rgba(np.arange(1, 80))[:, :3], blindness)
        nearest[colours] = np.linalg.norm(lab[:, None] - lab[None], axis=-1)[apart].min()
    assert nearest["accessible"] > 6 > nearest["nws"]


def test_mode_colours_differ_and_digits_get_ten():
    assert len(set(MODE_COLOURS.values())) == 6
    assert len(set(class_colours([str(i) for i in range(10)]).values())) == 10
    assert class_colours(["hail", "QLCS"])["QLCS"] == MODE_COLOURS["QLCS"]
    named = class_colours([*MODES, "Clear", "unsure", "no storm box"])
    assert len(set(named.values())) == 9


def test_simulated_boxes_say_so_and_real_ones_do_not():
    made, real = _boxes(simulated=True), _boxes()
    assert "simulated" in _texts(storm_box(made.isel(storm=0)).figure)
    assert "simulated" not in _texts(storm_box(real.isel(storm=0)).figure)
    assert any("simulated" in text for text in _texts(contact_sheet(made)))
    assert not any("simulated" in text for text in _texts(contact_sheet(real)))
    assert "simulated" in _texts(storm_box(np.ones((4, 4)), simulated=True).figure)


def test_title_of_a_container_box_names_mode_and_time():
    assert storm_box(_boxes().isel(storm=1)).get_title() == "QLCS · 2011-04-27 21:54 UTC"
    assert storm_box(_boxes(modes=False).isel(storm=1), title="mine").get_title() == "mine"


def test_without_axes_the_box_fills_its_picture():
    ax = storm_box(np.ones((136, 136)), axes=False)
    assert ax.get_xlim() == ax.get_ylim() == (0, 510)
    assert not ax.texts
    assert not ax.get_xticks().size


@pytest.mark.parametrize("colours", ["accessible", "nws"])
def test_colour_bar_alone_has_the_scale_of_the_boxes(colours):
    bar = colour_bar(colours=colours)
    assert bar.get_xlim() == (0, 80)
    assert "dBZ" in bar.get_xlabel()


def test_report_mark_stands_at_the_centre():
    ax = storm_box(np.ones((136, 136)), report_mark=True)
    (mark,) = [line for line in ax.lines if line.get_label() == "storm report"]
    npt.assert_allclose(mark.get_xydata(), [[255, 255]])


def test_contact_sheet_shows_every_box_with_its_mode_and_one_colour_bar():
    figure = contact_sheet(_boxes(5), columns=2)
    pictures = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in pictures] == ["Cellular", "QLCS", "Tropical", "Other", "Noise"]
    assert len({ax.images[0].norm.vmax for ax in pictures}) == 1
    assert sum("dBZ" in ax.get_xlabel() for ax in figure.axes) == 1
    titled = contact_sheet(_boxes(2), titles=["a", "b"])
    assert [ax.get_title() for ax in titled.axes if ax.images] == ["a", "b"]
    _rgba(figure)


def test_digits_are_drawn_without_kilometres_or_dbz():
    digits = make_dataset(np.ones((2, 8, 8)), [0, 1], classes="01", units="1", source="digits")
    figure = contact_sheet(digits)
    assert not any("dBZ" in ax.get_xlabel() for ax in figure.axes)
    assert figure.get_supxlabel() == ""
    ax = storm_box(digits.isel(storm=0))
    assert not ax.get_xticks().size
    assert ax.get_xlabel() == ""
    assert ax.images[0].colorbar is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: storm_box(np.ones((2, 136, 136))), r"shape \(2, 136, 136\)"),
        (lambda: storm_box([[1]], colours="nsw"), "Did you mean 'nws'"),
        (lambda: contact_sheet(_boxes().isel(storm=[])), "no box to draw"),
        (lambda: contact_sheet(_boxes(), titles=["a"]), "1 titles for 3 boxes"),
        (lambda: contact_sheet(_boxes(), columns=0), "at least 1 column"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_the_formula_gives_cmweathers_colours():
    import cmweather  # noqa: F401  (registers its colour maps with matplotlib)

    expected = colormaps["HomeyerRainbow"]
    levels = np.arange(MAX_DBZ + 1) / MAX_DBZ
    assert reflectivity_palette() == [to_hex(expected(level)) for level in levels]
