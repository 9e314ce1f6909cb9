"""What `classify` prints and writes of the boxes: table, CSV, JSON, NetCDF, GeoJSON."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stormlens.cli._outputs import Outputs
from stormlens.cli._printing import number, print_table

if TYPE_CHECKING:
    import xarray as xr

    from stormlens.stormbox import Predictions

_PLACE = ("time", "latitude", "longitude", "coverage")
"""What is known of boxes cut from mosaics."""

_SHOWN_FROM, _SHOWN_MOST = 0.05, 3  # probabilities in a line of the table


def with_unique_ids(parts: list["Predictions"]) -> list["Predictions"]:
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

    from stormlens.boxes import unique_ids

    names = unique_ids(str(name) for part in parts for name in part.storm["unid"])
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return [
        replace(part, storm={**part.storm, "unid": own})
        for part, own in zip(parts, np.split(np.asarray(names, str), ends), strict=True)
    ]


def finish(parts: list["Predictions"], note: str, outputs: Outputs) -> None:
    """
    Write the requested files, say what was simulated and written, and print a line a box.

    Parameters
    ----------
    parts : list of Predictions
        Of `with_unique_ids`, with the context of each box taken into account.
    note : str
        What is to be said of the classifier; empty for nothing.
    outputs : Outputs
        What is wanted. A map is drawn already.
    """
    from stormlens.models import describe

    outputs.write(lambda: _joined(parts, note), lambda: _features(parts))
    outputs.say_written(note)
    # Places are known of what was cut from a mosaic; boxes alone keep to id and mode.
    known = list(_PLACE) if any("coverage" in part.storm for part in parts) else []
    entries = [entry for part in parts for entry in describe(part, known)]
    outputs.print(
        entries,
        lambda: _rows(entries, parts[0], known),
        lambda: _print_table(entries, known),
    )


def _features(parts: list["Predictions"]) -> dict[str, Any]:
    from stormlens.boxes import to_geojson
    from stormlens.models import name_modes

    collections = [to_geojson(part, name_modes(part).tolist()) for part in parts]
    features = [feature for each in collections for feature in each["features"]]
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
    """What is known of the boxes of all parts; None if their classifier does not say it."""
    import numpy as np

    values = [getattr(part, name) for part in parts]
    return None if values[0] is None else np.concatenate(values)


def _rows(entries: list[dict[str, Any]], part: "Predictions", known: list[str]) -> list[list[Any]]:
    """The headings of CSV, and a row a box."""
    from stormlens.models import confidence_of

    columns = ["id", *known, "mode", "likeliest", *confidence_of(part)]
    rows: list[list[Any]] = [[*columns, *part.modes]]
    for entry in entries:
        values = (";".join(v) if isinstance(v, list) else v for v in map(entry.get, columns))
        rows.append([*values, *entry["probabilities"].values()])
    return rows


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
            *(number(entry[name], 2) for name in seen),
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
    """The most probable modes; the first is always there."""
    ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])[:_SHOWN_MOST]
    shown = [pair for pair in ranked if pair[1] >= _SHOWN_FROM or pair is ranked[0]]
    return ", ".join(f"{mode} {value:.2f}" for mode, value in shown)
