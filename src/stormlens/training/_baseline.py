"""
Baselines: measure features, train scikit-learn on them, and keep what it learnt as plain arrays.

There is one step, so a history has one row and there is nothing to resume.
"""

import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens import features
from stormlens.errors import InputError
from stormlens.models import FeatureModel, model_info, prepared
from stormlens.training._history import Row
from stormlens.training._recipe import FeatureOptions, Recipe
from stormlens.training._split import Split

_USED = (
    "name", "model", "description", "seed", "class_weights", "orientations", "data", "features"
)  # fmt: skip
_DEEPEST = 32  # levels of a tree
_CLIP = 1e-7  # as networks' losses are clipped
_MOST_STEPS = 10_000

Tensors = dict[str, NDArray[Any]]


def is_baseline(recipe: Recipe) -> bool:
    """
    Whether a recipe trains a baseline rather than a network.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    is_baseline : bool

    Raises
    ------
    InputError
        If the model is not registered.
    """
    return not recipe.model.endswith(".keras") and not model_info(recipe.model).is_network


def check_settings(recipe: Recipe) -> None:
    """
    Refuse a recipe with settings that its model does not use.

    Parameters
    ----------
    recipe : Recipe

    Raises
    ------
    InputError
        If a network has the table ``[features]``, or a baseline a network's settings.
    """
    if not is_baseline(recipe):
        if recipe.features is not None:
            raise InputError(
                f"recipe {recipe.name}: the table [features] is for models features-logistic and "
                f"features-boosted, not for {recipe.model}; leave it out."
            )
        return
    is_boosted = recipe.model == "features-boosted"
    used = (*_USED, "learning_rate") if is_boosted else _USED
    _check_unused(recipe, recipe, Recipe(recipe.name, recipe.model), used)
    if recipe.features is not None and not is_boosted:
        _check_unused(recipe, recipe.features, FeatureOptions(), ("regularisation",))


def _check_unused(recipe: Recipe, settings: Any, defaults: Any, used: tuple[str, ...]) -> None:
    """Refuse a setting that a baseline does not use, unless it has its default."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        is_usual = value == getattr(defaults, field.name) or (field.name == "epochs" and value == 1)
        if field.name not in used and not is_usual:
            table = "" if settings is recipe else "features."
            raise InputError(
                f"recipe {recipe.name}: {table}{field.name} is {value!r}, which {recipe.model} "
                "does not use: it is trained in one step on a table of features; leave it out."
            )


def train_baseline(recipe: Recipe, splits: Mapping[str, Split]) -> tuple[FeatureModel, Row]:
    """
    Train a baseline.

    Parameters
    ----------
    recipe : Recipe
        Of which `is_baseline` is true.
    splits : mapping of str to Split
        ``train`` and, for validation scores, ``validation``.

    Returns
    -------
    model : FeatureModel
    row : dict
        Of the history: epoch, seconds, loss, accuracy, val_loss, val_accuracy.
    """
    began = time.perf_counter()
    train = splits["train"]
    tables = {name: features.measure_images(split.images) for name, split in splits.items()}
    learn = _boosted if recipe.model == "features-boosted" else _logistic
    version = np.array([features.TABLE_VERSION, len(features.describe())])
    tensors = {
        "table": version,
        "learnt": np.unique(train.codes).astype(np.int64),
        **learn(recipe, recipe.features or FeatureOptions(), tables["train"], train.codes),
    }
    shape = (*train.images.shape[1:], 1)
    model = FeatureModel(recipe.model, shape, len(train.classes), tensors)
    row = {"epoch": 1.0, "seconds": 0.0}
    for name, prefix in (("train", ""), ("validation", "val_")):
        loss, accuracy = float("nan"), float("nan")
        if name in splits and len(splits[name].codes):
            loss, accuracy = _judged(model.of_features(tables[name]), splits[name].codes)
        row |= {f"{prefix}loss": loss, f"{prefix}accuracy": accuracy}
    row["seconds"] = round(time.perf_counter() - began, 3)
    return model, row


def _judged(answers: NDArray[np.float64], codes: NDArray[np.integer]) -> tuple[float, float]:
    """Cross-entropy and accuracy."""
    of_truth = np.clip(answers[np.arange(len(codes)), codes], _CLIP, 1.0)
    return float(-np.log(of_truth).mean()), float((answers.argmax(axis=1) == codes).mean())


def _logistic(
    recipe: Recipe, options: FeatureOptions, table: NDArray[np.float64], codes: NDArray[np.integer]
) -> Tensors:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    inputs = prepared(table)
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    scale[scale <= 1e-12 * np.maximum(1.0, np.abs(mean))] = 1.0  # a feature that never varies
    learner = LogisticRegression(
        C=1.0 / options.regularisation if options.regularisation else np.inf,
        class_weight="balanced" if recipe.class_weights else None,
        max_iter=_MOST_STEPS,
        random_state=recipe.seed,
    )
    with threadpool_limits(1):
        learner.fit((inputs - mean) / scale, codes)
    coefficients, intercepts = learner.coef_, learner.intercept_
    if len(learner.classes_) == 2:  # one row, for the second class against the first
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercepts = np.concatenate([np.zeros_like(intercepts), intercepts])
    return {
        "mean": mean,
        "scale": scale,
        "coefficients": np.ascontiguousarray(coefficients, np.float64),
        "intercepts": np.ascontiguousarray(intercepts, np.float64),
    }


def _boosted(
    recipe: Recipe, options: FeatureOptions, table: NDArray[np.float64], codes: NDArray[np.integer]
) -> Tensors:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    learner = HistGradientBoostingClassifier(
        learning_rate=recipe.learning_rate,
        max_iter=options.rounds,
        max_leaf_nodes=options.leaves,
        max_depth=_DEEPEST,
        min_samples_leaf=options.smallest_leaf,
        l2_regularization=options.regularisation,
        early_stopping=False,
        class_weight="balanced" if recipe.class_weights else None,
        random_state=recipe.seed,
    )
    # On one thread, for the same bits on any machine. Several threads also wait for each other
    # longer than they work, fifty times as long where other processes are busy.
    with threadpool_limits(1, user_api="openmp"):
        learner.fit(table, codes)
    return tensors_of_trees(learner)


def tensors_of_trees(learner: Any) -> Tensors:
    """
    What gradient-boosted trees of scikit-learn have learnt, as `FeatureModel` takes it.

    Parameters
    ----------
    learner : HistGradientBoostingClassifier
        Fitted, to features that are never NaN.

    Returns
    -------
    tensors : dict of str to ndarray
    """
    rounds = learner._predictors  # for each round a tree per class, or one tree for two classes
    trees = [list(of_class) for of_class in zip(*rounds, strict=True)]
    base = np.ravel(learner._baseline_prediction).astype(np.float64)
    if len(learner.classes_) == 2:
        base = np.array([0.0, base[0]])
    parts: list[Tensors] = []
    roots: list[list[int]] = []
    start = 0
    for of_class in trees:
        roots.append([])
        for tree in of_class:
            roots[-1].append(start)
            parts.append(_nodes(tree.nodes, start))
            start += len(tree.nodes)
    if len(learner.classes_) == 2:  # the first class's score stays 0: a tree of one leaf, of 0
        parts.append(_zero_leaf(start))
        roots = [[start] * len(roots[0]), roots[0]]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {"base": base, "roots": np.array(roots, np.int64), **joined}


def _nodes(nodes: NDArray[Any], start: int) -> Tensors:
    """
    A tree's nodes, numbered from `start` on.

    A leaf leads to itself, so that all boxes can go down all trees for the same number of steps.
    """
    own = np.arange(start, start + len(nodes))
    is_leaf = nodes["is_leaf"].astype(bool)
    left, right = (nodes[side].astype(np.int64) + start for side in ("left", "right"))
    return {
        "feature": np.where(is_leaf, 0, nodes["feature_idx"]).astype(np.int64),
        "threshold": np.where(is_leaf, 0.0, nodes["num_threshold"]),
        "left": np.where(is_leaf, own, left),
        "right": np.where(is_leaf, own, right),
        "value": np.where(is_leaf, nodes["value"], 0.0),
    }


def _zero_leaf(start: int) -> Tensors:
    """A tree of one leaf, whose value is 0."""
    itself, zero = np.array([start]), np.zeros(1)
    return {
        "feature": np.zeros(1, np.int64), "threshold": zero, "left": itself, "right": itself,
        "value": zero,
    }  # fmt: skip
