"""
What a convolution costs: multiplications counted, and seconds measured.

Both are needed. GEMM multiplies as often as direct sums do, yet is faster for
the many kernels of a layer, since each window that it copies serves them all;
an FFT multiplies far less often for a large kernel and loses for a small one.
Winograd's method multiplies least of all for 3 x 3, and is slowest in NumPy: it
adds instead, in many small steps that each read and write memory. It pays where
they are fused, and where many channels share the sums of the inputs.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2

import numpy as np
from scipy import fft

from stormlens.concepts._convolution import METHODS, MODES, check_fits, correlate
from stormlens.concepts._winograd import check_3x3
from stormlens.errors import InputError, unknown


def multiplications(
    image_shape: tuple[int, int],
    kernel_shape: tuple[int, int],
    method: str = "direct",
    mode: str = "valid",
    kernels: int = 1,
) -> int:
    """
    How many multiplications an image and its kernels take.

    Direct sums and GEMM multiply once for each weight and output pixel. Winograd's method takes
    16 for each tile of 2 x 2 outputs, and nothing that falls on the kernel alone. An FFT of n
    real values is counted as n log2(n), half of a radix-2 transform of n complex ones [1]_. There
    are two for each kernel and one for the image, and n / 2 products of complex values for each
    kernel, 4 multiplications each.

    Parameters
    ----------
    image_shape : tuple of int
        Rows and columns of the image.
    kernel_shape : tuple of int
        Rows and columns of the kernel.
    method : {"direct", "gemm", "fft", "winograd"}, optional
        How it is computed.
    mode : {"valid", "same", "full"}, optional
        Which output pixels there are.
    kernels : int, optional
        How many kernels the image meets.

    Returns
    -------
    count : int
        For the FFT an estimate, as it depends on how the transform is split.

    Raises
    ------
    InputError
        If there is no such method or mode, the kernel is larger than the image, or not 3 x 3
        for Winograd's method.

    References
    ----------
    .. [1] Cooley and Tukey (1965), An algorithm for the machine calculation of complex Fourier
       series, Math. Comput. 19, 297-301.

    Examples
    --------
    >>> multiplications((4, 4), (3, 3)), multiplications((4, 4), (3, 3), "winograd")
    (36, 16)
    """
    if method not in METHODS:
        raise unknown("convolution method", method, METHODS)
    if mode not in MODES:
        raise unknown("convolution mode", mode, MODES)
    check_fits(kernel_shape, image_shape)
    around = {"valid": 1, "same": 0, "full": -1}[mode]
    rows, columns = (
        n if mode == "same" else n - around * (k - 1)
        for n, k in zip(image_shape, kernel_shape, strict=True)
    )
    if method == "winograd":
        check_3x3(kernel_shape)
        return 16 * ceil(rows / 2) * ceil(columns / 2) * kernels
    if method == "fft":
        return _fft_multiplications(rows, columns, kernel_shape, kernels)
    return rows * columns * kernel_shape[0] * kernel_shape[1] * kernels


def _fft_multiplications(
    rows: int, columns: int, kernel_shape: tuple[int, int], kernels: int
) -> int:
    padded = (rows + kernel_shape[0] - 1, columns + kernel_shape[1] - 1)
    n = int(np.prod([fft.next_fast_len(size, real=True) for size in padded]))
    return round((1 + 2 * kernels) * n * log2(n) + 2 * n * kernels)


@dataclass(frozen=True)
class Timing:
    """
    What one image and its kernels took.

    Attributes
    ----------
    method : str
        How it was computed.
    size : int
        Rows and columns of the kernel.
    seconds : float
        Best of the repeats.
    multiplications : int
        As counted by `multiplications`.
    """

    method: str
    size: int
    seconds: float
    multiplications: int


def time_methods(
    sizes: Sequence[int] = (3, 5, 7, 11, 15, 21, 31),
    image_size: int = 136,
    methods: Sequence[str] = ("direct", "gemm", "fft"),
    kernels: int = 32,
    repeats: int = 2,
    seed: int = 0,
) -> list[Timing]:
    """
    Measure convolutions of a random image with kernels of several sizes, on this machine.

    Parameters
    ----------
    sizes : sequence of int, optional
        Rows and columns of the kernels.
    image_size : int, optional
        Rows and columns of the image.
    methods : sequence of str, optional
        What to measure; Winograd's method at size 3 alone.
    kernels : int, optional
        How many kernels the image meets, 1 or more; 32 as in the chapter's layer.
    repeats : int, optional
        Rounds through everything, 1 or more, each computed twice. The best counts: the
        others were disturbed, and a disturbance seldom lasts for all of them.
    seed : int, optional
        Of image and kernels.

    Returns
    -------
    timings : list of Timing
        One a method and size, in mode valid.

    Raises
    ------
    InputError
        As `multiplications`, or if `repeats` or `kernels` is below 1.
    """
    if repeats < 1 or kernels < 1:
        raise InputError(
            f"A measurement takes at least 1 repeat and 1 kernel, not {repeats} and {kernels}."
        )
    rng = np.random.default_rng(seed)
    image = rng.uniform(0, 80, (image_size, image_size))
    stacks = {size: rng.normal(size=(kernels, size, size)) for size in sizes}
    counts = {
        (method, size): multiplications(image.shape, (size, size), method, kernels=kernels)
        for size in stacks
        for method in methods
        if method != "winograd" or size == 3
    }
    best = dict.fromkeys(counts, float("inf"))
    for _ in range(repeats):
        for method, size in best:
            for _ in ("cold", "warm"):  # the second finds image and memory in the cache
                seconds = _seconds(image, stacks[size], method)
                best[method, size] = min(best[method, size], seconds)
    return [
        Timing(method, size, best[method, size], count) for (method, size), count in counts.items()
    ]


def _seconds(image: np.ndarray, kernels: np.ndarray, method: str) -> float:
    start = time.perf_counter()
    correlate(image, kernels, method=method)
    return time.perf_counter() - start
