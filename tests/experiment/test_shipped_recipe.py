"""The recipe of the classifier in the box, shortened: it has skill and knows its limits."""

import numpy as np
import pytest

from stormlens import datasets
from stormlens.experiment import appraise
from stormlens.models import calibrate
from stormlens.training import fit, load_recipe


@pytest.mark.long(75)
def test_a_shortened_training_tells_modes_apart_that_it_never_met_so():
    recipe = load_recipe("storm-residual").with_changes(epochs=4)
    train = datasets.load("simulated-wide", "train", count=4000)
    classifier = fit(recipe, {"train": train}, progress=False).classifier
    calibration, test = (
        datasets.load("simulated-held-out", split, count=600) for split in ("validation", "test")
    )
    classifier.confidence = calibrate(classifier, calibration)
    appraisal = appraise(classifier, test)
    always = np.bincount(test["mode"].values).max() / 600
    assert always < 0.27
    assert appraisal.overall["accuracy"] > 0.55
    assert 0.85 < appraisal.overall["coverage"] < 0.95
    assert appraisal.overall["calibration_error"] < 0.08
