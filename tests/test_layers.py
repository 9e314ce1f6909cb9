"""A package imports only from layers below its own, or from within itself."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "stormlens"
LAYERS = {
    "_lazy": 0,
    "engine": 0,
    "errors": 0,
    "stormbox": 0,
    "concepts": 1,
    "ops": 1,
    "hosts": 1,
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
