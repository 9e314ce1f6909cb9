"""The page of training: its recipes as stormlens reads them, and the page in a real browser."""

import json
import subprocess
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from web_packages import node

import stormlens
import stormlens.learn

WEB = Path(stormlens.learn.__file__).with_name("web")

NETWORKS = "chapter-linear", "chapter-relu", "svrimg-3conv", "storm-residual"
AUGMENTATIONS = "none", "flips", "chapter", "archive", "shipped"

_WRITE = """
import { AUGMENTATIONS } from "./train/choices.js";
import { python, toml } from "./train/recipe.js";
const { choices, source } = JSON.parse(process.argv[1]);
const written = choices.map((choice) => ({
  toml: toml(choice, source),
  python: python(choice, source),
  augmentation: AUGMENTATIONS[choice.augmentation],
}));
console.log(JSON.stringify(written));
"""


def choice(**changes: Any) -> dict[str, Any]:
    """A training as the page decides it."""
    usual = {
        "network": "chapter-linear",
        "storms": 300,
        "rate": 1e-4,
        "batch": 32,
        "dropout": None,
        "activation": None,
        "augmentation": "none",
        "epochs": 20,
        "seed": 0,
    }
    return {**usual, **changes}


def written(choices, *, simulated=True, count=1331):
    """What the page writes of each: TOML, Python, and its augmentation as it has it."""
    given = json.dumps({"choices": choices, "source": {"simulated": simulated, "count": count}})
    return run_module(_WRITE, given)


def test_recipes_are_read_with_the_same_values(tmp_path):
    rates = (1e-5, 1e-4, 1.2e-3, 0.1)
    choices = [
        choice(network=network, rate=rate, augmentation=name, batch=batch, seed=seed, storms=storms)
        for (network, name, rate), (batch, seed, storms) in zip(
            product(NETWORKS, AUGMENTATIONS, rates),
            [(8, 3, 60), (32, 0, 300), (128, 9999, 1331)] * 27,
            strict=False,
        )
    ]
    assert len(choices) == 80
    for number, (chosen, made) in enumerate(zip(choices, written(choices), strict=True)):
        path = tmp_path / f"{number}.toml"
        path.write_text(made["toml"], encoding="utf-8")
        recipe = stormlens.load_recipe(path)
        assert recipe.model == chosen["network"]
        assert recipe.learning_rate == chosen["rate"]
        assert recipe.batch_size == chosen["batch"]
        assert recipe.epochs == chosen["epochs"]
        assert recipe.seed == chosen["seed"]
        assert recipe.data.name == "simulated"
        count = chosen["storms"] if chosen["storms"] < 1331 else None
        assert recipe.data.options.get("count") == count
        told = None if recipe.augmentation is None else recipe.augmentation.to_dict()
        assert told == _whole(made.get("augmentation"))
        # All that the page does not do is at rest.
        rest = stormlens.Recipe(name=recipe.name, model=recipe.model)
        for name in ("optimiser", "schedule", "weight_decay", "class_weights", "label_smoothing"):
            assert getattr(recipe, name) == getattr(rest, name)
        for name in ("mixup", "average", "orientations", "early_stopping", "continues"):
            assert getattr(recipe, name) == getattr(rest, name)


def _whole(augmentation):
    """An augmentation with what is at rest."""
    if augmentation is None:
        return None
    return stormlens.augment.Augmentation.from_dict(augmentation).to_dict()


def run_module(source, *arguments):
    """What a module in the folder of pages prints as JSON."""
    command = [node(), "--input-type=module", "--eval", source, "--", *arguments]
    ended = subprocess.run(command, cwd=WEB, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_what_is_a_networks_own_is_what_its_recipe_says():
    own = run_module(
        'import { NETWORKS } from "./train/choices.js"; console.log(JSON.stringify(NETWORKS));'
    )
    assert list(own) == list(NETWORKS)
    for name in NETWORKS:
        assert own[name]["rate"] == stormlens.load_recipe(name).learning_rate
        blocks = stormlens.models.model_info(name).layers(6)
        [activation] = {block.activation for block in blocks if block.kind == "Conv2D"}
        assert own[name]["activation"] == activation
        rates = dict.fromkeys(f"{block.rate:g}" for block in blocks if "Dropout" in block.kind)
        assert own[name]["drops"] == (", ".join(rates) or "0")


@pytest.fixture
def tiny_storms(monkeypatch):
    """Eight boxes a split in place of the whole of the simulated storms."""
    whole = stormlens.load_splits("simulated", count=8)
    monkeypatch.setattr(stormlens, "load_splits", lambda name: dict(whole))
    return whole


PYTHON = {
    "by name": choice(network="chapter-relu", storms=6, epochs=2, augmentation="flips", seed=5),
    "dropout put in": choice(storms=6, epochs=1, batch=8, dropout=0.4, rate=3e-4),
    "bent": choice(network="storm-residual", epochs=1, activation="tanh", dropout=0.1),
    "silent": choice(network="svrimg-3conv", epochs=1, dropout=0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTHON)
def test_python_runs_and_trains_what_was_chosen(name, tiny_storms, tmp_path, monkeypatch, capsys):
    chosen = PYTHON[name]
    monkeypatch.chdir(tmp_path)
    [made] = written([chosen], count=8)
    held: dict[str, Any] = {}
    exec(compile(made["python"], "from the page", "exec"), held)
    recipe, fitted = held["recipe"], held["fitted"]
    assert len(fitted.history) == chosen["epochs"]
    assert recipe.learning_rate == chosen["rate"]
    assert (recipe.batch_size, recipe.seed) == (chosen["batch"], chosen["seed"])
    assert held["splits"]["train"].sizes["storm"] == min(chosen["storms"], 8)
    assert len(capsys.readouterr().out.splitlines()) == chosen["epochs"] + 1
    from_toml = stormlens.Recipe.from_toml(made["toml"], name="page")
    assert from_toml.with_changes(name=recipe.name) == stormlens.training.Recipe(
        **{**vars(recipe), "data": from_toml.data}
    )
    if "model" in held:
        _check_own_network(chosen, held["model"], stormlens.models.load_keras_file(from_toml.model))


def _check_own_network(chosen, *models):
    import keras

    dropouts = {"chapter-linear": 1, "storm-residual": 1, "svrimg-3conv": 4}
    for model in models:
        rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
        assert rates == [chosen["dropout"]] * dropouts[chosen["network"]]
        bends = {
            layer.activation.__name__
            for layer in model.layers
            if isinstance(layer, keras.layers.Conv2D)
        }
        own = "linear" if chosen["network"] == "chapter-linear" else "relu"
        assert bends == {chosen["activation"] or own}
