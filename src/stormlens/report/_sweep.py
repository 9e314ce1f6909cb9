"""The page of a sweep: the best trial, the score against each field, every trial in a table."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stormlens import plots, storage
from stormlens.report._environment import environment
from stormlens.report._figures import Picture, svg

_NAMES = {
    "hss": "HSS",
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "brier": "Brier score",
    "log_loss": "Log loss",
}
_MOST_ROWS = 500
_LEVEL = 0.05


def write_sweep(path: str | Path, *, sweep: Mapping[str, Any], best: str) -> Path:
    """
    Write the page of a sweep as one self-contained HTML file.

    Parameters
    ----------
    path : str or Path
        File to write, atomically; it links to the best trial's run as ``best/report.html``.
    sweep : mapping
        Content of ``sweep.json``.
    best : str
        The best trial's recipe as TOML text.

    Returns
    -------
    path : Path

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    page = environment().get_template("sweep.html.j2")
    return storage.write_text(path, page.render(_content(sweep), toml=best))


def _content(sweep: Mapping[str, Any]) -> dict[str, Any]:
    trials = sweep["trials"]
    judged = [trial for trial in trials if trial["failed"] is None]
    varied = sweep["varied"]
    return {
        "sweep": sweep,
        "name": _NAMES[sweep["score"]],
        "names": {key: _NAMES[key] for key in _NAMES},
        "best": judged[0] if judged else None,
        "values": _values(judged[0], varied) if judged else "",
        "judged": len(judged),
        "failed": len(trials) - len(judged),
        "tested": sum(trial["behind"] is not None for trial in judged),
        "alike": _alike(judged),
        "pictures": _pictures(sweep, judged, narrow=False) if judged else [],
        "narrow": _pictures(sweep, judged, narrow=True) if judged else [],
        "rows": [_row(trial, varied) for trial in trials[:_MOST_ROWS]],
        "left_out": max(0, len(trials) - _MOST_ROWS),
        "fits": sum(rung["fits"] for trial in trials for rung in trial["rungs"]),
        "minutes": sum(rung["seconds"] for trial in trials for rung in trial["rungs"]) / 60,
    }


def _values(trial: Mapping[str, Any], varied: Sequence[str]) -> str:
    return ", ".join(f"{name} = {_plain(trial['values'][name])}" for name in varied)


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _alike(judged: Sequence[Mapping[str, Any]]) -> int:
    """Number of trials, without the best, that do not differ from it significantly."""
    tested = [trial for trial in judged if trial["behind"] is not None]
    return sum(trial["p"] is None or trial["p"] > _LEVEL for trial in tested)


def _pictures(
    sweep: Mapping[str, Any], judged: Sequence[Mapping[str, Any]], narrow: bool
) -> list[Picture]:
    name, score, simulated = _NAMES[sweep["score"]], sweep["score"], sweep["simulated"]
    look = {"simulated": simulated, "narrow": narrow}
    drawn = []
    if len(sweep["rungs"]) > 1:
        lines = [
            {
                "shares": [rung["share"] for rung in trial["rungs"]],
                "means": [_number(rung["scores"][score]["value"]) for rung in trial["rungs"]],
                "best": trial["number"] == sweep["best"],
            }
            for trial in judged
        ]
        drawn.append(plots.sweep_rungs(lines, name, budget=sweep["budget"], **look))
    for field in sweep["varied"]:
        spec = sweep["fields"][field]
        log = bool(spec["log"]) if isinstance(spec, Mapping) else None
        rows = [_place(trial, field, score, sweep["best"]) for trial in judged]
        drawn.append(plots.sweep_field(rows, field, name, log=log, **look))
    return [svg(ax) for ax in drawn]


def _place(trial: Mapping[str, Any], field: str, score: str, best: int) -> dict[str, Any]:
    """A trial in the picture of a field, by its first rung: all trials have that one."""
    first = trial["rungs"][0]["scores"][score]
    return {
        "value": trial["values"][field],
        "mean": _number(first["value"]),
        "low": _number(first["low"]),
        "high": _number(first["high"]),
        "best": trial["number"] == best,
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _row(trial: Mapping[str, Any], varied: Sequence[str]) -> dict[str, Any]:
    differs = trial["behind"] is not None and trial["p"] is not None and trial["p"] <= _LEVEL
    return {
        "number": trial["number"],
        "values": [_plain(trial["values"][name]) for name in varied],
        "failed": trial["failed"],
        "scores": trial["scores"],
        "behind": trial["behind"],
        "differs": differs,
        "share": trial["rungs"][-1]["share"],
        "fits": sum(rung["fits"] for rung in trial["rungs"]),
    }
