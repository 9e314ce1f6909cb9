"""A network as a sequence of steps, packed once for this processor, and its forward pass."""

import ctypes
import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.engine._library import load_library
from stormlens.errors import InputError

Floats = NDArray[np.float32]

KINDS = (
    "convolution",
    "dense",
    "highest",
    "mean",
    "activation",
    "scale",
    "normalise",
    "neighbours",
    "global mean",
    "global highest",
    "global both",
    "keep",
    "add",
    "flatten",
)
"""What a step may be, in the order of the library's own list."""

ACTIVATIONS = (
    "linear",
    "relu",
    "tanh",
    "sigmoid",
    "elu",
    "selu",
    "softplus",
    "softsign",
    "silu",
    "exponential",
    "hard_sigmoid",
    "gelu",
    "softmax",
)
"""Activations by Keras's names, in the order of the library's own list."""

_RELU = (0.0, float("inf"), 0.0)
SENTENCE_BYTES = 1000  # that the library may write of what is wrong


@dataclass(frozen=True, eq=False)
class Step:
    """
    One step of a network.

    Attributes
    ----------
    kind : str
        Of `KINDS`. "convolution" and "dense" take kernel, bias and activation; "highest" and "mean"
        are pools; "scale" multiplies each channel by `kernel` and adds `bias`; "normalise" does so
        to each cell's channels less their mean, divided by their deviation; "neighbours" divides
        by a power of neighbouring channels' squares; "keep" copies the map, and "add" adds that
        copy.
    window : tuple of int
        Rows and columns of a kernel or pool; of "neighbours" the channels.
    strides, dilation : tuple of int
        Cells from window to window, and from tap to tap.
    groups : int
        Of a convolution's channels.
    padding : tuple of int
        Cells before and after the rows, before and after the columns.
    kernel : ndarray of float32 or None
        (rows, columns, channels / groups, filters), (inputs, units) or (channels,).
    bias : ndarray of float32 or None
        One a filter, unit or channel.
    activation : str
        Of `ACTIVATIONS`; it comes last.
    constants : tuple of float
        Of the activation: relu's slope below the threshold, most and threshold, elu's alpha. Of
        "normalise" the epsilon, of "neighbours" k, alpha and beta.
    """

    kind: str
    window: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    kernel: Floats | None = None
    bias: Floats | None = None
    activation: str = "linear"
    constants: tuple[float, ...] = ()


class _Step(ctypes.Structure):
    """The library's StormlensStep (native/engine_binding.cpp), fields in its order."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("kind", "activation", "rows", "columns")),
        *((name, ctypes.c_int64) for name in ("row_stride", "column_stride")),
        *((name, ctypes.c_int64) for name in ("row_dilation", "column_dilation", "groups")),
        *((name, ctypes.c_int64) for name in ("top", "left", "bottom", "right")),
        *((name, ctypes.c_int64) for name in ("outputs", "weights", "weights_size")),
        *((name, ctypes.c_int64) for name in ("bias", "bias_size")),
        *((name, ctypes.c_float) for name in "abcd"),
    )


class Engine:
    """
    A network on this processor.

    Parameters
    ----------
    steps : sequence of Step
        In order.
    shape : tuple of int
        (rows, columns, channels) of an image.
    bounds : tuple of float, optional
        Values of uint8 images that become 0 and 1.

    Raises
    ------
    InputError
        If there is no native library, or the steps do not fit each other or their weights; nothing
        is computed then.
    MemoryError
        If there is not enough for the weights.

    Attributes
    ----------
    outputs : int
        Values that an image becomes.
    instruction_set : str
        Of the code in use: "avx512", "avx2" or "baseline".
    """

    def __init__(
        self,
        steps: Sequence[Step],
        shape: tuple[int, int, int],
        bounds: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self._library = _engine_library()
        self._shape = shape
        weights, places = _packed(steps)
        structs = (_Step * max(len(steps), 1))(*(_as_struct(step, places) for step in steps))
        error = ctypes.create_string_buffer(SENTENCE_BYTES)
        made = self._library.stormlens_engine_make(
            *(structs, len(steps), *shape, *bounds, pointer(weights), weights.size),
            *(error, SENTENCE_BYTES),
        )
        if not made:
            sentence = error.value.decode()
            if sentence == "memory":
                raise MemoryError("There is not enough memory for the network's weights.")
            raise InputError(f"The network cannot be computed: {sentence}")
        self._handle = ctypes.c_void_p(made)
        weakref.finalize(self, self._library.stormlens_engine_free, self._handle)
        self.outputs = int(self._library.stormlens_engine_outputs(self._handle))
        self.instruction_set = instruction_set()

    def __call__(self, images: NDArray[Any], threads: int | None = None) -> Floats:
        """
        Send images through the network.

        Parameters
        ----------
        images : ndarray of uint8 or float32, shape (N, rows, columns, channels)
            Floats as the network takes them, or bytes to be scaled. A last dimension of 1 may
            be left out.
        threads : int, optional
            How many, 1 or more; by default one for each core that this process may use. The
            numbers are the same for any.

        Returns
        -------
        outputs : ndarray of float32, shape (N, outputs)

        Raises
        ------
        InputError
            If the images have another shape or kind of number.
        MemoryError
            If there is not enough for the maps.
        """
        given = np.ascontiguousarray(images)
        if given.ndim == 3:
            given = given[..., np.newaxis]
        if given.shape[1:] != self._shape or given.dtype not in (np.uint8, np.float32):
            due = " x ".join(map(str, self._shape))
            found = " x ".join(map(str, given.shape[1:]))
            raise InputError(
                f"Images are {found} of {given.dtype}; the network takes {due} of uint8 or float32."
            )
        outputs = np.empty((len(given), self.outputs), np.float32)
        is_bytes = given.dtype == np.uint8
        failed = self._library.stormlens_engine_run(
            self._handle,
            pointer(given) if is_bytes else None,
            None if is_bytes else pointer(given),
            len(given),
            usable_cores() if threads is None else threads,
            pointer(outputs),
        )
        if failed:
            raise MemoryError("There is not enough memory for the network's maps.")
        return outputs


def instruction_set() -> str:
    """
    The vector code that an engine would run.

    Returns
    -------
    name : str
        "avx512", "avx2" or "baseline", at most what the environment's STORMLENS_INSTRUCTION_SET
        names; empty where there is no native library.
    """
    if load_library().handle is None:
        return ""
    return str(_engine_library().stormlens_engine_instruction_set().decode())


def usable_cores() -> int:
    """
    Cores that this process may run on.

    Returns
    -------
    cores : int
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def loaded_library() -> ctypes.CDLL:
    """The library, or a refusal that says why there is none."""
    library = load_library()
    if library.handle is None:
        raise InputError(f"The native operations are not used: {library.reason}.")
    return library.handle


def _engine_library() -> ctypes.CDLL:
    """The library, with the types of its functions for engines."""
    handle = loaded_library()
    whole, real, pointer = ctypes.c_int64, ctypes.c_float, ctypes.c_void_p
    handle.stormlens_engine_make.restype = pointer
    handle.stormlens_engine_make.argtypes = [
        *(pointer, whole),  # steps
        *(whole, whole, whole, real, real),  # images
        *(pointer, whole),  # weights
        *(pointer, whole),  # a sentence
    ]
    handle.stormlens_engine_run.restype = whole
    handle.stormlens_engine_run.argtypes = [pointer, pointer, pointer, whole, whole, pointer]
    handle.stormlens_engine_outputs.restype = whole
    handle.stormlens_engine_outputs.argtypes = [pointer]
    handle.stormlens_engine_instruction_set.restype = ctypes.c_char_p
    handle.stormlens_engine_free.restype = None
    handle.stormlens_engine_free.argtypes = [pointer]
    return handle


def pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    """Where an array begins."""
    return ctypes.c_void_p(array.ctypes.data)


def _packed(steps: Sequence[Step]) -> tuple[Floats, dict[int, int]]:
    """One array of all weights, and where each begins, by its id, as arrays have no hash."""
    arrays = [a for step in steps for a in (step.kernel, step.bias) if a is not None]
    weights = np.empty(sum(array.size for array in arrays), np.float32)
    places: dict[int, int] = {}
    end = 0
    for array in arrays:
        places[id(array)], begin = end, end
        end += array.size
        weights[begin:end] = array.ravel()
    return weights, places


def _as_struct(step: Step, places: dict[int, int]) -> _Step:
    kernel, bias = (
        (-1, 0) if array is None else (places[id(array)], array.size)
        for array in (step.kernel, step.bias)
    )
    constants = step.constants
    if step.activation == "relu" and not constants:
        constants = _RELU
    outputs = step.kernel.shape[-1] if step.kernel is not None else 0
    top, bottom, left, right = step.padding
    return _Step(
        KINDS.index(step.kind),
        ACTIVATIONS.index(step.activation),
        *step.window,
        *step.strides,
        *step.dilation,
        step.groups,
        *(top, left, bottom, right),
        *(outputs, *kernel, *bias),
        *(*constants, 0.0, 0.0, 0.0, 0.0)[:4],  # a to d; those that a step lacks are not read
    )
