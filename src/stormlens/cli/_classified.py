"""What `classify` prints and writes of the boxes: table, CSV, JSON, NetCDF, GeoJSON."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormlens.cli._group import say
from stormlens.cli._output import number, print_csv, print_json, print_table

if TYPE_CHECKING:
    import xarray as xr

    from stormlens.stormbox import Predictions

_PLACE = ("time", "latitude", "longitude", "coverage")
"""What is known of boxes cut from mosaics."""

_SHOWN_FROM, _SHOWN_MOST = 0.05, 3  # probabilities in a line of the table


def told_apart(parts: list["Predictions"]) -> list["Predictions"]:
    """
    Predictions whose ids no two boxes of all files share.

    Parameters
    ----------
    parts : list of Predictions
        Of `stormlens.models.Classifier.predict`, one or more.

    Returns
    -------
    parts : list of Predictions
    """
    import numpy as np

    from stormlens.boxes import tell_apart

    names = tell_apart(str(name) for part in parts for name in part.storm["unid"])
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return [
        replace(part, storm={**part.storm, "unid": own})
        for part, own in zip(parts, np.split(np.asarray(names, str), ends), strict=True)
    ]


def finish(
    parts: list["Predictions"],
    note: str,
    out: Path | None,
    geojson: Path | None,
    map_: Path | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """
    Write the files asked for, say what was simulated and written, and print a line a box.

    Parameters
    ----------
    parts : list of Predictions
        Of `told_apart`, with coverage heeded.
    note : str
        What is to be said of the classifier; empty for nothing.
    out, geojson : Path or None
        Files to write.
    map_ : Path or None
        File that is there already.
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
    for path in filter(None, (map_, out, geojson)):
        say(f"Written: {path}")
    _print(parts, as_json, as_csv)


def _features(parts: list["Predictions"]) -> dict[str, Any]:
    from stormlens.boxes import to_geojson
    from stormlens.models import name_modes

    collections = [to_geojson(part, name_modes(part).tolist()) for part in parts]
    features = [feature for held in collections for feature in held["features"]]
    return {**collections[0], "features": features}


def _joined(parts: list["Predictions"], note: str) -> "xr.Dataset":
    """All boxes as one with their modes, and the coordinates that all of them have."""
    import numpy as np

    from stormlens.models import name_modes

    first = parts[0]
    shared = [name for name in first.storm if all(name in part.storm for part in parts)]
    joined = replace(
        first,
        probability=_together(parts, "probability"),
        storm={name: np.concatenate([part.storm[name] for part in parts]) for name in shared},
        source="; ".join(dict.fromkeys(part.source for part in parts)),
        simulated=any(part.simulated for part in parts),
        plausible=_together(parts, "plausible"),
        novelty=_together(parts, "novelty"),
        disagreement=_together(parts, "disagreement"),
    ).to_xarray()
    names = np.concatenate([name_modes(part) for part in parts])
    joined["name"] = "storm", names, {"long_name": "mode of the box"}
    return joined.assign_attrs({"comment": note} if note else {})


def _together(parts: list["Predictions"], name: str) -> Any:
    """What is known of the boxes of all parts; None where their classifier does not tell it."""
    import numpy as np

    held = [getattr(part, name) for part in parts]
    return None if held[0] is None else np.concatenate(held)


def _print(parts: list["Predictions"], as_json: bool, as_csv: bool) -> None:
    from stormlens.models import describe

    # Places are known of what was cut from a mosaic; boxes alone keep to id and mode.
    known = list(_PLACE) if any("coverage" in part.storm for part in parts) else []
    entries = [entry for part in parts for entry in describe(part, known)]
    if as_json:
        print_json(entries)
    elif as_csv:
        _print_csv(entries, parts[0], known)
    else:
        _print_table(entries, known)


def _print_csv(entries: list[dict[str, Any]], part: "Predictions", known: list[str]) -> None:
    from stormlens.models import confidence_of

    columns = ["id", *known, "mode", "likeliest", *confidence_of(part)]
    rows: list[list[Any]] = [[*columns, *part.modes]]
    for entry in entries:
        values = (";".join(v) if isinstance(v, list) else v for v in map(entry.get, columns))
        rows.append([*values, *entry["probabilities"].values()])
    print_csv(rows)


def _print_table(entries: list[dict[str, Any]], known: list[str]) -> None:
    """
    A line a box of at most 100 columns.

    The ids of boxes that were cut here say time and place; JSON and CSV hold them as numbers.
    """
    from stormlens.models import CLEAR

    seen = ["coverage"] if known else []
    differ = [name for name in ("disagreement",) if entries and name in entries[0]]
    rows = [
        (
            entry["id"],
            *("-" if entry[name] is None else number(entry[name], 2) for name in seen),
            entry["mode"],
            *(number(entry[name], 3) for name in differ),
            # Of air without echo the network says what it does of any blank box.
            "-" if entry["mode"] == CLEAR else _likely(entry["probabilities"]),
        )
        for entry in entries
    ]
    if rows:
        names = ("id", *seen, "mode", *differ, "probabilities")
        print_table(names, rows, right=[*seen, *differ])


def _likely(probabilities: dict[str, float]) -> str:
    """The most probable modes, of which the first is always told."""
    ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])[:_SHOWN_MOST]
    told = [pair for pair in ranked if pair[1] >= _SHOWN_FROM or pair is ranked[0]]
    return ", ".join(f"{mode} {value:.2f}" for mode, value in told)
