"""Training a baseline: what its recipe may say, and what its folder holds."""

import csv
import json

import numpy as np
import pytest

from stormlens import datasets
from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.training import FeatureOptions, Recipe, fit, load_recipe


@pytest.fixture(scope="module")
def splits():
    counts = {"train": 120, "validation": 40}
    return {name: datasets.load("simulated", name, count=count) for name, count in counts.items()}


@pytest.fixture(scope="module", params=["features-logistic", "features-boosted"])
def name(request):
    return request.param


@pytest.mark.slow
def test_a_run_has_one_row_of_history_and_no_checkpoint(name, splits, tmp_path):
    fitted = fit(name, splits, tmp_path / "run", progress=False)
    files = {path.name for path in (tmp_path / "run").iterdir()} - {".lock"}
    assert files == {"recipe.toml", "history.csv", "classifier.json", "weights.safetensors"}
    with (tmp_path / "run" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(fitted.history) == 1
    found = {key: float(value) for key, value in rows[0].items()}
    for split, prefix in (("train", ""), ("validation", "val_")):
        boxes = splits[split]
        answers = Classifier.load(tmp_path / "run").predict(boxes)["probability"].values
        truth = boxes["mode"].values
        of_truth = answers[np.arange(len(truth)), truth].clip(1e-7, 1)
        assert found[f"{prefix}loss"] == pytest.approx(-np.log(of_truth).mean(), abs=1e-5)
        assert found[f"{prefix}accuracy"] == pytest.approx((answers.argmax(1) == truth).mean())
    assert found["accuracy"] > 0.85
    card = json.loads((tmp_path / "run" / "classifier.json").read_text())
    assert card["provenance"]["training_simulated"] is True
    assert "scikit-learn" in card["provenance"]["versions"]


@pytest.mark.slow
def test_it_trains_anew_where_it_is_resumed_and_only_there(name, splits, tmp_path):
    run = tmp_path / "run"
    fit(name, splits, run, progress=False)
    first = (run / "weights.safetensors").read_bytes()
    with pytest.raises(InputError, match="already holds a run"):
        fit(name, splits, run, progress=False)
    (run / "weights.safetensors").unlink()
    fit(name, splits, run, resume=True, progress=False)
    assert (run / "weights.safetensors").read_bytes() == first
    with pytest.raises(InputError, match="holds a run of another recipe"):
        fit(load_recipe(name).with_changes(class_weights=True), splits, run, resume=True)


def test_a_class_that_training_lacks_gets_nothing(name, splits):
    train = splits["train"]
    without = train.isel(storm=np.flatnonzero(train["mode"].values != 1))
    fitted = fit(name, {**splits, "train": without}, progress=False)
    answers = fitted.classifier.predict(splits["validation"])["probability"].values
    assert (answers[:, 1] == 0).all()
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    assert np.isfinite(fitted.history[0]["val_loss"])


@pytest.mark.slow
def test_settings_count(splits):
    train = splits["train"].isel(storm=slice(60))

    def loss(name, features=None, **changes):
        recipe = load_recipe(name).with_changes(features=features, **changes)
        return fit(recipe, {"train": train}, progress=False).history[0]["loss"]

    logistic = loss("features-logistic")
    strict, free = (FeatureOptions(regularisation=value) for value in (1000.0, 0.0))
    assert loss("features-logistic", free) < logistic < loss("features-logistic", strict)
    assert loss("features-logistic", class_weights=True) != logistic
    few = {"rounds": 5, "smallest_leaf": 5}
    trees = loss("features-boosted", FeatureOptions(**few))
    assert loss("features-boosted", FeatureOptions(**few), class_weights=True) != trees
    assert loss("features-boosted", FeatureOptions(**few), learning_rate=0.01) > trees
    for change in ({"rounds": 2}, {"leaves": 2}, {"smallest_leaf": 25}, {"regularisation": 100.0}):
        assert loss("features-boosted", FeatureOptions(**{**few, **change})) > trees


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("regularisation = -1", "features.regularisation is -1, it must be in"),
        ("regularisation = true", "features.regularisation is True"),
        ("regularisation = nan", "features.regularisation is nan"),
        ("rounds = 0", "features.rounds is 0, it must be a whole number from 1 to 5000"),
        ("rounds = 1.5", "features.rounds is 1.5"),
        ("leaves = 1", "features.leaves is 1"),
        ("smallest_leaf = true", "features.smallest_leaf is True"),
        ("round = 3", "Did you mean 'rounds'"),
    ],
)
def test_a_wrong_table_of_features_is_told_in_a_sentence(text, message):
    with pytest.raises(InputError, match=f"recipe bow: .*{message}"):
        Recipe.from_toml(f"model = 'features-boosted'\n[features]\n{text}", name="bow")


def test_features_must_be_a_table():
    with pytest.raises(InputError, match=r"features must be a table, \[features\]"):
        Recipe.from_toml("model = 'features-boosted'\nfeatures = 3", name="bow")


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("features-boosted", {"epochs": 30}, "epochs is 30, which features-boosted does not use"),
        ("features-boosted", {"batch_size": 8}, "batch_size is 8"),
        ("features-boosted", {"early_stopping": 3}, "early_stopping is 3"),
        ("features-boosted", {"mixup": 0.2}, "mixup is 0.2"),
        ("features-logistic", {"learning_rate": 0.1}, "learning_rate is 0.1"),
        ("features-logistic", {"continues": "default"}, "continues is 'default'"),
        ("features-logistic", {"features": FeatureOptions(rounds=7)}, "features.rounds is 7"),
        ("chapter-relu", {"features": FeatureOptions()}, r"table \[features\] is for models"),
    ],
)
def test_settings_that_say_nothing_to_it_are_refused(name, changes, message, splits, tmp_path):
    with pytest.raises(InputError, match=message):
        fit(load_recipe(name).with_changes(**changes), splits, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_it_begins_with_no_classifier(splits):
    trained = fit("features-logistic", splits, progress=False).classifier
    with pytest.raises(InputError, match="takes no classifier to begin with"):
        fit("features-logistic", splits, start=trained)
    with pytest.raises(InputError, match="is no network"):
        fit(load_recipe("chapter-relu").with_changes(epochs=1), splits, start=trained)
