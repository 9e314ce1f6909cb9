"""
Stormlens: from weather-radar images to a storm-mode classifier you understand and can trust.

Three verbs do most of the work: `load` labelled boxes, `fit` a recipe to their
splits, and the classifier's `predict`. Names are imported on first use, so
that ``import stormlens`` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stormlens import (
        archive,
        augment,
        boxes,
        concepts,
        datasets,
        experiment,
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
    "load": "stormlens.datasets",
    "load_splits": "stormlens.datasets",
    "InputError": "stormlens.errors",
    "Classifier": "stormlens.models",
    "list_models": "stormlens.models",
    "Recipe": "stormlens.training",
    "fit": "stormlens.training",
    "list_recipes": "stormlens.training",
    "load_recipe": "stormlens.training",
    "score": "stormlens.verification",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in __all__:
        value = import_module(f"stormlens.{name}")
    else:
        raise AttributeError(f"module 'stormlens' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
