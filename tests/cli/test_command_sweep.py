"""`sweep`: what it prints and leaves, and what it refuses."""

import json

import pytest

RECIPE = 'model = "lenet5"\nbatch_size = 16\nepochs = 1\n'


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipes") / "little.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def swept(invoke, recipe, small_boxes, tmp_path_factory):
    """A folder that `sweep` left, what it printed, and the command."""
    folder = tmp_path_factory.mktemp("sweeps") / "s"
    command = ("sweep", recipe, "--data", small_boxes, "--folds", 2, "--out", folder)
    command += ("--vary", "learning_rate=1e-3,1e-2")
    return folder, invoke(*command), command


@pytest.mark.slow
def test_a_sweep_tells_its_fits_and_its_best(swept):
    folder, result, _ = swept
    assert result.exit_code == 0
    assert "2 trials of little, 2 folds by day: 4 fits." in result.stderr
    assert "The first fit took " in result.stderr
    told = [line for line in result.stderr.splitlines() if line.startswith("trial ")]
    assert len(told) == 2
    head, _, *rows = result.stdout.splitlines()
    assert head.split()[:3] == ["trial", "learning_rate", "hss"]
    best = json.loads((folder / "sweep.json").read_text())["best"]
    assert rows[0].split()[0] == str(best)
    assert "SIMULATED" in result.stdout
    assert "The test split was not read" in " ".join(result.stdout.split())
    assert f"stormlens evaluate {folder / 'best'}" in result.stdout
    assert {path.name for path in folder.iterdir()} == {
        "plan.json",
        "fits",
        "sweep.json",
        "sweep.html",
        "best.toml",
        "best",
    }
    assert not (folder / "best" / "readings.jsonl").exists()


def test_the_same_command_goes_on_and_prints_json(invoke, swept):
    folder, _, command = swept
    result = invoke(*command, "--json")
    assert "4 of them done before; nothing left" in result.stderr
    assert json.loads(result.stdout) == json.loads((folder / "sweep.json").read_text())


@pytest.mark.slow
def test_a_range_on_the_command_line_is_drawn_from(invoke, recipe, small_boxes, tmp_path):
    command = ("sweep", recipe, "--data", small_boxes, "--folds", 2, "--out", tmp_path / "s")
    command += ("--vary", "learning_rate=1e-4:1e-2:log", "--method", "random", "--trials", 1)
    result = invoke(*command, "--no-fit")
    assert "1 trial of little" in result.stderr
    assert not (tmp_path / "s" / "best").exists()
    assert (tmp_path / "s" / "best.toml").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--vary", "learning_rat=1"], "Did you mean 'learning_rate'"),
        (["--vary", "epochs=many"], "epochs is 'many', it must be a whole number"),
        (["--vary", "epochs"], "is no FIELD=VALUES"),
        (["--vary", "epochs=", "--folds", 2], "is no FIELD=VALUES"),
        (["--vary", "epochs=1", "--vary", "epochs=2"], "given twice"),
        (["--vary", "epochs=1,2", "--folds", 90], "90 folds need as many"),
        (["--vary", "epochs=1:5"], "which has no grid"),
    ],
)
def test_what_cannot_be_swept_is_a_sentence(refused, recipe, small_boxes, tmp_path, more, words):
    out = tmp_path / "s"
    assert words in refused("sweep", recipe, "--data", small_boxes, "--out", out, *more)
    assert not out.exists()


def test_other_values_in_the_same_folder_are_a_sentence(refused, swept):
    folder, _, command = swept
    sentence = refused(*command, "--repeats", 2)
    assert "other values of repeats: 1, not 2" in sentence
    assert str(folder) in sentence
