"""
A package imports only from layers below its own, or from within itself.

From another package it takes public names alone: no module, function or attribute whose name
begins with an underscore, neither by import nor in a string that is imported later.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "stormlens"
LAYERS = {
    "_lazy": 0,
    "engine": 0,
    "errors": 0,
    "stormbox": 0,
    "concepts": 1,
    "ops": 1,
    "hosts": 1,
    "plugins": 1,
    "storage": 1,
    "datasets": 2,
    "augment": 3,
    "boxes": 3,
    "features": 3,
    "models": 3,
    "readers": 3,
    "training": 4,
    "archive": 5,
    "insight": 5,
    "verification": 5,
    "plots": 6,
    "report": 6,
    "bench": 7,
    "experiment": 7,
    "learn": 7,
    "serve": 7,
    "cli": 7,
}
# Within one layer: which package may import which.
WITHIN_LAYER = {
    ("engine", "errors"),
    ("stormbox", "errors"),
    ("models", "features"),
    ("report", "plots"),
    ("cli", "bench"),
    ("cli", "experiment"),
    ("cli", "learn"),
    ("cli", "serve"),
}


SHARED = {"_lazy"}  # private to Stormlens, and for each package in it

MEASURES = {"archive.py": "archive", "conv_pool.py": "ops"}
"""Benchmarks that time parts of a package that nobody else needs."""

_PRIVATE = re.compile(r"\bstormlens\.(\w+)(?:\.\w+)*?\.(_[a-zA-Z]\w*)")


def imported_packages(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "stormlens":
            names = [f"stormlens.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "stormlens" and len(parts) > 1:
                yield parts[1]


@pytest.mark.slow
@pytest.mark.parametrize("package", LAYERS)
def test_a_package_imports_only_from_layers_below(package):
    files = [SOURCE / f"{package}.py", *(SOURCE / package).rglob("*.py")]
    seen = {other for path in files if path.exists() for other in imported_packages(path)}
    wrong = {
        other
        for other in seen & set(LAYERS)
        if other != package
        and (package, other) not in WITHIN_LAYER
        and LAYERS[other] >= LAYERS[package]
    }
    assert not wrong


def test_every_package_has_a_layer():
    packages = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert packages - {"__init__", "__main__", "__pycache__"} == set(LAYERS)


def private_names(tree, own):
    """Private names of packages other than `own` that a module imports, accesses or spells."""
    packages = {}  # by the name that the module gives them
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            spelt = [(alias.name, alias.asname or alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            spelt = [(f"{node.module}.{a.name}", a.asname or a.name) for a in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            spelt = [(found[0], "") for found in _PRIVATE.finditer(node.value)]
        else:
            continue
        packages |= {called: name for name, called in spelt if name.startswith("stormlens.")}
        yield from (
            name
            for name, _ in spelt
            if (found := _PRIVATE.match(name)) and found[1] not in {own, *SHARED}
        )
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{packages.get(node.value.id)}.{node.attr}"
            if (found := _PRIVATE.match(name)) and found[1] not in {own, *SHARED}:
                yield name


MODULES = [
    *SOURCE.rglob("*.py"),
    *(ROOT / "benchmarks").glob("*.py"),
    *(ROOT / "docs").glob("*.py"),
]


@pytest.mark.slow
def test_packages_use_only_public_names_of_each_other():
    wrong = {}
    for path in MODULES:
        inside = path.is_relative_to(SOURCE)
        own = path.relative_to(SOURCE).parts[0] if inside else MEASURES.get(path.name)
        if found := set(private_names(ast.parse(path.read_text(encoding="utf-8")), own)):
            wrong[path.relative_to(ROOT).as_posix()] = found
    assert not wrong


@pytest.mark.parametrize(
    "code",
    [
        "from stormlens.training._fit import fit",
        "from stormlens.training import _fit",
        "from stormlens.training import _fit as loop",
        "import stormlens.training._fit",
        "import stormlens.training as t\nt._fit",
        "from stormlens import training\ntraining._fit.fit",
        "from stormlens.training import Trainer\nTrainer._made",
        "def late():\n    from stormlens.datasets.svrimg._boxes import load",
        "NAMES = {'fit': 'stormlens.training._fit'}",
        "CODE = 'from stormlens.training._fit import Trainer'",
    ],
)
def test_what_is_private_is_seen(code):
    assert set(private_names(ast.parse(code), "bench"))


@pytest.mark.parametrize(
    "code",
    [
        "from stormlens.bench._job import Job",
        "from stormlens._lazy import on_first_use",
        "from stormlens import __version__",
        "import numpy as np\nnp._core",
    ],
)
def test_what_is_public_or_its_own_is_allowed(code):
    assert not set(private_names(ast.parse(code), "bench"))
