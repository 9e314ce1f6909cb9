"""The pages' own code: its types, and its tests under Node with numbers that Python wrote."""

import os
import runpy
import subprocess
from pathlib import Path

import pytest
import storm_oracles
from patience import PATIENCE
from web_packages import TESTS, node, packages


@pytest.fixture(scope="module")
def oracles(tmp_path_factory):
    """A folder of numbers that the pages must find again."""
    folder = tmp_path_factory.mktemp("oracles")
    storm_oracles.write(folder / "storms")
    for path in sorted(Path(__file__).with_name("oracles").glob("*.py")):
        runpy.run_path(str(path))["write"](folder)
    return folder


def run(*command, **environment):
    return subprocess.run(
        [str(part) for part in command],
        cwd=TESTS,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_types_in_comments_fit_the_code():
    installed = packages()
    compiler = installed / "typescript" / "bin" / "tsc"
    ended = run(node(), compiler, "--project", ".", "--typeRoots", installed / "@types")
    assert ended.returncode == 0, ended.stdout[-4000:]


@pytest.mark.parametrize("path", sorted(TESTS.glob("*.test.js")), ids=lambda path: path.name)
def test_modules_do_what_python_does(path, oracles):
    ended = run(node(), "--test", "--test-reporter=tap", path, STORMLENS_ORACLES=str(oracles))
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert "# fail 0" in ended.stdout
    assert "# skipped 0" in ended.stdout, ended.stdout[-3000:]
