"""
The score of each mode, the quantity explained, as a function that JAX differentiates.

For a network that ends in a softmax these are the values before the softmax
(the logits). They add up over the last layer's inputs; a probability saturates
where the network is sure, and also rises where another mode's evidence falls.
For any other network they are its log probabilities.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np

from stormlens.models import Classifier, fuse, import_keras, keep_compiled, scale

Values = tuple[list[Any], list[Any]]

_FORWARD, _GRADIENTS = 32, 16  # images a batch: one size is one compilation
_kept: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def keep(model: Any, name: str, make: Callable[[], Any]) -> Any:
    """What `make` returns for a model, cached with the model: it contains compiled functions."""
    of_model = _kept.setdefault(model, {})
    if name not in of_model:
        keep_compiled()
        of_model[name] = make()
    return of_model[name]


@dataclass
class ScoreModel:
    """
    A network that ends in scores and shares its layers with the one explained.

    Attributes
    ----------
    model : keras.Model
        From scaled images to scores and a column of zeros behind them, if there is a `head`;
        else to probabilities.
    head : keras.layers.Dense or None
        Replaces the softmax layer.
    trainable, other : list of keras.Variable
        Of `model`, in Keras's order.
    sources : dict of int to callable
        Values of variables that only `model` has, by their identity.
    """

    model: Any
    head: Any
    trainable: list[Any]
    other: list[Any]
    sources: dict[int, Callable[[], Any]]

    def values(self) -> Values:
        """Weights as they are now: the network may have been trained since."""
        return self._now(self.trainable), self._now(self.other)

    def _now(self, variables: list[Any]) -> list[Any]:
        return [
            self.sources[id(own)]() if id(own) in self.sources else own.value for own in variables
        ]

    def apply(self, values: Values, images: Any) -> tuple[Any, list[Any]]:
        """Scores (N, classes) of scaled images (N, rows, columns, 1), and the state left."""
        outputs, state = self.model.stateless_call(*values, images, training=False)
        if self.head is not None:
            return outputs[:, :-1], state
        shares = outputs / outputs.sum(-1, keepdims=True)
        return jnp.log(jnp.clip(shares, 1e-7, 1)), state


def end_in_scores(model: Any) -> ScoreModel:
    """
    Give a network scores as its output.

    Parameters
    ----------
    model : keras.Model
        Read, not changed.

    Returns
    -------
    scored : ScoreModel
        Without a `head` where the network does not end in a softmax, or Keras keeps no graph
        of it.
    """
    keras = import_keras()
    closing = _closing_layer(keras, model)
    if not _is_softmax(keras, closing):
        return ScoreModel(
            model, None, list(model.trainable_variables), list(model.non_trainable_variables), {}
        )
    head = keras.layers.Dense(
        model.output_shape[-1] + 1,
        dtype="float32",
        kernel_initializer=no_weights,
        bias_initializer=no_weights,
    )
    scored = _with_head(keras, model, head)
    return ScoreModel(
        scored,
        head,
        list(scored.trainable_variables),
        list(scored.non_trainable_variables),
        _head_values(closing, head),
    )


def no_weights(shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
    """Zeros for weights that are given later: Keras's initialisers take a compilation each."""
    return np.zeros(shape, dtype)


def _closing_layer(keras: Any, model: Any) -> Any:
    """The last operation of a network; None where Keras keeps no graph of it."""
    if isinstance(model, keras.Sequential):
        last = model.layers[-1]
    elif getattr(model, "outputs", None):
        last = model.outputs[0]._keras_history.operation
    else:
        return None
    return _closing_layer(keras, last) if isinstance(last, keras.Model) else last


def _is_softmax(keras: Any, operation: Any) -> bool:
    softmax = keras.activations.softmax
    if isinstance(operation, keras.layers.Dense):
        plain = type(operation) is keras.layers.Dense and not operation.lora_enabled
        return plain and operation.quantization_mode is None and operation.activation is softmax
    if isinstance(operation, keras.layers.Activation):
        return operation.activation is softmax
    # keras.layers.Softmax, and keras.ops.softmax in a functional model.
    return type(operation).__name__ == "Softmax" and operation.axis in (-1, 1)


def _with_head(keras: Any, model: Any, head: Any) -> Any:
    """The same layers with another last one; nested models too."""

    def instead_of(last: Any) -> Any:
        return _with_head(keras, last, head) if isinstance(last, keras.Model) else head

    if isinstance(model, keras.Sequential):
        *body, last = model.layers
        image = keras.Input(batch_shape=model.input_shape)
        return keras.Sequential([image, *body, instead_of(last)], name=model.name)
    operation, node, _ = model.outputs[0]._keras_history
    taken = operation._inbound_nodes[node].input_tensors
    output = instead_of(operation)(taken[0] if len(taken) == 1 else list(taken))
    return keras.Model(model.inputs, output, name=model.name)


def _head_values(closing: Any, head: Any) -> dict[int, Callable[[], Any]]:
    """The closing layer's weights, and zeros for one column more."""

    def kernel() -> Any:
        own = getattr(closing, "kernel", None)
        own = np.eye(head.units - 1) if own is None else np.asarray(own.value)
        return np.pad(own.astype(np.float32), ((0, 0), (0, 1)))

    def bias() -> Any:
        own = getattr(closing, "bias", None)
        own = np.zeros(head.units - 1) if own is None else np.asarray(own.value)
        return np.pad(own.astype(np.float32), (0, 1))

    return {id(head.kernel): kernel, id(head.bias): bias}


def fused_scores(scored: ScoreModel) -> Callable[[Values, Any], Any]:
    """
    Scores of scaled images by `models.fuse` where it serves, else by Keras.

    `fuse` gives log probabilities, which leave the scores open up to a constant. The head's last
    column is a class whose score is always 0, and fixes it: log p_c - log p_0 = z_c - 0.
    """
    keras = import_keras()
    head = scored.head
    if head is None:
        return lambda values, images: scored.apply(values, images)[0]
    head.activation = keras.activations.softmax
    forward = fuse(scored.model)
    kernel = [own is head.kernel for own in scored.trainable].index(True)
    # `fuse` computes logarithms exactly for a chain only. Else they are those of clipped
    # probabilities, from which scores cannot be recovered.
    if kernel not in forward.dense:
        head.activation = keras.activations.linear
        return lambda values, images: scored.apply(values, images)[0]

    def scores(values: Values, images: Any) -> Any:
        logarithms, _ = forward.apply(*values, images, jax.random.key(0), False)
        return logarithms[:, :-1] - logarithms[:, -1:]

    return scores


class Scorer:
    """
    Scores of a network and their gradients, compiled once a network.

    Parameters
    ----------
    model : keras.Model
        Read, not changed.
    """

    def __init__(self, model: Any) -> None:
        self.scored = end_in_scores(model)
        apply = fused_scores(self.scored)

        @jax.jit
        def scores(values: Values, images: Any, bounds: Any) -> Any:
            return apply(values, scale(images, bounds)[..., None])

        @jax.jit
        def gradients(values: Values, images: Any, codes: Any, bounds: Any) -> Any:
            def total(raw: Any) -> tuple[Any, Any]:
                given = apply(values, scale(raw, bounds)[..., None])
                chosen = choose(given, codes)
                return jnp.take_along_axis(given, chosen[:, None], 1).sum(), given

            return jax.grad(total, has_aux=True)(images)

        self.scores, self.gradients, self.apply = scores, gradients, apply


def choose(scores: Any, codes: Any) -> Any:
    """Codes of the modes to explain: the highest score where a code is -1."""
    return jnp.where(codes < 0, jnp.argmax(scores, -1), codes)


class Scores:
    """
    Scores of a classifier with the weights that it has now, for raw images.

    Parameters
    ----------
    classifier : Classifier
        Says how images are scaled.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._network = classifier.network
        self._scorer: Scorer = keep(classifier.model, "scorer", lambda: Scorer(classifier.model))
        self._values = self._scorer.scored.values()
        self._bounds = bounds_of(classifier)

    @property
    def quantity(self) -> str:
        """What is explained, in words."""
        logit = self._scorer.scored.head is not None
        return "score before the softmax" if logit else "log probability"

    def of(self, images: np.ndarray) -> np.ndarray:
        """Scores (N, classes) of raw images (N, rows, columns), uint8 or float."""
        if self._scorer.scored.head is not None:
            low, high = map(float, self._bounds)
            by_engine = self._network.scores(images.astype(np.float32), (low, high))
            if by_engine is not None:
                return by_engine
        given = [
            np.asarray(self._scorer.scores(self._values, part, self._bounds))[:n]
            for part, n in batches(images, _FORWARD)
        ]
        return np.concatenate(given)

    def gradients(
        self, images: np.ndarray, codes: np.ndarray, *, more_follow: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """
        Gradients of one score of each image by its values, and all scores.

        Parameters
        ----------
        images : ndarray, shape (N, rows, columns)
            Raw values.
        codes : ndarray of int, shape (N,)
            Whose score; -1 for the highest.
        more_follow : bool, optional
            Whether a lone image is computed as one of many, to spare a compilation.

        Returns
        -------
        gradients : ndarray of float32, shape (N, rows, columns)
            Score per dBZ.
        scores : ndarray of float32, shape (N, classes)
        """
        size = 1 if len(images) == 1 and not more_follow else _GRADIENTS
        parts = []
        for start, (part, n) in zip(
            range(0, len(images), size), batches(images, size), strict=True
        ):
            padded = np.full(size, -1, np.int32)
            padded[:n] = codes[start : start + n]
            given = self._scorer.gradients(self._values, part, padded, self._bounds)
            parts.append([np.asarray(array)[:n] for array in given])
        gradients, scores = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return gradients, scores


def bounds_of(classifier: Classifier) -> tuple[np.float32, np.float32]:
    """Values of raw images that become 0 and 1."""
    return np.float32(classifier.minimum), np.float32(classifier.maximum)


def batches(images: np.ndarray, size: int) -> list[tuple[np.ndarray, int]]:
    """Images as float32, `size` at a time, the last part padded; and how many are real."""
    parts = []
    for start in range(0, len(images), size):
        part = images[start : start + size].astype(np.float32)
        n = len(part)
        parts.append((np.pad(part, ((0, size - n), (0, 0), (0, 0))), n))
    return parts
