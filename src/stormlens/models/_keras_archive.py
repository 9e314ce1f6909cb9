"""
Check a ``.keras`` file before Keras builds the model.

A few hundred bytes of configuration can describe layers of any size, and Keras allocates their
weights before it checks that the file has any. Here the shapes are derived first, without
allocating them, and compared with the file's content.
"""

import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.errors import InputError
from stormlens.models._keras import import_keras
from stormlens.storage import opened_hdf5, parse_json

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_LONGEST_CONFIG, _DEEPEST = 2**24, 200  # bytes and levels; each model in a model adds some
_REMEDY = "give a file that model.save('name.keras') wrote"
_SMALL, _UNPACKED = 2**26, 20
"""A part of the file may unpack to so many bytes, or so many times its own."""
_MOST_BESIDE = 2**28
"""Bytes of weights that a model may have beyond what its file holds, as seeds are not kept."""
_MOST_VALUES = 2**28
"""That one layer may give for one image: a GiB."""


def check_archive(path: Path) -> None:
    """
    Refuse a model file that asks for more than it brings.

    Parameters
    ----------
    path : Path
        Zip archive; it may come from anywhere.

    Raises
    ------
    InputError
        If a part unpacks to much more than its size, weights lie in other files or are of
        another kind than the model's, or the model needs more memory than the weights of the
        file or an image have use for.
    """
    with zipfile.ZipFile(path) as archive:
        _check_sizes(archive, path)
        names = archive.namelist()
        if _CONFIG not in names or _WEIGHTS not in names:
            return  # Keras says what is missing
        config, content = archive.read(_CONFIG), archive.read(_WEIGHTS)
    stored = _datasets(content, path)
    described = parse_json(config, f"{path}: {_CONFIG}", _REMEDY, _DEEPEST)
    shapes, largest = _planned(described)
    if largest > _MOST_VALUES:
        raise InputError(
            f"{path} has a layer that gives {largest:,} numbers for one image, more than "
            f"{_MOST_VALUES:,}; give a smaller model."
        )
    wanted = sum(_bytes(variable) for variable in shapes)
    if wanted > len(content) + _MOST_BESIDE:
        raise InputError(
            f"{path} asks for {wanted >> 20:,} MiB of weights and holds {len(content) >> 20:,} "
            f"MiB; {_REMEDY}."
        )
    _check_kinds(shapes, stored, path)


def _check_sizes(archive: zipfile.ZipFile, path: Path) -> None:
    for part in archive.infolist():
        most = max(_SMALL, _UNPACKED * part.compress_size)
        if part.filename == _CONFIG:
            most = _LONGEST_CONFIG
        if part.file_size > most:
            raise InputError(
                f"{path}: {part.filename} unpacks to {part.file_size:,} bytes, more than {most:,}; "
                f"{_REMEDY}."
            )


def _planned(config: dict[str, Any]) -> tuple[list[Any], int]:
    """Shapes and kinds of a model's variables, and the most that a layer gives for an image."""
    import jax

    keras = import_keras()
    largest = 0

    def describe() -> list[Any]:
        nonlocal largest
        model = keras.saving.deserialize_keras_object(
            {**config, "compile_config": None}, safe_mode=True
        )
        largest = max(_given(keras, model), default=0)
        return [variable.value for variable in model.variables]

    # Under `eval_shape` JAX traces shapes alone: not even first weights are allocated.
    try:
        variables: list[Any] = jax.eval_shape(describe)
    except jax.errors.JAXTypeError:
        known = keras.saving.get_custom_objects()
        if all(name.startswith("stormlens>") for name in known):
            raise
        return [], 0  # a layer of the user's own, in this process, that takes no plan
    return variables, largest


def _given(keras: Any, model: Any) -> list[int]:
    """How many numbers each call of each layer gives for one image, as far as Keras knows it."""
    sizes = []
    for layer in model._flatten_layers():
        graph = getattr(layer, "_functional", None) or layer
        by_depth = getattr(graph, "_nodes_by_depth", {})
        tensors = [out for nodes in by_depth.values() for node in nodes for out in node.outputs]
        sizes += [int(np.prod([n or 1 for n in t.shape[1:]], dtype=object)) for t in tensors]
    return sizes


def _bytes(variable: Any) -> int:
    return int(np.prod(variable.shape, dtype=object)) * variable.dtype.itemsize


def _datasets(content: bytes, path: Path) -> list[tuple[tuple[int, ...], str]]:
    """Shapes and types of the arrays in a file of weights."""
    import h5py

    found: list[tuple[tuple[int, ...], str]] = []

    def look(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            # Keras writes half precision of its own kind as whole numbers, with a note.
            found.append((item.shape, str(item.attrs.get("dtype", item.dtype))))

    with opened_hdf5(content, f"{path}: {_WEIGHTS}", "HDF5") as file:
        file.visititems(look)
    return found


def _check_kinds(
    variables: list[Any], stored: list[tuple[tuple[int, ...], str]], path: Path
) -> None:
    """Refuse integers stored for real weights: Keras would silently take them as values."""
    real = Counter(shape for shape, kind in stored if "float" in kind)
    wanted = Counter(v.shape for v in variables if "float" in str(v.dtype))
    whole = Counter(shape for shape, kind in stored if "float" not in kind)
    for variable in variables:
        if "float" not in str(variable.dtype):
            whole[variable.shape] -= 1
    for shape, count in wanted.items():
        if real[shape] < count and whole[shape] > 0:
            kind = next(k for s, k in stored if s == shape and "float" not in k)
            raise InputError(
                f"{path} holds weights of shape {shape} as {kind} where the model has real "
                "numbers; save the model again with model.save('name.keras')."
            )
