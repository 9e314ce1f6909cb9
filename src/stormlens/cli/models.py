"""``stormlens models``: the networks that can be trained by name."""

from stormlens.cli._options import AsJson
from stormlens.cli._output import print_json, print_table

NAME = "models"
EPILOG = """\b
Example:
  stormlens models
"""


def command(as_json: AsJson = False) -> None:
    """List the networks that a recipe can name."""
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
