"""Names the commands; each has its own file, which is imported when the command is used."""

import click

from stormlens import __version__
from stormlens.cli._group import SentenceGroup

_EPILOG = """\b
Examples:
  stormlens data sample sample
  stormlens classify sample/volumes/XSIM20000615_210000_V06 --map map.png
  stormlens train chapter-relu --data simulated --out runs/first
  stormlens classify sample/box.png --run runs/first

`stormlens COMMAND --help` explains a command. Exit code 0, or 2 with a sentence
that says what to change.
"""

# In the order of use. Each is the module of that name, and what its own help opens with.
_SUMMARIES = {
    "doctor": "Show what this installation has and lacks.",
    "data": "List, fetch, describe, show and simulate boxes; write sample files.",
    "features": "Measure the features of storm boxes, or say what they mean.",
    "models": "List the networks and baselines that a recipe can name.",
    "recipes": "List the recipes, or print one to start your own from.",
    "train": "Train a recipe and leave a scored run folder.",
    "chapter": "Train the chapter's three networks in a row.",
    "sweep": "Try values of a recipe's fields by cross-validation, and train the best.",
    "reproduce": "Train what was published on an archive, and compare with the published numbers.",
    "evaluate": "Score a run on labelled boxes.",
    "compare": "Compare runs and baselines on the same boxes.",
    "classify": "Name the storm mode of boxes, or of the storms in radar files.",
    "slide": "Give the probability of each mode everywhere over a radar file.",
    "archive": "Build a store of boxes from many files, label all of them, and sum them up.",
    "report": "Rebuild the report of a run.",
    "card": "Print the model card of a classifier, as Markdown.",
    "export": "Write a classifier as an ONNX file, for other programs and the browser.",
    "learn": "Play with neurons, convolutions and networks in the browser.",
    "serve": "Answer over HTTP: boxes or radar files in, storm modes out.",
    "bench": "Measure Stormlens and its peers on this machine.",
}


@click.group(
    "stormlens",
    cls=SentenceGroup,
    summaries=_SUMMARIES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.version_option(__version__, message="%(prog)s %(version)s", help="Show the version.")
def app() -> None:
    """From weather-radar images to a storm-mode classifier you understand and can trust."""
