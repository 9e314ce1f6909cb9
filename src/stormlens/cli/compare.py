"""``stormlens compare``: which of some runs is better, and whether the boxes suffice to say so."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import notes_on_stderr
from stormlens.cli._options import (
    data_options,
    data_seed_option,
    json_option,
    other_data_option,
    picture_options,
)
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._printing import (
    interval,
    number,
    print_json,
    print_lines,
    print_prose,
    print_table,
)
from stormlens.cli._resuming import command_line, resumable
from stormlens.cli._scores import print_simulated

if TYPE_CHECKING:
    from stormlens.experiment import Compared

NAME = "compare"
EPILOG = """\b
Examples:
  stormlens compare runs/first runs/second --out comparison
  stormlens compare runs/* --data svrimg --out comparison --curve

\b
Leaves comparison.html, comparison.json and, for the next time, what was
trained: baselines/ and curve/. JSON: contestants, views {view: {entrants,
pairs}}, seasons, reliability, learning_curve, disagreements, correction,
notes; null where a score is undefined.
"""

_LONGEST = 18
_SHOWN_PAIRS = 15


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument(
    "runs", nargs=-1, required=True, type=PATH, metavar="RUN...", help="Folders that train left."
)
@option("--out", type=PATH, required=True, metavar="DIR", help="Folder for page and numbers.")
@other_data_option
@option(
    "--split",
    metavar="SPLIT",
    default="test",
    help="train, validation, test, or all labelled boxes.  [default: test]",
)
@option(
    "--no-baselines",
    is_flag=True,
    help="Leave out logistic regression and boosted trees on storm features, which are "
    "otherwise trained on what the first run was.",
)
@option(
    "--curve",
    is_flag=True,
    help="Train each run's recipe on an eighth, a quarter and a half of its boxes too; kept in "
    "DIR, where a second call goes on.",
)
@option(
    "--replicates",
    type=int,
    metavar="N",
    default=1000,
    help="Resamplings behind each interval.  [1 or more; default 1000]",
)
@option(
    "--seed",
    type=int,
    metavar="N",
    default=0,
    help="Of the resamplings, and of which boxes a learning curve takes.  [0 or more; default 0]",
)
@data_seed_option
@picture_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    runs: tuple[Path, ...],
    out: Path,
    data: str | None,
    split: str,
    no_baselines: bool,
    curve: bool,
    replicates: int,
    seed: int,
    data_seed: int | None,
    pictures: dict[str, Any],
    as_json: bool,
) -> None:
    """
    Compare runs and baselines on the same boxes.

    Differences are paired, with intervals and tests that keep the boxes of a day together, and
    corrected for how many pairs are looked at. The page holds all of it, with the storms on which
    the runs disagree and what each run costs.
    """
    from stormlens import experiment

    line = command_line(ctx)
    with resumable("what was trained is kept", line), notes_on_stderr():
        compared = experiment.compare(
            runs,
            out,
            data,
            split,
            data_options=data_options(data, data_seed, pictures),
            baselines=not no_baselines,
            curve=curve,
            n_boot=replicates,
            seed=seed,
            command=line,
        )
    if as_json:
        print_json(compared.to_dict())
    else:
        _print(compared)


def _print(compared: "Compared") -> None:
    values = compared.to_dict()
    view = next(iter(values["views"].values()))
    letters = {entry["name"]: entry["letter"] for entry in values["contestants"]}
    print_prose(compared.headline)
    simulated = values["simulated"]
    print_simulated(any(simulated["training"].values()), simulated["test"])
    print_lines("")
    _print_scores(values, view, letters)
    if view["pairs"]:
        print_lines("")
        _print_pairs(values, view, letters)
    print_lines("")
    _print_costs(values)
    for sentence in values["notes"]:
        print_prose(f"Note: {sentence}")
    print_lines(f"Page: {compared.page}")


def _print_scores(values: dict[str, Any], view: dict[str, Any], letters: dict[str, str]) -> None:
    keys = ("hss", "peirce", "gerrity", "brier")
    columns = ("", "", "accuracy", "95 % interval", "HSS", "Peirce", "Gerrity", "Brier")
    rows = []
    for name, entry in view["entrants"].items():
        scores = entry["scores"]
        found = scores["accuracy"]
        rows.append(
            (
                letters[name],
                _short(name),
                number(found["value"]),
                interval(found["low"], found["high"]),
                *(number(scores[key]["value"]) for key in keys),
            )
        )
    constant = values["constant"][view["name"]]
    cells = [number(constant[key]) for key in ("accuracy", *keys)]
    rows.append(("", _short(constant["name"]), cells[0], "", *cells[1:]))
    print_table(columns, rows, right=columns[2:])


def _print_pairs(values: dict[str, Any], view: dict[str, Any], letters: dict[str, str]) -> None:
    from stormlens.report import ordered_pairs

    pairs = ordered_pairs(values, view)
    columns = ("", "accuracy", "95 % interval", "p corrected", "only one right", "verdict")
    print_table(columns, _pair_rows(pairs, letters), right=columns[1:5])
    more = len(pairs) - _SHOWN_PAIRS
    if more > 0:
        print_lines(f"{more} more pairs are on the page.")
    tests = values["correction"]["tests"]
    if tests > 1:
        print_lines(f"P-values are corrected for {tests} comparisons (Holm).")


def _pair_rows(
    pairs: Sequence[Mapping[str, Any]], letters: dict[str, str]
) -> Iterator[tuple[str, ...]]:
    from stormlens.report import better, short_p

    for pair in pairs[:_SHOWN_PAIRS]:
        first, second = letters[pair["first"]], letters[pair["second"]]
        found = pair["differences"]["accuracy"]
        value = math.nan if found["value"] is None else found["value"]
        low, high = found["low"], found["high"]
        superior = better(pair)
        yield (
            f"{first} - {second}",
            f"{value:+.3f}",
            "-" if low is None else f"{low:+.3f} to {high:+.3f}",
            short_p(found["corrected"]),
            f"{pair['mcnemar']['b']} : {pair['mcnemar']['c']}",
            "undecided" if superior is None else f"{letters[superior]} is better",
        )


def _print_costs(values: dict[str, Any]) -> None:
    columns = ("", "", "boxes", "training", "parameters", "MB", "images/s here")
    rows = []
    for entry in values["contestants"]:
        seconds = entry["training_seconds"]
        boxes = entry["training_boxes"]
        rows.append(
            (
                entry["letter"],
                _short(entry["name"]),
                "-" if boxes is None else f"{boxes:,}",
                "-" if seconds is None else f"{seconds:,.1f} s",
                f"{entry['parameters']:,}",
                f"{entry['bytes'] / 1e6:.3g}",
                f"{entry['images_a_second']:,.0f}",
            )
        )
    print_table(columns, rows, right=columns[2:])


def _short(name: str) -> str:
    """A name that leaves space for the scores: its beginning and its end."""
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST // 2 - 1]}..{name[-(_LONGEST // 2 - 1) :]}"
