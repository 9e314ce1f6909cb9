"""What a type checker sees of Stormlens in a user's own module."""

import re
import subprocess
import sys
from importlib import resources

import pytest

MODULE = """\
import stormlens
from stormlens import plots, readers

reveal_type(stormlens.fit)
reveal_type(stormlens.Classifier.shipped())
reveal_type(plots.Picture)
reveal_type(readers.read)
reveal_type(stormlens.score(stormlens.load("digits"), stormlens.load("digits")).count)
stormlens.load_recipe(3)
stormlens.load_splits()
stormlens.no_such_name
plots.no_such_picture
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """By line of the module, all that mypy says of it, outside of the clone and its settings."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "module.py").write_text(MODULE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", "module.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    of_line = {line: [] for line in MODULE.splitlines()}
    for number, text in re.findall(r"^module\.py:(\d+): (.*)", done.stdout, re.MULTILINE):
        of_line[MODULE.splitlines()[int(number) - 1]].append(text)
    assert of_line["import stormlens"] == [], done.stdout + done.stderr
    return {line: " ".join(texts) for line, texts in of_line.items()}


def test_the_package_says_that_it_is_typed():
    assert (resources.files("stormlens") / "py.typed").is_file()


@pytest.mark.long(5)
@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("stormlens.fit", "-> stormlens.training._trainer.Fitted"),
        ("stormlens.Classifier.shipped()", 'is "stormlens.models._classifier.Classifier"'),
        ("plots.Picture", "-> stormlens.plots._picture.Picture"),
        ("readers.read", "-> xarray.core.dataset.Dataset"),
        ("stormlens.score(", 'is "int"'),
    ],
)
def test_names_that_are_imported_on_first_use_have_types(said, name, type_):
    (line,) = (line for line in said if line.startswith(f"reveal_type({name}"))
    assert type_ in said[line]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ("stormlens.load_recipe(3)", 'incompatible type "int"'),
        ("stormlens.load_splits()", "Missing positional argument"),
        ("stormlens.no_such_name", "has no attribute"),
        ("plots.no_such_picture", "has no attribute"),
    ],
)
def test_a_mistake_is_told(said, wrong, error):
    assert "error:" in said[wrong]
    assert error in said[wrong]
