"""What a model card says of a classifier, counted by hand on answers that are known."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from stormlens import datasets
from stormlens.errors import InputError
from stormlens.experiment import add_real, appraise
from stormlens.report import read_appraisal
from stormlens.stormbox import MODES


class Answers:
    """A stand-in for a classifier, with given probabilities for each box."""

    classes = MODES

    def __init__(self, right, confidence=0.9, plausible=True):
        self.right, self.confidence, self.plausible = np.asarray(right), confidence, plausible

    def predict(self, boxes):
        truth = boxes["mode"].values
        n = len(truth)
        answer = np.where(self.right[:n], truth, (truth + 1) % 6)
        confidence = np.broadcast_to(self.confidence, n).astype(np.float32)
        probability = np.repeat((1 - confidence)[:, None] / 5, 6, axis=1).astype(np.float32)
        probability[np.arange(n), answer] = confidence
        variables = {"probability": (("storm", "mode"), probability)}
        attrs = {}
        if self.plausible:
            variables["plausible"] = (("storm", "mode"), probability >= 0.5)
            variables["novelty"] = ("storm", np.zeros(n, np.float32))
            attrs = {"plausible_from": 0.5, "level": 0.9}
        coords = {"unid": ("storm", boxes["unid"].values), "mode": list(MODES)}
        return xr.Dataset(variables, coords=coords, attrs=attrs)


@pytest.fixture(scope="module")
def boxes():
    return datasets.load("simulated-held-out", "test", count=300)


@pytest.fixture(scope="module")
def right():
    return np.random.default_rng(0).random(300) < 0.8


def real_boxes(count=6):
    images = np.random.default_rng(1).integers(0, 60, (count, 136, 136))
    return datasets.make_dataset(images, np.arange(count) % 6, source="a real archive")


@pytest.mark.slow
def test_each_family_is_scored_on_its_own_boxes(boxes, right):
    appraisal = appraise(Answers(right), boxes)
    coords = {"storm": "storm_family", "network": "network", "product": "product"}
    for row in appraisal.families:
        here = boxes[coords[row["kind"]]].values == row["family"]
        assert row["boxes"] == here.sum()
        assert row["accuracy"] == pytest.approx(right[here].mean(), abs=1e-4)
        expected = stats.binomtest(int(right[here].sum()), int(here.sum())).proportion_ci(
            method="wilson"
        )
        assert (row["low"], row["high"]) == pytest.approx(tuple(expected), abs=1e-3)
    held_out = {family.name for family in datasets.simulated_families() if family.held_out}
    assert {row["family"] for row in appraisal.families} == held_out
    assert appraisal.worst["accuracy"] == min(row["accuracy"] for row in appraisal.families)


def test_calibration_error_and_coverage_of_all_boxes(boxes, right):
    row = appraise(Answers(right, confidence=0.9), boxes).overall
    # One bin holds every answer: its error is what was promised less what happened.
    assert row["calibration_error"] == pytest.approx(abs(0.9 - right.mean()), abs=1e-3)
    assert row["coverage"] == pytest.approx(right.mean(), abs=1e-4)
    assert row["unsure"] == 0
    wrong, hit = np.log(0.1 / 5), np.log(0.9)
    assert row["log_loss"] == pytest.approx(-np.where(right, hit, wrong).mean(), abs=1e-3)


def test_a_classifier_without_confidence_has_no_coverage(boxes, right):
    row = appraise(Answers(right, plausible=False), boxes).overall
    assert row["coverage"] is None
    assert row["unsure"] == 0


def test_an_answer_below_the_limit_is_unsure(boxes, right):
    row = appraise(Answers(right, confidence=0.45), boxes).overall
    assert row["unsure"] == 1


def test_modes_are_scored_one_against_the_rest(boxes, right):
    appraisal = appraise(Answers(right), boxes)
    truth = boxes["mode"].values
    for code, row in enumerate(appraisal.modes):
        assert row["mode"] == MODES[code]
        assert row["boxes"] == (truth == code).sum()
        assert row["pod"] == pytest.approx(right[truth == code].mean(), abs=1e-4)


def test_failures_are_the_most_confident_mistakes_two_of_a_kind(boxes, right):
    confidence = np.random.default_rng(2).uniform(0.5, 0.99, 300)
    appraisal = appraise(Answers(right, confidence), boxes)
    given = [row["probability"] for row in appraisal.failures]
    assert given == sorted(given, reverse=True)
    assert given[0] == pytest.approx(confidence[~right].max(), abs=1e-4)
    pairs = [(row["truth"], row["answer"]) for row in appraisal.failures]
    assert max(pairs.count(pair) for pair in pairs) <= 2
    named = boxes["unid"].values.tolist()
    for row, image in zip(appraisal.failures, appraisal.pictures, strict=True):
        box = named.index(row["unid"])
        assert not right[box]
        assert row["product"] == boxes["product"].values[box]
        np.testing.assert_array_equal(image, boxes["reflectivity"].values[box])


def test_real_boxes_are_counted_apart(boxes):
    class Mixed(Answers):
        """Right on all simulated boxes; on real ones right but for two, and unsure of two."""

        def predict(self, boxes):
            simulated = datasets.is_simulated(boxes)
            self.right = np.ones(300, bool) if simulated else [1, 0, 1, 1, 1, 0]
            self.confidence = 0.9 if simulated else [0.9, 0.9, 0.9, 0.4, 0.9, 0.4]
            self.right = np.asarray(self.right, bool)
            return super().predict(boxes)

    appraisal = appraise(Mixed([True]), boxes, {"six": real_boxes()})
    assert appraisal.overall["accuracy"] == 1
    assert appraisal.real == [
        {
            "name": "six",
            "source": "a real archive",
            "boxes": 6,
            "right": 4,
            "unsure": 2,
            "confidently_wrong": 1,
        }
    ]


def test_a_box_that_radars_see_whole_is_judged_as_it_is_named(boxes):
    """Missing is the network's likeliest, but nothing is missing of what radars see whole."""

    class Hesitant(Answers):
        def predict(self, boxes):
            predictions = super().predict(boxes)
            if datasets.is_simulated(boxes):
                return predictions
            probability = np.tile(np.float32([0.46, 0.01, 0.02, 0.02, 0.01, 0.48]), (2, 1))
            predictions["probability"] = ("storm", "mode"), probability
            predictions["plausible"] = ("storm", "mode"), probability >= 0.5
            return predictions.assign_coords(
                coverage=("storm", [1.0, 1.0]), echo=("storm", [0.5, 0.5])
            )

    two = real_boxes().isel(storm=[0, 0])
    row = appraise(Hesitant([True] * 300), boxes, {"two": two}).real[0]
    assert (row["right"], row["unsure"], row["confidently_wrong"]) == (2, 0, 0)


def test_a_mistake_that_is_given_no_mode_is_no_failure(boxes, right):
    confidence = np.where(np.arange(300) % 2, 0.9, 0.45)
    failures = appraise(Answers(right, confidence), boxes).failures
    assert failures
    assert all(row["probability"] == pytest.approx(0.9, abs=1e-4) for row in failures)


@pytest.mark.parametrize(
    ("families", "sentence"),
    [(["bow"], "Unknown family"), ("bow echo", "given as a list")],
)
def test_families_that_do_not_exist_are_refused(boxes, right, families, sentence):
    with pytest.raises(InputError, match=sentence):
        appraise(Answers(right), boxes, families=families)


def test_real_boxes_are_not_appraised_as_simulated(boxes, right):
    real = boxes.assign_attrs(simulated=0)
    with pytest.raises(InputError, match="are not simulated"):
        appraise(Answers(right), real)


def test_simulated_boxes_are_not_taken_for_real(boxes, right):
    with pytest.raises(InputError, match="holds simulated boxes"):
        appraise(Answers(right), boxes, {"mine": boxes})


def test_boxes_without_families_are_refused(right):
    with pytest.raises(InputError, match="no coordinate storm_family"):
        appraise(Answers(right), real_boxes())


def test_an_appraisal_is_written_and_real_boxes_are_added(boxes, right, tmp_path):
    appraisal = appraise(Answers(right), boxes)
    appraisal.write(tmp_path)
    content = json.loads((tmp_path / "appraisal.json").read_text())
    assert content["simulated"]["all"] == appraisal.overall
    assert read_appraisal(tmp_path).families == appraisal.families
    with np.load(tmp_path / "failures.npz") as file:
        np.testing.assert_array_equal(file["images"], appraisal.pictures)
    add_real(tmp_path, Answers([True] * 6), {"six": real_boxes()})
    after = json.loads((tmp_path / "appraisal.json").read_text())
    assert after["simulated"] == content["simulated"]
    assert [(row["name"], row["right"]) for row in after["real"]] == [("six", 6)]


def test_real_boxes_need_an_appraisal_to_stand_beside(tmp_path):
    with pytest.raises(InputError, match="holds no appraisal"):
        add_real(tmp_path, Answers([True] * 6), {"six": real_boxes()})
