"""The page of a reproduction: each published score with its interval, and ours."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stormlens import plots, storage
from stormlens.report import _words as words
from stormlens.report._comparison_words import comparison_headline
from stormlens.report._environment import environment
from stormlens.report._figures import Picture, svg
from stormlens.stormbox import MODES

_SPLITS = {"train": "training", "validation": "validation", "test": "test"}
_OVERALL = {"accuracy": "accuracy", "macro_f1": "macro F1", "hss": "HSS"}


def write_reproduction(
    path: str | Path,
    reproduction: Mapping[str, Any],
    *,
    compared: Mapping[str, Any],
    made: Mapping[str, Any],
) -> Path:
    """
    Write the page of a reproduction as one self-contained HTML file.

    Parameters
    ----------
    path : str or Path
        File to write, atomically; it links to runs as ``RUN/report.html`` in its folder, to the
        comparison as ``comparison/comparison.html``.
    reproduction : mapping
        Content of ``reproduction.json``.
    compared : mapping
        Content of ``comparison.json``.
    made : mapping
        ``command``, ``created`` and ``version``; None for what is not known.

    Returns
    -------
    path : Path
    """
    pages = environment()
    pages.filters.update(
        bounds=_bounds,
        took=lambda network: words.duration(
            network["seconds"], None if network["is_baseline"] else network["epochs"]
        ),
    )
    page = pages.get_template("reproduction.html.j2").render(
        reproduction=reproduction,
        lead=reproduction_headline(reproduction),
        wide=_picture(reproduction, narrow=False),
        narrow=_picture(reproduction, narrow=True),
        splits=_SPLITS,
        overall=_OVERALL,
        modes=_of_modes(reproduction["networks"]),
        compared=comparison_headline(compared),
        made=made,
    )
    return storage.write_text(path, page)


def reproduction_headline(reproduction: Mapping[str, Any]) -> str:
    """
    The result, in a sentence.

    Parameters
    ----------
    reproduction : mapping
        What ``reproduction.json`` holds.

    Returns
    -------
    sentence : str
    """
    if not reproduction["comparable"]:
        why = "on simulated storms" if reproduction["simulated"] else "on other boxes"
        if reproduction["quick"]:
            why += ", with few epochs"
        return (
            f"All of it ran, {why}: the published numbers give a sense of scale, and none of them "
            "is a target."
        )
    judged = [
        row["place"] == "inside"
        for network in reproduction["networks"]
        for row in network["rows"]
        if row["score"] == "accuracy" and row["place"] is not None
    ]
    return (
        f"Of {len(judged)} accuracies that were published, {sum(judged)} came out here within the "
        "published 95 % interval."
    )


def _bounds(entry: Mapping[str, Any] | None) -> str:
    """An interval; empty without one, or if it has no width."""
    if entry is None or entry["low"] is None or entry["low"] == entry["high"]:
        return ""
    return words.between(entry)


def _picture(reproduction: Mapping[str, Any], *, narrow: bool) -> Picture:
    rows = [
        {"label": f"{network['name']}{chr(10) if narrow else ', '}{_SPLITS[row['split']]}", **row}
        for network in reproduction["networks"]
        for row in network["rows"]
        if row["score"] == "accuracy"
    ]
    drawn = plots.beside_published(rows, simulated=reproduction["simulated"], narrow=narrow)
    return svg(drawn)


def _of_modes(networks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """POD and FAR of each mode, for networks whose values were published."""
    tables = []
    for network in networks:
        rows = {row["score"]: row for row in network["rows"]}
        found: Sequence[dict[str, Any]] = [
            {"mode": mode, **{name: rows.get(f"{mode} {name}") for name in ("pod", "far")}}
            for mode in MODES
            if f"{mode} pod" in rows
        ]
        if found:
            tables.append({"name": network["name"], "rows": found})
    return tables
