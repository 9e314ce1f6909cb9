"""A server that the tests share, and what they send to it."""

from pathlib import Path

import pytest
from serving import Running

from stormlens.datasets import load, write_samples


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server with usual limits that takes jobs."""
    running = Running("--keep", tmp_path_factory.mktemp("keep") / "jobs")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def images():
    """SIMULATED storm boxes, uint8 (6, 136, 136)."""
    return load("simulated", "validation", count=6).reflectivity.values


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> Path:
    """A SIMULATED radar volume."""
    folder = tmp_path_factory.mktemp("sample")
    write_samples(folder)
    return sorted((folder / "volumes").iterdir())[0]
