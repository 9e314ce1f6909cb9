"""The arrays that all contenders share, as files that each can read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stormlens.bench._network import Layer, describe
from stormlens.errors import InputError
from stormlens.models import network_graph
from stormlens.storage import write_bytes


def write_images(folder: Path, images: np.ndarray, codes: np.ndarray) -> None:
    """
    Write labelled boxes, raw and scaled, as a `Job` reads them.

    Parameters
    ----------
    folder : Path
        Where to.
    images : ndarray of uint8, shape (N, rows, columns)
        Whole dBZ.
    codes : ndarray of int, shape (N,)
        Storm modes.

    Raises
    ------
    InputError
        If all pixels hold one value, which cannot be scaled.
    """
    low, high = float(images.min()), float(images.max())
    if low == high:
        raise InputError(f"All pixels are {low:g} dBZ, so they cannot be scaled; give more boxes.")
    np.save(folder / "images.npy", images)
    np.save(folder / "scaled.npy", ((images.astype(np.float32) - low) / (high - low))[..., None])
    np.save(folder / "codes.npy", codes.astype(np.int32))


def write_networks(folder: Path, names: Sequence[str], *, graphs: bool) -> dict[str, list[Layer]]:
    """
    Write the first weights of networks, and their ONNX graphs.

    Parameters
    ----------
    folder : Path
        Where to.
    names : sequence of str
        Networks of the zoo.
    graphs : bool
        Whether a contender needs the graphs, for which ONNX must be installed.

    Returns
    -------
    networks : dict of str to list of Layer
        By name.

    Raises
    ------
    InputError
        If a network is unknown or has layers that the peers cannot build.
    """
    from stormlens.bench._stormlens import network, steps_of

    networks = {}
    for name in names:
        model = network(name)
        networks[name] = describe(model)
        weights = [np.asarray(weight) for weight in model.get_weights()]
        np.savez(folder / f"{name}.npz", *weights)
        if graphs:
            graph = network_graph(steps_of(model), tuple(model.input_shape[1:]))
            write_bytes(folder / f"{name}.onnx", graph.SerializeToString())
    return networks
