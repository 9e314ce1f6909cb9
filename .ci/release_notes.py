"""
Print the notes of a release: the part of CHANGELOG.md about its version.

    python .ci/release_notes.py v0.1.0 > notes.md

It fails with a sentence where the tag, the versions in the tree and the changelog differ, so that
a release that is tagged too early stops before anything is published.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def versions(root: Path) -> dict[str, str]:
    """Where the tree says its version, and what it says there."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    package = (root / "src/stormlens/__init__.py").read_text(encoding="utf-8")
    citation = (root / "CITATION.cff").read_text(encoding="utf-8")
    return {
        "pyproject.toml": project["version"],
        "src/stormlens/__init__.py": re.findall(r'^__version__ = "(.+)"', package, re.M)[0],
        "CITATION.cff": re.findall(r"^version: (.+)", citation, re.M)[0],
    }


def notes(changelog: str, version: str) -> str:
    """A version's part of a changelog."""
    for part in re.split(r"^## +", changelog, flags=re.M)[1:]:
        heading, _, text = part.partition("\n")
        if heading.split()[0] == version and "unreleased" in heading:
            raise SystemExit(f"CHANGELOG.md calls {version} unreleased; put the date there.")
        if heading.split()[0] == version:
            return "\n".join(unwrapped(text.strip().splitlines())) + "\n"
    raise SystemExit(f"CHANGELOG.md says nothing of version {version}; write it first.")


def unwrapped(lines: list[str]) -> list[str]:
    """One line a paragraph or item, since GitHub breaks a release's text at each line end."""
    whole: list[str] = []
    for line in lines:
        begins = not line or re.match(r"[#|]|\s*- ", line)
        if begins or not whole or not whole[-1] or whole[-1].startswith(("#", "|")):
            whole.append(line)
        else:
            whole[-1] += " " + line.strip()
    return whole


def main(tag: str) -> None:
    """Print the notes of a tag's version."""
    version = tag.removeprefix("v")
    for place, said in versions(ROOT).items():
        if said != version:
            raise SystemExit(f"The tag is {tag}, but {place} says version {said}.")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sys.stdout.write(notes(changelog, version))


if __name__ == "__main__":
    main(*sys.argv[1:])
