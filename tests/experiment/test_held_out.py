"""A recipe calibrates on storms that its training has not met, or says so before it trains."""

import pytest

from stormlens import datasets, experiment
from stormlens.errors import InputError
from stormlens.experiment import _run
from stormlens.report import read_appraisal
from stormlens.training import Recipe, RecipeData

COUNT = 60


def recipe(name="simulated", calibrate="simulated-held-out", **options):
    data = RecipeData(name, calibrate, {"count": COUNT, **options})
    return Recipe(name="small", model="chapter-linear", epochs=1, data=data)


@pytest.fixture
def never_trains(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("trained")

    monkeypatch.setattr(_run, "fit", fail)


@pytest.fixture
def few(monkeypatch):
    """Small splits of what is calibrated on, and a stand-in for its long last step."""
    load = datasets.load
    monkeypatch.setattr(
        _run.datasets,
        "load",
        lambda name, split=None, **options: load(name, split, **{"count": COUNT, **options}),
    )
    monkeypatch.setattr(_run, "calibrate", lambda *_, known: None)


@pytest.mark.slow
@pytest.mark.usefixtures("never_trains")
@pytest.mark.parametrize(
    ("calibrate", "sentence"),
    [
        ("simulated", "boxes have no family that simulated holds out"),
        ("simulated-v1", "60 of its 60 boxes have no family|110 of its 110 boxes have no family"),
        ("digits", "have no family"),
        ("nope", "nope"),
    ],
)
def test_what_cannot_calibrate_is_refused_before_the_training(tmp_path, calibrate, sentence):
    with pytest.raises(InputError, match=sentence):
        experiment.train(recipe(calibrate=calibrate), out=tmp_path / "run", progress=False)


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_boxes_of_a_file_are_calibrated_as_those_of_a_source_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    boxes = datasets.load("simulated-wide", count=COUNT)
    datasets.write_netcdf(boxes, "mine.nc")
    small = Recipe(
        name="small",
        model="chapter-linear",
        epochs=1,
        data=RecipeData("mine.nc", "simulated-held-out"),
    )
    outcome = experiment.train(small, out="run", progress=False)
    assert outcome.classifier.provenance["calibrated_on"] == "simulated-held-out"
    held_out = {family.name for family in datasets.simulated_families() if family.held_out}
    assert {row["family"] for row in read_appraisal("run").families} <= held_out


@pytest.mark.slow
@pytest.mark.usefixtures("few")
def test_a_family_that_the_training_draws_is_not_called_held_out(tmp_path):
    drawn = recipe("simulated-wide", one_of=["sea breeze"])
    with pytest.raises(InputError, match="have no family that simulated-wide holds out"):
        experiment.train(drawn, out=tmp_path / "run", progress=False)


def test_data_named_again_are_the_recipes_own(tmp_path):
    given = _run.data_for(recipe("simulated-wide"), "simulated-wide", {"seed": 3})
    assert given.options == {"count": COUNT, "seed": 3}
    assert _run.data_for(recipe("simulated-wide"), "simulated", None).options == {}
