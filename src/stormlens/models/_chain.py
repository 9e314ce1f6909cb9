"""What a Keras model is made of: its layers one behind the other, and which of them are plain."""

from typing import Any


def chain_of(keras: Any, model: Any) -> list[Any] | None:
    """
    Layers of a model in which each feeds the next and nothing else.

    Parameters
    ----------
    keras : module
    model : keras.Model

    Returns
    -------
    layers : list of keras.Layer or None
        In order, with those of nested models in their place; None where it is no such chain, or
        where masks go beside the values.
    """
    layers: list[Any] | None
    if type(model) is keras.Sequential:
        layers = list(model.layers)
    elif type(model).__name__ == "Functional":
        layers = _functional_chain(keras, model)
    else:
        return None
    if layers is None:
        return None
    parts = [
        chain_of(keras, layer) if isinstance(layer, keras.Model) else [layer] for layer in layers
    ]
    if any(part is None for part in parts):
        return None
    chain = [layer for part in parts if part is not None for layer in part]
    return None if any(_gives_mask(layer) for layer in chain) else chain


def _gives_mask(layer: Any) -> bool:
    """Whether a layer says which of its values count, as Keras's Masking does."""
    nodes = getattr(layer, "_inbound_nodes", [])
    tensors = [tensor for node in nodes for tensor in node.output_tensors]
    return any(getattr(tensor, "_keras_mask", None) is not None for tensor in tensors)


def _functional_chain(keras: Any, model: Any) -> list[Any] | None:
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        return None
    layers: list[Any] = []
    tensor = model.outputs[0]
    while True:
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if node.is_input:
            return layers[::-1]
        arguments = node.arguments
        if (
            not isinstance(operation, keras.layers.Layer)
            or len(node.input_tensors) != 1
            or len(node.outputs) != 1
            or len(arguments.args) != 1
            or any(value is not None for value in arguments.kwargs.values())
        ):
            return None
        layers.append(operation)
        tensor = node.input_tensors[0]


def is_plain_convolution(keras: Any, layer: Any) -> bool:
    """Whether a layer is a Conv2D of stride 1 in single precision; any padding, any activation."""
    return (
        type(layer) is keras.layers.Conv2D
        and layer.strides == (1, 1)
        and layer.dilation_rate == (1, 1)
        and layer.groups == 1
        and layer.data_format == "channels_last"
        and layer.compute_dtype == layer.variable_dtype == "float32"
        and not layer.lora_enabled
    )


def is_plain_relu(layer: Any) -> bool:
    """Whether a ReLU layer is max(0, x) and no more."""
    return layer.max_value is None and not layer.negative_slope and not layer.threshold


def is_plain_dense(keras: Any, layer: Any) -> bool:
    """Whether a layer is a Dense on flat values in single precision; any activation."""
    return (
        type(layer) is keras.layers.Dense
        and layer.input_spec.ndim is None
        and len(layer.output.shape) == 2
        and layer.compute_dtype == layer.variable_dtype == "float32"
        and layer.quantization_mode is None
        and not layer.lora_enabled
    )
