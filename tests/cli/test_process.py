"""The process as a shell sees it: streams that close early, full disks, Ctrl-C, kill -9."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from patience import PATIENCE, until
from processes import LISTENING, STORMLENS, own_programs

from stormlens import experiment

EPOCHS = 40


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Dropout and early stopping: more than weights that a resumed training must not lose."""
    path = tmp_path_factory.mktemp("recipe") / "relu.toml"
    path.write_text(
        f'model = "chapter-relu"\nepochs = {EPOCHS}\nbatch_size = 8\nearly_stopping = {EPOCHS}\n'
    )
    return path


# A file takes a while to come to its place, so that this process sees it on its way.
SLOWLY = (
    "import os, time; replace = os.replace; "
    "os.replace = lambda *names, **how: (time.sleep(0.05), replace(*names, **how))"
)


def train(
    recipe: Path, data: Path, run: Path, *more: str, before: str = "pass"
) -> "subprocess.Popen[str]":
    code = f"{LISTENING}; {before}; from stormlens.cli import run; run()"
    command = [sys.executable, "-c", code, "train", str(recipe)]
    command += ["--data", str(data), "--out", str(run), *more]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=run.parent,
        env=own_programs(run.parent),
    )


def wait_for(condition, process):
    """Poll until the moment to strike."""
    until(lambda: condition() or process.poll() is not None, pause=lambda: time.sleep(0.001))
    assert process.poll() is None, process.communicate()


def rows(run: Path) -> int:
    path = run / "history.csv"
    return path.read_text().count("\n") if path.exists() else 0


@pytest.mark.long(25)
def test_kill_minus_nine_at_any_moment_costs_no_bit(small_boxes, recipe, tmp_path):
    experiment.train(recipe, small_boxes, tmp_path / "whole", progress=False)
    run = tmp_path / "killed"

    def in_first_epoch():
        return (run / "recipe.toml").exists() and not (run / "checkpoint.safetensors").exists()

    def in_a_later_epoch():
        return rows(run) > 4

    def while_a_checkpoint_is_written():
        return rows(run) > 8 and any(name.startswith(".checkpoint.") for name in os.listdir(run))

    for moment in (in_first_epoch, in_a_later_epoch, while_a_checkpoint_is_written):
        resume = ["--resume"] if run.exists() else []
        process = train(recipe, small_boxes, run, *resume, before=SLOWLY)
        wait_for(moment, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert rows(run) <= EPOCHS

    last = train(recipe, small_boxes, run, "--resume")
    _, said = last.communicate(timeout=PATIENCE)
    assert last.returncode == 0, said
    weights = [
        (tmp_path / name / "weights.safetensors").read_bytes() for name in ("whole", "killed")
    ]
    assert weights[0] == weights[1]
    assert rows(run) == EPOCHS + 1
    assert not list(run.glob(".*"))


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_the_line_to_go_on(small_boxes, recipe, tmp_path):
    run = tmp_path / "run"
    process = train(recipe, small_boxes, run, "--epochs", "100000")
    wait_for(lambda: rows(run) > 2, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert said.rstrip().endswith("--epochs 100000 --resume")
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["recipes"]])
def test_a_reader_that_leaves_early_is_no_failure(arguments):
    command = [*STORMLENS, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_output_that_finds_no_space_gets_its_sentence():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*STORMLENS, "models", "--json"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no space" in done.stderr.lower()
