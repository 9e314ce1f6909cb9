"""The recipes of CONTRIBUTING.md, followed to the letter on a copy of the tree."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import jaxlib
import pytest

ROOT = Path(__file__).parents[1]
RECIPES = ("reader", "network", "score", "component", "lesson", "native operation")

# A heading, or the line that names a file, with the block of code that follows it.
_PART = re.compile(
    r"^### Add an? ([^\n]+)$|^(New file|Change) `([^`\n]+)`:\n\n(`{3,4})(\w+)\n(.*?)^\4$",
    re.MULTILINE | re.DOTALL,
)
# The finder of an editable install comes before PYTHONPATH, and would give the tree itself.
_OF_COPY = """\
import sys
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in type(f).__module__]
sys.path.insert(0, {source!r})
import stormlens
assert stormlens.__file__.startswith({source!r}), stormlens.__file__
"""


class Step(NamedTuple):
    """A file that a recipe makes, or a change to one."""

    recipe: str
    is_new: bool
    path: str
    code: str


def steps():
    recipe, text = "", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for part in _PART.finditer(text):
        if part[1]:
            recipe = part[1]
        else:
            yield Step(recipe, part[2] == "New file", part[3], part[6])


def changed(text, change):
    """A text with lines added and removed where the lines without a sign stand."""
    lines = change.splitlines()
    before, after = (
        "\n".join(line[1:] for line in lines if line[:1] in signs) for signs in (" -", " +")
    )
    found = f"\n{text}".split(f"\n{before}\n")
    assert len(found) == 2, f"{len(found) - 1} places have these lines:\n{before}"
    return f"\n{after}\n".join(found)[1:]


def follow(root, recipes):
    for step in steps():
        path = root / step.path
        if step.recipe not in recipes:
            continue
        assert path.exists() != step.is_new, path
        if step.is_new:
            path.write_text(step.code, encoding="utf-8")
        else:
            path.write_text(changed(path.read_text("utf-8"), step.code), encoding="utf-8")


def ends_well(command, folder):
    """Run a command in a folder; what it wrote is shown where it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_a_recipe_for_each_thing_that_is_added_often():
    assert list(dict.fromkeys(step.recipe for step in steps())) == list(RECIPES)
    for recipe in RECIPES[:4] + RECIPES[5:]:
        mine = [step for step in steps() if step.recipe == recipe]
        assert any(step.path.startswith("tests/") for step in mine), recipe


def test_a_change_needs_one_place_that_has_its_lines():
    assert changed("a\nb\nc\n", " a\n-b\n+d\n+e\n c\n") == "a\nd\ne\nc\n"
    for wrong in (" x\n+d\n", " \n+d\n"):
        with pytest.raises(AssertionError, match=r"^[02] places"):
            changed("a\n\nb\n\nc\n", wrong)


def test_every_change_finds_its_place_and_is_in_style(tmp_path):
    for path in {step.path for step in steps()}:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).exists():
            shutil.copy(ROOT / path, tmp_path / path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    follow(tmp_path, RECIPES)
    ours = ["--config", "lint.isort.known-first-party = ['stormlens']"]  # which is not all there
    for command in (["check"], ["format", "--check"]):
        ends_well(
            [Path(sys.executable).with_name("ruff"), *command, *ours, "--no-cache", "."], tmp_path
        )


@pytest.mark.slow
def test_a_reader_a_network_a_score_and_a_component_work(tmp_path):
    """On a copy of the tree: what writes files, and the tests that the recipes name."""
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "docs" / "howto").mkdir(parents=True)
    for page in ("howto/radar-files.md", "_static/stormlens.css"):
        (tmp_path / "docs" / page).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "docs" / page, tmp_path / "docs" / page)
    recipes = ["reader", "network", "score"]
    names = ["surfer", "enrolled", "coarse", "registry", "hand_count", "best_mean", "our", "digits"]
    tests = [
        *("tests/readers/test_surfer.py", "tests/readers/test_contract.py"),
        *("tests/models/test_zoo.py", "tests/learn/test_zoo.py"),
        *("tests/verification/test_spherical.py", "tests/verification/test_added.py"),
        "tests/report/test_report.py",
    ]
    if node := shutil.which("node"):
        recipes.append("component")
        names += ["share", "traits"]
        tests += ["tests/learn/test_echo_share.py", "tests/learn/test_widget.py"]
    follow(tmp_path, recipes)
    if node:
        printed = subprocess.run(
            [node, "tests/learn/web/print-settings.js"],
            cwd=tmp_path,
            capture_output=True,
            check=True,
        )
        settings = tmp_path / "src" / "stormlens" / "learn" / "settings.json"
        settings.write_bytes(printed.stdout)
        shares = "tests/learn/web/echo-share.test.js"
        subprocess.run([node, "--test", shares], cwd=tmp_path, capture_output=True, check=True)
    write = "import runpy; runpy.run_path('tests/learn/test_zoo.py', run_name='__main__')"
    select = ["-q", "-p", "no:cacheprovider", "-k", " or ".join(names)]
    run = "import pytest; sys.exit(pytest.main({arguments!r}))"
    for code in (write, run.format(arguments=[*select, *tests])):
        ends_well(
            [sys.executable, "-c", _OF_COPY.format(source=str(tmp_path / "src")) + code], tmp_path
        )


@pytest.mark.slow
def test_a_native_operation_compiles(tmp_path):
    compiler = next(filter(None, map(shutil.which, ("g++", "clang++"))), None)
    headers = Path(jaxlib.__file__).parent / "include"
    if compiler is None or sys.platform == "win32":
        pytest.skip("no C++ compiler was found: install GCC or Clang")
    (code,) = (step.code for step in steps() if step.path.endswith("_binding.cpp"))
    (tmp_path / "operation.cpp").write_text(code, encoding="utf-8")
    native = ROOT / "src" / "stormlens" / "ops" / "native"
    command = [compiler, "-std=c++17", "-fsyntax-only", "-Wall", "-isystem", headers, "-I", native]
    done = subprocess.run(
        [*command, tmp_path / "operation.cpp"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
