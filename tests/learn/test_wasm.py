"""The compiled modules of the pages are those that the pinned compiler makes of the sources."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

import stormlens

PACKAGE = Path(stormlens.__file__).parent
NATIVE = Path(__file__).parents[2] / "src" / "stormlens" / "ops" / "native"
BUILD = NATIVE / "web" / "build.py"
COMPILER = "0.17.1"
MODULES = ("stormlens.wasm", "stormlens-threads.wasm")


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Variables with which Python finds the compiler: 100 MB, so no extra names it."""
    try:
        if importlib.metadata.version("ziglang") == COMPILER:
            return dict(os.environ)
    except importlib.metadata.PackageNotFoundError:
        pass
    folder = tmp_path_factory.mktemp("ziglang")
    wanted = f"ziglang=={COMPILER}"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    ended = subprocess.run([*install, str(folder), wanted], capture_output=True, text=True)
    if ended.returncode != 0:
        pytest.skip(f"{wanted} cannot be had here: {ended.stderr.strip().splitlines()[-1]}")
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.mark.long(20)
def test_the_modules_are_what_the_pinned_compiler_makes_of_the_sources(environment, tmp_path):
    command = [sys.executable, str(BUILD), "--out", str(tmp_path)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    for name in MODULES:
        kept = (PACKAGE / "learn" / "web" / "network" / name).read_bytes()
        assert (tmp_path / name).read_bytes() == kept, f"run {BUILD.name} and keep its {name}"


@pytest.mark.parametrize("name", MODULES)
def test_a_module_moves_fast(name):
    assert (PACKAGE / "learn" / "web" / "network" / name).stat().st_size <= 400_000
