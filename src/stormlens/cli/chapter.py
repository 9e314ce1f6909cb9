"""``stormlens chapter``: the chapter's three experiments, and its published numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import notes_on_stderr
from stormlens.cli._options import (
    data_option,
    data_options,
    data_seed_option,
    epochs_option,
    json_option,
    picture_options,
    resume_option,
    seed_option,
)
from stormlens.cli._parameters import PATH, option
from stormlens.cli._printing import (
    interval,
    number,
    print_json,
    print_lines,
    print_prose,
    print_table,
)
from stormlens.cli._resuming import command_line, resumable, resume_line
from stormlens.cli._scores import print_simulated

if TYPE_CHECKING:
    from stormlens.experiment import ChapterOutcome

NAME = "chapter"
EPILOG = """\b
Examples:
  stormlens chapter --data simulated --out runs/chapter
  stormlens chapter --data svrimg --out runs/chapter-real --seed 1

\b
Leaves a run folder for each of chapter-linear, chapter-relu and
chapter-augmented (which continues the second), and chapter.json,
chapter.png and chapter.html.
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@option("--out", type=PATH, required=True, metavar="DIR", help="Folder for the runs.")
@data_option
@epochs_option
@seed_option
@data_seed_option
@picture_options
@resume_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    out: Path,
    data: str,
    epochs: int | None,
    seed: int | None,
    data_seed: int | None,
    pictures: dict[str, Any],
    resume: bool,
    as_json: bool,
) -> None:
    """
    Train the chapter's three networks in a row.

    One table has their accuracies and those that the chapter prints.
    """
    from stormlens import experiment

    with resumable("finished epochs are kept", resume_line(ctx)), notes_on_stderr():
        result = experiment.chapter(
            data,
            out,
            seed=seed,
            epochs=epochs,
            data_options=data_options(data, data_seed, pictures),
            resume=resume,
            command=command_line(ctx),
        )
    if as_json:
        print_json(result.to_dict())
    else:
        _print_chapter(result)


def _print_chapter(result: "ChapterOutcome") -> None:
    values = result.to_dict()
    columns = ("experiment", "training", "validation", "test", "95 % interval")
    print_table(
        (*columns, "published"),
        [_row(entry) for entry in values["experiments"]],
        right=columns[1:],
    )
    print_lines("")
    print_prose(
        "Published: the chapter's own training / validation accuracy, on the real archive, not on "
        "simulated storms; it gives none for the test split."
    )
    base = values["baseline"]
    print_lines(f"On test, {base['name']} would score {number(base['accuracy'])}.")
    print_simulated(values["simulated"], values["simulated"])
    print_lines(f"Curves: {result.folder / 'chapter.png'}")
    print_lines(f"Page: {result.folder / 'chapter.html'}")


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    test = entry["test"]
    return (
        entry["recipe"],
        number(entry["training"]),
        number(entry["validation"]),
        number(test["value"]),
        interval(test["low"], test["high"]),
        f"{entry['published']['training']:.3f} / {entry['published']['validation']:.3f}",
    )
