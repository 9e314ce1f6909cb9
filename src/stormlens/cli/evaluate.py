"""``stormlens evaluate``: scores of a run's classifier on a split."""

from typing import Annotated

import typer

from stormlens.cli._options import AsJson, DataSeed, OtherData, Run, data_options
from stormlens.cli._output import print_json
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


def command(
    run: Run,
    data: OtherData = None,
    split: Annotated[
        str,
        typer.Option(
            "--split",
            metavar="SPLIT",
            help="train, validation, test, or all labelled boxes.  [default: test]",
            show_default=False,
        ),
    ] = "test",
    data_seed: DataSeed = None,
    as_json: AsJson = False,
) -> None:
    """
    Score a run on labelled boxes.

    Every score has a 95 % interval, from a bootstrap that draws whole days.
    """
    from stormlens import experiment

    evaluation = experiment.evaluate(run, data, split, data_options=data_options(data, data_seed))
    if as_json:
        print_json(evaluation.scores.to_dict())
    else:
        print_scores(evaluation)
