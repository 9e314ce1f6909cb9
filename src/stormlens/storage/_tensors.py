"""Safetensors files, written from where their arrays lie."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def write_tensors(
    path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """
    Write a safetensors file from where the tensors lie.

    The library's own writer first copies all of them twice, which in a training is more memory
    than everything else.

    Parameters
    ----------
    path : Path
    tensors : mapping of str to ndarray
        Of whole or real numbers or truth values, in C order.
    metadata : mapping of str to str, optional
    """
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        header[name] = {
            "dtype": _dtype_code(tensor.dtype),
            "shape": tensor.shape,
            "data_offsets": (begin, end),
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # so that the tensors begin at whole words
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(tensor.reshape(-1).view(np.uint8).data)


def _dtype_code(dtype: np.dtype[Any]) -> str:
    """What safetensors calls a type: F32, BF16."""
    if dtype == np.bool_:
        return "BOOL"
    kind = "BF" if dtype.name == "bfloat16" else {"f": "F", "i": "I", "u": "U"}[dtype.kind]
    return f"{kind}{8 * dtype.itemsize}"
