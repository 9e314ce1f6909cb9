"""What the source distribution and the wheel hold: all that is needed, and nothing else."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path, PurePosixPath

import pytest

import stormlens

pytest.importorskip("scikit_build_core")

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "stormlens"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# Of what runs: code, pages and their pictures, templates, recipes, weights, storms and borders.
RUNS = {".py", ".js", ".html", ".css", ".svg", ".png", ".wasm", ".bin", ".j2", ".toml"}
RUNS |= {".safetensors", ".npz", ".json", ".csv", ".jsonl", ".md", ".txt", ".typed"}
NATIVE = PurePosixPath("stormlens/ops/native")


def build(hook, out, where, settings="None"):
    """Name of what one of the build backend's hooks makes of a folder, without a network."""
    code = (
        "import os, sys; from scikit_build_core import build\n"
        "with os.fdopen(os.dup(1), 'w') as answer:\n"
        "    os.dup2(2, 1)\n"  # the backend itself writes to stdout
        f"    answer.write(build.{hook}({str(out)!r}, {settings}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=where, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out / done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The unpacked source distribution of this tree."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build("build_sdist", folder, ROOT)) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """The wheel that is built of the source distribution, without compiling."""
    folder = tmp_path_factory.mktemp("wheel")
    path = build("build_wheel", folder, sdist, "{'wheel.cmake': 'false'}")
    with zipfile.ZipFile(path) as archive:
        yield archive


def kept(folder):
    """Paths of the files beneath a folder, without what Python, tools and builds leave there."""
    left = {"__pycache__", ".pytest_cache"}
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not left & set(path.parts) and path.suffix not in (".so", ".pyc")
    }


def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


def test_the_sdist_holds_what_its_own_tests_read(sdist):
    for folder in ("src", "tests", "docs/images", "docs/howto", "lessons", "findings"):
        assert kept(sdist / folder) == kept(ROOT / folder), folder
    for name in ("Makefile", "CHANGELOG.md", "LICENSE", "benchmarks/RESULTS.md", ".ci/run"):
        assert (sdist / name).read_bytes() == (ROOT / name).read_bytes()


def test_the_sdist_holds_no_caches_and_no_builds(sdist):
    names = {part for path in sdist.rglob("*") for part in path.relative_to(sdist).parts}
    assert not names & {"__pycache__", ".venv", "build", "dist", "runs", ".git", "_build"}
    assert {name for name in names if name.endswith((".so", ".pyc", ".egg-info"))} == set()


def test_the_wheel_holds_all_that_runs_and_nothing_else(wheel):
    due = {
        f"stormlens/{name}"
        for name in kept(PACKAGE)
        if not (PurePosixPath("stormlens", name).is_relative_to(NATIVE))
    }
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == due
    assert {PurePosixPath(name).suffix for name in held} <= RUNS


def test_the_wheel_can_be_told_where_it_comes_from(wheel):
    names = {PurePosixPath(name).name for name in wheel.namelist() if ".dist-info/" in name}
    assert names == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "LICENSE"}
    found = metadata(wheel)
    assert found["Name"] == "stormlens"
    assert found["Version"] == stormlens.__version__ == PROJECT["version"]
    assert found["Requires-Python"] == PROJECT["requires-python"]
    assert found["License-Expression"] == "BSD-3-Clause"
    assert found.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_wheel_asks_for_what_the_project_says(wheel):
    asked = [line.replace(" ", "") for line in metadata(wheel).get_all("Requires-Dist")]
    plain = {line for line in asked if "extra==" not in line}
    assert plain == {line.replace(" ", "") for line in PROJECT["dependencies"]}
    extras = set(metadata(wheel).get_all("Provides-Extra"))
    assert extras == set(PROJECT["optional-dependencies"])


def test_every_lower_bound_is_one_number():
    """`make lowest` installs exactly these; without one it would take a package's first."""
    extras = PROJECT["optional-dependencies"].values()
    for line in [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]:
        name = re.sub(r"\s*;.*", "", line)
        assert re.fullmatch(r"stormlens\[[\w,-]+\]|[\w-]+>=\d+(\.\d+)*", name), line
