"""
What training a user's own Keras model takes beside its answers.

Keras's `fit` uses more than what a model computes: what is added to the loss, constraints on
weights, and statistics of a batch. What is not done here as Keras does it is refused by name.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from stormlens.errors import InputError
from stormlens.models._chain import chain_of
from stormlens.models._fuse import Forward, fuse, scaled_call
from stormlens.models._keras import import_keras

# Layers that make of an image what they would make of it alone, in training too.
_ALONE = frozenset(
    {
        *("InputLayer", "Identity", "Rescaling", "Reshape", "Flatten", "Permute"),
        *("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose", "Dense"),
        *("MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D"),
        *("ZeroPadding2D", "Cropping2D", "UpSampling2D"),
        *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"),
        *("Dropout", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout"),
        *("LayerNormalization", "GroupNormalization", "UnitNormalization"),
        *("LocalResponseNormalization", "Residual", "GlobalMeanMax"),
    }
)
_OWN_STEPS = ("train_step", "compute_loss", "compute_loss_and_updates", "stateless_compute_loss")


def fuse_for_training(model: Any, bounds: tuple[float, float], seed: int) -> Forward:
    """
    As `fuse`, with all that a training depends on.

    Parameters
    ----------
    model : keras.Model
        A user's own, or one of the zoo that may have been changed.
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
        If the model asks for what only Keras's own `fit` does; the sentence names it.
    """
    keras = import_keras()
    _check_trainable(keras, model)
    forward = fuse(model, bounds, seed)
    added = _added(model, forward, bounds)
    return replace(
        forward,
        dense=() if added else forward.dense,  # kernels may not step before all their losses are in
        added=added,
        constrain=_constraints(model),
        mixes=added is not None or not _are_alone(keras, model),
    )


def _check_trainable(keras: Any, model: Any) -> None:
    for name in _OWN_STEPS:
        if getattr(type(model), name, None) is not getattr(keras.Model, name, None):
            raise InputError(
                f"Model {model.name!r} has a {name} of its own ({type(model).__name__}), which "
                "only Keras's fit calls. Train it with Keras and give the classifier made of it, "
                "or give a plain keras.Model."
            )
    if not model.trainable_variables:
        raise InputError(f"Model {model.name!r} has no weight to train: all of it is frozen.")
    for layer in _every_layer(model):
        if getattr(layer, "quantization_mode", None) is not None:
            raise InputError(
                f"Layer {layer.name!r} of model {model.name!r} is quantised "
                f"({layer.quantization_mode}), so that no training reaches its weights; give the "
                "model as it was before quantize()."
            )
        if layer.trainable_variables and layer.compute_dtype == "float16":
            raise InputError(
                f"Layer {layer.name!r} of model {model.name!r} computes in float16, in which "
                "gradients vanish unless the loss is scaled, and here it is not; build the model "
                "with the policy 'mixed_bfloat16' or 'float32'."
            )
    for variable in model.trainable_variables:
        if variable.dtype != "float32":
            raise InputError(
                f"Weight {variable.path} of model {model.name!r} is {variable.dtype}, but weights "
                "are trained in float32; build the model with the policy 'float32', or "
                "'mixed_bfloat16' to compute in half precision."
            )


def _every_layer(model: Any) -> Iterator[Any]:
    return iter(model._flatten_layers(include_self=False))


def _are_alone(keras: Any, model: Any) -> bool:
    """Whether all layers are known to leave images of a batch apart."""
    layers = chain_of(keras, model)
    return layers is not None and all(
        type(layer).__name__ in _ALONE
        and type(layer).__module__.startswith(("keras.", "stormlens."))
        and getattr(layer, "noise_shape", None) is None
        for layer in layers
    )


def _added(model: Any, forward: Forward, bounds: tuple[float, float]) -> Any:
    """The model called whole, with what it adds to its loss; None where that is nothing."""

    def apply(
        weights: Any, state: Any, images: Array, key: Array, training: bool
    ) -> tuple[Array, list[Array], Array]:
        _forget_losses(model)
        log_probabilities, new_state, losses = scaled_call(
            model, bounds, weights, state, images, training, return_losses=True
        )
        total = jnp.zeros((), jnp.float32)
        for loss in losses:
            total = total + jnp.sum(jnp.asarray(loss, jnp.float32))
        return log_probabilities, new_state, total

    image = jax.ShapeDtypeStruct((1, *model.input_shape[1:]), jnp.float32)
    _forget_losses(model)
    # What a layer adds by add_loss is known only once it is called.
    *_, losses = jax.eval_shape(
        lambda weights, state, images: model.stateless_call(
            weights, state, images, training=True, return_losses=True
        ),
        forward.weights,
        forward.state,
        image,
    )
    return apply if losses else None


def _forget_losses(model: Any) -> None:
    """
    Have the layers forget which losses they added in an earlier trace.

    Keras knows a traced loss by the `id` of its array, and a layer that is called first removes
    from the losses of the trace those whose `id` it remembers. Arrays of an earlier trace are
    freed, so another layer's new loss may have such an `id` and be lost.
    """
    model._clear_losses()


def _constraints(model: Any) -> Callable[[list[Array]], list[Array]] | None:
    own = [variable.constraint for variable in model.trainable_variables]
    if all(constraint is None for constraint in own):
        return None

    def constrain(weights: list[Array]) -> list[Array]:
        return [
            weight if constraint is None else jnp.asarray(constraint(weight), weight.dtype)
            for constraint, weight in zip(own, weights, strict=True)
        ]

    return constrain
