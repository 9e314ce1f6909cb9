"""``stormlens recipes``: what can be trained, and with which settings."""

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._options import json_option
from stormlens.cli._parameters import argument
from stormlens.cli._printing import print_document, print_json, print_table

NAME = "recipes"
EPILOG = """\b
Examples:
  stormlens recipes
  stormlens recipes chapter-relu > my.toml
  stormlens train my.toml --out runs/mine
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument("name", required=False, metavar="[RECIPE]", help="Print this one as TOML.")
@json_option
def command(name: str | None, as_json: bool) -> None:
    """List the recipes, or print one to start your own from."""
    from stormlens.training import list_recipes, load_recipe

    if name is not None:
        recipe = load_recipe(name)
        if as_json:
            print_json(recipe.to_dict())
        else:
            print_document(recipe.to_toml().rstrip())
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
