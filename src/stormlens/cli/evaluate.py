"""``stormlens evaluate``: scores of a run's classifier on a split."""

from pathlib import Path
from typing import Any

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import notes_on_stderr
from stormlens.cli._options import (
    data_options,
    data_seed_option,
    json_option,
    other_data_option,
    picture_options,
    run_argument,
)
from stormlens.cli._parameters import option
from stormlens.cli._printing import print_json, print_lines, print_prose
from stormlens.cli._scores import print_scores

NAME = "evaluate"
EPILOG = """\b
Examples:
  stormlens evaluate runs/first
  stormlens evaluate runs/first --data svrimg --split test --json

\b
JSON: accuracy, macro_f1, hss, brier, log_loss, each {value, low, high};
per_mode {mode: {pod, far, csi, f1, each {value, low, high}, count}};
confusion (rows true, columns predicted); null where a score is undefined.
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@run_argument
@other_data_option
@option(
    "--split",
    metavar="SPLIT",
    default="test",
    help="train, validation, test, or all labelled boxes.  [default: test]",
)
@data_seed_option
@picture_options
@json_option
def command(
    run: Path,
    data: str | None,
    split: str,
    data_seed: int | None,
    pictures: dict[str, Any],
    as_json: bool,
) -> None:
    """
    Score a run on labelled boxes.

    Every score has a 95 % interval, from a bootstrap that draws whole days. The run remembers each
    reading of its test split, in readings.jsonl.
    """
    from stormlens import experiment, report

    with notes_on_stderr():
        evaluation = experiment.evaluate(
            run, data, split, data_options=data_options(data, data_seed, pictures)
        )
    if as_json:
        print_json(evaluation.scores.to_dict())
        return
    print_scores(evaluation)
    read = [row for row in experiment.readings(run) if row["data"] == evaluation.data.name]
    if read:
        print_lines("")
        print_prose(report.readings_in_words(read))
