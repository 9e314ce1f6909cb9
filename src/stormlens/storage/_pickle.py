"""
NumPy arrays out of a pickle, without running what the pickle asks for.

A pickle is a small program: unpickling may call any function. Here its instructions are read
first, and refused unless NumPy arrays, lists, tuples, text and numbers need them. Then they run
with stand-ins for NumPy's functions. A stand-in only records its arguments, checks them, and makes
an array of plain numbers or text at the end. So neither a function nor a dtype that the pickle
chooses reaches NumPy.
"""

import io
import math
import pickle
import pickletools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from stormlens.errors import InputError

MAX_PICKLE_BYTES = 64 * 2**20
"""Largest pickle that is read, bytes; the archive's largest has 25 million."""

_MAX_INSTRUCTIONS = 1_000_000
_MAX_AXES = 8

_INSTRUCTIONS = {
    *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK"),
    *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2"),
    *("LONG", "LONG1", "FLOAT", "BINFLOAT"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
    *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"),
}
_DTYPE = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|[SU]\d{1,5}|O8?)")


def load_pickled_arrays(path: str | Path) -> object:
    """
    Read a pickle of NumPy arrays, lists, tuples, text and numbers, and nothing else.

    Parameters
    ----------
    path : str or Path
        Pickle of any protocol (0 to 5), written with any NumPy since 1.0; at most 64 MiB.

    Returns
    -------
    content : object
        Arrays of bool, integers, floats or text, in lists and tuples as in the pickle.
        An array of Python objects is read if all of them are text, and as an array of text.

    Raises
    ------
    InputError
        If the file is missing, too large, cut short, not a pickle, or asks for anything else;
        none of what it asks for has been run then.
    """
    path = Path(path)
    content = _read(path)
    try:
        _check_instructions(content, str(path))
        return _finished(_Unpickler(io.BytesIO(content), str(path)).load())
    except InputError:
        raise
    except Exception as error:
        # Broken pickles fail in many ways (IndexError, KeyError, struct.error, MemoryError...).
        reason = str(error) or type(error).__name__
        msg = f"{path} cannot be read as a pickle of NumPy arrays ({reason}); get it again."
        raise InputError(msg) from error


def _read(path: Path) -> bytes:
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {what}; give a pickle of NumPy arrays.")
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{path} is empty; get it again.")
    if size > MAX_PICKLE_BYTES:
        msg = f"{path} holds {size} bytes; pickles over {MAX_PICKLE_BYTES} bytes are refused."
        raise InputError(msg)
    return path.read_bytes()


def _check_instructions(content: bytes, where: str) -> None:
    for number, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if opcode.name not in _INSTRUCTIONS:
            raise _refused(where, f"the instruction {opcode.name}")
        if number >= _MAX_INSTRUCTIONS:
            raise InputError(f"{where} holds over a million pickle instructions; refused.")
        if opcode.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            _stand_in(module, name, where)
        # A memo index far beyond the instructions seen would make pickle allocate gigabytes.
        if opcode.name in {"PUT", "BINPUT", "LONG_BINPUT"} and int(argument or 0) > number:
            raise _refused(where, f"memo entry {argument}")


def _refused(where: str, what: str) -> InputError:
    msg = (
        f"{where} asks for {what}, which a pickle of plain NumPy arrays does not need; "
        "refused, and nothing in it was run."
    )
    return InputError(msg)


class _Marker:
    """An allowed name that is only passed along, such as numpy.ndarray."""


_NDARRAY = _Marker()


class _Dtype:
    """A recorded numpy.dtype: type code, then byte order."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            msg = f"its arrays have dtype {code!r}, neither numbers nor text"
            raise pickle.UnpicklingError(msg)
        self._code = code.lstrip("<>=|")
        self._order = code[0] if code[0] in "<>" else "="

    def __setstate__(self, state: tuple) -> None:
        _version, order, subtype, names, fields = state[:5]
        if order not in ("<", ">", "|", "=") or (subtype, names, fields) != (None, None, None):
            raise pickle.UnpicklingError("its arrays have a structured dtype")
        self._order = order

    @property
    def is_object(self) -> bool:
        return self._code.startswith("O")

    @property
    def value(self) -> np.dtype:
        order = "" if self._order == "|" else self._order
        return np.dtype(order + self._code)


class _Array:
    """A recorded array: filled by BUILD (protocols 0 to 4) or at once (protocol 5)."""

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        _version, shape, dtype, fortran, content = state
        self.value = _array(content, dtype, shape, "F" if fortran else "C")


def _array(content: object, dtype: object, shape: object, order: Any) -> np.ndarray:
    if not isinstance(dtype, _Dtype):
        raise pickle.UnpicklingError("an array has no dtype")
    if not isinstance(shape, tuple) or len(shape) > _MAX_AXES or order not in ("C", "F"):
        raise pickle.UnpicklingError(f"an array has shape {shape!r}")
    if not all(type(n) is int and n >= 0 for n in shape):
        raise pickle.UnpicklingError(f"an array has shape {shape!r}")
    if dtype.is_object:
        return _array_of_text(content, shape, order)
    if not isinstance(content, bytes | bytearray):
        raise pickle.UnpicklingError(f"an array of numbers holds a {type(content).__name__}")
    if math.prod(shape) * dtype.value.itemsize != len(content):
        msg = f"an array of shape {shape} and type {dtype.value} holds {len(content)} bytes"
        raise pickle.UnpicklingError(msg)
    if dtype.value.kind == "U":
        _check_text(content, dtype.value)
    stored: np.ndarray = np.ndarray(shape, dtype.value, bytes(content), order=order)
    return stored.astype(dtype.value.newbyteorder("="))


def _array_of_text(content: object, shape: tuple[int, ...], order: Literal["C", "F"]) -> np.ndarray:
    # pandas keeps names, such as UNIDs, as Python objects.
    if not isinstance(content, list) or not all(type(item) is str for item in content):
        raise pickle.UnpicklingError("its arrays hold Python objects, not numbers or text")
    if math.prod(shape) != len(content):
        raise pickle.UnpicklingError(f"an array of shape {shape} holds {len(content)} texts")
    # One long text repeated by its memo entry would take terabytes.
    if len(content) * max(map(len, content), default=0) > MAX_PICKLE_BYTES:
        raise pickle.UnpicklingError("an array holds text that is too long")
    return np.array(content, dtype=str).reshape(shape, order=order)


def _check_text(content: bytes | bytearray, dtype: np.dtype) -> None:
    # NumPy would print a number over U+10FFFF as text and fail only then.
    codes = np.frombuffer(content, dtype.str[0] + "u4")
    if codes.size and codes.max() > 0x10FFFF:
        raise pickle.UnpicklingError("an array of text holds a number that is no character")


def _reconstruct(subtype: object, shape: object, code: object) -> _Array:
    if subtype is not _NDARRAY:
        raise pickle.UnpicklingError("an array is of a subclass of numpy.ndarray")
    return _Array()


def _from_buffer(content: object, dtype: object, shape: object, order: object) -> _Array:
    array = _Array()
    array.value = _array(content, dtype, shape, order)
    return array


def _scalar(dtype: object, content: object) -> object:
    return _array(content, dtype, (), "C")[()]


def _encode(text: object, codec: object) -> bytes:
    if not isinstance(text, str) or codec != "latin1":
        raise pickle.UnpicklingError(f"it encodes text as {codec!r}, not latin1")
    return text.encode("latin1")


_STAND_INS: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    # NumPy 2 renamed numpy.core to numpy._core.
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}


def _stand_in(module: str, name: str, where: str) -> object:
    try:
        return _STAND_INS[module, name]
    except (KeyError, TypeError):
        raise _refused(where, f"{module}.{name}") from None


class _Unpickler(pickle.Unpickler):
    """Resolves every name to a stand-in, or refuses it."""

    def __init__(self, file: io.BytesIO, where: str) -> None:
        super().__init__(file)
        self._where = where

    def find_class(self, module: str, name: str) -> object:
        return _stand_in(module, name, self._where)


def _finished(content: object) -> object:
    """Replace recorded arrays by real ones; each is visited once, however often it is repeated."""
    done: dict[int, object] = {}
    return _finish(content, done, depth=0)


def _finish(content: object, done: dict[int, object], depth: int) -> object:
    if depth > _MAX_AXES:
        raise pickle.UnpicklingError("its lists are nested too deeply")
    if isinstance(content, _Array):
        if content.value is None:
            raise pickle.UnpicklingError("an array was never filled")
        return content.value
    if isinstance(content, list | tuple):
        if id(content) not in done:
            parts: Iterator[object] = (_finish(part, done, depth + 1) for part in content)
            done[id(content)] = type(content)(parts)
        return done[id(content)]
    if content is None or isinstance(content, str | bytes | bool | int | float | np.generic):
        return content
    raise pickle.UnpicklingError(f"it holds a {type(content).__name__.strip('_')}")
