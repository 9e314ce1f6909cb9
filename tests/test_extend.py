"""The example package of docs/howto/extend.md, built, installed, and used on the command line."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from apart import apart
from click.testing import CliRunner
from sklearn.metrics import top_k_accuracy_score

from stormlens import models, readers, verification
from stormlens.archive._store import Store
from stormlens.cli.main import app
from stormlens.datasets import make_dataset, write_netcdf
from stormlens.models import Classifier
from stormlens.serve import Limits
from stormlens.serve._decoders import Decoders

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "stormlens-example"
GROUPS = (readers.ADDED_READERS, models.ADDED_NETWORKS, verification.ADDED_SCORES)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the example's wheel as installers unpack it; not every environment has pip."""
    folder = tmp_path_factory.mktemp("extend")
    shutil.copytree(EXAMPLE, folder / "source")
    build = "import sys; from flit_core.buildapi import build_wheel; build_wheel(sys.argv[1])"
    ended = subprocess.run(
        [sys.executable, "-c", build, folder],
        cwd=folder / "source",
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def installed(site):
    """The example installed for this process and those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        for group in GROUPS:
            group.forget()
        yield site
    for name in [name for name in sys.modules if name.partition(".")[0] == "stormlens_example"]:
        del sys.modules[name]
    for group in GROUPS:
        group.forget()


@pytest.fixture(scope="module")
def radar(tmp_path_factory):
    """An Esri grid about 35 N 95 W with one storm."""
    dbz = np.full((200, 300), 0.0)
    dbz[80:120, 120:200] = 52.5
    dbz[:, :20] = -9999
    head = "ncols 300\nnrows 200\nxllcorner -98\nyllcorner 33\ncellsize 0.02\nnodata_value -9999\n"
    path = tmp_path_factory.mktemp("radar") / "storm.asc"
    path.write_text(head + "\n".join(" ".join(map(str, row)) for row in dbz))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory, installed):
    """A run of the example's network on noise of 40 x 40 pixels, by `stormlens train`."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(2)
    codes = np.tile(np.arange(6), 20)
    images = rng.integers(0, 30, (120, 40, 40)) + 8 * codes[:, None, None]
    time = np.datetime64("2014-04-01") + np.arange(120).astype("timedelta64[D]")
    boxes = make_dataset(images, codes, source="SIMULATED noise", simulated=True, time=time)
    split = np.repeat(["train", "validation", "test"], 40)
    write_netcdf(boxes.assign_coords(split=("storm", split)), folder / "boxes.nc")
    (folder / "own.toml").write_text('model = "small-mean"\nepochs = 2\nlearning_rate = 0.01\n')
    ended = invoke(
        "train", folder / "own.toml", "--data", folder / "boxes.nc", "--out", folder / "run"
    )
    assert ended.exit_code == 0, ended.output
    return folder / "run"


def invoke(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments], catch_exceptions=False)


def stormlens(*arguments, **environment):
    """A command in a process of its own."""
    line = [sys.executable, "-m", "stormlens", *map(str, arguments)]
    return subprocess.run(
        line, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


@pytest.mark.slow
def test_models_and_doctor_say_what_is_installed_and_from_where(installed):
    listed = json.loads(invoke("models", "--json").stdout)
    assert listed[-1] == {
        "name": "small-mean",
        "description": "Two convolutions (8-16), then mean and maximum of each feature map",
        "package": "stormlens-example",
        "version": "1.0",
    }
    assert set(listed[0]) == {"name", "description"}
    assert "(package stormlens-example 1.0)" in " ".join(invoke("models").stdout.split())
    found = json.loads(invoke("doctor", "--json").stdout)["plugins"]
    assert [(one["kind"], one["name"], one["usable"]) for one in found] == [
        ("reader", "esri-grid", True),
        ("network", "small-mean", True),
        ("score", "top_two", True),
    ]
    assert {(one["package"], one["version"]) for one in found} == {("stormlens-example", "1.0")}


@pytest.mark.slow
def test_a_radar_file_is_classified_and_slides_through_the_plugins_reader(
    installed, radar, tmp_path
):
    ended = stormlens("classify", radar, "--json")
    assert ended.returncode == 0, ended.stderr
    (box,) = json.loads(ended.stdout)
    assert box["latitude"] == pytest.approx(35.0, abs=0.1)
    assert box["longitude"] == pytest.approx(-94.8, abs=0.1)
    ended = invoke("slide", radar, "--stride", 400, "--out", tmp_path / "field.nc")
    assert ended.exit_code == 0, ended.output


def test_what_has_no_data_is_no_coverage(installed, radar):
    mosaic = readers.read_mosaic(radar)
    longitude = np.array([-97.9, -97.5, -95.0])
    x, y = mosaic.grid.cell(longitude, np.full(3, 35.0))
    cells = np.rint(y).astype(int), np.rint(x).astype(int)
    assert mosaic.coverage[cells].tolist() == [False, True, True]
    assert mosaic.reflectivity.max() == 52


def test_the_servers_reading_process_has_it_too(installed, radar):
    async def read():
        decoders = Decoders(Limits(decoders=1), (136, 136))
        try:
            return await decoders.read(radar.read_bytes(), {}, {})
        finally:
            await decoders.close()

    boxes, _ = apart(asyncio.run, read())
    assert len(boxes) == 1


@pytest.mark.slow
def test_workers_of_an_archive_have_it_too(installed, radar, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.asc", "b.asc"):
        shutil.copy(radar, folder / name)
    ended = stormlens("archive", "build", folder, tmp_path / "store", "--workers", 1)
    assert ended.returncode == 0, ended.stderr
    assert Store(tmp_path / "store").boxes == 2


@pytest.mark.slow(9)
def test_a_run_says_whose_network_it_is_and_scores_by_the_plugin(run):
    origin = {"package": "stormlens-example", "version": "1.0"}
    card = json.loads((run / "classifier.json").read_text())
    assert (card["architecture"], card["provenance"]["network_from"]) == ("small-mean", origin)
    told = json.loads((run / "scores.json").read_text())
    page = (run / "report.html").read_text()
    assert "package stormlens-example 1.0" in page
    assert "Top-two accuracy" in page
    ended = invoke("evaluate", run, "--json")
    found = json.loads(ended.stdout)["added"]["top_two"]
    assert found == told["added"]["top_two"]
    assert found["package"] == "stormlens-example 1.0"
    assert found["low"] < found["value"] < found["high"]
    row = next(line for line in invoke("evaluate", run).stdout.splitlines() if "top-two" in line)
    assert f"{found['value']:.3f}" in row


def test_the_score_is_scikit_learns(run):
    from stormlens import experiment

    evaluation = experiment.evaluate(run)
    truth = evaluation.dataset["mode"].values
    due = top_k_accuracy_score(
        truth, evaluation.predictions["probability"].values, k=2, labels=range(6)
    )
    assert evaluation.scores.added["top_two"].value == pytest.approx(due)


def test_the_run_without_the_package_ends_in_one_sentence_that_names_it(run, tmp_path):
    np.save(tmp_path / "box.npy", np.zeros((40, 40), np.uint8))
    ended = stormlens("classify", tmp_path / "box.npy", "--run", run, PYTHONPATH="")
    assert ended.returncode == 2
    assert "network small-mean of package stormlens-example 1.0, which is not" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_run_with_it_answers_by_the_engine(run):
    classifier = Classifier.load(run)
    classifier.probabilities(np.zeros((1, 40, 40), np.uint8))
    assert classifier.network.computed_by.startswith("the engine")
    assert "stormlens_example.network" in sys.modules
