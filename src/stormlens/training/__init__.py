"""Recipes, and the JAX loop that turns one and a data set into a trained classifier."""

from stormlens.training._checkpoint import read_checkpoint
from stormlens.training._checks import lock_run
from stormlens.training._fit import fit
from stormlens.training._history import HISTORY_FIELDS
from stormlens.training._recipe import FeatureOptions, Recipe, RecipeData, list_recipes, load_recipe
from stormlens.training._split import Split
from stormlens.training._trainer import Fitted, Trainer

__all__ = [
    "HISTORY_FIELDS",
    "FeatureOptions",
    "Fitted",
    "Recipe",
    "RecipeData",
    "Split",
    "Trainer",
    "fit",
    "list_recipes",
    "load_recipe",
    "lock_run",
    "read_checkpoint",
]
