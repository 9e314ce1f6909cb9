"""
Baselines: classifiers that answer from a box's features, stored as plain arrays.

Logistic regression and gradient-boosted trees are trained by scikit-learn and evaluated here by
NumPy alone, so a file of them has numbers and nothing that could run. The arrays may come from
anywhere, so they are checked before use: a child's index is above its node's and within the arrays,
so that walking down a tree ends and never leaves it.
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from stormlens import features
from stormlens.errors import InputError
from stormlens.models._network import Bounds, Floats, Layer
from stormlens.models._registry import BOOSTED, LOGISTIC

Tensors = Mapping[str, NDArray[Any]]
Table = NDArray[np.float64]

_DEEPEST = 64
"""Levels of the deepest tree that is followed; training makes none beyond 32."""
_PLACES_AT_A_TIME = 2**20
_AMOUNTS = ("km2", "km")
_PARTS: dict[str, dict[str, tuple[str, int]]] = {
    LOGISTIC: {
        "table": ("int64", 1),
        "learnt": ("int64", 1),
        "mean": ("float64", 1),
        "scale": ("float64", 1),
        "coefficients": ("float64", 2),
        "intercepts": ("float64", 1),
    },
    BOOSTED: {
        "table": ("int64", 1),
        "learnt": ("int64", 1),
        "base": ("float64", 1),
        "roots": ("int64", 2),
        "feature": ("int64", 1),
        "threshold": ("float64", 1),
        "left": ("int64", 1),
        "right": ("int64", 1),
        "value": ("float64", 1),
    },
}
"""Type and number of dimensions of each array of a model."""


class FeatureModel:
    """
    A classifier of features, with the parts of `Network` that a Classifier asks for.

    Attributes
    ----------
    architecture : {"features-logistic", "features-boosted"}
        Registry name.
    input_shape : tuple of int
        (rows, columns, 1) of an image.
    outputs : int
        Classes.
    """

    is_loaded = False
    """It has no Keras model, now or later."""

    steps = None
    why_none = "the classifier is no network: it measures each box's features"
    computed_by = "NumPy, from the box's features"

    def __init__(
        self, architecture: str, input_shape: tuple[int, int, int], outputs: int, tensors: Tensors
    ) -> None:
        self.architecture, self.input_shape, self.outputs = architecture, input_shape, outputs
        self._tensors = dict(tensors)
        _check(architecture, outputs, self._tensors)
        self._score: Callable[[Table], Table] = _SCORERS[architecture](self._tensors)

    def copy(self) -> "FeatureModel":
        """
        An independent copy.

        Returns
        -------
        model : FeatureModel
        """
        copies = {name: values.copy() for name, values in self._tensors.items()}
        return FeatureModel(self.architecture, self.input_shape, self.outputs, copies)

    def tensors(self) -> dict[str, NDArray[Any]]:
        """
        Its arrays by name.

        Returns
        -------
        tensors : dict of str to ndarray
            Of both `table`, the version of the table of features and its number of columns, and
            `learnt`, codes of the classes in the training data. Of logistic regression `mean` and
            `scale` (features), `coefficients` (learnt, features) and `intercepts` (learnt). Of
            trees `base` (learnt), `roots` (learnt, rounds) and of each node, all trees' one after
            the other, `feature`, `threshold`, `left`, `right` and `value`; a leaf leads to itself.
        """
        return dict(self._tensors)

    def layers(self) -> list[Layer]:
        """
        What it consists of.

        Returns
        -------
        layers : list of Layer
        """
        columns = len(features.describe())
        own = self.parameters
        kind = "LogisticRegression" if self.architecture == LOGISTIC else "BoostedTrees"
        return [
            Layer("features", "Features", [columns], 0),
            Layer(self.architecture.removeprefix("features-"), kind, [self.outputs], own),
        ]

    @property
    def parameters(self) -> int:
        """How many numbers training chose: coefficients and scales, or splits and leaves."""
        if self.architecture == LOGISTIC:
            names = ("mean", "scale", "coefficients", "intercepts")
            return sum(self._tensors[name].size for name in names)
        is_leaf = self._tensors["left"] == np.arange(self._tensors["left"].size)
        # A split is a feature and a threshold, a leaf is a value.
        return int(self._tensors["base"].size + 2 * (~is_leaf).sum() + is_leaf.sum())

    def probabilities(self, images: NDArray[np.uint8], bounds: Bounds) -> Floats:
        """
        Class probabilities of raw images.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, rows, columns)
            Whole dBZ.
        bounds : tuple of float
            Ignored: features are measured on raw values.

        Returns
        -------
        probabilities : ndarray of float32, shape (N, classes)
            0 for classes that the training data lacked.
        """
        return self.of_features(features.measure_images(images)).astype(np.float32)

    def of_features(self, table: Table) -> Table:
        """
        Class probabilities of features that were measured before.

        Parameters
        ----------
        table : ndarray of float64, shape (N, features)
            As `features.measure_images` gives them.

        Returns
        -------
        probabilities : ndarray of float64, shape (N, classes)
        """
        with np.errstate(over="ignore", invalid="ignore"):  # the caller says so in a sentence
            scores = self._score(table)
            shares = np.exp(scores - scores.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
        probabilities = np.zeros((len(table), self.outputs))
        probabilities[:, self._tensors["learnt"]] = shares
        return probabilities

    @property
    def members(self) -> "tuple[FeatureModel, ...]":
        """What answers: itself alone."""
        return (self,)

    @property
    def model(self) -> NoReturn:
        """No Keras model: asking for it is an InputError."""
        raise self._is_no_network()

    def forward(self, bounds: Bounds, seed: int) -> NoReturn:
        """
        Refuse: nothing here can be trained by steps.

        Parameters
        ----------
        bounds, seed
            As a network takes them.

        Raises
        ------
        InputError
            Always.
        """
        raise self._is_no_network()

    def steps_by_layer(self) -> NoReturn:
        """
        Refuse: there are no layers to take apart.

        Raises
        ------
        InputError
            Always.
        """
        raise self._is_no_network()

    def scores(self, images: Floats, bounds: Bounds) -> NoReturn:
        """
        Refuse: there are no scores before a softmax to explain.

        Parameters
        ----------
        images, bounds
            As a network takes them.

        Raises
        ------
        InputError
            Always.
        """
        raise self._is_no_network()

    def _is_no_network(self) -> InputError:
        return InputError(
            f"{self.architecture} is no network: it has no layers to look into, explain, continue "
            "or export, only a table of features; give a run of a network."
        )


def prepared(table: Table) -> Table:
    """
    Features as logistic regression takes them: areas, lengths and counts in logarithms.

    Parameters
    ----------
    table : ndarray of float64, shape (N, features)

    Returns
    -------
    table : ndarray of float64, shape (N, features)
    """
    return np.where(_is_amount(), np.log1p(np.abs(table)), table)


def _is_amount() -> NDArray[np.bool_]:
    return np.array(
        [own.unit in _AMOUNTS or own.name.endswith("_count") for own in features.describe()]
    )


def _logistic(tensors: Tensors) -> Callable[[Table], Table]:
    mean, scale = tensors["mean"], tensors["scale"]
    coefficients, intercepts = tensors["coefficients"], tensors["intercepts"]

    def score(table: Table) -> Table:
        scaled = (prepared(table) - mean) / scale
        # No matrix product: its last bits would depend on how many boxes there are.
        return np.einsum("nf,kf->nk", scaled, coefficients) + intercepts

    return score


def _boosted(tensors: Tensors) -> Callable[[Table], Table]:
    feature, threshold = tensors["feature"], tensors["threshold"]
    left, right = tensors["left"], tensors["right"]
    roots, base, value = tensors["roots"], tensors["base"], tensors["value"]
    depth = _depth(roots, left, right)
    children = np.stack([right, left], axis=1)

    def score(table: Table) -> Table:
        scores = np.empty((len(table), len(base)))
        together = max(1, _PLACES_AT_A_TIME // max(1, roots.size))
        for start in range(0, len(table), together):
            some = table[start : start + together]
            rows = np.arange(len(some))[:, None]
            nodes = np.broadcast_to(roots.ravel(), (len(some), roots.size))
            for _ in range(depth):
                goes_left = some[rows, feature[nodes]] <= threshold[nodes]
                nodes = children[nodes, goes_left.astype(np.intp)]
            added = value[nodes].reshape(len(some), *roots.shape)
            scores[start : start + together] = base + added.sum(axis=2)
        return scores

    return score


_SCORERS = {LOGISTIC: _logistic, BOOSTED: _boosted}


def _depth(roots: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]) -> int:
    """Steps from a root to its farthest leaf."""
    nodes = np.unique(roots)
    for depth in range(_DEEPEST + 1):
        inner = nodes[left[nodes] != nodes]
        if not len(inner):
            return depth
        nodes = np.unique(np.concatenate([left[inner], right[inner]]))
    raise InputError(f"a tree has more than {_DEEPEST} levels.")


def _check(architecture: str, outputs: int, tensors: Tensors) -> None:
    """Refuse arrays that are no such model, before any is followed."""
    kinds = {name: (str(array.dtype), array.ndim) for name, array in tensors.items()}
    _require(kinds == _PARTS[architecture], f"the arrays are not those of {architecture}")
    for name, array in tensors.items():
        _require(np.isfinite(array).all(), f"{name} holds values that are not finite")
    columns = len(features.describe())
    _require(
        tensors["table"].tolist() == [features.TABLE_VERSION, columns],
        "it was trained on another table of features than this stormlens measures",
    )
    learnt = tensors["learnt"]
    codes = learnt.size and learnt.min() >= 0 and learnt.max() < outputs
    _require(codes and (np.diff(learnt) > 0).all(), "learnt holds no rising class codes")
    check = _check_logistic if architecture == LOGISTIC else _check_trees
    check(tensors, len(learnt), columns)


def _check_logistic(tensors: Tensors, learnt: int, columns: int) -> None:
    shapes = {
        "mean": (columns,),
        "scale": (columns,),
        "coefficients": (learnt, columns),
        "intercepts": (learnt,),
    }
    for name, shape in shapes.items():
        _require(tensors[name].shape == shape, f"{name} has shape {tensors[name].shape}")
    _require((tensors["scale"] > 0).all(), "scale holds values that are not above 0")


def _check_trees(tensors: Tensors, learnt: int, columns: int) -> None:
    feature, left, right, roots = (tensors[name] for name in ("feature", "left", "right", "roots"))
    nodes = feature.size
    for name in ("threshold", "left", "right", "value"):
        _require(tensors[name].size == nodes, f"{name} has other nodes than feature")
    _require(tensors["base"].size == learnt, "base has another number of classes than learnt")
    _require(roots.shape[0] == learnt and roots.size > 0, f"roots has shape {roots.shape}")
    _require(roots.min() >= 0 and roots.max() < nodes, "a root is no node")
    _require(feature.min() >= 0 and feature.max() < columns, "a node asks for no feature")
    own = np.arange(nodes)
    is_leaf = (left == own) & (right == own)
    leads_on = (left > own) & (left < nodes) & (right > own) & (right < nodes)
    _require((is_leaf | leads_on).all(), "a node leads back or nowhere")


def _require(fits: Any, reason: str) -> None:
    if not fits:
        raise InputError(f"{reason}.")
