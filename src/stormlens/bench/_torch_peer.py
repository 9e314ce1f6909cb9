"""PyTorch at its usual best on a CPU: channels last, fused Adam, no compilation."""

from collections.abc import Callable
from typing import Any

import numpy as np

from stormlens.bench._job import BATCH, LEARNING_RATE, PREDICT_BATCH, Job, Pass
from stormlens.bench._network import Layer


def start(job: Job) -> Pass:
    """
    One training epoch, or the probabilities of all images.

    Parameters
    ----------
    job : Job

    Returns
    -------
    one_pass : callable
    """
    import torch

    images = torch.from_numpy(job.scaled).permute(0, 3, 1, 2)
    images = images.contiguous(memory_format=torch.channels_last)
    network = _network(job.layers, images[:1]).to(memory_format=torch.channels_last)
    _set_weights(network, job.weights)
    if job.task == "predict":
        return _prediction(network, images)
    return _training(network, images, torch.from_numpy(job.codes).long())


def _network(layers: tuple[Layer, ...], example: Any) -> Any:
    """Without the closing softmax; layers learn their inputs from the example."""
    from torch import nn

    modules: list[Any] = []
    for layer in layers:
        modules.append(_module(layer))
        if layer.activation == "relu":
            modules.append(nn.ReLU())
    network = nn.Sequential(*modules)
    network(example)
    return network


def _module(layer: Layer) -> Any:
    from torch import nn

    class FlattenChannelsLast(nn.Module):
        """Rows, columns, channels: Keras's order, so that weights mean the same."""

        def forward(self, values: Any) -> Any:
            return values.permute(0, 2, 3, 1).flatten(1)

    makers: dict[str, Callable[[], Any]] = {
        "conv": lambda: nn.LazyConv2d(layer.units, layer.size),
        "max_pool": lambda: nn.MaxPool2d(layer.size),
        "spatial_dropout": lambda: nn.Dropout2d(layer.rate),
        "dropout": lambda: nn.Dropout(layer.rate),
        "flatten": FlattenChannelsLast,
        "dense": lambda: nn.LazyLinear(layer.units),
    }
    return makers[layer.kind]()


def _set_weights(network: Any, weights: list[np.ndarray]) -> None:
    import torch

    for parameter, value in zip(network.parameters(), weights, strict=True):
        # Keras: rows, columns, inputs, outputs; PyTorch: outputs, inputs, rows, columns.
        order = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[value.ndim]
        with torch.no_grad():
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(value.transpose(order))))


def _training(network: Any, images: Any, codes: Any) -> Pass:
    import torch

    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE, eps=1e-7, fused=True)
    loss_of = torch.nn.CrossEntropyLoss()

    def epoch() -> None:
        network.train()
        for chosen in torch.randperm(len(images)).split(BATCH):
            optimiser.zero_grad()
            loss = loss_of(network(images[chosen]), codes[chosen])
            loss.backward()
            optimiser.step()

    return epoch


def _prediction(network: Any, images: Any) -> Pass:
    import torch

    def one_pass() -> np.ndarray:
        network.eval()
        with torch.inference_mode():
            parts = [network(part).softmax(1) for part in images.split(PREDICT_BATCH)]
            return torch.cat(parts).numpy()

    return one_pass
