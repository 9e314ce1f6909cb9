"""``stormlens reproduce``: what was published on an archive, and what comes out here."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import notes_on_stderr
from stormlens.cli._options import data_options, data_seed_option, json_option, picture_options
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
    from stormlens.experiment import Reproduction

NAME = "reproduce"
EPILOG = """\b
Examples:
  stormlens reproduce svrimg --out runs/svrimg
  stormlens reproduce svrimg --data simulated --out runs/rehearsal --quick

\b
The first fetches the archive's labelled boxes (32 MB, once) and trains for an
hour or so on two cores. The same command goes on where it was stopped. Leaves
a run folder for each network, comparison/, reproduction.json and
reproduction.html.
"""
_SPLITS = {"train": "training", "validation": "validation", "test": "test"}


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument("study", metavar="STUDY", help="What was published: svrimg.")
@option("--out", type=PATH, required=True, metavar="DIR", help="Folder for all of it.")
@option(
    "--data",
    metavar="NAME",
    help="Labelled boxes, as for train; `simulated` rehearses it without a network.  "
    "[default: the study's own]",
)
@option("--quick", is_flag=True, help="Few epochs, to see that all of it runs.")
@option(
    "--seed",
    type=int,
    default=0,
    metavar="N",
    help="Of all trainings.  [0 or more; default 0]",
)
@data_seed_option
@picture_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    study: str,
    out: Path,
    data: str | None,
    quick: bool,
    seed: int,
    data_seed: int | None,
    pictures: dict[str, Any],
    as_json: bool,
) -> None:
    """
    Train what was published on an archive, and compare with the published numbers.

    Baselines, the chapter's three networks, the archive's own, ours and an ensemble; then a
    comparison of all, and one page.
    """
    from stormlens import experiment

    line = command_line(ctx)
    with resumable("finished networks and epochs are kept", line), notes_on_stderr():
        result = experiment.reproduce(
            study,
            out,
            data,
            quick=quick,
            seed=seed,
            data_options=data_options(data or study, data_seed, pictures),
            command=line,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result)


def _print(result: "Reproduction") -> None:
    from stormlens.report import reproduction_headline

    values = result.to_dict()
    columns = ("network", "accuracy", "published", "here", "95 % interval", "ours is")
    print_table(columns, _rows(values), right=columns[2:5])
    print_lines("")
    print_prose(reproduction_headline(values))
    print_simulated(values["simulated"], values["simulated"])
    print_lines(f"Comparison: {result.folder / 'comparison' / 'comparison.html'}")
    print_lines(f"Page: {result.page}")


def _rows(values: dict[str, Any]) -> list[tuple[str, ...]]:
    """Each network's accuracies, the published ones and those of the test split."""
    return [
        (
            network["name"],
            _SPLITS[row["split"]],
            number(row["published"] and row["published"]["value"]),
            number(row["ours"]["value"]),
            interval(row["ours"]["low"], row["ours"]["high"]),
            row["place"] or "-",
        )
        for network in values["networks"]
        for row in network["rows"]
        if row["score"] == "accuracy" and (row["published"] or row["split"] == "test")
    ]
