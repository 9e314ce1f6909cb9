"""Real radar files, where a machine has them."""

import os
from pathlib import Path

import pytest

_DEFAULT = Path(__file__).parents[3] / "shared" / "data"


def shared_file(name):
    """A file of the shared data, or a skip that says why."""
    path = Path(os.environ.get("STORMLENS_SHARED", _DEFAULT)) / name
    if not path.is_file():
        pytest.skip(f"no real file {name}: set STORMLENS_SHARED to the folder that holds it")
    return path
