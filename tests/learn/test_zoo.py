"""
The networks that have names, as the pages read them: web/network/zoo.json.

``python tests/learn/test_zoo.py`` writes the file anew from the registry.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import stormlens
from stormlens.models import list_models

FILE = Path(stormlens.__file__).parent / "learn" / "web" / "network" / "zoo.json"


def written() -> str:
    """What the file must hold."""
    networks = [
        {"name": known.name, "description": known.description, "layers": layers(known.layers)}
        for known in list_models()
        if known.layers is not None
    ]
    return json.dumps({"format": 1, "networks": networks}, indent=1) + "\n"


def layers(build: Any) -> list[dict[str, Any]]:
    """Each block's fields; "classes" for what follows the number of classes."""
    found = []
    for block, other in zip(build(6), build(7), strict=True):
        values, others = asdict(block), asdict(other)
        fields = {k: v if v == others[k] else "classes" for k, v in values.items()}
        found.append({"kind": block.kind, **fields})
    return found


def test_the_pages_know_the_networks_of_the_registry():
    assert FILE.read_text(encoding="utf-8") == written(), "run `python tests/learn/test_zoo.py`"


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
