"""
Classified boxes as GeoJSON (RFC 7946), for any map.

A box is square on its Lambert grid, not in degrees: its sides are given with
points between the corners, so that straight lines between them stay within
0.1 km of it at 50 degrees of latitude, 0.4 km at 70. One that crosses the
antimeridian is cut there (section 3.1.9); one about a pole is all that lies
poleward of its edge.
"""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, SIZE, Grid, Predictions

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

_PIECES = 8
_DIGITS = 5  # of a degree: a metre


def outline(xmin: int, ymin: int, grid: Grid = NATIONAL) -> NDArray[np.float64]:
    """
    The edge of a box as a ring.

    Parameters
    ----------
    xmin, ymin : int
        South-west cell of the box.
    grid : Grid, optional
        What it is a cell of; by default the national grid.

    Returns
    -------
    ring : ndarray of float64, shape (33, 2)
        Longitude and latitude in degrees, from the south-west corner counterclockwise and back
        to it; the outer edge of the outermost cells. Where it crosses the antimeridian,
        longitudes go on beyond 180 degrees; about a pole it ends a turn from where it begins.
    """
    side = np.linspace(0, SIZE, _PIECES, endpoint=False)
    far, near = np.full(_PIECES, SIZE), np.zeros(_PIECES)
    east = np.concatenate([side, far, SIZE - side, near, [0]])
    north = np.concatenate([near, side, far, SIZE - side, [0]])
    longitude, latitude = grid.lonlat(xmin - 0.5 + east, ymin - 0.5 + north)
    return np.stack([np.unwrap(longitude, period=360), latitude], axis=1)


def to_geojson(predictions: "Predictions | xr.Dataset", names: Sequence[str]) -> dict[str, Any]:
    """
    A feature collection with one polygon a box.

    Parameters
    ----------
    predictions : Predictions or xarray.Dataset
        Of `stormlens.models.Classifier.predict`.
    names : sequence of str
        Mode of each box, as `stormlens.models.name_modes` decides it.

    Returns
    -------
    collection : dict
        Ready for `json.dump`. Properties: id, time (ISO 8601 in UTC), mode, likeliest (the most
        probable), probabilities, grid (its name), coverage, trained_on_simulated, simulated, and,
        where the classifier knows its confidence, plausible (a list of modes) and novelty, and of
        an ensemble disagreement. What is unknown is null; a box of unknown place has the geometry
        null.

    Raises
    ------
    InputError
        If there is not one name a box.
    """
    if not isinstance(predictions, Predictions):
        predictions = Predictions.from_xarray(predictions)
    if len(names) != len(predictions):
        raise InputError(
            f"There are {len(names)} names for {len(predictions)} boxes; give one each."
        )
    features = [_feature(predictions, i, str(name)) for i, name in enumerate(names)]
    return {"type": "FeatureCollection", "features": features}


def _feature(predictions: Predictions, i: int, name: str) -> dict[str, Any]:
    storm = {key: values[i] for key, values in predictions.storm.items()}
    coverage = float(storm.get("coverage", np.nan))
    modes, values = predictions.modes, predictions.probability[i]
    return {
        "type": "Feature",
        "id": str(storm["unid"]),
        "geometry": _polygon(storm),
        "properties": {
            "id": str(storm["unid"]),
            "time": _iso(storm["time"]),
            "mode": name,
            "likeliest": modes[int(values.argmax())],
            **_confidence(predictions, i),
            # The digits that a float32 has, and none that were never computed.
            "probabilities": dict(zip(modes, (float(str(value)) for value in values), strict=True)),
            "grid": str(storm["grid"]) if "grid" in storm else None,
            "coverage": None if np.isnan(coverage) else round(coverage, 4),
            "trained_on_simulated": predictions.simulated_training,
            "simulated": predictions.simulated,
        },
    }


def _confidence(predictions: Predictions, i: int) -> dict[str, Any]:
    """The set of plausible modes, the novelty and the disagreement, where they are known."""
    known: dict[str, Any] = {}
    if predictions.plausible is not None:
        pairs = zip(predictions.modes, predictions.plausible[i], strict=True)
        known["plausible"] = [mode for mode, is_plausible in pairs if is_plausible]
    if predictions.novelty is not None:
        novelty = float(predictions.novelty[i])
        known["novelty"] = round(novelty, 4) if np.isfinite(novelty) else None
    if predictions.disagreement is not None:
        known["disagreement"] = round(float(predictions.disagreement[i]), 4)
    return known


def _polygon(storm: dict[str, Any]) -> dict[str, Any] | None:
    grid = Grid.named(str(storm.get("grid", NATIONAL.name)))
    if "xmin" in storm and "ymin" in storm:
        x, y = int(storm["xmin"]), int(storm["ymin"])
    elif np.isfinite([storm["longitude"], storm["latitude"]]).all():
        centre = grid.cell(storm["longitude"], storm["latitude"])
        x, y = (round(float(axis) - (SIZE - 1) / 2) for axis in centre)
    else:
        return None
    rings = [[ring.round(_DIGITS).tolist()] for ring in _cut_at_antimeridian(outline(x, y, grid))]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def _cut_at_antimeridian(ring: Floats) -> list[Floats]:
    """A ring, or its parts on either side, each with longitudes from -180 to 180."""
    if abs(ring[-1, 0] - ring[0, 0]) > 180:
        return [_poleward(ring)]
    east = ring[:, 0].max() > 180
    edge = 180.0 if east else -180.0
    beyond = _clipped(ring, edge, above=east)
    if not len(beyond):
        return [ring]
    return [_clipped(ring, edge, above=not east), beyond - [2 * edge, 0.0]]


def _poleward(ring: Floats) -> Floats:
    """What lies poleward of a ring about a pole, of which each meridian crosses it once."""
    points = ring[:-1]
    points[:, 0] = (points[:, 0] + 180) % 360 - 180
    points = points[points[:, 0].argsort()]
    edge = np.interp(180.0, points[:, 0], points[:, 1], period=360)
    pole = np.copysign(90.0, edge)
    corners = [[180.0, edge], [180.0, pole], [-180.0, pole], [-180.0, edge]]
    closed = np.concatenate([corners[-1:], points, corners])
    return closed if pole > 0 else closed[::-1]


def _clipped(ring: Floats, meridian: float, above: bool) -> Floats:
    """The part of a ring on one side of a meridian (Sutherland and Hodgman 1974), closed."""
    kept = []
    for start, end in itertools.pairwise(ring):
        # A point on the meridian counts as above, so that a box that only touches it is not cut.
        begins, ends = ((point[0] - meridian >= 0) == above for point in (start, end))
        if begins:
            kept.append(start)
        if begins != ends:
            share = (meridian - start[0]) / (end[0] - start[0])
            kept.append(np.array([meridian, start[1] + share * (end[1] - start[1])]))
    return np.array([*kept, kept[0]]) if kept else np.empty((0, 2))


def _iso(time: Any) -> str | None:
    return None if np.isnat(time) else f"{np.datetime_as_string(time, unit='s')}Z"
