"""A baseline from its recipe to its report, and what only networks can be asked for."""

import re

import pytest

from stormlens import datasets, experiment, insight, learn, report
from stormlens.errors import InputError
from stormlens.models import Classifier


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return experiment.train(
        "features-logistic",
        "simulated",
        tmp_path_factory.mktemp("baseline") / "run",
        data_options={"count": 60},
        progress=False,
    )


@pytest.mark.slow
def test_a_baseline_leaves_a_scored_run_with_its_report(outcome):
    assert outcome.evaluation.scores.accuracy.value > 0.7
    page = outcome.report.read_text(encoding="utf-8")
    assert "SIMULATED" in page
    assert "After its one step" in page
    words = re.sub(r"<style.*?</style>|<pre>.*?</pre>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert not re.findall(r"\b(?:network|epoch|dropout|Layer)s?\b", words)
    assert "so the baseline has learned something" in words
    assert "One step in" in words
    assert "LogisticRegression" in page
    assert outcome.classifier.provenance["device"] == "CPU"
    assert outcome.gap.at_work == ("one step",)
    again = experiment.evaluate(outcome.run)
    assert again.scores.to_dict() == outcome.evaluation.scores.to_dict()
    experiment.write_report(outcome.run)
    card = report.card(Classifier.load(outcome.run))
    assert "| baseline | features-logistic, " in card
    assert "network" not in card


@pytest.mark.slow
def test_what_looks_into_layers_says_that_it_is_no_network(outcome, tmp_path):
    boxes = datasets.load("simulated", "test", count=2)
    for ask in (insight.list_layers, insight.kernels):
        with pytest.raises(InputError, match="features-logistic is no network"):
            ask(outcome.classifier)
    for ask in (insight.gradient, insight.grad_cam, insight.occlusion, insight.feature_maps):
        with pytest.raises(InputError, match="features-logistic is no network"):
            ask(outcome.classifier, boxes)
    with pytest.raises(InputError, match="features-logistic, which is no network"):
        learn.export(tmp_path / "pages", classifier=outcome.classifier)
