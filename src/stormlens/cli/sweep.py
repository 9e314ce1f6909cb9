"""``stormlens sweep``: which values of a recipe's fields serve, by cross-validation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import notes_on_stderr
from stormlens.cli._options import (
    data_options,
    data_seed_option,
    json_option,
    picture_options,
    recipe_data_option,
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
    from stormlens.experiment import Swept, Trial

NAME = "sweep"
EPILOG = """\b
Examples:
  stormlens sweep chapter-relu --vary learning_rate=1e-5,1e-4,1e-3 --out lr
  stormlens sweep default --method random --trials 30 --processes 2 \\
      --vary learning_rate=1e-4:1e-2:log \\
      --vary augmentation.rotation_range=0:90 --out drawn
  stormlens sweep default --method halving --trials 27 --out halved \\
      --vary learning_rate=1e-4:1e-2:log --vary class_weights=true,false

\b
FIELD is any field of a recipe (`stormlens recipes NAME` prints one), a key of
a table with a dot. VALUES are values between commas, or LOW:HIGH or
LOW:HIGH:log to draw from; one value alone fixes it. The same command goes on
where it stopped; given a second time while it runs, it shares the work. The
folder then has sweep.html, sweep.json, best.toml, a file for each fit, and
the run `best`. No test split is read: `stormlens evaluate DIR/best` does so.
"""

JUDGING = "How trials are chosen and judged"

_SHOWN = 10


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument("recipe", metavar="RECIPE", help="Name from `stormlens recipes`, or a TOML file.")
@option(
    "--vary",
    multiple=True,
    required=True,
    metavar="FIELD=VALUES",
    help="What to try; may be repeated.",
)
@option("--out", type=PATH, metavar="DIR", help="Folder to leave.  [default: runs/RECIPE-sweep]")
@recipe_data_option
@option(
    "--method",
    metavar="NAME",
    default="grid",
    help="grid: every combination. random: draws. halving: begin with little, the best go on.  "
    "[default: grid]",
    panel=JUDGING,
)
@option("--trials", type=int, metavar="N", help="To draw.  [default 20]", panel=JUDGING)
@option(
    "--folds", type=int, metavar="N", default=5, help="By UTC day.  [default: 5]", panel=JUDGING
)
@option(
    "--repeats",
    type=int,
    metavar="N",
    default=1,
    help="Deal the folds anew so often, with other seeds.  [default: 1]",
    panel=JUDGING,
)
@option(
    "--score",
    metavar="NAME",
    default="hss",
    help="That decides: hss, accuracy, macro_f1, brier or log_loss.  [default: hss]",
    panel=JUDGING,
)
@option(
    "--budget",
    metavar="WHAT",
    default="epochs",
    help="What halving begins with fewer of: epochs or boxes.  [default: epochs]",
    panel=JUDGING,
)
@option(
    "--factor",
    type=int,
    metavar="N",
    default=3,
    help="Of a rung of halving, one trial in N goes on to N times as much.  [default: 3]",
    panel=JUDGING,
)
@option(
    "--seed",
    type=int,
    metavar="N",
    default=0,
    help="Of draws and folds; trainings have the recipe's.  [default: 0]",
    panel=JUDGING,
)
@option(
    "--processes",
    type=int,
    metavar="N",
    default=1,
    help="That train at the same time.  [default: 1]",
)
@option("--no-fit", is_flag=True, help="Do not train the best in the end.")
@data_seed_option
@picture_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    recipe: str,
    vary: tuple[str, ...],
    out: Path | None,
    data: str | None,
    no_fit: bool,
    data_seed: int | None,
    pictures: dict[str, Any],
    as_json: bool,
    **choices: Any,
) -> None:
    """
    Try values of a recipe's fields by cross-validation, and train the best.

    Each trial is judged by cross-validation that never divides a UTC day, inside the training and
    validation splits. The test split is not loaded.
    """
    from stormlens import experiment
    from stormlens.training import load_recipe

    chosen = load_recipe(recipe)
    fields = experiment.parse_fields(vary)
    line = command_line(ctx)
    with resumable("finished fits are kept", line), notes_on_stderr():
        swept = experiment.sweep(
            chosen,
            fields,
            Path("runs", f"{chosen.name}-sweep") if out is None else out,
            data,
            data_options=data_options(data, data_seed, pictures),
            fit=not no_fit,
            command=line,
            **choices,
        )
    if as_json:
        print_json(swept.to_dict())
    else:
        _print_sweep(swept)


def _print_sweep(swept: "Swept") -> None:
    varied, score = swept.plan.varied, swept.plan.score
    shown = swept.trials[:_SHOWN]
    rungs = ("came to",) if len(swept.plan.rungs) > 1 else ()
    columns = ("trial", *varied, *rungs, score, "95 % interval", "behind", "p")
    print_table(
        columns,
        [_row(swept, trial) for trial in shown],
        right=("trial", *rungs, score, "95 % interval", "behind", "p"),
        wrap=varied,
    )
    left_out = len(swept.trials) - len(shown)
    failed = sum(trial.failed is not None for trial in swept.trials)
    print_lines("")
    if left_out:
        print_lines(f"{left_out:,} more stand on the page.")
    if failed:
        print_lines(f"{failed:,} failed; the page says why.")
    if rungs:
        print_lines(f"Came to: share of the {swept.plan.budget} of a whole training.")
    print_prose(
        f"Means over {swept.plan.folds} folds by {swept.by} of {swept.boxes:,} boxes; p of no "
        "difference from the best, corrected by Holm. The best of many is also the luckiest. The "
        "test split was not read."
    )
    print_simulated(swept.simulated, swept.simulated)
    _print_places(swept)


def _row(swept: "Swept", trial: "Trial") -> tuple[str, ...]:
    varied, score = swept.plan.varied, trial.last.scores[swept.plan.score]
    opening = (str(trial.number), *(str(trial.values[name]) for name in varied))
    if len(swept.plan.rungs) > 1:
        opening += (f"{trial.last.share:.3g}",)
    if trial.failed is not None:
        return (*opening, "failed", "-", "-", "-")
    is_best = trial is swept.best
    behind = "best" if is_best else number(None if trial.behind is None else trial.behind.value)
    return (*opening, number(score.value), interval(score.low, score.high), behind, number(trial.p))


def _print_places(swept: "Swept") -> None:
    print_lines(f"Page: {swept.folder / 'sweep.html'}", f"Best: {swept.folder / 'best.toml'}")
    if swept.outcome is None:
        return
    score = getattr(swept.outcome.evaluation.scores, swept.plan.score)
    bounds = interval(score.low, score.high)
    print_lines(
        f"Trained: {swept.outcome.run}, validation {swept.plan.score} {number(score.value)}"
        f"{'' if bounds == '-' else f' ({bounds})'}",
        f"Its test split, once: stormlens evaluate {swept.outcome.run}",
    )
