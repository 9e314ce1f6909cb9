"""Assembles the commands; each lives in a file of its own."""

from typing import Annotated

import typer

from stormlens import __version__
from stormlens.cli import (
    archive,
    bench,
    card,
    chapter,
    classify,
    data,
    doctor,
    evaluate,
    learn,
    models,
    recipes,
    report,
    slide,
    train,
)
from stormlens.cli._classifier import ONE
from stormlens.cli._group import PanelCommand, SentenceGroup

_EPILOG = """\b
Examples:
  stormlens classify KLIX20050828_180149.gz --map katrina.png
  stormlens train chapter-relu --data simulated --out runs/first
  stormlens classify 201104041310z000282671.png --run runs/first

`stormlens COMMAND --help` explains a command. Exit code 0, or 2 with a sentence
that says what to change.
"""

app = typer.Typer(
    cls=SentenceGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"stormlens {__version__}")
        raise typer.Exit


@app.callback()
def stormlens(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """From weather-radar images to a storm-mode classifier you understand and can trust."""


app.add_typer(data.app, name="data")
app.add_typer(archive.app, name="archive")
for module in (
    models,
    recipes,
    train,
    chapter,
    evaluate,
    classify,
    report,
    card,
    learn,
    bench,
    doctor,
):
    app.command(module.NAME, cls=PanelCommand, epilog=module.EPILOG)(module.command)
app.command(slide.NAME, cls=PanelCommand, epilog=slide.EPILOG, context_settings=ONE)(slide.command)
