"""Arrange a comparison into its page: the answer first, then the evidence."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from stormlens import plots, storage
from stormlens.plots import Mark, class_colours
from stormlens.report import _comparison_words as say
from stormlens.report import _figures as figures
from stormlens.report import _words as words
from stormlens.report._environment import environment
from stormlens.report._write import moment
from stormlens.verification import Estimate, Reliability

_SHOWN = 12
_PER_MODE = ("pod", "far", "csi")
_TIMES = {"month": "Month", "hour": "Hour (UTC)", "year": "Year"}

Values = Mapping[str, Any]


def write_comparison(
    path: str | Path, *, comparison: Values, boxes: xr.Dataset, provenance: Values
) -> Path:
    """
    Write the page of a comparison as one self-contained HTML file.

    Parameters
    ----------
    path : str or Path
        File to write, atomically.
    comparison : mapping
        Content of ``comparison.json``.
    boxes : xarray.Dataset
        The labelled container that was scored; those on which the classifiers disagree are shown.
    provenance : mapping
        `command` (to repeat it with, or None), `created`, `stormlens_version`, `machine`.

    Returns
    -------
    path : Path

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    page = environment().get_template("comparison.html.j2")
    return storage.write_text(path, page.render(_content(comparison, boxes, provenance)))


def _content(values: Values, boxes: xr.Dataset, provenance: Values) -> dict[str, Any]:
    contestants = values["contestants"]
    marks = plots.entrant_marks(
        [entry["name"] for entry in contestants],
        [entry["name"] for entry in contestants if entry["kind"] == "baseline"],
    )
    names = words.Names.of(tuple(values["classes"]))
    simulated = values["simulated"]["test"]
    return {
        "names": names,
        "values": values,
        "provenance": provenance,
        "marks": {name: _shown(mark) for name, mark in marks.items()},
        "colours": class_colours(values["classes"]),
        "banner": say.banner(values),
        "headline": say.headline(values),
        "runs": say.ranked(values, "run"),
        "titles": say.SCORES,
        "views": [_view(values, view) for view in values["views"].values()],
        "modes": _modes(say.main_view(values), marks, simulated),
        "reliability": _reliability(values["reliability"], simulated),
        "times": _times(values["seasons"], marks, simulated),
        "curve": _curve(values, marks, simulated),
        "disagreements": _disagreements(_of_runs_first(values)[:_SHOWN], boxes, names),
        "colour_bar": figures.colour_bar() if names.radar else None,
        "costs": _costs(contestants, say.main_view(values)),
        "resampling": say.resampling(values),
        "tests": say.tests(values),
        "say": say,
    }


def _shown(mark: Mark) -> dict[str, str]:
    return {
        "letter": mark.letter,
        "colour": mark.colour,
        "dark": figures.dark(mark.colour),
    }


def _estimate(entry: Values) -> Estimate:
    return Estimate(
        *(math.nan if entry[key] is None else entry[key] for key in ("value", "low", "high"))
    )


def _view(values: Values, view: Values) -> dict[str, Any]:
    """A view's tables; places of the bars drawn in them are in per cent of a common axis."""
    constant = values["constant"][view["name"]]
    found = [entrant["scores"]["accuracy"] for entrant in view["entrants"].values()]
    low, high = _round_axis([*_ends(found), constant["accuracy"]])
    pairs = say.ordered_pairs(values, view)
    differences = [pair["differences"]["accuracy"] for pair in pairs]
    reach = _round_axis([0.0, *(abs(end) for end in _ends(differences))])[1] if pairs else 1.0
    title, meaning = say.VIEWS[view["name"]]
    return {
        **view,
        "title": title,
        "meaning": meaning,
        "constant": constant,
        "rows": [
            {"name": name, "scores": entrant["scores"], "bar": _bar(score, low, high)}
            for (name, entrant), score in zip(view["entrants"].items(), found, strict=True)
        ],
        "axis": {"low": low, "high": high, "constant": _place(constant["accuracy"], low, high)},
        "reach": reach,
        "pair_rows": [
            {**pair, "bar": _bar(difference, -reach, reach), "better": say.better(pair)}
            for pair, difference in zip(pairs, differences, strict=True)
        ],
        "confusions": [
            {"name": name, "rows": _confusion(entrant["confusion"])}
            for name, entrant in view["entrants"].items()
        ],
    }


def _ends(estimates: Iterable[Values]) -> list[float]:
    return [
        entry[key]
        for entry in estimates
        for key in ("value", "low", "high")
        if entry[key] is not None
    ]


def _round_axis(ends: Sequence[float]) -> tuple[float, float]:
    """Bounds at whole steps of 0.05 about some values."""
    return math.floor(min(ends) / 0.05) * 0.05, max(math.ceil(max(ends) / 0.05), 1) * 0.05


def _place(value: float, low: float, high: float) -> float:
    return round(100 * min(max((value - low) / (high - low), 0), 1), 2)


def _bar(estimate: Values, low: float, high: float) -> dict[str, float] | None:
    if estimate["value"] is None:
        return None
    at = _place(estimate["value"], low, high)
    if estimate["low"] is None:
        return {"at": at, "from": at, "width": 0.0}
    start, end = (_place(estimate[key], low, high) for key in ("low", "high"))
    return {"at": at, "from": start, "width": round(end - start, 2)}


def _confusion(matrix: Sequence[Sequence[int]]) -> list[list[dict[str, Any]]]:
    return [
        [{"count": count, "share": round(count / max(1, sum(row)), 3)} for count in row]
        for row in matrix
    ]


def _modes(view: Values, marks: Mapping[str, Mark], simulated: bool) -> list[dict[str, Any]]:
    """A performance diagram of each mode, and its scores."""
    entries = []
    for mode in view["modes"]:
        placed = {name: entrant["performance"][mode] for name, entrant in view["entrants"].items()}
        ax = plots.performance_diagram(
            {name: _estimate(place["success_ratio"]) for name, place in placed.items()},
            {name: _estimate(place["pod"]) for name, place in placed.items()},
            marks=marks,
            simulated=simulated,
        )
        rows = {name: entrant["per_mode"][mode] for name, entrant in view["entrants"].items()}
        count = next(iter(rows.values()))["count"]
        entries.append(
            {
                "name": mode,
                "count": count,
                "few": count < words.FEW,
                "picture": figures.svg(ax),
                "rows": [
                    {"name": name, "cells": [(key.upper(), row[key]) for key in _PER_MODE]}
                    for name, row in rows.items()
                ],
            }
        )
    return entries


def _reliability(calibrations: Values, simulated: bool) -> list[dict[str, Any]]:
    entries = []
    for name, calibration in calibrations.items():
        entries.append(
            {
                "name": name,
                "picture": figures.reliability(_bins(calibration["reliability"]), simulated),
                "sentence": say.reliability(calibration),
                "error": calibration["reliability"]["calibration_error"],
                "brier": calibration["brier"],
            }
        )
    return entries


def _bins(values: Values) -> Reliability:
    """The bins, with NaN for JSON's None."""
    bins: dict[str, Any] = {
        key: tuple(math.nan if part is None else part for part in value)
        if isinstance(value, list)
        else value
        for key, value in values.items()
    }
    return Reliability(**bins)


def _times(seasons: Values, marks: Mapping[str, Mark], simulated: bool) -> list[dict[str, Any]]:
    """A picture of skill by month, hour and year, and the numbers under it."""
    entries = []
    for key, title in _TIMES.items():
        slices = seasons[key]
        if not slices:
            continue
        ax = plots.skill_by_time(
            [part["label"] for part in slices],
            [part["count"] for part in slices],
            {name: [_estimate(part["skill"][name]) for part in slices] for name in marks},
            marks=marks,
            of=title,
            simulated=simulated,
        )
        entries.append({"title": title, "picture": figures.svg(ax), "slices": slices})
    return entries


def _curve(values: Values, marks: Mapping[str, Mark], simulated: bool) -> dict[str, Any] | None:
    points: dict[str, list[tuple[int, Estimate]]] = {}
    for entry in values["learning_curve"]:
        points.setdefault(entry["name"], []).append((entry["boxes"], _estimate(entry["accuracy"])))
    if all(len(row) == 1 for row in points.values()):
        return None  # no curve has two points
    constant = values["constant"][say.main_view(values)["name"]]
    ax = plots.learning_curve(
        points,
        marks=marks,
        constant=(constant["name"], constant["accuracy"]),
        simulated=simulated,
    )
    rows = sorted(values["learning_curve"], key=lambda entry: (entry["name"], entry["boxes"]))
    return {
        "picture": figures.svg(ax),
        "rows": rows,
        "bare": [name for name, row in points.items() if len(row) == 1],
    }


def _of_runs_first(values: Values) -> list[Values]:
    """Boxes that the runs themselves answer differently, then those on which a baseline differs."""
    runs = [entry["name"] for entry in values["contestants"] if entry["kind"] == "run"]
    return sorted(
        values["disagreements"],
        key=lambda entry: len({entry["answers"][name] for name in runs}) < 2,
    )


def _disagreements(
    listed: Sequence[Values], boxes: xr.Dataset, names: words.Names
) -> list[dict[str, Any]]:
    simulated = bool(int(boxes.attrs.get("simulated", 0)))
    entries = []
    for entry in listed:
        box = boxes.isel(storm=entry["index"])
        words_of_it = say.alternative(entry, simulated, names)
        entries.append({**entry, "picture": figures.box(box, words_of_it), "time": moment(box)})
    return entries


def _costs(contestants: Sequence[Values], view: Values) -> list[dict[str, Any]]:
    """Cost and skill, with each rate's share of the fastest one's for a bar."""
    fastest = max(entry["images_a_second"] for entry in contestants)
    return [
        {
            **entry,
            "accuracy": view["entrants"][entry["name"]]["scores"]["accuracy"],
            "hss": view["entrants"][entry["name"]]["scores"]["hss"],
            "speed": round(100 * entry["images_a_second"] / fastest, 1),
        }
        for entry in contestants
    ]
