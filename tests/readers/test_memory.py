"""No input takes a GiB beside itself: the largest that are read, and larger ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import large_files
import pytest
from enrolled import BY_NAME

WARMING = "mrms-png", "grid", "odim-composite", "gridrad"
MIB = 1024

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is told by Linux's /proc")


@pytest.fixture(scope="module")
def taken(tmp_path_factory):
    """By case MiB and outcome, all read in one process that has imported what it needs."""
    folder = tmp_path_factory.mktemp("large")
    refused = {name: make for name, (make, _) in large_files.REFUSED.items()}
    files = {name: BY_NAME[name].make for name in WARMING} | large_files.READ | refused
    for name, make in files.items():
        (folder / name).write_bytes(make())
    done = subprocess.run(
        [sys.executable, large_files.__file__, *(str(folder / name) for name in files)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    for name in files:
        Path(folder / name).unlink()
    return dict(zip(files, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.long(5)
@pytest.mark.parametrize("name", large_files.READ)
def test_the_largest_that_are_read(taken, name):
    mib, outcome = taken[name]
    assert outcome in ("30", "43")  # dBZ; code 150 of an ODIM image is 43
    assert mib < MIB


@pytest.mark.long(5)
@pytest.mark.parametrize("name", large_files.REFUSED)
def test_what_is_larger_is_refused_before_it_is_there(taken, name):
    mib, outcome = taken[name]
    assert large_files.REFUSED[name][1] in outcome
    assert mib < MIB
