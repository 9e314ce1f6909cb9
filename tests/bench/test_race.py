"""Contenders in processes of their own: they take turns, and one that crashes is named."""

import os
import subprocess
import sys

import numpy as np
import pytest

from stormlens.bench import Machine, Settings
from stormlens.bench import _run as run_module
from stormlens.bench._contenders import OURS, PEERS, Contender
from stormlens.bench._job import Job
from stormlens.bench._prepare import write_images, write_networks
from stormlens.bench._race import run_race
from stormlens.bench._stormlens import boxes, start
from stormlens.errors import InputError

CRASHES = """
import sys
def start(job):
    print("what a library says on stdout is no answer")
    return crash
def crash():
    print("Falling.", file=sys.stderr)
    raise MemoryError("no room for the images")
"""


@pytest.fixture(autouse=True)
def quick_machine(monkeypatch):
    """The machine is measured elsewhere."""
    monkeypatch.setattr("stormlens.bench._race.measure_machine", lambda: Machine(100.0, 10.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("arrays")
    write_images(path, *boxes(40))
    return path


@pytest.fixture(scope="module")
def layers(folder):
    return tuple(write_networks(folder, ["chapter-linear"], graphs=False)["chapter-linear"])


@pytest.fixture
def crashing(tmp_path):
    (tmp_path / "crashing_peer.py").write_text(CRASHES)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    return Contender("fragile", ("train",), "crashing_peer", (), {"PYTHONPATH": path})


@pytest.mark.slow
def test_a_crash_is_named_and_the_others_go_on(folder, layers, crashing):
    said = []
    group = [
        (c, Job(c.name, "train", c.home, str(folder), "chapter-linear", layers))
        for c in (crashing, OURS[0])
    ]
    race = run_race(group, images=40, epochs=1, note=said.append)
    (entry,) = race.measurements
    assert entry.key == ("train", "chapter-linear", "stormlens")
    assert (len(entry.seconds), entry.ratio) == (1, 1.0)
    assert entry.peak_bytes is None or entry.peak_bytes > 2**20
    assert race.notes == [
        "fragile ended early in train chapter-linear: MemoryError: no room for the images"
    ]
    assert race.notes[0] in said
    assert race.machine == Machine(100.0, 10.0)


def test_stormlens_gives_probabilities(folder, layers):
    found = start(Job("stormlens", "predict", "", str(folder), "chapter-linear", layers))()
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)


def test_a_job_survives_its_journey(layers):
    job = Job("a", "train", "b", "c", "chapter-linear", layers, {"zoom_range": [0.9, 1.1]})
    assert Job.from_dict(job.to_dict()) == job


def test_a_peers_process_loads_nothing_of_ours():
    done = subprocess.run(
        [sys.executable, "-c", "import stormlens.bench._worker, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"jax", "keras", "xarray", "scipy", "matplotlib", "pandas", "optax"}


def test_a_peer_that_is_not_installed_is_left_out_by_name(monkeypatch):
    absent = Contender("absent", ("train",), "nowhere", ("no_such_module", "numpy"))
    monkeypatch.setattr(run_module, "PEERS", (absent,))
    contenders, left_out = run_module._who(Settings(tasks=("train",), peers=("absent",)))
    assert [c.name for c in contenders] == ["stormlens", "stormlens, augmented"]
    assert left_out == [
        "absent is left out: it needs no_such_module; in the clone of Stormlens, run "
        '`pip install -e ".[bench]"`'
    ]


def test_only_peers_that_do_a_task_are_asked_for():
    contenders, left_out = run_module._who(Settings(tasks=("augment",)))
    named = [c.name for c in contenders] + [sentence.split()[0] for sentence in left_out]
    assert set(named) & {peer.name for peer in PEERS} == {"imagedatagenerator"}


def test_boxes_that_cannot_be_scaled_are_refused(tmp_path):
    with pytest.raises(InputError, match="All pixels are 3 dBZ"):
        write_images(tmp_path, np.full((2, 4, 4), 3, np.uint8), np.zeros(2, int))
