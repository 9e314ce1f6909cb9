"""The classifier that a training begins with, and what it says about its origin."""

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from stormlens.errors import InputError
from stormlens.models import Classifier, Ensemble, Network, load_keras_file, network_from
from stormlens.training._recipe import Recipe
from stormlens.training._split import Split

_PACKAGES = ("stormlens", "jax", "keras", "optax", "numpy", "xarray")


def new_classifier(
    recipe: Recipe, train: Split, model: Any = None, start: Classifier | None = None
) -> Classifier:
    """
    Make the classifier to train.

    Parameters
    ----------
    recipe : Recipe
        Of a network.
    train : Split
        Its lowest and highest value scale images, unless `start` is continued.
    model : keras.Model, optional
        A user's own, instead of the recipe's.
    start : Classifier, optional
        To continue; it is not changed.

    Returns
    -------
    classifier : Classifier

    Raises
    ------
    InputError
        If the recipe's members do not fit `model` or `start`, or the images do not fit the network.
    """
    images, classes = train.images, train.classes
    bounds = float(images.min()), float(images.max())
    architecture: str | None = recipe.model
    _check_members(recipe, model, start)
    network: Any
    if model is not None or recipe.model.endswith(".keras"):
        network = load_keras_file(recipe.model) if model is None else model
        architecture = None
    elif start is not None:
        network, architecture = start.network.copy(), start.architecture
        bounds = start.minimum, start.maximum
    else:
        shape = (images.shape[1], images.shape[2], 1)
        seeds = range(recipe.seed, recipe.seed + recipe.members)
        first = [Network.untrained(recipe.model, shape, len(classes), seed) for seed in seeds]
        network = Ensemble(first) if recipe.members > 1 else first[0]
    classifier = Classifier(
        network,
        architecture,
        classes,
        *bounds,
        {**provenance(recipe, train), **_network_from(architecture)},
        orientations=recipe.orientations,
    )
    if classifier.image_shape != images.shape[1:]:
        raise InputError(
            f"The model takes {classifier.image_shape} pixels; the data has {images.shape[1:]}."
        )
    return classifier


def _check_members(recipe: Recipe, model: Any, start: Classifier | None) -> None:
    """Refuse an ensemble of networks that would begin alike, or of another number than before."""
    is_own = model is not None or recipe.model.endswith(".keras")
    if recipe.members > 1 and is_own:
        raise InputError(
            f"recipe {recipe.name}: members is {recipe.members}, but networks of your own model "
            "would all begin with its weights. Train it several times from weights drawn anew, or "
            "choose a model of `stormlens models`."
        )
    if start is not None and not is_own and len(start.network.members) != recipe.members:
        raise InputError(
            f"recipe {recipe.name}: members is {recipe.members}, but it continues a classifier of "
            f"{len(start.network.members)}; set members to that number."
        )


def provenance(
    recipe: Recipe, train: Split, packages: tuple[str, ...] = _PACKAGES
) -> dict[str, Any]:
    """
    What a classifier records about its training.

    Parameters
    ----------
    recipe : Recipe
    train : Split
    packages : tuple of str, optional
        Distributions whose versions to record; by default those that train a network.

    Returns
    -------
    provenance : dict
    """
    return {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "data_source": train.source,
        "training_simulated": train.simulated,
        "training_boxes": len(train.images),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in packages},
    }


def _network_from(architecture: str | None) -> dict[str, Any]:
    """Which other package's network it is, and that package's version; empty of our own."""
    found = None if architecture is None else network_from(architecture)
    return {} if found is None else {"network_from": found}
