"""The mode a box is given where coverage and echo are known, and where they are not."""

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr

from stormlens import datasets
from stormlens.errors import InputError
from stormlens.models import CLEAR, MISSING, NO_STORM_BOX, UNSURE, apply_context, name_modes
from stormlens.models._modes import NEVER_TROPICAL
from stormlens.stormbox import MODES, Field

NAN = np.nan


def predictions_of(probabilities, modes=MODES, **coords):
    values = np.asarray(probabilities, np.float32).reshape(-1, len(modes))
    storm = {name: ("storm", np.asarray(held, np.float32)) for name, held in coords.items()}
    return xr.Dataset(
        {"probability": (("storm", "mode"), values)}, coords={"mode": list(modes), **storm}
    )


QLCS = (0.1, 0.6, 0.1, 0.1, 0.05, 0.05)
NO_DATA = (0.1, 0.25, 0.05, 0.05, 0.05, 0.5)


@pytest.mark.parametrize(
    ("probabilities", "coverage", "echo", "name"),
    [
        (QLCS, NAN, NAN, "QLCS"),
        (NO_DATA, NAN, NAN, "Missing"),
        (QLCS, 0.4999, 0.2, "Missing"),
        (QLCS, 0.4999, 0.0, "Missing"),
        (QLCS, 0.5, 0.0, "Clear"),
        (NO_DATA, 1.0, 0.0, "Clear"),
        (QLCS, 0.5, 1e-4, "QLCS"),
        (NO_DATA, 0.5, 0.3, "Missing"),
        (NO_DATA, 0.97, 0.3, "Missing"),
        (NO_DATA, 0.981, 0.3, "QLCS"),
        (NO_DATA, 1.0, NAN, "QLCS"),
        (NO_DATA, NAN, 0.0, "Missing"),
    ],
)
def test_the_rule(probabilities, coverage, echo, name):
    predictions = predictions_of(probabilities, coverage=[coverage], echo=[echo])
    assert name_modes(predictions).tolist() == [name]


def test_without_coverage_the_most_probable_class():
    rows = np.random.default_rng(0).dirichlet(np.ones(6), 50)
    assert name_modes(predictions_of(rows)).tolist() == [MODES[i] for i in rows.argmax(1)]


def test_coverage_says_nothing_to_a_classifier_that_knows_no_missing():
    predictions = predictions_of([[0.2, 0.8]], ("A", "B"), coverage=[0.1], echo=[0])
    assert name_modes(predictions).tolist() == ["B"]


def test_each_box_for_itself_and_probabilities_stay():
    predictions = predictions_of([QLCS, NO_DATA, QLCS], coverage=[1, 1, 0], echo=[0.5, 0.5, 0])
    before = predictions.copy(deep=True)
    assert name_modes(predictions).tolist() == ["QLCS", "QLCS", "Missing"]
    xr.testing.assert_identical(predictions, before)


def test_no_box_no_name():
    assert name_modes(predictions_of(np.empty((0, 6)))).tolist() == []


def test_a_box_seen_whole_is_given_not_to_be_missing():
    rows = [NO_DATA, NO_DATA, QLCS]
    corrected = apply_context(predictions_of(rows, coverage=[1.0, 0.9, NAN]))
    by_hand = np.array([0.2, 0.5, 0.1, 0.1, 0.1, 0.0])  # each of the others over their sum, 0.5
    npt.assert_allclose(corrected.probability.values, [by_hand, NO_DATA, QLCS], rtol=1e-6)
    assert corrected.probability.dtype == np.float32


def test_what_is_surely_missing_and_seen_whole_is_anything_else():
    sure = predictions_of([(0, 0, 0, 0, 0, 1)], coverage=[1.0])
    npt.assert_allclose(apply_context(sure).probability.values, [[0.2] * 5 + [0]])


def test_applying_coverage_changes_no_name():
    rows = np.random.default_rng(3).dirichlet(np.ones(6), 200)
    coverage = np.random.default_rng(4).choice([0.3, 0.7, 0.99], 200)
    predictions = predictions_of(rows, coverage=coverage, echo=np.full(200, 0.1))
    assert name_modes(apply_context(predictions)).tolist() == name_modes(predictions).tolist()


def test_other_classes_are_left_alone():
    digits = predictions_of([[0.5, 0.5]], modes=("0", "1"), coverage=[1.0])
    assert apply_context(digits).identical(digits)


def trusted(probabilities, lowest, novelty=0.5, **coords):
    """Predictions of a classifier that knows which modes are plausible."""
    predictions = predictions_of(probabilities, **coords)
    storms = predictions.sizes["storm"]
    return predictions.assign(
        plausible=predictions["probability"] >= lowest,
        novelty=("storm", np.broadcast_to(np.float32(novelty), storms)),
    ).assign_attrs(plausible_from=lowest)


EVEN = (0.3, 0.3, 0.1, 0.1, 0.1, 0.1)
WHOLE = {"coverage": [1.0], "echo": [0.3]}


@pytest.mark.parametrize(
    ("probabilities", "lowest", "novelty", "seen", "name"),
    [
        (QLCS, 0.25, 0.5, {}, "QLCS"),
        (EVEN, 0.25, 0.5, {}, UNSURE),  # two modes
        (EVEN, 0.35, 0.5, {}, UNSURE),  # none
        (QLCS, 0.05, 0.5, {}, UNSURE),  # all six
        (NO_DATA, 0.3, 0.5, {}, MISSING),
        (NO_DATA, 0.2, 0.5, {}, UNSURE),
        # Seen whole, 0.5 for QLCS and 0.2 for Cellular are left.
        (NO_DATA, 0.3, 0.5, WHOLE, "QLCS"),
        (NO_DATA, 0.15, 0.5, WHOLE, UNSURE),
        (NO_DATA, 0.55, 0.5, WHOLE, UNSURE),
        (NO_DATA, 0.3, 0.5, {"coverage": [0.97], "echo": [0.3]}, MISSING),
        # The limit itself is not surpassed.
        (QLCS, 0.25, 1.0, {}, "QLCS"),
        (QLCS, 0.25, 1.001, {}, NO_STORM_BOX),
        (QLCS, 0.25, 100.0, WHOLE, NO_STORM_BOX),
        (QLCS, 0.25, NAN, {}, "QLCS"),
        # What radars saw comes before both.
        (QLCS, 0.25, 9.0, {"coverage": [0.4], "echo": [0.3]}, MISSING),
        (EVEN, 0.25, 0.5, {"coverage": [0.4], "echo": [0.3]}, MISSING),
        (QLCS, 0.25, 100.0, {"coverage": [0.5], "echo": [0.0]}, CLEAR),
        (EVEN, 0.25, 9.0, {"coverage": [0.9], "echo": [0.3]}, NO_STORM_BOX),  # new before unsure
    ],
)
def test_the_rule_of_a_classifier_that_knows_how_far_to_trust_it(
    probabilities, lowest, novelty, seen, name
):
    predictions = trusted([probabilities], lowest, novelty, **seen)
    assert name_modes(predictions).tolist() == [name]
    assert name_modes(apply_context(predictions)).tolist() == [name]


def test_what_is_plausible_follows_coverage_as_probabilities_do():
    rows = np.random.default_rng(6).dirichlet(np.ones(6), 300)
    coverage = np.random.default_rng(7).choice([0.7, 0.98, 1.0, np.nan], 300)
    before = trusted(rows, 0.2, coverage=coverage)
    corrected = apply_context(before)
    assert corrected["plausible"].dtype == bool
    for i in range(300):
        expected = before["probability"].values[i] >= 0.2
        if coverage[i] >= 0.98:
            row = before["probability"].values[i].copy()
            row[5] = 0
            expected = (row / row.sum() >= 0.2) & ~(before["probability"].values[i, 5] > 0.5)
        npt.assert_array_equal(corrected["plausible"].values[i], expected)
    names = name_modes(before)
    assert not np.any((coverage >= 0.98) & (names == MISSING))
    assert UNSURE in names
    xr.testing.assert_allclose(apply_context(corrected), corrected, rtol=1e-6)


@pytest.mark.parametrize(
    ("missing", "coverage", "name"),
    [(0.51, 1.0, UNSURE), (0.49, 1.0, "QLCS"), (0.51, 0.9, UNSURE), (0.8, 0.9, MISSING)],
)
def test_a_whole_box_taken_for_a_gap_is_in_doubt(missing, coverage, name):
    # What is left besides Missing may be one mode's alone, and is next to nothing.
    rest = 1 - missing
    row = (0.01, rest - 0.04, 0.01, 0.01, 0.01, missing)
    predictions = trusted([row], lowest=0.6, coverage=[coverage], echo=[0.3])
    assert name_modes(predictions).tolist() == [name]
    assert name_modes(apply_context(predictions)).tolist() == [name]


def test_a_whole_box_is_never_missing_though_every_mode_be_plausible():
    corrected = apply_context(trusted([NO_DATA], 0.0, coverage=[1.0]))
    assert corrected["plausible"].values.tolist() == [[True] * 5 + [False]]


TROPICAL = (0.01, 0.02, 0.94, 0.01, 0.01, 0.01)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ((29.3, -90.0), "Tropical"),  # the coast of Louisiana
        ((36.0, -86.8), "Tropical"),  # Tennessee, where remnants come to
        ((38.9, -98.0), "Tropical"),
        ((40.8, -72.9), "Tropical"),  # Long Island
        ((39.1, -88.1), UNSURE),
        ((48.4, -101.9), UNSURE),  # North Dakota
        ((NAN, NAN), "Tropical"),
    ],
)
def test_no_box_far_inland_is_tropical(place, name):
    latitude, longitude = ([value] for value in place)
    predictions = trusted([TROPICAL], 0.5, latitude=latitude, longitude=longitude, **WHOLE)
    corrected = apply_context(predictions)
    assert name_modes(predictions).tolist() == name_modes(corrected).tolist() == [name]
    assert corrected["plausible"].values.sum() == (name == "Tropical")
    assert corrected["plausible"].dtype == bool
    assert corrected["probability"].values.argmax() == MODES.index("Tropical")  # nothing is hidden
    line = predictions.assign(probability=predictions["probability"] * 0 + np.array(QLCS))
    sure = line.assign(plausible=line["probability"] >= max(QLCS))
    assert name_modes(sure).tolist() == ["QLCS"]  # other modes are where they are


def test_where_what_is_plausible_is_not_known_no_place_says_so():
    predictions = predictions_of([TROPICAL], latitude=[48.4], longitude=[-101.9])
    assert apply_context(predictions).identical(predictions)
    assert name_modes(predictions).tolist() == ["Tropical"]


@pytest.mark.slow
def test_no_simulated_cyclone_lies_where_there_are_none():
    north, east = NEVER_TROPICAL
    boxes = datasets.load("simulated-wide", "test", count=600)
    far = (boxes["latitude"] > north) & (boxes["longitude"] < east)
    assert far.any()
    assert not (far & (boxes["mode"] == MODES.index("Tropical"))).any()


def test_classifiers_that_know_no_missing_can_be_unsure_too():
    held = predictions_of([[0.5, 0.5], [0.9, 0.1], [0.9, 0.1]], ("A", "B"), coverage=[0, 0, 0])
    plausible = ("storm", "mode"), [[True, True], [True, False], [True, False]]
    held = held.assign(plausible=plausible, novelty=("storm", [0.1, 0.2, 1.5]))
    assert name_modes(held).tolist() == [UNSURE, "A", NO_STORM_BOX]


def test_no_box_of_a_trusted_classifier_has_no_name():
    assert name_modes(trusted(np.empty((0, 6)), 0.3)).tolist() == []


def test_what_are_no_predictions_is_refused_with_a_sentence():
    good = trusted([QLCS, NO_DATA], 0.3, coverage=[1.0, 0.9], echo=[0.3, 0.3])
    boxes = xr.Dataset({"reflectivity": (("storm", "y", "x"), np.zeros((2, 3, 3)))})
    for wrong, sentence in (
        (good["probability"], "was given a DataArray without probability and mode"),
        (boxes, "was given a Dataset without probability and mode; give what Classifier.predict"),
        (xr.Dataset(), "was given a Dataset without"),
        (good.drop_vars("mode"), "was given a Dataset without"),
        (good.isel(mode=0), "and no modes"),
        (good.isel(mode=[]), "and no modes"),
        (good.assign_coords(coverage=1.0), r"coverage has dimensions \(\), not \('storm',\)"),
        (good.assign(plausible=good["novelty"]), r"plausible has dimensions \('storm',\)"),
    ):
        for function in (name_modes, apply_context):
            with pytest.raises(InputError, match=sentence) as caught:
                function(wrong)
            assert str(caught.value).startswith(function.__name__)


def test_names_are_for_boxes_and_fields_may_be_corrected():
    good = trusted([QLCS, NO_DATA], 0.3, coverage=[1.0, 0.9], echo=[0.3, 0.3])
    for wrong in (good.isel(storm=0), good.transpose()):
        with pytest.raises(InputError, match=r"not \('storm', 'mode'\); .* isel\(storm=\[0\]\)"):
            name_modes(wrong)
    xr.testing.assert_allclose(
        apply_context(good.isel(storm=0)), apply_context(good).isel(storm=0), rtol=1e-6
    )
    assert name_modes(good.isel(storm=[0])).tolist() == ["QLCS"]


def test_a_field_of_plain_arrays_is_corrected_as_its_dataset_is():
    rng = np.random.default_rng(0)
    probability = rng.dirichlet(np.ones(6), (3, 4)).astype(np.float32)
    axes = {"y": np.arange(3.0), "x": np.arange(4.0)}
    shares = {name: rng.random((3, 4)).astype(np.float32) for name in ("echo", "coverage")}
    shares["coverage"][1] = 1
    field = Field(probability, MODES, **axes, **shares)
    corrected = apply_context(field)
    xr.testing.assert_identical(corrected.to_xarray(), apply_context(field.to_xarray()))
    assert not corrected.probability[1, :, MODES.index(MISSING)].any()
    npt.assert_array_equal(corrected.probability[0], probability[0])


def test_probabilities_that_are_nan_have_no_name():
    rows = [QLCS, (NAN,) * 6]
    with pytest.raises(InputError, match="box 1 has probabilities that are NaN"):
        name_modes(predictions_of(rows))
    npt.assert_array_equal(
        apply_context(predictions_of(rows, coverage=[1, NAN]))["probability"][1], NAN
    )


def test_an_attribute_that_was_lost_is_named_where_it_is_needed():
    whole = trusted([QLCS], 0.3, coverage=[1.0])
    whole.attrs.clear()
    for function in (name_modes, apply_context):
        with pytest.raises(InputError, match="lost their attribute plausible_from"):
            function(whole)
    assert name_modes(whole.drop_vars("coverage")).tolist() == ["QLCS"]
