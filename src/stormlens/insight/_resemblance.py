"""
Does this kernel look like anything we have dealt with before?

A kernel is compared with the classical ones, each turned by quarters and
mirrored. The measure is cosine similarity, sum(a b) / sqrt(sum(a^2) sum(b^2)):
the correlation of the two kernels' responses to white noise. Pearson's
correlation, which subtracts each kernel's mean first, is not used: it is
undefined for a blur, whose weights are all equal, and cannot see whether a
kernel averages or takes differences, the first thing to know about it.

With so many candidates even a small kernel of noise resembles one of them;
`by_chance` says how much.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from stormlens import concepts
from stormlens.errors import InputError
from stormlens.insight._kernels import kernels

_CLOSE = 1e-6  # nearer than this, similarities are equal: float32 weights round
_DRAWS = 4000


@dataclass(frozen=True, eq=False)
class Match:
    """
    A classical kernel in the position in which it is most like a given one.

    Attributes
    ----------
    name : str
        Of the classical kernel.
    correlation : float
        Cosine similarity, -1 to 1; negative where the kernel does the opposite.
    turns : int
        Quarter turns, counter-clockwise as drawn north up, 0 to 3.
    flipped : bool
        Whether it was mirrored, east for west, before it was turned.
    kernel : ndarray of float, shape (rows, columns)
        The classical kernel so turned, row 0 south.
    """

    name: str
    correlation: float
    turns: int
    flipped: bool
    kernel: np.ndarray


@dataclass(frozen=True)
class _Candidates:
    """Every position of every classical kernel of a size, as unit vectors."""

    names: tuple[str, ...]
    positions: tuple[tuple[int, bool], ...]
    kernels: np.ndarray  # (names, positions, rows, columns)
    units: np.ndarray  # (names, positions, rows * columns)


def resemblance(kernel: ArrayLike) -> list[Match]:
    """
    Rank the classical kernels by how much a kernel is like them.

    Each is tried in eight positions: turned by 0, 90, 180 and 270 degrees, mirrored or not. A
    turn by 180 degrees is the only difference between convolution and the correlation that a
    layer computes, so the answer is the same for both. If several positions are equally alike,
    a positive similarity is preferred, then no mirror, then fewer turns.

    Parameters
    ----------
    kernel : array_like, shape (size, size)
        Weights, row 0 south; of odd size.

    Returns
    -------
    matches : list of Match
        One for each classical kernel of that size, the most alike (or opposite) first; kernels
        that are each other's turns, as the two of Sobel, count as one.

    Raises
    ------
    InputError
        If the kernel is no square of odd size, holds no number other than 0, or one that is not
        finite.

    Examples
    --------
    >>> best = resemblance([[1, 0, -1], [10, 0, -10], [1, 0, -1]])[0]
    >>> best.name, round(best.correlation, 3), best.turns
    ('edge', 1.0, 2)
    """
    values = np.asarray(kernel, float)
    candidates = _candidates(_checked_size(values.shape))
    if not np.isfinite(values).all() or not values.any():
        raise InputError("A kernel of zeros, or of what is no number, resembles nothing.")
    similarity, position = _best(values.reshape(1, -1), candidates)
    matches = []
    for i, name in enumerate(candidates.names):
        turns, flipped = candidates.positions[position[0, i]]
        turned = candidates.kernels[i, position[0, i]]
        matches.append(Match(name, float(similarity[0, i]), turns, flipped, turned))
    return sorted(matches, key=lambda match: -abs(match.correlation))


def layer_resemblance(model: Any, layer: str | int | None = None) -> xr.Dataset:
    """
    The classical kernel that each kernel of a layer is most like.

    Parameters
    ----------
    model : Classifier or keras.Model
        Any Keras model.
    layer : str or int, optional
        A convolutional layer; by default the first.

    Returns
    -------
    matches : xarray.Dataset
        Dimensions (filter, channel): `name`, `correlation`, `turns` and `flipped` as in `Match`;
        ``"none"`` and NaN for a kernel of zeros. Attribute `by_chance` as `by_chance` gives it.

    Raises
    ------
    InputError
        If there is no such layer, or its kernels are no squares of odd size.
    """
    weights = kernels(model, layer)
    size = _checked_size(weights.shape[2:])
    candidates = _candidates(size)
    flat = weights.values.reshape(-1, size * size).astype(float)
    similarity, position = _best(flat, candidates)
    rows = np.arange(len(flat))
    best = np.argmax(np.abs(similarity), axis=1)
    turns, flipped = np.array(candidates.positions)[position[rows, best]].T
    empty = ~flat.any(axis=1)
    found = {
        "name": np.where(empty, "none", np.array(candidates.names)[best]),
        "correlation": np.where(empty, np.nan, similarity[rows, best]),
        "turns": turns,
        "flipped": flipped.astype(bool),
    }
    shape = weights.shape[:2]
    return xr.Dataset(
        {name: (("filter", "channel"), values.reshape(shape)) for name, values in found.items()},
        attrs={**weights.attrs, "by_chance": by_chance(size)},
    )


@cache
def by_chance(size: int = 3, quantile: float = 0.95, seed: int = 0) -> float:
    """
    How much a kernel of noise is like the classical kernel that it is most like.

    Parameters
    ----------
    size : int, optional
        Rows and columns.
    quantile : float, optional
        Share of noisy kernels that stay below, 0 to 1.
    seed : int, optional
        Fixes the noise.

    Returns
    -------
    correlation : float
        Absolute; likeness below it means nothing.

    Raises
    ------
    InputError
        If there are no classical kernels of that size.
    """
    candidates = _candidates(_checked_size((size, size)))
    noise = np.random.default_rng(seed).standard_normal((_DRAWS, size * size))
    similarity, _ = _best(noise, candidates)
    return float(np.quantile(np.abs(similarity).max(axis=1), quantile))


def _checked_size(shape: tuple[int, ...]) -> int:
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] % 2 == 0 or shape[0] < 3:
        raise InputError(
            f"No classical kernel has the shape {shape} to compare with; a kernel must be square "
            "and of odd size, 3 or more."
        )
    return shape[0]


@cache
def _candidates(size: int) -> _Candidates:
    positions = tuple((turns, flipped) for flipped in (False, True) for turns in range(4))
    turned: dict[str, np.ndarray] = {}
    units: dict[str, np.ndarray] = {}
    for name, kernel in concepts.kernels(size).items():
        unit = kernel.ravel() / np.linalg.norm(kernel)
        # Skip kernels that are another one turned, as Sobel's for y is Sobel's for x.
        if all(np.abs(known @ unit).max() < 1 - _CLOSE for known in units.values()):
            turned[name] = np.array([_moved(kernel, *position) for position in positions])
            units[name] = turned[name].reshape(8, -1) / np.linalg.norm(kernel)
    return _Candidates(
        tuple(turned), positions, np.array(list(turned.values())), np.array(list(units.values()))
    )


def _moved(kernel: np.ndarray, turns: int, flipped: bool) -> np.ndarray:
    # Row 0 is south: from the second axis towards the first is counter-clockwise.
    return np.rot90(kernel[:, ::-1] if flipped else kernel, turns, axes=(1, 0))


def _best(flat: np.ndarray, candidates: _Candidates) -> tuple[np.ndarray, np.ndarray]:
    """
    For each kernel (N, weights) and classical one: best signed similarity, and its position.

    Ties go to a positive similarity, then to the first position: `argmax` returns the first
    maximum, and positions without a mirror and with fewer turns come first.
    """
    norms = np.linalg.norm(flat, axis=1)
    units = flat / np.where(norms == 0, 1, norms)[:, None]
    similarity = np.einsum("nw,kpw->nkp", units, candidates.units)
    size = np.abs(similarity)
    tied = size >= size.max(axis=2, keepdims=True) - _CLOSE
    preferred = tied * np.where(similarity > 0, 2, 1)
    position = preferred.argmax(axis=2)
    return np.take_along_axis(similarity, position[..., None], 2)[..., 0], position
