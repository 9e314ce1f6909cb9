"""`make help` names every target, with a text below a heading."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture(scope="module")
def makefile():
    return (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def listed():
    done = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_every_target_is_listed_once(makefile, listed):
    targets = re.findall(r"^([\w-]+)\s*:(?!=)", makefile, re.MULTILINE)
    assert sorted(re.findall(r"^  make ([\w-]+)", listed, re.MULTILINE)) == sorted(targets)
    assert len(targets) > 8


def test_every_target_is_phony(makefile):
    """A file called `test` or `docs` must not make its target look done."""
    phony = re.findall(r"^\.PHONY:((?:.*\\\n)*.*)", makefile, re.MULTILINE)
    named = " ".join(phony).replace("\\\n", " ").split()
    targets = re.findall(r"^([\w-]+)\s*:(?!=)", makefile, re.MULTILINE)
    assert sorted(named) == sorted(targets)


def test_texts_are_aligned_and_stand_below_headings(listed):
    lines = listed.strip("\n").splitlines()
    assert not lines[0].startswith(" ")
    texts = [re.match(r"  make [\w-]+ +(?=\S)", line) for line in lines if line.startswith(" ")]
    assert all(texts)
    assert len({found.end() for found in texts}) == 1
    assert max(map(len, lines)) <= 80


def test_what_takes_minutes_says_so_before_it_begins():
    """Of a first `make test`, nothing is run: `--dry-run` prints what would be."""
    planned = subprocess.run(
        ["make", "--dry-run", "VENV=no-such-place", "test"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    told, set_up, tests = (planned.index(part) for part in ("minutes", "pip install", "-m pytest"))
    assert told < set_up < planned.rindex("minutes", 0, tests)
    assert "--quiet" not in planned
