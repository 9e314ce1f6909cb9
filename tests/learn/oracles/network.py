"""Networks, their gradients, explanations and trainings, as JAX and the engine have them."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stormlens import insight
from stormlens.augment import affine_matrices
from stormlens.datasets import load, make_dataset
from stormlens.engine import Engine, Step
from stormlens.engine._engine import ACTIVATIONS
from stormlens.models import Classifier, shipped_folder
from stormlens.models._network import Network, kinds_of
from stormlens.models._registry import plan_of
from stormlens.ops import warp
from stormlens.training import Recipe, fit
from stormlens.training._step import make_order

CLASSES = ("Cellular", "QLCS", "Tropical", "Other", "Noise", "Missing")
SIDES = {
    "chapter-linear": 40,
    "chapter-relu": 41,
    "svrimg-3conv": 62,
    "storm-residual": 56,
    "lenet5": 32,
    "alexnet": 64,
}
# These programs run once, so they are compiled in the shortest time.
_QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def write(folder: Path) -> None:
    """
    Write the oracles of the network's tests.

    Parameters
    ----------
    folder : Path
    """
    for name, make in _ORACLES.items():
        text = json.dumps(make(), default=_plain)
        (folder / f"network-{name}.json").write_text(text, encoding="utf-8")


def hashed(count: int, seed: int) -> np.ndarray:
    """
    Numbers from -1 to below 1 that JavaScript makes alike, so that no file need hold them.

    Parameters
    ----------
    count, seed : int

    Returns
    -------
    values : ndarray of float32, shape (count,)
    """
    mixed = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed * 7919)
    for shift, factor in ((15, 0x85EBCA6B), (13, 0xC2B2AE35)):
        mixed ^= mixed >> np.uint32(shift)
        mixed *= np.uint32(factor)
    mixed ^= mixed >> np.uint32(16)
    return (mixed / np.float64(2**31) - 1).astype(np.float32)


def shaped(shape: tuple[int, ...], seed: int, scale: float = 1.0) -> np.ndarray:
    """`hashed` numbers of a shape, times a factor."""
    return (hashed(int(np.prod(shape)), seed) * np.float32(scale)).reshape(shape)


def weights_of(kinds: dict[str, Any]) -> dict[str, np.ndarray]:
    """Weights of a network, each kernel with about the spread of Glorot's rule."""
    return {
        name: shaped(shape, i, (6 / (np.prod(shape[:-2]) * sum(shape[-2:]))) ** 0.5)
        if len(shape) > 1
        else shaped(shape, i, 0.1)
        for i, (name, (shape, _)) in enumerate(kinds.items())
    }


def first_weights_of(name: str, side: int) -> dict[str, np.ndarray]:
    """The same where a training begins: but for each layer's first kernel, all is zero."""
    _, blocks, shapes = plan_of(name, (side, side, 1), len(CLASSES))
    pairs = zip(blocks, shapes, strict=True)
    drawn = [n == 0 for block, shape in pairs for n in range(len(block.weights(shape)))]
    weights = weights_of(kinds_of(name, (side, side, 1), len(CLASSES)))
    return {
        key: values if is_drawn else np.zeros_like(values)
        for (key, values), is_drawn in zip(weights.items(), drawn, strict=True)
    }


def _plain(value: Any) -> Any:
    """What json does not know."""
    return np.asarray(value).ravel().tolist()


def _boxes(count: int, side: int) -> np.ndarray:
    """Storms of the simulator, cut to a side, as whole dBZ."""
    images = load("simulated", "validation")["reflectivity"].values[:count]
    first = (136 - side) // 2
    return np.ascontiguousarray(images[:, first : first + side, first : first + side])


# ---------------------------------------------------------------- forward


def _forward() -> list[dict[str, Any]]:
    """What Keras answers, for each network of the zoo."""
    found = []
    for name, side in SIDES.items():
        kinds = kinds_of(name, (side, side, 1), len(CLASSES))
        network = Network.named(name, (side, side, 1), len(CLASSES), weights_of(kinds))
        images = _boxes(3, side)
        ask = jax.jit(partial(network.model, training=False), compiler_options=_QUICK)
        answers = ask(images[..., None].astype(np.float32) / 80)
        found.append({"name": name, "side": side, "images": images, "answers": answers})
    return found


# ---------------------------------------------------------------- single steps


def _conv(window: int, channels: int, filters: int, groups: int = 1, **more: Any) -> Step:
    kernel = shaped((window, window, channels // groups, filters), 1, 0.3)
    bias = shaped((filters,), 2, 0.1)
    return Step("convolution", (window, window), kernel=kernel, bias=bias, groups=groups, **more)


def _cases() -> Iterator[tuple[str, tuple[int, ...], Step]]:
    around = (1, 1, 1, 1)
    yield "valid 3x3", (11, 12, 3), _conv(3, 3, 5)
    yield "same 3x3 in sixteens", (13, 9, 16), _conv(3, 16, 32, padding=around, activation="relu")
    yield "valid 3x3 in sixteens", (13, 14, 16), _conv(3, 16, 16)
    yield "1x1", (4, 5, 6), _conv(1, 6, 40)
    yield "5x5 same", (9, 10, 2), _conv(5, 2, 3, padding=(2, 2, 2, 2), activation="tanh")
    yield "strides", (21, 22, 1), _conv(5, 1, 7, strides=(4, 3), padding=(1, 2, 0, 1))
    yield "dilation", (12, 11, 4), _conv(3, 4, 4, dilation=(2, 3), padding=(2, 2, 3, 3))
    yield "groups", (7, 7, 6), _conv(3, 6, 9, groups=3)
    yield "depthwise", (8, 7, 5), _conv(3, 5, 5, groups=5, padding=around)
    yield "pool 3", (10, 11, 4), Step("highest", (3, 3), (3, 3))
    yield "overlapping pool", (9, 9, 3), Step("highest", (3, 3), (2, 2), padding=(1, 1, 0, 1))
    yield "mean", (8, 9, 3), Step("mean", (2, 2), (2, 2))
    yield "mean with borders", (7, 8, 2), Step("mean", (3, 3), (2, 2), padding=(1, 1, 1, 0))
    kernel, bias = shaped((90, 37), 3, 0.2), shaped((37,), 4, 0.1)
    yield "dense", (90,), Step("dense", kernel=kernel, bias=bias, activation="relu")
    factor, offset = shaped((5,), 5, 1.5), shaped((5,), 6)
    yield "scale", (3, 4, 5), Step("scale", kernel=factor, bias=offset)
    normalise = Step("normalise", kernel=factor, bias=offset, constants=(1e-3,))
    yield "normalise", (3, 4, 5), normalise
    yield "neighbours", (3, 4, 9), Step("neighbours", (5, 1), constants=(2.0, 0.5, 0.75))
    yield "global mean", (5, 4, 3), Step("global mean")
    yield "global highest", (5, 4, 3), Step("global highest")
    yield "global both", (5, 4, 3), Step("global both")
    yield "flatten", (2, 3, 4), Step("flatten")
    for name in ACTIVATIONS:
        constants = {"elu": (0.7,)}.get(name, ())
        yield name, (4, 5, 6), Step("activation", activation=name, constants=constants)
    relu = Step("activation", activation="relu", constants=(0.2, 1.0, -0.3))
    yield "relu with a slope, a bound and a threshold", (4, 5, 6), relu


def _steps() -> list[dict[str, Any]]:
    """Each kind of step: what the native engine gives, and JAX's gradients."""
    found = []
    for name, shape, step in _cases():
        images = shaped((2, *shape), 7, 2.0)
        own = (1, 1, *shape) if len(shape) == 1 else shape
        flat = [] if step.kind in ("flatten", "dense") else [Step("flatten")]
        steps = [Step("flatten"), step] if len(shape) == 1 else [step, *flat]
        given = images.reshape(2, *own[-3:]) if len(shape) > 1 else images.reshape(2, 1, 1, -1)
        engine = Engine(steps, given.shape[1:])
        values = engine(np.ascontiguousarray(given))
        weight = shaped(values.shape, 8)
        arrays = [a for a in (step.kernel, step.bias) if a is not None]

        def total(*given: Any, step: Step = step, weight: Any = weight) -> Any:
            value = _computed(step, *given).reshape(2, -1)
            return (value * weight).sum(), value

        each = jax.grad(total, tuple(range(1 + len(arrays))), has_aux=True)
        gradients, value = jax.jit(each, compiler_options=_QUICK)(jnp.asarray(images), *arrays)
        np.testing.assert_allclose(value, values, rtol=1e-4, atol=1e-4)
        written = {k: v for k, v in asdict(step).items() if k not in ("kernel", "bias")}
        found.append(
            {
                "name": name,
                "shape": shape,
                "step": {**written, "constants": [_finite(c) for c in step.constants]},
                "tensors": [{"shape": list(a.shape), "values": a} for a in arrays],
                "images": images,
                "values": values,
                "weight": weight,
                "gradients": list(gradients),
            }
        )
    return found


def _finite(constant: float) -> float | None:
    return constant if np.isfinite(constant) else None


def _computed(step: Step, x: Any, *weights: Any) -> Any:
    """A step in JAX's own terms."""
    top, bottom, left, right = step.padding
    if step.kind == "convolution":
        sums = jax.lax.conv_general_dilated(
            x,
            weights[0],
            step.strides,
            ((top, bottom), (left, right)),
            rhs_dilation=step.dilation,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=step.groups,
        )
        return _curve(step, sums + weights[1])
    if step.kind == "dense":
        return _curve(step, x @ weights[0] + weights[1])
    if step.kind in ("highest", "mean"):
        window, strides = (1, *step.window, 1), (1, *step.strides, 1)
        pads = ((0, 0), (top, bottom), (left, right), (0, 0))
        if step.kind == "highest":
            return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, window, strides, pads)
        sums, counts = (
            jax.lax.reduce_window(v, 0.0, jax.lax.add, window, strides, pads)
            for v in (x, jnp.ones_like(x))
        )
        return sums / counts
    if step.kind == "scale":
        return x * weights[0] + weights[1]
    if step.kind == "normalise":
        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        return (x - mean) / jnp.sqrt(variance + step.constants[0]) * weights[0] + weights[1]
    if step.kind == "neighbours":
        k, alpha, beta = step.constants
        half = step.window[0] // 2
        squares = jnp.pad(x**2, [(0, 0)] * 3 + [(half, half)])
        near = sum(squares[..., i : i + x.shape[-1]] for i in range(step.window[0]))
        return x / (k + alpha * near) ** beta
    if step.kind.startswith("global"):
        parts = {"mean": [x.mean((1, 2))], "highest": [x.max((1, 2))]}
        both = {**parts, "both": parts["mean"] + parts["highest"]}
        return jnp.concatenate(both[step.kind.split()[1]], -1)
    return _curve(step, x)


def _curve(step: Step, x: Any) -> Any:
    if step.activation == "relu" and step.constants:
        slope, most, threshold = step.constants
        return jnp.where(x > threshold, jnp.minimum(x, most), slope * (x - threshold))
    curves = {
        "linear": lambda v: v,
        "elu": lambda v: jax.nn.elu(v, *step.constants),
        "softsign": jax.nn.soft_sign,
        "exponential": jnp.exp,
        "tanh": jnp.tanh,
        "gelu": lambda v: jax.nn.gelu(v, approximate=False),
    }
    return curves.get(step.activation, getattr(jax.nn, step.activation, None))(x)


# ---------------------------------------------------------------- explanations


def _explained() -> list[dict[str, Any]]:
    """What `insight` says of the shipped classifier, and of a network of the chapter."""
    images = load("simulated", "validation")["reflectivity"].values
    shipped = Classifier.load(shipped_folder())
    kinds = kinds_of("chapter-relu", (40, 40, 1), len(CLASSES))
    network = Network.named("chapter-relu", (40, 40, 1), len(CLASSES), weights_of(kinds))
    small = Classifier(network, "chapter-relu", CLASSES, 0.0, 80.0, {})
    cases = [
        ("shipped", shipped, images[3], 9),
        ("chapter-relu", small, _boxes(4, 40)[3], 0),
    ]
    found = []
    for name, classifier, box, layer in cases:
        dataset = make_dataset(box[None], [0], source="SIMULATED", simulated=True)
        span = classifier.maximum - classifier.minimum
        mode = classifier.classes[1]
        found.append(
            {
                "name": name,
                "box": box,
                "code": 1,
                "layer": layer,
                "gradient": insight.gradient(classifier, dataset, mode).attribution.values * span,
                "cam": insight.grad_cam(classifier, dataset, mode, layer=layer).attribution.values,
                "occlusion": insight.occlusion(
                    classifier, dataset, mode, patch=16, stride=8
                ).attribution.values,
                "scores": insight.gradient(classifier, dataset, mode).score.values,
            }
        )
    return found


# ---------------------------------------------------------------- trainings


TRAINED = ("chapter-linear", "chapter-relu", "svrimg-3conv", "storm-residual")


def _trainings() -> list[dict[str, Any]]:
    """Three epochs without dropout, from weights and in an order that are given."""
    found = []
    own = [(name, None) for name in TRAINED]
    for name, activation in (*own, ("svrimg-3conv", "tanh")):
        side = SIDES[name]
        images = _boxes(90, side)
        modes = load("simulated", "validation")["mode"].values[:90].astype(np.int64)
        splits = {
            "train": make_dataset(images[:70], modes[:70], source="SIMULATED", simulated=True),
            "validation": make_dataset(images[70:], modes[70:], source="SIMULATED", simulated=True),
        }
        weights = first_weights_of(name, side)
        network = Network.named(name, (side, side, 1), len(CLASSES), weights)
        recipe = Recipe(name="oracle", model=name, learning_rate=1e-3, batch_size=32, epochs=3)
        model = _without_dropout(network.model)
        if activation is not None:
            _activate(model, activation)
        history = fit(recipe, splits, model=model, progress=False).history
        order_of = make_order(70, 32)
        orders = [order_of(jax.random.key(recipe.seed), e)[1][:70] for e in (1, 2, 3)]
        found.append(
            {
                "name": name,
                "activation": activation,
                "side": side,
                "images": images,
                "modes": modes,
                "orders": [np.asarray(order).tolist() for order in orders],
                "history": history,
            }
        )
    return found


def _activate(model: Any, activation: str) -> None:
    """As the Python does that the page Train gives to copy."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.activation = keras.activations.get(activation)


def _without_dropout(model: Any) -> Any:
    import keras

    copied = keras.models.clone_model(
        model,
        clone_function=lambda layer: layer.__class__.from_config(
            {**layer.get_config(), **({"rate": 0.0} if "Dropout" in type(layer).__name__ else {})}
        ),
    )
    copied.set_weights(model.get_weights())
    return copied


# ---------------------------------------------------------------- augmentation


def _warps() -> list[dict[str, Any]]:
    """Boxes turned and shifted by given transforms."""
    images = _boxes(4, 30)
    found = []
    for fill in ("reflect", "nearest", "constant", "wrap"):
        given = {
            "theta": [0.0, 31.0, -12.0, 5.0],
            "tx": [0.0, 3.5, -2.0, 1.0],
            "ty": [0.0, -1.5, 4.0, 0.0],
            "shear": [0.0, 4.0, -8.0, 2.0],
            "zx": [1.0, 1.2, 0.8, 1.0],
            "zy": [1.0, 0.9, 1.1, 1.3],
            "flip_horizontal": [False, True, False, True],
            "flip_vertical": [False, False, True, True],
        }
        arrays = {k: jnp.asarray(v) for k, v in given.items()}
        matrices = affine_matrices(**arrays, height=30, width=30)
        found.append(
            {
                "fill": fill,
                "given": given,
                "images": images,
                "matrices": matrices,
                "warped": warp(jnp.asarray(images), matrices, fill, 7.0),
            }
        )
    return found


_ORACLES = {
    "forward": _forward,
    "steps": _steps,
    "explained": _explained,
    "trainings": _trainings,
    "warps": _warps,
}
