"""A room imports only from floors below it, or from within itself."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "stormlens"
FLOORS = {
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
# Neighbours on one floor: who may look at whom.
BESIDE = {
    ("engine", "errors"),
    ("stormbox", "errors"),
    ("models", "features"),
    ("report", "plots"),
    ("cli", "bench"),
    ("cli", "experiment"),
    ("cli", "learn"),
    ("cli", "serve"),
}


def imported_rooms(path):
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


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_imports_only_from_below(room):
    files = [SOURCE / f"{room}.py", *(SOURCE / room).rglob("*.py")]
    seen = {other for path in files if path.exists() for other in imported_rooms(path)}
    wrong = {
        other
        for other in seen & set(FLOORS)
        if other != room and (room, other) not in BESIDE and FLOORS[other] >= FLOORS[room]
    }
    assert not wrong


def test_every_room_has_its_floor():
    rooms = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__init__", "__main__", "__pycache__"} == set(FLOORS)
