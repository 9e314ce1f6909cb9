"""
Classified boxes as GeoJSON (RFC 7946), for any map.

A box is square on the Lambert grid, not in degrees: its sides are given with
points between the corners, so that straight lines between them stay within
0.1 km of it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.stormbox import SIZE, cell_to_lonlat, lonlat_to_cell

_PIECES = 8
_DIGITS = 5  # of a degree: a metre


def outline(xmin: int, ymin: int) -> NDArray[np.float64]:
    """
    The edge of a box as a ring.

    Parameters
    ----------
    xmin, ymin : int
        South-west cell of the box.

    Returns
    -------
    ring : ndarray of float64, shape (33, 2)
        Longitude and latitude in degrees, from the south-west corner counterclockwise and back
        to it; the outer edge of the outermost cells.
    """
    side = np.linspace(0, SIZE, _PIECES, endpoint=False)
    far, near = np.full(_PIECES, SIZE), np.zeros(_PIECES)
    east = np.concatenate([side, far, SIZE - side, near, [0]])
    north = np.concatenate([near, side, far, SIZE - side, [0]])
    return np.stack(cell_to_lonlat(xmin - 0.5 + east, ymin - 0.5 + north), axis=1)


def to_geojson(predictions: xr.Dataset, names: Sequence[str]) -> dict[str, Any]:
    """
    A feature collection with one polygon a box.

    Parameters
    ----------
    predictions : xarray.Dataset
        Of `stormlens.models.Classifier.predict`.
    names : sequence of str
        Mode of each box, as `stormlens.models.name_modes` decides it.

    Returns
    -------
    collection : dict
        Ready for `json.dump`. Properties: id, time (ISO 8601 in UTC), mode, likeliest (the most
        probable), probabilities, coverage, trained_on_simulated, simulated, and, where the
        classifier knows its confidence, plausible (a list of modes) and novelty. What is
        unknown is null; a box of unknown place has the geometry null.

    Raises
    ------
    InputError
        If there is not one name a box.
    """
    if len(names) != predictions.sizes["storm"]:
        n = predictions.sizes["storm"]
        raise InputError(f"There are {len(names)} names for {n} boxes; give one each.")
    storms = [predictions.isel(storm=i) for i in range(len(names))]
    return {
        "type": "FeatureCollection",
        "features": [_feature(*pair) for pair in zip(storms, names, strict=True)],
    }


def _feature(storm: xr.Dataset, name: str) -> dict[str, Any]:
    coverage = float(storm["coverage"]) if "coverage" in storm.coords else np.nan
    modes, values = storm["mode"].values.tolist(), storm["probability"].values
    return {
        "type": "Feature",
        "id": str(storm["unid"].values),
        "geometry": _polygon(storm),
        "properties": {
            "id": str(storm["unid"].values),
            "time": _iso(storm["time"].values[()]),
            "mode": str(name),
            "likeliest": modes[int(values.argmax())],
            **_confidence(storm, modes),
            # The digits that a float32 has, and none that were never computed.
            "probabilities": dict(zip(modes, (float(str(value)) for value in values), strict=True)),
            "coverage": None if np.isnan(coverage) else round(coverage, 4),
            "trained_on_simulated": bool(storm.attrs.get("simulated_training", 0)),
            "simulated": bool(storm.attrs.get("simulated", 0)),
        },
    }


def _confidence(storm: xr.Dataset, modes: list[str]) -> dict[str, Any]:
    """The set of plausible modes and the novelty, where they are known."""
    told: dict[str, Any] = {}
    if "plausible" in storm:
        pairs = zip(modes, storm["plausible"].values, strict=True)
        told["plausible"] = [mode for mode, is_plausible in pairs if is_plausible]
    if "novelty" in storm:
        novelty = float(storm["novelty"])
        told["novelty"] = round(novelty, 4) if np.isfinite(novelty) else None
    return told


def _polygon(storm: xr.Dataset) -> dict[str, Any] | None:
    if "xmin" in storm.coords and "ymin" in storm.coords:
        x, y = int(storm["xmin"]), int(storm["ymin"])
    elif np.isfinite([storm["longitude"], storm["latitude"]]).all():
        centre = lonlat_to_cell(storm["longitude"].values, storm["latitude"].values)
        x, y = (round(float(axis) - (SIZE - 1) / 2) for axis in centre)
    else:
        return None
    return {"type": "Polygon", "coordinates": [outline(x, y).round(_DIGITS).tolist()]}


def _iso(time: Any) -> str | None:
    return None if np.isnat(time) else f"{np.datetime_as_string(time, unit='s')}Z"
