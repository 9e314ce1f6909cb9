"""Node, and the packages that tests of the web pages use, installed once outside the sources."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from patience import PATIENCE

from stormlens.storage import file_lock

ROOT = Path(__file__).parents[2]
TESTS = Path(__file__).with_name("web")
_OLDEST = 20


def node() -> str:
    """Path of a Node that is new enough, or a skip."""
    found = shutil.which("node")
    if found is None:
        pytest.skip(f"no Node found; install Node {_OLDEST} or later for the tests of the pages")
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    major = re.match(r"v(\d+)", told)
    if major is None or int(major[1]) < _OLDEST:
        pytest.skip(f"Node {told.strip()} is too old; the tests of the pages need {_OLDEST}")
    return found


def packages() -> Path:
    """
    The folder `node_modules` with the packages of `tests/learn/web/package-lock.json`.

    Skips where there is no npm, or no registry that it reaches.
    """
    node()
    lock = (TESTS / "package-lock.json").read_bytes()
    folder = ROOT / "build" / f"web-tests-{hashlib.sha256(lock).hexdigest()[:12]}"
    done = folder / "node_modules" / ".package-lock.json"
    folder.mkdir(parents=True, exist_ok=True)
    with file_lock(folder / "lock"):
        if not done.is_file():
            _install(folder)
    return folder / "node_modules"


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm found, which installs what the tests of the pages need")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(TESTS / name, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    if ended.returncode:
        said = ended.stderr.strip()[-300:]
        pytest.skip(f"npm cannot install what the tests of the pages need: {said}")
