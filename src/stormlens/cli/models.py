"""``stormlens models``: the networks and baselines that can be trained by name."""

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._options import json_option
from stormlens.cli._output import print_json, print_table

NAME = "models"
EPILOG = """\b
Example:
  stormlens models
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@json_option
def command(as_json: bool) -> None:
    """List the networks and baselines that a recipe can name."""
    from stormlens.models import list_models

    models = list_models()
    if as_json:
        print_json([{"name": m.name, "description": m.description} for m in models])
    else:
        print_table(
            ("model", "description"),
            [(m.name, m.description) for m in models],
            wrap=["description"],
        )
