"""
Textures that every simulated box is made of: large noise fields, cut and bent.

Rain looks alike over a wide range of scales: its power falls with wavenumber
roughly as k to the -2.8 in two dimensions (Harris et al. 2001, J. Hydrometeor.
2, 406-418, radar rainfall). Seven periodic fields of zero mean and unit variance
are made for every 2,000 boxes of a seed and a split; a box cuts random windows, which
costs nothing beside a Fourier transform of its own.
"""

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from stormlens.stormbox import SIZE

Field = NDArray[np.floating]
"""What is painted: float32 throughout, though not every step can tell the type checker so."""

_ATLAS = 768
"""Pixels along a side of a texture: 632 x 632 windows, two ways up each."""

_WINDOWS = _ATLAS - SIZE

KINDS = ("broad", "sway", "fractal", "bands", "cells", "white", "fine")
"""Smooth over 100 km; fairly smooth; all scales; those below 100 km; peaks; pixels; below 25 km."""


class Textures:
    """
    The noise fields of one seed and split.

    Parameters
    ----------
    entropy : tuple of int
        What the fields are drawn from; equal numbers give equal bits.
    """

    def __init__(self, entropy: tuple[int, ...]) -> None:
        rng = np.random.default_rng(np.random.SeedSequence(entropy))
        self._fields = {kind: _make(rng, kind) for kind in KINDS}

    def cut(self, rng: np.random.Generator, kind: str) -> Field:
        """
        A random window of a texture, as it is or upside down.

        Parameters
        ----------
        rng : numpy.random.Generator
            Chooses the window.
        kind : str
            One of `KINDS`.

        Returns
        -------
        window : ndarray of float32, shape (136, 136)
            A view, not to be written to.
        """
        row, column = divmod(int(rng.random() * 2 * _WINDOWS**2), _WINDOWS)
        turned, row = divmod(row, _WINDOWS)
        window = self._fields[kind][row : row + SIZE, column : column + SIZE]
        # Rows may be turned over; turning columns too would make every later step slower.
        return window[::-1] if turned else window

    def bend(self, rng: np.random.Generator, kind: str, u: Field, v: Field) -> Field:
        """
        A texture read along curved coordinates, to draw it out along a band.

        Parameters
        ----------
        rng : numpy.random.Generator
            Chooses where the texture is entered.
        kind : str
            One of `KINDS`.
        u, v : ndarray of float32
            Coordinates in texture pixels; between pixels the value is bilinear.

        Returns
        -------
        values : ndarray of float32, the shape of `u`
        """
        u = u + np.float32(_ATLAS * (8 + rng.random()))
        v = v + np.float32(_ATLAS * (8 + rng.random()))
        column, row = u.astype(np.int32), v.astype(np.int32)
        du, dv = u - column, v - row
        column %= _ATLAS
        row %= _ATLAS
        flat = self._fields[kind].ravel()
        here, east = row * _ATLAS + column, row * _ATLAS + (column + 1) % _ATLAS
        step = np.where(row == _ATLAS - 1, -_ATLAS * (_ATLAS - 1), _ATLAS).astype(np.int32)
        south = flat.take(here) * (1 - du) + flat.take(east) * du
        north = flat.take(here + step) * (1 - du) + flat.take(east + step) * du
        return south * (1 - dv) + north * dv


@lru_cache(maxsize=4)
def textures(entropy: tuple[int, ...]) -> Textures:
    """
    The textures of a seed and split, made once and kept.

    Parameters
    ----------
    entropy : tuple of int
        As for `Textures`.

    Returns
    -------
    textures : Textures
    """
    return Textures(entropy)


def _make(rng: np.random.Generator, kind: str) -> Field:
    white = rng.standard_normal((_ATLAS, _ATLAS), dtype=np.float32)
    if kind == "white":
        return white
    k = np.hypot(scipy.fft.fftfreq(_ATLAS)[:, None], scipy.fft.rfftfreq(_ATLAS)[None, :])
    spectrum = scipy.fft.rfft2(white) * _amplitude(kind, k).astype(np.float32)
    field = scipy.fft.irfft2(spectrum, s=white.shape)
    if kind == "cells":  # showers have sharp peaks and flat gaps between
        field = np.exp(np.float32(0.65 / field.std()) * field)
        np.minimum(field, np.float32(4.0), out=field)
    field -= field.mean()
    field /= field.std()
    return np.ascontiguousarray(field, dtype=np.float32)


def _amplitude(kind: str, k: NDArray[np.float64]) -> NDArray[np.float64]:
    # k is in cycles a pixel. The power law is flattened beyond 300 km (80 pixels).
    if kind == "broad":
        return np.exp(-0.5 * (2 * np.pi * 10 * k) ** 2)
    if kind == "sway":
        return (k**2 + 60.0**-2) ** -1.0
    if kind == "fractal":
        return (k**2 + 80.0**-2) ** -0.7
    if kind == "fine":
        return (k**2 + 7.0**-2) ** -0.65
    if kind == "bands":
        return (k**2 + 22.0**-2) ** -1.1
    return np.exp(-0.5 * (2 * np.pi * 1.6 * k) ** 2) - np.exp(-0.5 * (2 * np.pi * 4.5 * k) ** 2)
