"""The classifier that comes with Stormlens answers where no run is named, and says what it is."""

import json
import shutil
from importlib import import_module

import numpy as np
import pytest
from small_appraisal import write_appraisal

from stormlens.models import Classifier
from stormlens.readers import make_mosaic
from stormlens.stormbox import MODES, NATIONAL

SAID = (
    "Note: The classifier was trained on SIMULATED storms only. Of 21 REAL boxes that it was tried "
    "on, the most probable mode is right for 19; it left 1 without a mode and gave 1 a wrong one. "
    "Other boxes may fare worse: look at the picture."
)


@pytest.fixture
def shipped(run, tmp_path, monkeypatch):
    """A folder that stands for the one in the package: the run, with an appraisal."""
    folder = tmp_path / "package" / "shipped"
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("checkpoint.*"))
    write_appraisal(folder)
    for place in ("stormlens.models", "stormlens.models._classifier"):
        monkeypatch.setattr(f"{place}.shipped_folder", lambda: folder)
    return folder


@pytest.fixture
def other(run, tmp_path):
    """A run that is another classifier: its last layer answers Noise to everything."""
    classifier = Classifier.load(run)
    kernel, bias = classifier.model.layers[-1].weights
    kernel.assign(np.zeros(kernel.shape))
    bias.assign(np.eye(6)[4] * 9)
    return classifier.save(tmp_path / "other")


@pytest.fixture
def box(tmp_path):
    path = tmp_path / "box.npy"
    np.save(path, np.random.default_rng(1).integers(0, 50, (136, 136)))
    return path


@pytest.fixture
def file(tmp_path):
    """A radar file of one storm."""
    dbz = np.zeros(NATIONAL.shape)
    dbz[400:440, 300:340] = 45
    time = np.datetime64("2011-04-27T19:02:30")
    path = tmp_path / "storm.nc"
    mosaic = make_mosaic(dbz, dbz >= 0, time=time, source="made-up storm")
    mosaic.to_netcdf(path, engine="h5netcdf")
    return path


def test_classify_needs_no_run(invoke, shipped, box):
    result = invoke("classify", box, "--json")
    assert result.stderr.splitlines() == [SAID]
    (entry,) = json.loads(result.stdout)
    expected = Classifier.load(shipped).probabilities(np.load(box)[np.newaxis].astype("uint8"))
    np.testing.assert_allclose(list(entry["probabilities"].values()), expected[0], rtol=1e-5)


@pytest.mark.usefixtures("shipped")
def test_a_run_is_chosen_before_and_behind_the_files(invoke, other, box):
    for command in (("--run", other, box), (box, "--run", other)):
        (entry,) = json.loads(invoke("classify", *command, "--json").stdout)
        assert entry["likeliest"] == "Noise"
        assert entry["probabilities"]["Noise"] > 0.99
    # Nobody measured this one on real boxes.
    said = invoke("classify", box, "--run", other).stderr
    assert said == "Note: The classifier was trained on SIMULATED storms only.\n"


@pytest.mark.usefixtures("shipped")
def test_slide_needs_no_run(invoke, other, file):
    result = invoke("slide", file, "--stride", 200)
    assert result.exit_code == 0, result.stderr
    assert SAID in result.stderr
    result = invoke("slide", file, "--stride", 200, "--run", other)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-2].split()[0] == "Noise"
    assert float(result.stdout.splitlines()[-2].split()[1]) > 0.99


def test_the_old_way_of_naming_a_run_is_told_the_new_one(refused, shipped, box, file):
    asked = f"{shipped} is a run folder, which is chosen with an option: "
    assert f"{asked}give FILE... and --run {shipped}." in refused("classify", shipped, box)
    assert f"{asked}give FILE... and --run {shipped}." in refused("classify", shipped)
    assert f"{asked}give FILE and --run {shipped}." in refused("slide", shipped, file)
    assert f"{asked}give FILE and --run {shipped}." in refused("slide", shipped)
    assert "Give one FILE; 2 are given." in refused("slide", file, box)


def test_a_damaged_package_is_named_with_what_to_do(refused, shipped, box):
    (shipped / "weights.safetensors").write_bytes(b"")
    said = refused("classify", box)
    assert str(shipped / "weights.safetensors") in said
    assert "reinstall stormlens" in said
    shutil.rmtree(shipped)
    assert "reinstall stormlens" in refused("classify", box)
    assert "reinstall stormlens" in refused("card")


def test_a_damaged_appraisal_is_named(refused, shipped, box):
    (shipped / "appraisal.json").write_text("{")
    for command in (("classify", box), ("card",), ("card", "--json"), ("card", shipped)):
        assert f"{shipped / 'appraisal.json'} is damaged" in refused(*command)


def test_a_damaged_appraisal_is_named_before_anything_is_computed(refused, shipped, tmp_path):
    (shipped / "appraisal.json").write_text("{")
    foreign = tmp_path / "foreign.gz"  # which is found out about when it is read
    foreign.write_bytes(b"no volume")
    for command in (
        ("classify", foreign),
        ("slide", foreign),
        ("archive", "classify", foreign, "--out", tmp_path / "labels"),
    ):
        assert f"{shipped / 'appraisal.json'} is damaged" in refused(*command)


def test_card_prints_markdown(invoke, shipped):
    result = invoke("card")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("# Model card: tiny\n\n**SIMULATED")
    assert "weakest on the product family rain rates" in result.stdout
    assert "![" not in result.stdout  # a picture has no place on a terminal
    assert invoke("card", shipped).stdout == result.stdout


def test_card_as_json_says_what_is_simulated_and_real(invoke, shipped):
    facts = json.loads(invoke("card", "--json").stdout)
    assert facts["data"]["simulated"] is True
    assert facts["held_out"]["worst"]["family"] == "rain rates"
    assert [row["right"] for row in facts["real"]] == [15, 4]
    assert facts["model"]["classes"] == list(MODES)
    (weights,) = facts["files"]
    assert weights["bytes"] == (shipped / "weights.safetensors").stat().st_size


@pytest.mark.usefixtures("shipped")
def test_card_is_written_with_its_picture(invoke, tmp_path):
    result = invoke("card", "--out", tmp_path / "new" / "card.md")
    assert result.stdout.splitlines() == [
        f"Written: {tmp_path / 'new' / 'card.md'}",
        f"Written: {tmp_path / 'new' / 'card-failures.png'}",
    ]
    assert "](card-failures.png)" in (tmp_path / "new" / "card.md").read_text()


def test_the_card_of_a_run_that_nobody_appraised_claims_nothing(invoke, run):
    text = invoke("card", run).stdout
    assert text.count("Not measured") == 3
    assert "stormlens evaluate RUN" in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--json", "--out", "card.md"), "Choose --json or --out, not both."),
        (("--out", "card.html"), "give a name that ends in .md"),
        (("nowhere",), "nowhere does not exist"),
    ],
)
def test_what_card_cannot_do_is_said(refused, shipped, options, sentence):
    assert sentence in refused("card", *options)


@pytest.mark.usefixtures("shipped")
def test_learn_takes_the_classifier_of_a_run_before_the_one_in_the_package(
    invoke, other, monkeypatch
):
    given = []
    serve = lambda page, **options: given.append(options.get("classifier"))  # noqa: E731
    monkeypatch.setattr(import_module("stormlens.cli.learn"), "serve", serve)
    invoke("learn", "--no-browser")
    invoke("learn", "inside", "--no-browser", "--run", other)
    plain, chosen = given
    assert plain is None  # then `site` lists the one in the package
    assert chosen.model.layers[-1].bias.value.max() == 9
