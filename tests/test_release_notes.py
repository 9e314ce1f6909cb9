"""The tool that takes a release's notes from the changelog, and the versions that it compares."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOL = ROOT / ".ci" / "release_notes.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("release_notes", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CHANGELOG = """# Changelog

## 1.1.0 (unreleased)

### New
- Soon.

## 1.0.10 (2026-12-24)

A year's
work.

### New
- One thing (`a`,
  `b`) - with a dash.
- Another
  - within it.

| a | b |
| - | - |

### Fixed
- 2
  words.

## 1.0.1 (2026-12-01)

First.
"""


def test_the_notes_are_the_versions_part_with_whole_paragraphs(tool):
    assert tool.notes(CHANGELOG, "1.0.10") == (
        "A year's work.\n\n### New\n- One thing (`a`, `b`) - with a dash.\n- Another\n"
        "  - within it.\n\n| a | b |\n| - | - |\n\n### Fixed\n- 2 words.\n"
    )
    assert tool.notes(CHANGELOG, "1.0.1") == "First.\n"


@pytest.mark.parametrize(
    ("version", "sentence"),
    [("1.1.0", "unreleased"), ("1.0", "says nothing of version 1.0"), ("2", "says nothing")],
)
def test_what_cannot_be_released_is_told(tool, version, sentence):
    with pytest.raises(SystemExit, match=sentence):
        tool.notes(CHANGELOG, version)


def test_the_tree_says_one_version(tool):
    assert len(set(tool.versions(ROOT).values())) == 1


def test_the_changelog_begins_with_the_version_of_the_tree(tool):
    (version,) = set(tool.versions(ROOT).values())
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changelog.partition("\n## ")[2].split()[0] == version


def test_a_tag_of_another_version_ends_with_a_sentence():
    done = subprocess.run(
        [sys.executable, TOOL, "v99.0"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "The tag is v99.0, but pyproject.toml says version" in done.stderr
    assert not done.stdout
