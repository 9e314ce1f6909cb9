"""Small data, a tiny recipe and a trained run that the tests of the commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from stormlens.cli.main import app
from stormlens.datasets import make_dataset, write_netcdf
from stormlens.datasets._simulated import load_simulated

TINY = """\
description = "The chapter's first network for two epochs"
model = "chapter-linear"
learning_rate = 1e-3
batch_size = 16
epochs = 2
"""


@pytest.fixture(scope="session")
def boxes_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A NetCDF file of 24 simulated boxes in each split."""
    path = tmp_path_factory.mktemp("boxes") / "boxes.nc"
    return write_netcdf(load_simulated(seed=5, count=24), path)


@pytest.fixture(scope="session")
def small_boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A NetCDF file of sixty boxes of 32 x 32 pixels, where an epoch takes no time."""
    rng = np.random.default_rng(2)
    codes = np.tile(np.arange(6), 10)
    images = rng.integers(0, 30, (60, 32, 32)) + 8 * codes[:, None, None]
    boxes = make_dataset(images, codes, source="SIMULATED noise", simulated=True)
    split = np.repeat(["train", "validation", "test"], 20)
    path = tmp_path_factory.mktemp("small") / "small.nc"
    return write_netcdf(boxes.assign_coords(split=("storm", split)), path)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own recipe that trains within seconds."""
    path = tmp_path_factory.mktemp("recipes") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def invoke() -> Callable[..., Any]:
    """Run a command in this process; gives exit_code, stdout and stderr."""

    def run(*arguments: object) -> Any:
        return CliRunner().invoke(app, [str(part) for part in arguments], catch_exceptions=False)

    return run


@pytest.fixture(scope="session")
def refused(invoke: Callable[..., Any]) -> Callable[..., str]:
    """Run a command that must fail: code 2, one sentence on stderr, nothing on stdout."""

    def run(*arguments: object) -> str:
        result = invoke(*arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        lines = result.stderr.splitlines()
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("Error: ")
        assert lines[0].endswith((".", "?", "`", ".nc"))
        return lines[0]

    return run


@pytest.fixture(scope="session")
def trained(
    invoke: Callable[..., Any],
    boxes_file: Path,
    tiny: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Any]:
    """A run folder that `train` left, and what it printed."""
    run = tmp_path_factory.mktemp("runs") / "first"
    return run, invoke("train", tiny, "--data", boxes_file, "--out", run)


@pytest.fixture(scope="session")
def run(trained: tuple[Path, Any]) -> Path:
    """The run folder alone."""
    return trained[0]
