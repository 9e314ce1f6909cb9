"""Safetensors files, written without copying the arrays, with a checksum of all their contents."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.errors import InputError

_SEAL = "crc32"  # 2.8 GB a second where SHA-256 does 0.6, and each epoch of a training waits for it


def write_tensors(
    path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """
    Write a safetensors file without copying the tensors.

    The library's own writer copies all of them twice, which in a training would take more memory
    than everything else.

    Parameters
    ----------
    path : Path
    tensors : mapping of str to ndarray
        Of integers, floats or booleans, in C order.
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
    text += b" " * (-len(text) % 8)  # so that the tensors are aligned to 8 bytes
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(tensor.reshape(-1).view(np.uint8).data)


def sealed(
    tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> dict[str, str]:
    """
    Metadata with a checksum, which shows whether a file is still as it was written.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        In C order.
    metadata : mapping of str to str, optional

    Returns
    -------
    metadata : dict of str to str
        With the CRC-32 of the rest of it and of the tensors' names, shapes, types and values.
    """
    plain = dict(metadata or {})
    checksum = zlib.crc32(json.dumps(plain, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        checksum = zlib.crc32(f"{name} {tensor.shape} {tensor.dtype}".encode(), checksum)
        checksum = zlib.crc32(tensor.reshape(-1).view(np.uint8).data, checksum)
    return {**plain, _SEAL: f"{checksum:08x}"}


def is_finite(values: np.ndarray) -> bool:
    """
    Whether no value of an array is NaN or infinite.

    Parameters
    ----------
    values : ndarray
        Of any kind of number.

    Returns
    -------
    finite : bool
    """
    if values.dtype.kind in "iub" or values.size == 0:
        return True
    # Both extremes are NaN where any value is, and a mask of millions of weights takes memory.
    with np.errstate(invalid="ignore"):
        return bool(np.isfinite(values.min()) and np.isfinite(values.max()))


def check_finite(tensors: Mapping[str, np.ndarray], path: Path, remedy: str) -> None:
    """
    Refuse tensors of which a value is NaN or infinite.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        By name.
    path : Path
        The file that they are read from, or are to be written to.
    remedy : str
        What to do about it.

    Raises
    ------
    InputError
        If there is one; the sentence names the first such tensor and the file.
    """
    for name, values in tensors.items():
        if not is_finite(values):
            raise InputError(f"{path}: tensor {name} holds values that are not finite; {remedy}.")


def read_sealed_tensors(path: Path, remedy: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """
    Read a safetensors file that was written with `sealed` metadata.

    Parameters
    ----------
    path : Path
    remedy : str
        What to do about a damaged file.

    Returns
    -------
    tensors : dict of str to ndarray
    metadata : dict of str to str

    Raises
    ------
    InputError
        If the file is damaged, holds anything else than it was written with, or a value that is
        not finite.
    """
    import safetensors

    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); {remedy}.") from error
    seal = metadata.pop(_SEAL, None)
    if seal is None:
        raise InputError(f"{path} has no checksum, as an older stormlens wrote it; {remedy}.")
    if seal != sealed(tensors, metadata)[_SEAL]:
        raise InputError(f"{path} is damaged (it does not fit its checksum); {remedy}.")
    check_finite(tensors, path, remedy)
    return tensors, metadata


def _dtype_code(dtype: np.dtype[Any]) -> str:
    """What safetensors calls a type: F32, BF16."""
    if dtype == np.bool_:
        return "BOOL"
    kind = "BF" if dtype.name == "bfloat16" else {"f": "F", "i": "I", "u": "U"}[dtype.kind]
    return f"{kind}{8 * dtype.itemsize}"
