"""
Stormlens: from weather-radar images to a storm-mode classifier you understand and can trust.

Three verbs do most of the work: `load` labelled boxes, `fit` a recipe to their
splits, and the classifier's `predict`. Names are imported on first use, so
that ``import stormlens`` takes no time.
"""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens import (
        archive,
        augment,
        boxes,
        concepts,
        datasets,
        experiment,
        features,
        insight,
        learn,
        models,
        plots,
        readers,
        report,
        stormbox,
        training,
        verification,
    )
    from stormlens.datasets import load, load_splits
    from stormlens.errors import InputError
    from stormlens.models import Classifier, list_models
    from stormlens.training import Recipe, fit, list_recipes, load_recipe
    from stormlens.verification import score

__version__ = "0.1.0"

__all__ = [
    "Classifier",
    "InputError",
    "Recipe",
    "__version__",
    "archive",
    "augment",
    "boxes",
    "concepts",
    "datasets",
    "experiment",
    "features",
    "fit",
    "insight",
    "learn",
    "list_models",
    "list_recipes",
    "load",
    "load_recipe",
    "load_splits",
    "models",
    "plots",
    "readers",
    "report",
    "score",
    "stormbox",
    "training",
    "verification",
]

_HOMES = {
    "archive": "archive",
    "augment": "augment",
    "boxes": "boxes",
    "concepts": "concepts",
    "datasets": "datasets load load_splits",
    "errors": "InputError",
    "experiment": "experiment",
    "features": "features",
    "insight": "insight",
    "learn": "learn",
    "models": "models Classifier list_models",
    "plots": "plots",
    "readers": "readers",
    "report": "report",
    "stormbox": "stormbox",
    "training": "training Recipe fit list_recipes load_recipe",
    "verification": "verification score",
}

on_first_use(__name__, _HOMES)
