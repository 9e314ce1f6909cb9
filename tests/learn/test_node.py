"""The pages' own code: its types, and its tests under Node with numbers that Python wrote."""

import os
import runpy
import subprocess
from pathlib import Path

import pytest
import storm_oracles
from patience import PATIENCE
from web_packages import TESTS, node, packages

ORACLES = Path(__file__).with_name("oracles")
# What networks answer and learn takes Python half a minute.
OF_NETWORKS = ("network.test.js", "network-client.test.js", "network-training.test.js")


@pytest.fixture(scope="module")
def oracles(tmp_path_factory):
    """A folder of numbers that the pages must find again, but for those of networks."""
    folder = tmp_path_factory.mktemp("oracles")
    storm_oracles.write(folder / "storms")
    for path in sorted(ORACLES.glob("*.py")):
        if path.stem != "network":
            runpy.run_path(str(path))["write"](folder)
    return folder


@pytest.fixture(scope="module")
def all_oracles(oracles):
    """The same folder with those of networks too."""
    runpy.run_path(str(ORACLES / "network.py"))["write"](oracles)
    return oracles


def run(*command, **environment):
    return subprocess.run(
        [str(part) for part in command],
        cwd=TESTS,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


@pytest.mark.slow
def test_types_in_comments_fit_the_code():
    installed = packages()
    compiler = installed / "typescript" / "bin" / "tsc"
    ended = run(node(), compiler, "--project", ".", "--typeRoots", installed / "@types")
    assert ended.returncode == 0, ended.stdout[-4000:]


PATHS = [
    pytest.param(
        path, marks=[pytest.mark.long(30)] if path.name in OF_NETWORKS else [], id=path.name
    )
    for path in sorted(TESTS.glob("*.test.js"))
]


@pytest.mark.slow(15)
@pytest.mark.parametrize("path", PATHS)
def test_modules_do_what_python_does(path, request):
    oracles = request.getfixturevalue("all_oracles" if path.name in OF_NETWORKS else "oracles")
    ended = run(node(), "--test", "--test-reporter=tap", path, STORMLENS_ORACLES=str(oracles))
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert "# fail 0" in ended.stdout
    assert "# skipped 0" in ended.stdout, ended.stdout[-3000:]
