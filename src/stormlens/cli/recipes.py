"""``stormlens recipes``: what can be trained, and with which settings."""

from typing import Annotated

import typer

from stormlens.cli._options import AsJson
from stormlens.cli._output import print_json, print_lines, print_table

NAME = "recipes"
EPILOG = """\b
Examples:
  stormlens recipes
  stormlens recipes chapter-relu > my.toml
  stormlens train my.toml --out runs/mine
"""


def command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[RECIPE]", help="Print this one as TOML.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the recipes, or print one to start your own from."""
    from stormlens.training import list_recipes, load_recipe

    if name is not None:
        recipe = load_recipe(name)
        if as_json:
            print_json(recipe.to_dict())
        else:
            print_lines(recipe.to_toml().rstrip())
        return
    recipes = list_recipes()
    if as_json:
        print_json([recipe.to_dict() for recipe in recipes])
    else:
        print_table(
            ("recipe", "model", "epochs", "description"),
            [(r.name, r.model, r.epochs, r.description) for r in recipes],
            right=["epochs"],
            wrap=["description"],
        )
