"""``stormlens train``: from a recipe and data to a scored run with a report."""

from pathlib import Path
from typing import Any

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import notes_on_stderr, say
from stormlens.cli._options import (
    data_options,
    data_seed_option,
    epochs_option,
    json_option,
    picture_options,
    recipe_data_option,
    resume_option,
    seed_option,
)
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._printing import print_json
from stormlens.cli._resuming import command_line, resumable, resume_line
from stormlens.cli._scores import print_outcome

NAME = "train"
EPILOG = """\b
Examples:
  stormlens train chapter-relu --data simulated --out runs/first
  stormlens train my.toml --data svrimg --out runs/mine --epochs 30 --seed 1
  stormlens train chapter-relu --data simulated --out runs/first --resume
  stormlens train chapter-relu --members 5 --out runs/five
  stormlens train chapter-relu --teacher runs/five --out runs/one

\b
The run folder then holds recipe.toml, history.csv (epoch, seconds, loss,
accuracy, val_loss, val_accuracy), checkpoint.safetensors, classifier.json,
weights.safetensors, scores.json, report.html, and readings.jsonl, which says
when the test split was read. A recipe that calibrates (storm-residual does)
adds confidence.safetensors, appraisal.json and
failures.npz. It does so only on the data that it was made for: with other
--data it gives every box a mode, never "unsure" or "no storm box".
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument("recipe", metavar="RECIPE", help="Name from `stormlens recipes`, or a TOML file.")
@option("--out", type=PATH, metavar="RUN", help="Run folder to leave.  [default: runs/RECIPE]")
@recipe_data_option
@epochs_option
@option(
    "--batch-size", type=int, metavar="N", help="Images a step.  [1 to 65536; default the recipe's]"
)
@option(
    "--learning-rate",
    type=float,
    metavar="RATE",
    help="Of the optimiser.  [over 0, to 1; default the recipe's]",
)
@option(
    "--members",
    type=int,
    metavar="N",
    help="Networks of an ensemble, whose probabilities are averaged.  [1 to 64; default the "
    "recipe's]",
)
@option(
    "--teacher",
    type=PATH,
    metavar="RUN",
    help="Learn what this run's classifier, such as an ensemble, says of the training boxes too.",
)
@seed_option
@data_seed_option
@picture_options
@resume_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    recipe: str,
    out: Path | None,
    data: str | None,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    members: int | None,
    teacher: Path | None,
    seed: int | None,
    data_seed: int | None,
    pictures: dict[str, Any],
    resume: bool,
    as_json: bool,
) -> None:
    """
    Train a recipe and leave a scored run folder.

    Each epoch ends with a checkpoint, from which --resume goes on. The test split is scored at
    the end; the training never sees it.
    """
    from stormlens import experiment
    from stormlens.training import load_recipe

    chosen = load_recipe(recipe).with_changes(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        members=members,
        teacher=None if teacher is None else str(teacher),
        seed=seed,
    )
    with resumable("finished epochs are kept", resume_line(ctx)), notes_on_stderr():
        outcome = experiment.train(
            chosen,
            data,
            Path("runs", chosen.name) if out is None else out,
            data_options=data_options(data, data_seed, pictures),
            resume=resume,
            command=command_line(ctx),
        )
    made_for = chosen.data
    if made_for is not None and made_for.calibrate and outcome.classifier.confidence is None:
        say(
            f"Note: The classifier does not know its confidence: {chosen.name} is calibrated only "
            f"where it is trained on {made_for.name}."
        )
    if as_json:
        print_json(outcome.evaluation.to_dict())
    else:
        print_outcome(outcome)
