"""``stormlens models``: the networks and baselines that can be trained by name."""

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import say
from stormlens.cli._options import json_option
from stormlens.cli._printing import print_json, print_table

NAME = "models"
EPILOG = """\b
Examples:
  stormlens models
  stormlens models --json

\b
JSON: a list of {name, description}; with package and version for the network
of another package (docs/howto/extend.md).
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@json_option
def command(as_json: bool) -> None:
    """List the networks and baselines that a recipe can name."""
    from stormlens.models import ADDED_NETWORKS, list_models, network_from

    rows = [(model, network_from(model.name)) for model in list_models()]
    for fault in ADDED_NETWORKS.faults():
        say(f"Note: {fault}")
    if as_json:
        print_json(
            [{"name": m.name, "description": m.description, **(origin or {})} for m, origin in rows]
        )
    else:
        print_table(
            ("model", "description"),
            [(m.name, m.description + _from(origin)) for m, origin in rows],
            wrap=["description"],
        )


def _from(origin: dict[str, str] | None) -> str:
    return "" if origin is None else f" (package {origin['package']} {origin['version']})"
