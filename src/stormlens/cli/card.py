"""``stormlens card``: the model card of a classifier."""

from pathlib import Path

import click

from stormlens.cli._classifier import folder_of, load_classifier
from stormlens.cli._group import PanelCommand
from stormlens.cli._options import json_option
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._printing import print_document, print_json, print_lines
from stormlens.errors import InputError

NAME = "card"
EPILOG = """\b
Examples:
  stormlens card
  stormlens card runs/first --out card.md
  stormlens card --json

\b
What it was made from and for, its limits, scores on SIMULATED storms of kinds
never trained on and on REAL boxes, confidence, known failures, cost, licence,
and how to make it again. --out leaves a picture of the failures next to the
file: card-failures.png.
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument(
    "run",
    type=PATH,
    required=False,
    metavar="[RUN]",
    help="Folder that train left.  [default: the classifier that comes with Stormlens]",
)
@option("--out", type=PATH, metavar="FILE.md", help="Write it there instead.")
@json_option
def command(run: Path | None, out: Path | None, as_json: bool) -> None:
    """
    Print the model card of a classifier, as Markdown.

    What was not measured is said to be unknown.
    """
    from stormlens import report

    if as_json and out is not None:
        raise InputError("Choose --json or --out, not both.")
    if out is not None and out.suffix.lower() != ".md":
        raise InputError(f"--out {out} is written as Markdown; give a name that ends in .md.")
    classifier, folder = load_classifier(run), folder_of(run)
    if out is not None:
        for path in report.write_card(out, classifier, folder):
            print_lines(f"Written: {path}")
        return
    appraisal, files = report.read_appraisal(folder), report.model_files(folder)
    read = report.readings(folder)
    if as_json:
        print_json(report.card_dict(classifier, appraisal, files=files, read=read))
    else:
        print_document(report.card(classifier, appraisal, files=files, read=read).rstrip())
