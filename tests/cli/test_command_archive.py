"""The commands of archives: from a folder of files to a page, and their exit codes."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

from stormlens import archive
from stormlens.archive import summarise
from stormlens.boxes import Cutting
from stormlens.readers import Options


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of 30 boxes, and one that is corrupt."""
    path = tmp_path_factory.mktemp("in")
    rng = np.random.default_rng(4)
    for number in range(6):
        boxes = np.zeros((5, 136, 136), np.uint8)
        boxes[:, 30:90, 30:90] = rng.integers(0, 60, (5, 60, 60))
        np.save(path / f"{number}.npy", boxes)
    (path / "bad.npy").write_bytes(b"bad")
    return path


@pytest.fixture(scope="module")
def scheduler():
    """Two threads of this process: as good as workers far away, and there at once."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
    ) as threads:
        yield threads.scheduler_address


@pytest.fixture(scope="module")
def built(invoke, folder, scheduler, tmp_path_factory):
    store = tmp_path_factory.mktemp("store") / "store"
    return store, invoke("archive", "build", folder, store, "--scheduler", scheduler)


@pytest.fixture(scope="module")
def labelled(invoke, built, run, scheduler, tmp_path_factory):
    out = tmp_path_factory.mktemp("labels") / "labels"
    options = ("--out", out, "--scheduler", scheduler)
    return out, invoke("archive", "classify", "--run", run, built[0], *options)


def test_build_says_what_it_did_and_passed_over(built):
    _, result = built
    assert result.exit_code == 3
    assert result.stdout.startswith("30 boxes built in ")
    assert result.stderr.splitlines()[-1].startswith("Passed over: ")
    assert "bad.npy" in result.stderr


def test_a_second_build_has_nothing_to_do_and_says_the_same(invoke, built, folder):
    result = invoke("archive", "build", folder, built[0], "--json")
    told = json.loads(result.stdout)
    assert (told["boxes"], told["added"], result.exit_code) == (30, 0, 3)
    assert "bad.npy" in told["problems"][0]


@pytest.mark.slow
def test_classify_labels_every_box(labelled):
    out, result = labelled
    assert result.exit_code == 0
    assert result.stdout.startswith("30 boxes labelled in ")
    assert "SIMULATED" in result.stderr  # the classifier's training
    table = pd.read_parquet(out / "table")
    assert table["box"].tolist() == list(range(30))
    assert {"id", "time", "latitude", "mode", "p_QLCS", "model"} <= set(table)


def test_a_second_classify_has_nothing_to_do(invoke, labelled, built, run):
    result = invoke("archive", "classify", "--run", run, built[0], "--out", labelled[0])
    assert (result.exit_code, result.stdout) == (
        0,
        f"Nothing to do: 30 boxes are in {labelled[0]}\n",
    )


@pytest.mark.slow
def test_summary_leaves_a_page_pictures_and_tables(invoke, labelled, tmp_path):
    out = tmp_path / "climate"
    result = invoke("archive", "summary", labelled[0], "--out", out)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == f"Written: {out / 'index.html'}"
    assert "SIMULATED" in result.stderr  # the classifier's training
    page = (out / "index.html").read_text()
    assert page.count("<img") == page.count('<source media="(max-width: 34rem)"') >= 5
    assert "SIMULATED" in page
    assert "http" not in page.replace("http-equiv", "")  # asks no server for anything
    told = json.loads((out / "summary.json").read_text())
    assert told["boxes"] == 30
    expected = summarise(labelled[0])
    for mode in told["modes"]:
        assert told["counts"][mode]["all"] == int(expected["count"].sel(mode=mode))
    with (out / "by-region.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["boxes"]) for row in rows) == 30
    assert {row["region"] for row in rows if int(row["boxes"])} == {"elsewhere"}
    assert {"month.png", "hour.png", "region.png"} <= {path.name for path in out.iterdir()}


@pytest.mark.slow
def test_summary_prints_json(invoke, labelled):
    told = json.loads(invoke("archive", "summary", labelled[0], "--json").stdout)
    assert len(told["axes"]["month"]) == 12
    assert told["simulated_training"] == 1
    assert (labelled[0] / "summary" / "index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("build", "{tmp}/nowhere", "{tmp}/s"), "nowhere does not exist"),
        (("build", "simulated", "{tmp}/s"), "need a count"),
        (("build", "simulated", "{tmp}/s", "--count", "5", "--workers", "0"), "workers is 0"),
        (("build", "{in}", "{tmp}/s", "--boxes", "storm"), "Did you mean 'storms'"),
        (("build", "{in}", "{tmp}/s", "--index", "{tmp}/no.csv"), "no.csv is no file"),
        (("build", "{in}", "{tmp}/s", "--reports", "{tmp}/no.csv"), "no.csv"),
        (("build", "{in}", "{tmp}/s", "--sampling", "mean"), "sampling 'mean'"),
        (("classify", "--run", "{run}", "{tmp}", "--out", "{tmp}/o"), "is no store"),
        (("classify", "--run", "{tmp}", "{store}", "--out", "{tmp}/o"), "no run folder"),
        (("classify", "{run}", "{store}", "--out", "{tmp}/o"), "give STORE and --run {run}"),
        (("classify", "{store}", "{tmp}", "--out", "{tmp}/o"), "Give one STORE; 2 are given"),
        (("summary", "{tmp}"), "holds no classification"),
    ],
)
def test_bad_input_gets_a_sentence(refused, tmp_path, folder, built, run, arguments, near):
    places = {"tmp": tmp_path, "in": folder, "run": run, "store": built[0]}
    said = refused("archive", *(part.format(**places) for part in arguments))
    assert near.format(**places) in said


def test_ctrl_c_says_how_to_go_on(invoke, folder, tmp_path, monkeypatch):
    from stormlens import archive

    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(archive, "build", stopped)
    result = invoke("archive", "build", folder, tmp_path / "s")
    assert result.exit_code == 130
    assert f"Go on with: stormlens archive build {folder} {tmp_path / 's'}" in result.stderr


def test_many_problems_are_told_in_few_lines(invoke, folder, tmp_path, monkeypatch):
    from stormlens import archive

    problems = [f"file {i} is bad." for i in range(500)]
    outcome = archive.Outcome(9, 9, problems, 1.0, simulated=True)
    monkeypatch.setattr(archive, "build", lambda *a, **o: outcome)
    result = invoke("archive", "build", folder, tmp_path / "s")
    assert result.stdout.startswith("9 SIMULATED boxes built")
    assert len(result.stderr.splitlines()) == 11
    assert result.stderr.endswith("Passed over: 490 more; --json lists all.\n")


@pytest.fixture
def asked(monkeypatch):
    """What `archive.build` is asked for, in place of being done."""
    calls = []

    def build(source, store, **settings):
        calls.append(settings)
        return archive.Outcome(0, 0, [], 0.0, False)

    monkeypatch.setattr(archive, "build", build)
    return calls


@pytest.mark.parametrize(
    ("options", "cutting"),
    [
        ((), Cutting()),
        (("--threshold", 45, "--min-area", 50), Cutting(threshold=45, minimum_area=50.0)),
        (("--boxes", "grid", "--stride", 34), Cutting("grid", stride=34)),
        (
            ("--at", "35,-97.5", "--at", "38.5,-97"),
            Cutting("points", points=[(35, -97.5), (38.5, -97)]),
        ),
    ],
)
def test_boxes_are_cut_as_classify_cuts_them(invoke, asked, options, cutting):
    result = invoke("archive", "build", "volumes", "store", *options, "--qc", "--site", "35,-97")
    assert result.exit_code == 0, result.stderr
    (settings,) = asked
    assert settings["cutting"] == cutting
    assert settings["options"] == Options(quality_control=True, site=(35.0, -97.0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--boxes", "grid", "--threshold", 30), "--threshold decides nothing"),
        (("--stride", 68), "--stride decides nothing"),
        (("--boxes", "grid", "--at", "35,-97"), "Choose one of --boxes, --at and --reports"),
        (("--boxes", "points"), "Boxes by points need --at"),
        (("--boxes", "reports"), "Boxes by reports need --reports"),
        (("--at", "35"), "--at 35 is no place"),
        (("--day", "2011-04-27"), "--day decides nothing"),
        (("--site", "here"), "--site here is no place"),
    ],
)
def test_what_classify_refuses_is_refused(refused, asked, options, words):
    assert words in refused("archive", "build", "volumes", "store", *options)
    assert not asked
