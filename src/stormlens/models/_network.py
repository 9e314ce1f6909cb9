"""
A network that answers: by the engine where it knows all layers, else by Keras on JAX.

Weights are plain arrays until somebody asks for the Keras model, which takes seconds to import
and to build. A user's own ``.keras`` file is read by Keras once; its steps are compared with
Keras's own answers and remembered in the cache folder.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stormlens.engine import Engine, Step, load_library
from stormlens.errors import InputError
from stormlens.models._registry import LARGEST_SIDE, build, first_weights, plan_of
from stormlens.models._remembered import recall, remember
from stormlens.storage import is_finite

if TYPE_CHECKING:
    from stormlens.models._fuse import Forward

Floats = NDArray[np.float32]
Bounds = tuple[float, float]
Plan = tuple[str, tuple[int, int, int], int]
"""Registry name, shape of an image and number of classes."""

BATCH = 64  # larger ones leave the cache between layers, smaller ones reread dense kernels

CLIP = 1e-7
"""Least of an answer that is no softmax, as Keras clips in its categorical cross-entropy."""

_ALIKE = 1e-5
_TRIED = 4  # images
_UNKNOWN = "a layer is not known to the engine, or feeds several others"
_UNLIKE = "the engine did not answer as Keras does when the file was first read"
_ACCELERATORS = ("jax_cuda12_plugin", "jax_cuda13_plugin", "jax_rocm60_plugin", "jax_rocm7_plugin")


@dataclass(frozen=True)
class Layer:
    """
    A layer in words and numbers.

    Attributes
    ----------
    name, kind : str
        As Keras calls it and its class.
    output_shape : list of int
        Of what it gives for an image.
    parameters : int
    """

    name: str
    kind: str
    output_shape: list[int]
    parameters: int


class Network:
    """
    A network; see `named`, `untrained`, `of_model` and `of_file`.

    Attributes
    ----------
    input_shape : tuple of int
        (rows, columns, channels) of an image.
    outputs : int
        Classes.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        outputs: int,
        make_model: Callable[[], Any],
        make_steps: Callable[[], list[Step] | None],
        plan: Plan | None = None,
    ) -> None:
        self.input_shape, self.outputs = input_shape, outputs
        self._make_model, self._make_steps = make_model, make_steps
        self._plan = plan  # of a network of the zoo
        self._weights: Callable[[], Sequence[Any]] = list  # its arrays, until there is a model
        self._model: Any = None
        self._making = Lock()
        self._steps: list[Step] | None = None
        self._steps_of: tuple[Any, ...] | None = None  # the variables that they were read from
        self._engines: dict[tuple[Bounds, bool], Engine] = {}
        self._why_keras = ""
        self._is_unlike = False  # the engine, compared with Keras
        self._by_keras: dict[Bounds, Callable[[NDArray[Any]], Floats]] = {}

    @classmethod
    def named(
        cls,
        architecture: str,
        input_shape: tuple[int, int, int],
        n_classes: int,
        tensors: Mapping[str, NDArray[Any]],
    ) -> "Network":
        """
        A network of the zoo.

        Parameters
        ----------
        architecture : str
            Registry name.
        input_shape : tuple of int
            (rows, columns, channels).
        n_classes : int
            Number of outputs.
        tensors : mapping of str to ndarray
            Its weights by position and name, as `kinds_of` describes them.

        Returns
        -------
        network : Network
        """
        weights = [tensors[key] for key in sorted(tensors)]
        return cls._of_plan((architecture, input_shape, n_classes), lambda: weights)

    @classmethod
    def untrained(
        cls, architecture: str, input_shape: tuple[int, int, int], n_classes: int, seed: int
    ) -> "Network":
        """
        A network of the zoo with its first weights, drawn anew at each use.

        So they take no memory while a training changes its own copy.

        Parameters
        ----------
        architecture, input_shape, n_classes
            As for `named`.
        seed : int
            As for `build`.

        Returns
        -------
        network : Network

        Raises
        ------
        InputError
            As `build`.
        """
        plan_of(architecture, input_shape, n_classes)
        plan = architecture, input_shape, n_classes
        return cls._of_plan(plan, lambda: first_weights(*plan, seed))

    @classmethod
    def _of_plan(cls, plan: Plan, weights: Callable[[], Sequence[Any]]) -> "Network":
        architecture, input_shape, n_classes = plan

        def make_model() -> Any:
            model = build(architecture, input_shape=input_shape, n_classes=n_classes, seed=None)
            for variable, value in zip(model.weights, network._weights(), strict=True):
                variable.assign(value)
            return model

        def make_steps() -> list[Step]:
            _, blocks, shapes = plan_of(*plan)
            arrays = iter([np.asarray(weight) for weight in network._weights()])
            pairs = zip(blocks, shapes, strict=True)
            return [step for block, given in pairs for step in block.steps(given, arrays)]

        network = cls(input_shape, n_classes, make_model, make_steps, plan)
        network._weights = weights
        return network

    @classmethod
    def of_model(cls, model: Any) -> "Network":
        """
        A Keras model's network, which always uses the model's current weights.

        Parameters
        ----------
        model : keras.Model
            Built; one image in, class probabilities out.

        Returns
        -------
        network : Network

        Raises
        ------
        InputError
            If it is no Keras model, is not built, or takes or gives something else.
        """
        _check_shapes(model)
        shape = tuple(model.input_shape[1:])
        network = cls(shape, model.output_shape[-1], lambda: model, lambda: None)
        network._model = model
        return network

    @classmethod
    def of_file(cls, path: Path, digest: str, load: Callable[[], Any]) -> "Network":
        """
        The network of a ``.keras`` file, whose steps are remembered from one process to the next.

        Parameters
        ----------
        path : Path
            The file.
        digest : str
            Its SHA-256, by which it is remembered.
        load : callable
            Reads and checks the file by Keras.

        Returns
        -------
        network : Network

        Raises
        ------
        InputError
            Of `load`.
        """
        remembered = None if _why_keras() else recall(digest)
        if remembered is not None:
            shape, outputs, recalled = remembered
            return cls(shape, outputs, load, lambda: recalled)
        network = cls.of_model(load())
        steps = network._steps_of_model()
        if steps is not None and not _why_keras():
            network._is_unlike = not _is_alike(network, steps)
            # A remembered network is not checked again, so it is checked here.
            if not network._is_unlike and are_probabilities(_tried(network)[1]):
                remember(digest, (network.input_shape, network.outputs, steps))
        return network

    @property
    def model(self) -> Any:
        """Plain Keras; made when it is first asked for, and from then on its weights count."""
        with self._making:
            if self._model is None:
                self._model = self._make_model()
                self._weights = list  # they are in the model now
            return self._model

    @property
    def members(self) -> "tuple[Network, ...]":
        """The networks whose mean it is: itself alone; an `Ensemble` has more."""
        return (self,)

    @property
    def is_loaded(self) -> bool:
        """Whether the Keras model has been made."""
        return self._model is not None

    def copy(self) -> "Network":
        """
        A network of its own with equal weights.

        Returns
        -------
        network : Network
        """
        if self._plan is not None and not self.is_loaded:
            weights = self._weights()  # arrays that nobody changes where they lie
            return self._of_plan(self._plan, lambda: weights)
        from stormlens.models._keras import import_keras

        copy = import_keras().models.clone_model(self.model)
        copy.set_weights(self.model.get_weights())
        return self.of_model(copy)

    def __deepcopy__(self, memo: Any) -> "Network":
        return self.copy()

    def forward(self, bounds: Bounds, seed: int) -> "Forward":
        """
        The network as a pure function to be trained, with the weights of now.

        Parameters
        ----------
        bounds : tuple of float
            Values of raw images that become 0 and 1.
        seed : int
            As for `fuse`.

        Returns
        -------
        forward : Forward

        Raises
        ------
        InputError
            If a user's own model asks for what only Keras's own `fit` does.
        """
        from stormlens.models._fuse import fuse_blocks

        if self._plan is None or self.is_loaded:
            from stormlens.models._trainable import fuse_for_training

            return fuse_for_training(self.model, bounds, seed)
        _, blocks, shapes = plan_of(*self._plan)
        return fuse_blocks(blocks, shapes, self._weights(), bounds)

    def assign(self, weights: Sequence[Any], state: Sequence[Any]) -> None:
        """
        Give the network other weights.

        Parameters
        ----------
        weights, state : sequence of array
            As `forward` has them.
        """
        if self._plan is None or self.is_loaded:
            variables = [*self.model.trainable_variables, *self.model.non_trainable_variables]
            for variable, value in zip(variables, [*weights, *state], strict=True):
                variable.assign(value)
        else:
            self._weights, self._steps_of = lambda: weights, None

    def tensors(self) -> dict[str, NDArray[Any]]:
        """
        The weights of now, by position and name.

        Returns
        -------
        tensors : dict of str to ndarray
        """
        if self._plan is None or self.is_loaded:
            return {key: np.asarray(v.value) for key, v in keyed(self.model).items()}
        pairs = zip(kinds_of(*self._plan), self._weights(), strict=True)
        return {key: np.asarray(weight) for key, weight in pairs}

    def layers(self) -> list[Layer]:
        """
        Its layers.

        Returns
        -------
        layers : list of Layer
        """
        if self._plan is None or self.is_loaded:
            return [_described(layer) for layer in self.model.layers]
        return _layers_of_plan(self._plan)

    def steps_by_layer(self) -> list[tuple[Layer, list[Step]]]:
        """
        Its layers in Keras, each with the engine's steps, for who shows what each of them does.

        Returns
        -------
        layers : list of (Layer, list of Step)
            In order, without those of input. What lies between the steps is nothing, so that they
            are what `steps` computes.

        Raises
        ------
        InputError
            If a layer is not known to the engine, or the layers are no chain; the sentence names
            the first.
        """
        from stormlens.models._chain import chain_of
        from stormlens.models._keras import import_keras
        from stormlens.models._steps import steps_by_layer

        keras = import_keras()
        chain = chain_of(keras, self.model)
        if chain is None:
            raise InputError(
                f"The network is no chain of layers: {_first_beside_a_chain(self.model)}. Only a "
                "chain, in which each layer feeds the next and nothing else, is taken apart."
            )
        found = []
        for layer, steps in steps_by_layer(keras, chain, self.model.input_shape):
            if steps is None:
                raise InputError(
                    f"Layer {layer.name!r} ({type(layer).__name__}) is not known to the engine, as "
                    "it is set here; the network is not taken apart."
                )
            found.append((_described(layer), steps))
        return found

    @property
    def parameters(self) -> int:
        """How many numbers its weights are."""
        if self._plan is None or self.is_loaded:
            return int(self.model.count_params())
        return sum(layer.parameters for layer in self.layers())

    @property
    def computed_by(self) -> str:
        """
        What answers, in words: the engine and its instruction set, or Keras and why.

        Known once something was asked.
        """
        if self._why_keras:
            return f"Keras on JAX ({self._why_keras})"
        engine = next(iter(self._engines.values()), None)
        return "nothing yet" if engine is None else f"the engine ({engine.instruction_set})"

    @property
    def steps(self) -> list[Step] | None:
        """Its steps with the weights of now, whoever computes; None for the reason `why_none`."""
        self._look()
        if self._steps is not None or self._is_unlike:
            return self._steps
        return self._read_steps()

    @property
    def why_none(self) -> str:
        """Why a network has no steps, if it has none."""
        return _UNLIKE if self._is_unlike else _UNKNOWN

    @property
    def is_engines(self) -> bool:
        """Whether the engine answers; else Keras does, on JAX."""
        self._look()
        return self._steps is not None

    def probabilities(self, images: NDArray[np.uint8], bounds: Bounds) -> Floats:
        """
        Class probabilities of raw images.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, rows, columns)
            Whole dBZ.
        bounds : tuple of float
            Values that become 0 and 1.

        Returns
        -------
        probabilities : ndarray of float32, shape (N, classes)

        Raises
        ------
        InputError
            If a weight is not finite.
        """
        engine = self._engine_for(bounds)
        if engine is None:
            return self._ask_keras(images, bounds)
        return answers(engine(images), self._ends_in_softmax())

    def scores(self, images: Floats, bounds: Bounds) -> Floats | None:
        """
        Scores before the closing softmax.

        Parameters
        ----------
        images : ndarray of float32, shape (N, rows, columns)
            dBZ.
        bounds : tuple of float
            Values that become 0 and 1.

        Returns
        -------
        scores : ndarray of float32, shape (N, classes), or None
            None where the engine does not know the network, or it ends in no softmax.
        """
        low, high = map(np.float32, bounds)
        engine = self._engine_for(bounds, scores=True)
        return None if engine is None else engine((images - low) / (high - low))

    def _engine_for(self, bounds: Bounds, scores: bool = False) -> Engine | None:
        """The engine with the weights of now, or None where Keras is to be asked."""
        self._look()
        if self._steps is None or (scores and not self._ends_in_softmax()):
            return None
        if (bounds, scores) not in self._engines:
            steps = _without_softmax(self._steps) if scores else self._steps
            try:
                self._engines[bounds, scores] = Engine(steps, self.input_shape, bounds)
            except InputError as error:
                self._steps, self._why_keras = None, str(error)
                return None
        return self._engines[bounds, scores]

    def _look(self) -> None:
        """Read the steps anew where a weight was changed."""
        variables = self._variables()
        if self._steps_of is None or not _are_same(variables, self._steps_of):
            self._steps_of, self._engines = variables, {}
            self._why_keras = _why_keras() or (_UNLIKE if self._is_unlike else "")
            self._steps = None if self._why_keras else self._read_steps()
            if self._steps is None and not self._why_keras:
                self._why_keras = _UNKNOWN
            if not all(map(is_finite, self._arrays())):
                self._steps_of = None
                # A pool's maximum may drop NaN, so the result could look like an answer.
                raise InputError(
                    "The network holds weights that are not finite, so that it has no answer. "
                    "Train it again, with a lower learning rate."
                )

    def _arrays(self) -> Iterable[NDArray[Any]]:
        """The weights that answer, whether the engine computes with them or Keras."""
        if self._steps is None:
            return self.tensors().values()
        both = (array for step in self._steps for array in (step.kernel, step.bias))
        return (array for array in both if array is not None)

    def _read_steps(self) -> list[Step] | None:
        return self._make_steps() if self._model is None else self._steps_of_model()

    def _ends_in_softmax(self) -> bool:
        return self._steps is not None and self._steps[-1].activation == "softmax"

    def _variables(self) -> tuple[Any, ...]:
        """
        The arrays that the Keras model's variables hold now.

        They are kept, and compared by identity: whoever changes a variable gives it another array.
        """
        if self._model is None:
            return ()
        return tuple(variable.value for variable in self._model.variables)

    def _steps_of_model(self) -> list[Step] | None:
        from stormlens.models._chain import chain_of
        from stormlens.models._keras import import_keras
        from stormlens.models._steps import keras_steps

        keras = import_keras()
        layers = chain_of(keras, self.model)
        return None if layers is None else keras_steps(keras, layers, self.model.input_shape)

    def _ask_keras(self, images: NDArray[np.uint8], bounds: Bounds) -> Floats:
        """In batches of one size: each size is a compilation."""
        if bounds not in self._by_keras:
            from stormlens.models._compiled import compiled_network

            self._by_keras[bounds] = compiled_network(self.model, bounds)
        run = self._by_keras[bounds]
        batch = min(BATCH, 1 << max(len(images) - 1, 0).bit_length())
        results = np.empty((len(images), self.outputs), np.float32)
        for start in range(0, len(images), batch):
            part = images[start : start + batch]
            missing = batch - len(part)
            if missing:
                part = np.concatenate([part, np.zeros((missing, *part.shape[1:]), part.dtype)])
            results[start : start + batch] = run(part)[: batch - missing]
        return results


def answers(given: Floats, is_softmax: bool) -> Floats:
    """
    Class probabilities from what a network gives.

    Parameters
    ----------
    given : ndarray of float32, shape (..., classes)
    is_softmax : bool
        Whether it ends in a softmax; else what it gives is scaled to sum to 1 and clipped as Keras
        does in its categorical cross-entropy.

    Returns
    -------
    probabilities : ndarray of float32, shape (..., classes)
    """
    if is_softmax:
        return given
    return np.clip(given / given.sum(-1, keepdims=True), CLIP, 1 - CLIP)


def are_probabilities(given: Floats) -> bool:
    """
    Whether what a network gives can be probabilities.

    Parameters
    ----------
    given : ndarray of float, shape (N, classes)

    Returns
    -------
    can_be : bool
        Whether all are 0 or more and each row's sum is 1 to a thousandth.
    """
    return bool((given >= 0).all() and (np.abs(given.sum(-1) - 1) < 1e-3).all())


def _check_shapes(model: Any) -> None:
    from stormlens.models._keras import import_keras

    keras = import_keras()
    if not isinstance(model, keras.Model) or not model.built:
        raise InputError(
            f"Classifier: {model!r} is no Keras model that has been built; begin it with "
            "keras.Input((rows, columns, 1))."
        )
    try:
        taken, given = model.input_shape, model.output_shape
    except AttributeError as error:  # Keras keeps no shapes of a subclassed model
        raise InputError(
            f"Classifier: Keras knows no shapes of the subclassed model {model.name!r}; call it in "
            "a functional one: images = keras.Input((rows, columns, 1)); "
            "keras.Model(images, model(images))."
        ) from error
    if not isinstance(taken, tuple) or len(taken) != 4 or None in taken[1:] or taken[3] != 1:
        raise InputError(
            f"Classifier: the model takes {taken}; it must take one image (rows, columns, 1)."
        )
    if max(taken[1:3]) > LARGEST_SIDE:  # no card that says so would be read
        raise InputError(
            f"Classifier: the model takes images of {taken[1]} x {taken[2]} pixels; give one for "
            f"{LARGEST_SIDE} at most along a side."
        )
    if not isinstance(given, tuple) or len(given) != 2:
        raise InputError(
            f"Classifier: the model gives {given}; it must give one probability for each class."
        )


def _first_beside_a_chain(model: Any) -> str:
    """Where a model divides or joins, in words."""
    for layer in getattr(model, "layers", []):
        if any(len(node.input_tensors) > 1 for node in layer._inbound_nodes):
            return f"layer {layer.name!r} takes what several others give"
        if len(layer._outbound_nodes) > 1:
            return f"layer {layer.name!r} feeds several others"
    return f"model {model.name!r} does not say how its layers follow each other"


def _described(layer: Any) -> Layer:
    shape = [n for n in layer.output.shape if n is not None]
    return Layer(layer.name, type(layer).__name__, shape, int(layer.count_params()))


def _layers_of_plan(plan: Plan) -> list[Layer]:
    """Layers with the names that Keras gives to the first ones of a process."""
    layers: list[Layer] = []
    _, blocks, shapes = plan_of(*plan)
    for block, given in zip(blocks, shapes, strict=True):
        stem = re.sub("(?<=[a-z])(?=[A-Z])", "_", block.kind).lower()
        before = sum(layer.kind == block.kind for layer in layers)
        parameters = sum(math.prod(shape) for _, shape in block.weights(given))
        name = f"{stem}_{before}" if before else stem
        layers.append(Layer(name, block.kind, list(block.outputs(given)), parameters))
    return layers


def keyed(model: Any) -> dict[str, Any]:
    """Variables by position and name: layer names depend on what else a process built."""
    return {f"{i:03d}.{v.name}": v for i, v in enumerate(model.weights)}


def kinds_of(
    architecture: str, input_shape: tuple[int, int, int], n_classes: int
) -> dict[str, tuple[tuple[int, ...], str]]:
    """
    Names, shapes and types that a file of an architecture's weights must have.

    Parameters
    ----------
    architecture : str
        Registry name.
    input_shape : tuple of int
        (rows, columns, channels).
    n_classes : int
        Number of outputs.

    Returns
    -------
    kinds : dict
        Shape and kind of number by position and name.

    Raises
    ------
    InputError
        If there is no such architecture, or its layers need larger images.
    """
    _, blocks, shapes = plan_of(architecture, input_shape, n_classes)
    named = [
        own for block, shape in zip(blocks, shapes, strict=True) for own in block.weights(shape)
    ]
    return {f"{i:03d}.{name}": (shape, "float32") for i, (name, shape) in enumerate(named)}


def _are_same(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _without_softmax(steps: list[Step]) -> list[Step]:
    return [*steps[:-1], replace(steps[-1], activation="linear")]


def _why_keras() -> str:
    """Why no engine is to be used on this machine; empty where one is."""
    library = load_library()
    if library.handle is None:
        return library.reason
    if any(find_spec(name) is not None for name in _ACCELERATORS):
        import jax

        if jax.default_backend() != "cpu":
            return f"on {jax.devices()[0].device_kind}"
    return ""


def _tried(network: Network) -> tuple[Floats, Floats]:
    """Images of noise, and what Keras makes of them."""
    rng = np.random.default_rng(0)
    images = rng.random((_TRIED, *network.input_shape), np.float32)
    return images, np.asarray(network.model(images, training=False))


def _is_alike(network: Network, steps: Sequence[Step]) -> bool:
    """Whether the engine answers as Keras does."""
    images, due = _tried(network)
    try:
        found = Engine(steps, network.input_shape)(images)
    except InputError:
        return False
    return found.shape == due.shape and bool(np.allclose(found, due, rtol=0, atol=_ALIKE))
