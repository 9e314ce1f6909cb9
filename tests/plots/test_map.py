"""Maps of mosaics: what is shown, where lines lie, what labels say, and where they stand."""

import itertools

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from stormlens import boxes, plots
from stormlens.datasets import BORDERS_CREDIT, fetch_borders
from stormlens.errors import InputError
from stormlens.plots._geography import Plane
from stormlens.plots._labels import Span, place_labels
from stormlens.plots._map import UNSEEN
from stormlens.readers import make_mosaic
from stormlens.stormbox import MODES, NATIONAL, Grid, Mosaic, Predictions


@pytest.fixture(autouse=True)
def no_borders(tmp_path, monkeypatch):
    """An empty cache: no borders unless a test fetches some."""
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def mosaic():
    """Radars see columns 300 to 799 of rows 200 to 599; one block of echo."""
    dbz, coverage = np.zeros(NATIONAL.shape), np.zeros(NATIONAL.shape, bool)
    coverage[200:600, 300:800] = True
    dbz[400:420, 500:540] = 50
    time = np.datetime64("2011-04-27T19:02")
    return make_mosaic(dbz, coverage, time=time, source="made-up radar", product="made-up maximum")


def predict(mosaic, x, y, rows=None, simulated_training=0):
    cut = boxes.cut(mosaic, x, y)
    probability = np.full((len(x), 6), 0.02, np.float32)
    probability[:, 1] = 0.9
    if rows is not None:
        probability[:] = rows
    storm = {name: along for name, along in cut.coords.items() if along.dims == ("storm",)}
    return xr.Dataset(
        {"probability": (("storm", "mode"), probability)},
        coords={**storm, "mode": list(MODES)},
        attrs={"simulated_training": simulated_training},
    )


def pixels(ax):
    """What the picture shows, as RGB, north up."""
    figure = ax.figure
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def colour_at(ax, x, y):
    image = pixels(ax)
    column, row = ax.transData.transform((x, y))
    return tuple(image[image.shape[0] - 1 - int(row), int(column)])


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_gid() != "credits"]


def credits_of(ax):
    (text,) = (text for text in ax.texts if text.get_gid() == "credits")
    return text.get_text()


def outlines(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


def test_clear_air_and_no_coverage_look_different(mosaic):
    ax = plots.mosaic_map(mosaic)
    unseen = tuple(int(UNSEEN[i : i + 2], 16) for i in (1, 3, 5))
    assert colour_at(ax, 350.5 * 3.75, 300.5 * 3.75) == (255, 255, 255)
    assert colour_at(ax, 295.5 * 3.75, 300.5 * 3.75) == unseen
    assert colour_at(ax, 520 * 3.75, 410 * 3.75) not in ((255, 255, 255), unseen)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["clear air", "no radar coverage"]


def test_the_map_is_cut_to_what_radars_see_or_to_boxes(mosaic):
    seen = plots.mosaic_map(mosaic)
    npt.assert_allclose(seen.get_xlim(), np.array([290, 809]) * 3.75)
    npt.assert_allclose(seen.get_ylim(), np.array([190, 609]) * 3.75)
    of_box = plots.mosaic_map(mosaic, predict(mosaic, [519.5], [409.5]))
    # The box spans cells 452 to 587, edges half a cell beyond, and 45 cells stand around it.
    npt.assert_allclose(of_box.get_xlim(), np.array([452 - 45.5, 587 + 45.5]) * 3.75)
    blind = mosaic.assign(coverage=xr.zeros_like(mosaic["coverage"]))
    assert plots.mosaic_map(blind).get_xlim()[1] > 1398 * 3.75


def test_a_box_is_outlined_on_the_edge_of_its_cells(mosaic):
    predictions = predict(mosaic, [519.5], [409.5])
    for given_place in (predictions, predictions.drop_vars(["xmin", "ymin"])):
        ax = plots.mosaic_map(mosaic, given_place)
        for outline in outlines(ax):
            npt.assert_allclose(outline.get_xy(), [451.5 * 3.75, 341.5 * 3.75], atol=1e-6)
            assert (outline.get_width(), outline.get_height()) == (510, 510)
        assert texts(ax) == ["QLCS 0.92"]  # of all modes but Missing: radars see all of it


def test_names_follow_the_rule_for_coverage(mosaic):
    # Wholly outside what radars see; clear air; half and more seen.
    predictions = predict(mosaic, [100.5, 700.5, 519.5], [400.5, 400.5, 409.5])
    ax = plots.mosaic_map(mosaic, predictions)
    assert sorted(texts(ax)) == ["Clear", "Missing, 0% seen", "QLCS 0.92"]
    assert "Missing 1" in plots.alt_text(ax)
    assert "3 boxes" in plots.alt_text(ax)


def test_boxes_without_a_mode_are_outlined_in_grey(mosaic):
    rows = np.full((3, 6), 0.02)
    rows[0, 1] = rows[2, 1] = 0.9
    rows[1, :3] = 0.3
    predictions = predict(mosaic, [519.5, 600.5, 519.5], [409.5, 300.5, 330.5], rows)
    predictions["plausible"] = predictions["probability"] >= 0.25
    predictions["novelty"] = "storm", [0.5, 0.5, 2.0]
    predictions = predictions.assign_coords(echo=("storm", np.full(3, 0.1)))
    ax = plots.mosaic_map(mosaic, predictions.assign_attrs(plausible_from=0.25))
    assert "unsure 1" in plots.alt_text(ax)
    assert "no storm box 1" in plots.alt_text(ax)
    edges = {to_hex(outline.get_edgecolor()) for outline in outlines(ax)}
    assert {"#4a5560", "#a9b1ba", plots.MODE_COLOURS["QLCS"]} <= edges


def test_no_box_draws_the_mosaic_alone(mosaic):
    ax = plots.mosaic_map(mosaic, predict(mosaic, [], []))
    assert outlines(ax) == []
    assert "box" not in plots.alt_text(ax)


def test_the_map_says_where_it_comes_from_and_what_was_simulated(mosaic):
    ax = plots.mosaic_map(mosaic)
    assert ax.get_title(loc="left") == "made-up radar \N{MIDDLE DOT} 2011-04-27 19:02 UTC"
    assert credits_of(ax) == f"made-up maximum \N{MIDDLE DOT} {BORDERS_CREDIT}"
    simulated = mosaic.assign_attrs(simulated=1, derived="from rain rate")
    predictions = predict(mosaic, [519.5], [409.5], simulated_training=1)
    words = credits_of(plots.mosaic_map(simulated, predictions))
    assert "SIMULATED reflectivity" in words
    assert "trained on SIMULATED storms" in words
    assert "from rain rate" in words


def test_an_unknown_time_is_left_out(mosaic):
    untimed = mosaic.assign_coords(time=np.datetime64("NaT", "ns"))
    assert plots.mosaic_map(untimed).get_title(loc="left") == "made-up radar"


def test_degrees_are_named_where_their_lines_meet_the_frame(mosaic):
    ax = plots.mosaic_map(mosaic)
    south, west = ax.get_ylim()[0], ax.get_xlim()[0]
    for axis, ticks in (("x", ax.get_xticks()), ("y", ax.get_yticks())):
        labels = (ax.get_xticklabels() if axis == "x" else ax.get_yticklabels())[:]
        assert len(labels) >= 3
        for tick, label in zip(ticks, labels, strict=True):
            place = (tick, south) if axis == "x" else (west, tick)
            longitude, latitude = Plane().lonlat(*map(np.asarray, place))
            degree = float(label.get_text().rstrip("NW").rstrip("\N{DEGREE SIGN}"))
            npt.assert_allclose(-longitude if axis == "x" else latitude, degree, atol=0.01)


@pytest.mark.parametrize("is_fetched", [False, True])
def test_borders_are_drawn_and_said_to_be_whose(mosaic, borders_folder, is_fetched):
    if is_fetched:
        fetch_borders(url=borders_folder)
    ax = plots.mosaic_map(mosaic)
    assert "Borders: Natural Earth, US Census Bureau" in credits_of(ax)
    segments = ax.collections[1].get_segments()
    x, y = NATIONAL.cell(*((-104, 41) if is_fetched else (-104.053, 41.001)))
    away = np.concatenate(segments) - np.multiply([x, y], 3.75)
    assert np.hypot(*away.T).min() < (0.1 if is_fetched else 1)


def test_borders_on_a_box(mosaic, borders_folder):
    fetch_borders(url=borders_folder)
    box = boxes.at_points(mosaic, 40, -104).isel(storm=0)
    ax = plots.borders(plots.storm_box(box), box)
    # The corner of Wyoming at 41 N 104 W, one degree (111 km) north of the box's centre.
    starts = np.array([line[0] for line in ax.collections[-1].get_segments()])
    assert abs(np.hypot(*(starts - 255).T).min() - 111.2) < 4
    assert ax.get_xlim() == (0, 512)


def test_a_box_of_unknown_place_has_no_borders(mosaic):
    box = boxes.at_points(mosaic, 40, -104)
    for wrong in (box, box.isel(storm=0).assign_coords(latitude=np.nan)):
        with pytest.raises(InputError, match="one box whose latitude"):
            plots.borders(plots.storm_box(box.isel(storm=0)), wrong)


RECTANGLES = st.builds(
    lambda x, y: Span(x, y, x + 100, y + 100), st.floats(0, 400), st.floats(0, 400)
)


@given(st.lists(RECTANGLES, max_size=25))
def test_labels_never_lie_on_one_another_or_off_the_map(spans):
    window = Span(-20, -20, 520, 520)
    places = place_labels(spans, [(60, 12)] * len(spans), window)
    kept = [place for place in places if place is not None]
    for one, other in itertools.combinations(kept, 2):
        assert one.shared(other) <= 0.05 * 60 * 12 + 1e-6
    assert all(place.shared(window) > 0.999 * place.area for place in kept)
    assert not spans or places[0] is not None


def test_a_label_touches_its_box():
    span = Span(100, 100, 200, 200)
    (place,) = place_labels([span], [(60, 12)], Span(0, 0, 300, 300))
    assert place == Span(100, 200, 160, 212)


def test_plain_arrays_give_the_same_picture(mosaic):
    predictions = predict(mosaic, [519.5, 100.5], [409.5, 400.5], simulated_training=1)
    one = plots.mosaic_map(mosaic, predictions)
    other = plots.mosaic_map(Mosaic.from_xarray(mosaic), Predictions.from_xarray(predictions))
    npt.assert_array_equal(pixels(one), pixels(other))
    assert plots.alt_text(one) == plots.alt_text(other)


@pytest.mark.parametrize("places", [[700], [100, 700, 1300], [(700, 100), (700, 800)], range(20)])
def test_nothing_leaves_the_picture_whatever_its_shape(mosaic, places):
    """Places are set by hand, so that they fit is for a test to say."""
    if isinstance(places, range):  # every name that the legend can have
        places = [(300 + 20 * i, 410) for i in places]
    x, y = np.array([place if isinstance(place, tuple) else (place, 450) for place in places]).T
    rows = np.eye(6)[np.arange(len(x)) % 6]
    ax = plots.mosaic_map(mosaic, predict(mosaic, x, y, rows))
    pixels(ax)  # draws
    width, height = ax.figure.bbox.size
    for part in (*ax.figure.axes, ax.get_legend(), *(t for t in ax.texts if t.get_gid())):
        bounds = part.get_tightbbox()
        assert bounds.x0 >= 0
        assert bounds.y0 >= 0
        assert bounds.x1 <= width
        assert bounds.y1 <= height


def test_a_map_on_axes_of_ones_own(mosaic):
    ax = Figure(layout="constrained").add_subplot()
    assert plots.mosaic_map(mosaic, ax=ax) is ax
    assert len(ax.figure.axes) == 2


def test_the_equator_and_the_prime_meridian_lie_on_no_side():
    grid = Grid.around(0.0, 0.0, (200, 200))
    blank = np.zeros(grid.shape, np.uint8)
    ax = plots.mosaic_map(Mosaic(blank, blank == 0, np.datetime64("NaT", "ns"), "x", grid=grid))
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in labels].count("0\N{DEGREE SIGN}") == 1


def test_a_map_across_the_antimeridian_names_meridians_on_either_side():
    grid = Grid.around(-18.0, 179.9, (200, 200))
    seen = np.zeros(grid.shape, bool)
    seen[100:300, 100:300] = True
    mosaic = Mosaic(seen * np.uint8(20), seen, np.datetime64("NaT", "ns"), "Fiji", grid=grid)
    ax = plots.mosaic_map(mosaic)
    names = [label.get_text() for label in ax.get_xticklabels()]
    assert names[0].endswith("E")
    assert names[-1].endswith("W")
    assert "180\N{DEGREE SIGN}" in names  # of neither side
    places = ax.get_xticks()
    km = grid.cell(180.0, -18.0)[0] * 3.75
    assert min(abs(np.array(places) - km)) < 15  # 180 degrees, at the frame's southern side
    assert all("0.0" not in name and "-" not in name for name in names)
    assert f"of the grid {grid.name}" in plots.alt_text(ax)
