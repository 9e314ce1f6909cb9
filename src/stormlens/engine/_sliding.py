"""
Shift-and-stitch: what windows that slide over an image share, computed once for all.

A window counts its pools from its own first cell. So windows whose starts differ by a
multiple of the pools' strides share their maps, and there are as many such maps as
starts have remainders: the image is shifted by each remainder, and the results are put
together (Sermanet et al. 2014, OverFeat, ICLR; Long, Shelhamer and Darrell 2015, Fully
convolutional networks for semantic segmentation, CVPR, section 3.2; Giusti et al. 2013,
ICIP). Here a pool of side p starts at every cell, not at every p-th one, which gives
all shifts of its layer at once; the next layer reads every `step`-th cell of that.

Kernels of 3 x 3 go by Winograd's F(6 x 6, 3 x 3): 36 outputs from 64 products, not 324,
at the cost of about one decimal digit. Where the image is blank the reply is known and
nothing is computed.

A tile of 8 x 8 inputs d and a 3 x 3 kernel g give A^T [(G g G^T) * (B^T d B)] A.
Lavin and Gray (2016), Fast algorithms for convolutional neural networks, CVPR,
section 4.1; `stormlens.concepts` has the smaller F(2 x 2, 3 x 3) step by step.

A dense layer on every window is a convolution whose kernel is as large as a window,
whose stride is the windows' and whose cells lie apart where a pool came before.
Cells recur in the windows around: spectra of 16 x 16 cells are multiplied, which
for windows 8 cells apart with 44 x 44 cells 3 apart takes a ninth of the products.
Mathieu, Henaff and LeCun (2014), Fast training of convolutional networks through
FFTs, ICLR.
"""

import ctypes
import math
import weakref
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stormlens.engine._engine import (
    SENTENCE_BYTES,
    Engine,
    Floats,
    Step,
    loaded_library,
    pointer,
    usable_cores,
)
from stormlens.engine._windows import Windows
from stormlens.errors import InputError

_PANEL = 32  # filters whose weights the library keeps together
_G = np.array(
    [
        [1, 0, 0],
        [-2 / 9, -2 / 9, -2 / 9],
        [-2 / 9, 2 / 9, -2 / 9],
        [1 / 90, 1 / 45, 2 / 45],
        [1 / 90, -1 / 45, 2 / 45],
        [32 / 45, 16 / 45, 8 / 45],
        [32 / 45, -16 / 45, 8 / 45],
        [0, 0, 1],
    ]
)


class StitchWeights(NamedTuple):
    """
    A convolution's weights, packed for shift-and-stitch.

    Attributes
    ----------
    kernel : ndarray of float32, shape (rows, columns, C, F)
    bias : ndarray of float32, shape (F,)
    packed : ndarray of float32, shape (panels, 64 or 1, C or taps, 32)
        The kernel as the native library reads it, with zeros beyond the last filter.
    packed_bias : ndarray of float32, shape (panels * 32,)
    """

    kernel: Floats
    bias: Floats
    packed: Floats
    packed_bias: Floats

    @property
    def is_winograd(self) -> bool:
        """Whether the kernel is packed for tiles of 6 x 6 outputs."""
        return _is_winograd(self.kernel.shape)


def stitch_weights(kernel: Floats, bias: Floats) -> StitchWeights:
    """
    Pack a convolution's weights for shift-and-stitch.

    Parameters
    ----------
    kernel : ndarray of float, shape (rows, columns, C, F)
    bias : ndarray of float, shape (F,)

    Returns
    -------
    weights : StitchWeights
    """
    rows, columns, channels, filters = kernel.shape
    if _is_winograd(kernel.shape):
        places = np.einsum("ri,cj,ijkf->rckf", _G, _G, kernel.astype(np.float64))
        places = places.reshape(-1, channels, filters)
    else:
        places = kernel.reshape(1, rows * columns * channels, filters)
    beyond = -filters % _PANEL
    whole = np.pad(places, ((0, 0), (0, 0), (0, beyond)))
    panels = whole.reshape(*places.shape[:2], -1, _PANEL).transpose(2, 0, 1, 3)
    packed = np.ascontiguousarray(panels, np.float32)
    bias = bias.astype(np.float32)
    return StitchWeights(kernel.astype(np.float32), bias, packed, np.pad(bias, (0, beyond)))


def blank_reply(weights: StitchWeights, blank: Floats, relu: bool) -> Floats:
    """
    What a convolution makes of an area that holds the same values throughout.

    Parameters
    ----------
    weights : StitchWeights
    blank : ndarray of float32, shape (C,)
    relu : bool

    Returns
    -------
    reply : ndarray of float32, shape (F,)
    """
    reply = blank @ weights.kernel.sum((0, 1)) + weights.bias
    return np.maximum(reply, 0) if relu else reply


def _is_winograd(kernel: tuple[int, ...]) -> bool:
    """Whether Winograd's way pays: sixteen channels fill the longest vectors."""
    return kernel[:2] == (3, 3) and kernel[2] % 16 == 0


class _ShiftAndStitch(ctypes.Structure):
    """The library's struct of that name (native/sliding_binding.cpp), fields in its order."""

    _fields_ = tuple(
        (name, ctypes.c_int64)
        for name in (
            *("height", "width", "channels", "starts", "step"),
            *("kernel_rows", "kernel_columns", "filters", "pool", "relu", "winograd"),
            *("row_step", "column_step", "dilation", "rows", "columns"),
            *("cell_rows", "cell_columns"),
            *("image_size", "starts_size", "weights_size", "bias_size", "blank_size"),
            *("reply_size", "pooled_size"),
        )
    )


class _DenseWindows(ctypes.Structure):
    """The library's struct of that name (native/sliding_binding.cpp), fields in its order."""

    _fields_ = tuple(
        (name, ctypes.c_int64)
        for name in (
            *("height", "width", "channels", "units"),
            *("row_step", "column_step", "dilation", "rows", "columns"),
            *("cell_rows", "cell_columns"),
            *("image_size", "kernel_size", "bias_size", "outputs_size"),
        )
    )


class Sliding:
    """
    The operations of sliding windows on this processor, with threads that wait between calls.

    Numbers are the same for any number of threads.

    Parameters
    ----------
    threads : int, optional
        How many, 1 or more; by default one for each core that this process may use.

    Raises
    ------
    InputError
        If there is no native library; of the operations, if sizes do not fit each other: nothing
        is computed then.
    MemoryError
        If there is not enough memory; of the operations too.
    """

    numbers = np

    def __init__(self, threads: int | None = None) -> None:
        self._library = _sliding_library()
        made = self._library.stormlens_helpers_make(usable_cores() if threads is None else threads)
        if not made:
            raise MemoryError("There is not enough memory for threads.")
        self._helpers = ctypes.c_void_p(made)
        weakref.finalize(self, self._library.stormlens_helpers_free, self._helpers)
        # By the id of a layer's weights: these, and the memory of its result.
        self._results: dict[int, tuple[Floats, Floats]] = {}

    def conv_pool(
        self,
        image: Floats,
        starts: Sequence[tuple[int, int]],
        weights: StitchWeights,
        blank: Floats,
        reply: Floats,
        *,
        step: int,
        windows: Windows,
        pool: int,
        relu: bool,
    ) -> Floats:
        """
        Convolution, activation and a max pool of stride 1, without padding, for windows.

        Parameters
        ----------
        image : ndarray of float32, shape (H, W, C)
            Cells beyond it count as zero.
        starts : sequence of tuple of int
            First row and column looked at, 0 or more: one image is made of each.
        weights : StitchWeights
            From `stitch_weights`.
        blank : ndarray of float32, shape (C,)
            What a cell of an area without echo holds.
        reply : ndarray of float32, shape (F,)
            What the layer makes of such an area, from `blank_reply`; it is put wherever a patch
            holds nothing but `blank`, bit for bit.
        step : int
            Cells from one looked at to the next, 1 or more.
        windows : Windows
            Of the pooled cells. Windows of one cell, side by side, are these cells themselves.
        pool : int
            Side of the pool window; 1 for no pool.
        relu : bool
            Whether negative values become 0.

        Returns
        -------
        pooled : ndarray of float32, shape (starts, rows, columns, cell rows * cell columns * F)
            Of each window, as `gather_windows` has them. The next call with these weights takes
            its memory: fresh memory takes longer to come by than its content to compute.
        """
        rows, columns, _, filters = weights.kernel.shape
        image, blank, reply = map(_contiguous, (image, blank, reply))
        places = np.array(starts, np.int64)
        features = math.prod(windows.cells) * filters
        pooled = self._result_memory(weights, (len(places), *windows.counts, features))
        struct = _ShiftAndStitch(
            *image.shape,
            *(len(places), step),
            *(rows, columns, filters, pool, relu, weights.is_winograd),
            *_fields_of(windows),
            *(image.size, places.size, weights.packed.size, weights.packed_bias.size),
            *(blank.size, reply.size, pooled.size),
        )
        arrays = (image, places, weights.packed, weights.packed_bias, blank, reply, pooled)
        self._call("stormlens_shift_and_stitch", struct, *arrays)
        return pooled

    def dense_windows(
        self, image: Floats, kernel: Floats, bias: Floats, *, windows: Windows
    ) -> Floats:
        """
        Outputs of a dense layer for every window.

        Parameters
        ----------
        image : ndarray of float32, shape (H, W, C)
        kernel : ndarray of float32, shape (cell rows, cell columns, C, units)
            The layer's weights in the shape of what was flattened before it.
        bias : ndarray of float32, shape (units,)
        windows : Windows
            Such that `spectra_pay`.

        Returns
        -------
        outputs : ndarray of float32, shape (rows, columns, units)
        """
        image, kernel, bias = map(_contiguous, (image, kernel, bias))
        outputs = np.empty((*windows.counts, bias.size), np.float32)
        struct = _DenseWindows(
            *image.shape,
            bias.size,
            *_fields_of(windows),
            *(image.size, kernel.size, bias.size, outputs.size),
        )
        self._call("stormlens_dense_windows", struct, image, kernel, bias, outputs)
        return outputs

    def of_cells(self, steps: Sequence[Step], width: int) -> Callable[[Floats], Floats]:
        """
        What some steps make of each cell by itself.

        Parameters
        ----------
        steps : sequence of Step
            "activation", "scale" and "dense".
        width : int
            Values of a cell.

        Returns
        -------
        run : callable
            From (..., width) to (..., outputs), float32 both.
        """
        if not steps:
            return lambda values: values
        engine = Engine(steps, (1, 1, width))

        def run(values: Floats) -> Floats:
            found = engine(values.reshape(-1, 1, 1, width))
            return found.reshape(*values.shape[:-1], -1)

        return run

    def _result_memory(self, weights: StitchWeights, shape: tuple[int, ...]) -> Floats:
        # The weights are kept with the memory: else their id could become another array's.
        _, memory = self._results.get(id(weights.packed), (None, None))
        if memory is None or memory.shape != shape:
            memory = np.empty(shape, np.float32)
            self._results[id(weights.packed)] = weights.packed, memory
        return memory

    def _call(self, name: str, struct: ctypes.Structure, *arrays: NDArray[Any]) -> None:
        error = ctypes.create_string_buffer(SENTENCE_BYTES)
        places = map(pointer, arrays)
        outcome = getattr(self._library, name)(
            self._helpers, ctypes.byref(struct), *places, error, SENTENCE_BYTES
        )
        if outcome == 1:
            raise MemoryError("There is not enough memory for what windows share.")
        if outcome:
            raise InputError(f"Windows cannot share this: {error.value.decode()}")


def _contiguous(values: Any) -> Floats:
    return np.ascontiguousarray(values, np.float32)


def _fields_of(windows: Windows) -> tuple[int, ...]:
    """From row_step to cell_columns, as both structs have them."""
    return (*windows.steps, windows.dilation, *windows.counts, *windows.cells)


def _sliding_library() -> ctypes.CDLL:
    """The library, with the types of its functions for sliding windows."""
    handle = loaded_library()
    whole, place = ctypes.c_int64, ctypes.c_void_p
    handle.stormlens_helpers_make.restype = place
    handle.stormlens_helpers_make.argtypes = [whole]
    handle.stormlens_helpers_free.restype = None
    handle.stormlens_helpers_free.argtypes = [place]
    for name, arrays in (("stormlens_shift_and_stitch", 7), ("stormlens_dense_windows", 4)):
        function = getattr(handle, name)
        function.restype = whole
        function.argtypes = [place, place, *[place] * arrays, ctypes.c_char_p, whole]
    return handle
