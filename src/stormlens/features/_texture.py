"""How rough a picture is, how much of it is specks, and how its power falls with wavelength."""

import numpy as np
from numpy.typing import NDArray

from stormlens.features._around import disk, shifted
from stormlens.stormbox import ECHO_DBZ

_SPECK = 2  # a speck has echo in at most so many of its eight neighbours
_LONGEST, _SHORTEST = 2, 0.25  # waves a side, and waves a pixel, between which the slope is taken
_FLOOR = 1e-12  # of the strongest ring's power: below it there is rounding


def texture_features(images: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """
    Roughness, specks and spectral slope.

    Parameters
    ----------
    images : ndarray of uint8, shape (N, rows, columns)

    Returns
    -------
    columns : dict of str to ndarray of float64, shape (N,)
    """
    echo = images >= ECHO_DBZ
    return {
        "roughness": _roughness(images, echo),
        "speckle_share": _specks(echo),
        "spectral_slope": _slope(images),
    }


def _roughness(images: NDArray[np.uint8], echo: NDArray[np.bool_]) -> NDArray[np.float64]:
    total, count = np.zeros(len(images)), np.zeros(len(images))
    values = images.astype(np.int16)
    for axis in (1, 2):
        here, there = (
            (slice(None),) * axis + (part,) for part in (slice(1, None), slice(None, -1))
        )
        both = echo[here] & echo[there]
        total += (np.abs(values[here] - values[there]) * both).sum(axis=(1, 2))
        count += both.sum(axis=(1, 2))
    return total / np.maximum(count, 1.0)


def _specks(echo: NDArray[np.bool_]) -> NDArray[np.float64]:
    echoes = np.zeros(echo.shape, np.uint8)
    around = [offset for offset in disk(1.5) if offset != (0, 0)]
    for here, neighbours in shifted(echo.view(np.uint8), around):
        echoes[here] += neighbours
    specks = (echo & (echoes <= _SPECK)).sum(axis=(1, 2))
    return specks / np.maximum(echo.sum(axis=(1, 2)), 1)


def _slope(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Slope of log power in rings of the wavenumber, of the image under Hann's window."""
    rows, columns = images.shape[1:]
    side = min(rows, columns)
    across = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None])
    rings = np.rint(across * side).astype(np.int64)
    numbers = np.arange(_LONGEST, int(_SHORTEST * side) + 1)
    if len(numbers) < 2:
        return np.zeros(len(images))
    window = np.outer(_hann(rows), _hann(columns))
    mean = images.mean(axis=(1, 2), keepdims=True)
    power = np.abs(np.fft.rfft2((images - mean) * window)) ** 2
    # Summed over one sorted copy: means of strided views would depend, in their last bits, on how
    # many boxes there are.
    order = np.argsort(rings, axis=None, kind="stable")
    starts = np.searchsorted(rings.ravel()[order], [*numbers, numbers[-1] + 1])
    sums = np.add.reduceat(power.reshape(len(images), -1)[:, order], starts, axis=1)[:, :-1]
    mean_power = sums / np.diff(starts)
    strongest = mean_power.max(axis=1, keepdims=True)
    even = images.max(axis=(1, 2)) == images.min(axis=(1, 2))
    strongest[even] = 1.0
    level = np.log10(np.maximum(mean_power / strongest, _FLOOR))
    along = np.log10(numbers) - np.log10(numbers).mean()
    slope = (level * along).sum(axis=1) / (along * along).sum()
    slope[even] = 0.0
    return slope


def _hann(count: int) -> NDArray[np.float64]:
    """Hann's window over pixels, none of which is 0."""
    return np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2
