"""What `classify` prints and writes of the boxes: table, CSV, JSON, NetCDF, GeoJSON."""

import csv
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormlens.cli._group import say
from stormlens.cli._output import number, print_json, print_table

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

_PLACE = ("time", "latitude", "longitude", "coverage")
"""What is known of boxes cut from mosaics."""

_SHOWN_FROM, _SHOWN_MOST = 0.05, 3  # probabilities in a line of the table


def told_apart(parts: list["xr.Dataset"]) -> list["xr.Dataset"]:
    """
    Predictions whose ids no two boxes of all files share.

    Parameters
    ----------
    parts : list of xarray.Dataset
        Of `stormlens.models.Classifier.predict`, one or more.

    Returns
    -------
    parts : list of xarray.Dataset
    """
    import numpy as np

    from stormlens.boxes import tell_apart

    names = tell_apart(str(name) for part in parts for name in part["unid"].values)
    ends = np.cumsum([part.sizes["storm"] for part in parts])[:-1]
    return [
        part.assign_coords(unid=("storm", own))
        for part, own in zip(parts, np.split(np.asarray(names, str), ends), strict=True)
    ]


def finish(
    parts: list["xr.Dataset"],
    note: str,
    out: Path | None,
    geojson: Path | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """
    Write the files asked for, say what was simulated, and print a line a box.

    Parameters
    ----------
    parts : list of xarray.Dataset
        Of `told_apart`, with coverage heeded.
    note : str
        What is to be said of the classifier; empty for nothing.
    out, geojson : Path or None
        Files to write.
    as_json, as_csv : bool
        How to print; as a table unless told.
    """
    from stormlens.storage import write_bytes, write_text

    if geojson is not None:
        write_text(geojson, json.dumps(_features(parts), allow_nan=False) + "\n")
    if out is not None:
        # Made in memory first: HDF5 crashes the process where the disk fills up under it.
        write_bytes(out, bytes(_joined(parts, note).to_netcdf(engine="h5netcdf")))
    if note:
        say(f"Note: {note}")
    _print(parts, as_json, as_csv)


def _features(parts: list["xr.Dataset"]) -> dict[str, Any]:
    from stormlens.boxes import to_geojson
    from stormlens.models import name_modes

    collections = [to_geojson(part, name_modes(part).tolist()) for part in parts]
    features = [feature for held in collections for feature in held["features"]]
    return {**collections[0], "features": features}


def _joined(parts: list["xr.Dataset"], note: str) -> "xr.Dataset":
    """All boxes as one with their modes, and the coordinates that all of them have."""
    import xarray as xr

    from stormlens.models import name_modes

    shared = set.intersection(*(set(part.coords) for part in parts))
    attributes = {"long_name": "mode of the box"}
    joined = xr.concat(
        [
            part.assign(name=("storm", name_modes(part), attributes)).drop_vars(
                set(part.coords) - shared
            )
            for part in parts
        ],
        "storm",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )
    sources = dict.fromkeys(str(part.attrs["source"]) for part in parts)
    joined.attrs["source"] = "; ".join(sources)
    joined.attrs["simulated"] = int(any(part.attrs["simulated"] for part in parts))
    if note:
        joined.attrs["comment"] = note
    return joined


def _print(parts: list["xr.Dataset"], as_json: bool, as_csv: bool) -> None:
    # Places are known of what was cut from a mosaic; boxes alone keep to id and mode.
    known = list(_PLACE) if any("coverage" in part.coords for part in parts) else []
    entries = [entry for part in parts for entry in _entries(part, known)]
    if as_json:
        print_json(entries)
    elif as_csv:
        _print_csv(entries, parts[0], known)
    else:
        _print_table(entries, known)


def _print_csv(entries: list[dict[str, Any]], part: "xr.Dataset", known: list[str]) -> None:
    columns = ["id", *known, "mode", "likeliest", *_confidence(part)]
    modes = part["mode"].values.tolist()
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*columns, *modes])
    for entry in entries:
        values = (";".join(v) if isinstance(v, list) else v for v in map(entry.get, columns))
        writer.writerow([*values, *entry["probabilities"].values()])


def _print_table(entries: list[dict[str, Any]], known: list[str]) -> None:
    """
    A line a box of at most 100 columns.

    The ids of boxes that were cut here say time and place; JSON and CSV hold them as numbers.
    """
    from stormlens.models import CLEAR

    seen = ["coverage"] if known else []
    rows = [
        (
            entry["id"],
            *("-" if entry[name] is None else number(entry[name], 2) for name in seen),
            entry["mode"],
            # Of air without echo the network says what it does of any blank box.
            "-" if entry["mode"] == CLEAR else _likely(entry["probabilities"]),
        )
        for entry in entries
    ]
    print_table(("id", *seen, "mode", "probabilities"), rows, right=seen)


def _likely(probabilities: dict[str, float]) -> str:
    """The most probable modes, of which the first is always told."""
    ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])[:_SHOWN_MOST]
    told = [pair for pair in ranked if pair[1] >= _SHOWN_FROM or pair is ranked[0]]
    return ", ".join(f"{mode} {value:.2f}" for mode, value in told)


def _confidence(predictions: "xr.Dataset") -> list[str]:
    return [name for name in ("plausible", "novelty") if name in predictions]


def _entries(predictions: "xr.Dataset", known: list[str]) -> list[dict[str, Any]]:
    """Of each box: id, what is known of time, place and coverage, mode, probabilities."""
    from stormlens.models import name_modes

    n, modes = predictions.sizes["storm"], predictions["mode"].values
    probability = predictions["probability"].values
    columns: dict[str, list[Any]] = {"id": list(map(str, predictions["unid"].values))}
    for name in known:
        held = name in predictions.coords
        values = predictions[name].values if held else [float("nan")] * n
        columns[name] = list(map(_iso if name == "time" else _known, values))
    columns["mode"] = name_modes(predictions).tolist()
    columns["likeliest"] = modes[probability.argmax(axis=1)].tolist()
    for name in _confidence(predictions):
        values = predictions[name].values
        is_set = name == "plausible"
        columns[name] = [modes[row].tolist() if is_set else _known(row) for row in values]
    columns["probabilities"] = [
        dict(zip(modes.tolist(), map(_short, row), strict=True)) for row in probability
    ]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _short(value: Any) -> float:
    """The float that a float32 prints as: no digits that were never computed."""
    return float(str(value))


def _known(value: Any) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None


def _iso(time: "np.datetime64") -> str | None:
    import numpy as np

    return None if np.isnat(time) else f"{np.datetime_as_string(time, unit='s')}Z"
