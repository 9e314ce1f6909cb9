"""
How unlike all known boxes a box is, to find a photograph, a chessboard, heights in metres.

A network gives an answer for any image, and its features were learnt to separate
modes, not radar images from others. So the score is computed from the image itself.
Each statistic is a share, a count of pixels out of another count: how much of the
box has echo and how strong it is, how often pixels 1, 4 and 8 apart differ by how
much, how steeply echo ends, how often three pixels in a line bend up or down, how
much columns differ from rows, whether lines of pixels repeat. The log-odds of these
shares are near normal. The known boxes, and a version of each as another radar
product would show it, are described by eight normal distributions. For each, the
limit is the distance that 1 in 100 of its own boxes exceeds. The score is the
distance from the nearest distribution in units of its limit.

Alternatives were tried on 8,000 simulated boxes, 42 kinds of image that are not from
a radar, and 220 boxes of real radar files. Distances of the network's last features
missed nearly all images that are not from a radar. Without the versions of other
products, a squall line 5 dBZ stronger was no storm box. Nothing was gained by fewer or
more distributions, one for each amount of echo, nearest neighbours, one limit for all,
other statistics, or made-up images to compare with. The smaller the volume of the
distributions, the more is found: the fit with the smallest of several is kept.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.stormbox import ECHO_DBZ

NOVELTY_OF_BLANK = 100.0
"""Of a box without a pixel at 5 dBZ or more: there is no storm in it. No other box has more."""

SMALLEST_SIDE = 16
"""Pixels along a side of the smallest image that has a score."""

_LEAST_WITH_ECHO = 20
_STRENGTHS = (20, 30, 40, 50, 60)  # dBZ
_LAGS = (1, 4, 8)  # pixels
_STEPS = (0, 2, 5, 10, 20)  # dBZ from one pixel to another
_CONTOURS = (20, 35, 50)  # dBZ
_CONTOURS_UP_TO = 4  # pixels apart
_CLIFFS = (10, 20, 30)  # dBZ, beside a pixel without echo
_UNEVEN = 2  # dBZ from one pixel to the next
_BENDS = (3, 6)  # pixels
_BENT_BY = 3  # dBZ above or below the mean of the pixels on both sides
_PRIOR = 100.0  # pixels of the usual share, so that little echo says little
_DISTRIBUTIONS = 8
_BOXES_EACH = 250  # at least, on the average
_RIDGE = 0.05  # added to each variance of standardised statistics
_IN_COMMON = 0.5  # of a distribution's covariance, the rest being its own
_FITS = 4
_MOST_STEPS = 1000  # until a fit no longer moves; some take more than the hundred usual ones
_LEAST_DEVIATION = 1e-3  # of log-odds that are the same in all boxes
_SHARE_KNOWN = 0.99
_FOLDS = 4

_Shares = list[tuple[int, int]]


def _name_statistics() -> list[str]:
    names = ["echo", *(f"from {level}" for level in _STRENGTHS), "at the highest"]
    for lag in _LAGS:
        names += [f"pair {lag}", *(f"step {lag} over {least}" for least in _STEPS)]
        names += [f"contour {lag} at {level}" for level in _CONTOURS if lag <= _CONTOURS_UP_TO]
        if lag == 1:
            names += [*(f"cliff {level}" for level in _CLIFFS), "columns"]
            names += ["still rows", "still columns"]
    for lag in _BENDS:
        names += [f"valleys {lag}", f"bends {lag}"]
    return names


_NAMES = _name_statistics()
_IS_BALANCE = np.array([name == "columns" for name in _NAMES])


@dataclass(frozen=True, eq=False)
class Novelty:
    """
    A score of how unlike known boxes a box is.

    Attributes
    ----------
    usual : ndarray of float32, shape (statistic,)
        The share that each statistic has in all known boxes together.
    mean, deviation : ndarray of float32, shape (statistic,)
        Of the statistics' log-odds.
    centres : ndarray of float32, shape (distribution, statistic)
        Of standardised log-odds.
    whitening : ndarray of float32, shape (distribution, statistic, statistic)
        Maps a difference from a centre to a vector whose length is the score.

    Raises
    ------
    InputError
        If an array has another shape than these, or a value that cannot be.
    """

    usual: NDArray[np.float32]
    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    centres: NDArray[np.float32]
    whitening: NDArray[np.float32]

    def __post_init__(self) -> None:
        size, kinds = len(_NAMES), len(self.whitening) if self.whitening.ndim else 0
        shapes = {
            **dict.fromkeys(("usual", "mean", "deviation"), (size,)),
            "centres": (max(kinds, 1), size),
            "whitening": (max(kinds, 1), size, size),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != np.float32:
                raise InputError(
                    f"{name} of the novelty score is {array.dtype} of shape {array.shape}; it must "
                    f"be float32 of shape {shape}."
                )
            if not np.isfinite(array).all():
                raise InputError(f"{name} of the novelty score holds values that are not finite.")
        if not ((self.usual > 0) & (self.usual < 1) & (self.deviation > 0)).all():
            raise InputError(
                "The novelty score has usual shares that are none, or a deviation that is not "
                "above 0."
            )

    def score(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """
        How unlike known boxes each of some boxes is.

        Parameters
        ----------
        images : ndarray of uint8, shape (storm, y, x)
            Whole dBZ.

        Returns
        -------
        novelty : ndarray of float32, shape (storm,)
            0 to 100. Above 1 a box is farther from the known ones than 99 of 100 of their
            kind; 100 for one without a pixel at 5 dBZ or more.
        """
        score = np.full(len(images), NOVELTY_OF_BLANK, np.float32)
        storms = np.flatnonzero([has_echo(image) for image in images])
        if len(storms):
            score[storms] = np.minimum(self._scores(_count(images[storms])), NOVELTY_OF_BLANK)
        return score

    def _scores(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        standard = (_log_odds(counts, self.usual) - self.mean) / self.deviation
        return _lengths(standard, self.centres, self.whitening).min(axis=1)


def fit_novelty(images: NDArray[np.uint8]) -> Novelty:
    """
    The score by which 99 of 100 boxes of a kind are known.

    Parameters
    ----------
    images : ndarray of uint8, shape (storm, y, x)
        Whole dBZ. Those without a pixel at 5 dBZ or more are passed over.

    Returns
    -------
    novelty : Novelty
        Of boxes that it was not fitted to, 1 in 100 scores above 1 (cross-validation).

    Raises
    ------
    InputError
        If fewer than 20 boxes hold echo, or the images are smaller than 16 x 16 pixels.
    """
    if min(images.shape[1:]) < SMALLEST_SIDE:
        raise InputError(
            f"calibrate: images of {images.shape[1]} x {images.shape[2]} pixels are too small; "
            f"{SMALLEST_SIDE} x {SMALLEST_SIDE} are needed."
        )
    images = images[[has_echo(image) for image in images]]
    if len(images) < _LEAST_WITH_ECHO:
        raise InputError(
            f"calibrate: {len(images)} boxes hold a pixel at {ECHO_DBZ} dBZ or more; at least "
            f"{_LEAST_WITH_ECHO} must."
        )
    counts = np.concatenate([_count(images), _count(_as_other_products(images))])
    with_echo = counts[:, 0, 0] > 0
    fold = np.tile(np.arange(len(images)) % _FOLDS, 2)[with_echo]
    counts, as_it_is = counts[with_echo], np.arange(len(counts))[with_echo] < len(images)
    # The same number for each fold as for all boxes, since the folds give the limit of the whole.
    kinds = min(max(len(counts) // _BOXES_EACH, 1), _DISTRIBUTIONS)
    fits = [_fit(counts, kinds, seed) for seed in range(_FITS)]
    seed = min(range(_FITS), key=lambda seed: _log_volume(fits[seed]))
    scores = [
        _fit(counts[fold != i], kinds, seed)._scores(counts[as_it_is & (fold == i)])
        for i in range(_FOLDS)
    ]
    limit = np.quantile(np.concatenate(scores), _SHARE_KNOWN)
    whole = fits[seed]
    return replace(whole, whitening=(whole.whitening / limit).astype(np.float32))


def has_echo(image: NDArray[np.uint8]) -> bool:
    """Whether a box holds a pixel at 5 dBZ or more."""
    return bool(image.max() >= ECHO_DBZ)


def _as_other_products(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Each box with another calibration, threshold, step and cap: (storm, y, x)."""
    rng = np.random.default_rng(0)
    other = np.empty_like(images)
    for i, image in enumerate(images):
        factor, offset = rng.uniform(0.95, 1.1), rng.uniform(-5.0, 7.0)
        threshold = rng.choice([0, 5, 10, 20], p=[0.35, 0.2, 0.2, 0.25])
        step, cap = rng.choice([1, 5], p=[0.65, 0.35]), rng.integers(52, 80, endpoint=True)
        values = image * factor + offset if rng.random() < 0.7 else image
        values = np.where((image > 0) & (values >= threshold), values, 0)
        other[i] = np.minimum(values // step * step, cap)
    return other


def _fit(counts: NDArray[np.float64], kinds: int, seed: int) -> Novelty:
    """So many distributions of these boxes; 1 in 100 of each one's own scores above 1."""
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    total = counts.sum(axis=0)
    share = np.clip(total[:, 0] / np.maximum(total[:, 1], 1), 0.01, 0.99)
    usual = np.where(_IS_BALANCE, 0.5, share)
    log_odds = _log_odds(counts, usual)
    mean, deviation = log_odds.mean(axis=0), log_odds.std(axis=0) + _LEAST_DEVIATION
    standard = (log_odds - mean) / deviation
    mixture = GaussianMixture(kinds, reg_covar=_RIDGE, max_iter=_MOST_STEPS, random_state=seed)
    with threadpool_limits(1):  # more threads than matrices of this size are worth
        own = mixture.fit_predict(standard)
    used = np.unique(own)  # a distribution that no box belongs to has no limit
    common = np.tensordot(mixture.weights_, mixture.covariances_, 1)
    covariances = (1 - _IN_COMMON) * mixture.covariances_[used] + _IN_COMMON * common
    centres = mixture.means_[used]
    whitening = np.linalg.inv(np.linalg.cholesky(covariances)).transpose(0, 2, 1)
    lengths = _lengths(standard, centres, whitening)
    limits = [np.quantile(lengths[own == kind, i], _SHARE_KNOWN) for i, kind in enumerate(used)]
    whitening = whitening / np.reshape(limits, (-1, 1, 1))
    arrays = (usual, mean, deviation, centres, whitening)
    return Novelty(*(np.ascontiguousarray(array, np.float32) for array in arrays))


def _log_volume(novelty: Novelty) -> float:
    """Logarithm of the volume in which boxes are known, up to a constant."""
    volumes = -np.linalg.slogdet(novelty.whitening.astype(np.float64))[1]
    return float(np.logaddexp.reduce(volumes))


def _lengths(
    standard: NDArray[np.floating], centres: NDArray[np.floating], whitening: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Of whitened differences from each centre, (storm, distribution)."""
    pairs = zip(centres, whitening, strict=True)
    return np.stack(
        [np.linalg.norm((standard - centre) @ factor, axis=1) for centre, factor in pairs], axis=1
    )


def _log_odds(counts: NDArray[np.float64], usual: NDArray[np.floating]) -> NDArray[np.float64]:
    """Of each share, drawn to the usual one where it is of few pixels; of balances, how uneven."""
    part, whole = counts[..., 0], counts[..., 1]
    log_odds = np.log((part + _PRIOR * usual) / (whole - part + _PRIOR * (1 - usual)))
    return np.where(_IS_BALANCE, np.abs(log_odds), log_odds)


def _count(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How many pixels of how many each statistic counts: (storm, statistic, 2)."""
    small = np.minimum(images, np.uint8(127)).view(np.int8)  # differences stay within a byte
    shares = [[*_strengths(image), *_pairs(image), *_triples(image)] for image in small]
    return np.array(shares, np.float64).reshape(-1, len(_NAMES), 2)


def _number(mask: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(mask))


def _strengths(image: NDArray[np.int8]) -> _Shares:
    """How much echo there is, how much of it is how strong, and how much at the very highest."""
    echo = _number(image >= ECHO_DBZ)
    levels = (*_STRENGTHS, image.max())
    return [(echo, image.size), *((_number(image >= level), echo) for level in levels)]


def _pairs(image: NDArray[np.int8]) -> _Shares:
    """What pixels some way apart along a column or row have in common."""
    shares: _Shares = []
    for lag in _LAGS:
        south, north, west, east = image[:-lag], image[lag:], image[:, :-lag], image[:, lag:]
        low = np.concatenate([np.minimum(south, north).ravel(), np.minimum(west, east).ravel()])
        high = np.concatenate([np.maximum(south, north).ravel(), np.maximum(west, east).ravel()])
        echo = low >= ECHO_DBZ
        step = (high - low) * echo.view(np.int8)
        n = _number(echo)
        shares.append((n, _number(high >= ECHO_DBZ)))
        shares += [(_number(step > least), n) for least in _STEPS]
        if lag <= _CONTOURS_UP_TO:
            shares += [(_number(low >= level), _number(high >= level)) for level in _CONTOURS]
        if lag == 1:
            beside = high[(low < ECHO_DBZ) & (high >= ECHO_DBZ)]
            shares += [(_number(beside >= level), beside.size) for level in _CLIFFS]
            uneven = step > _UNEVEN
            shares.append((_number(uneven[: south.size]), _number(uneven)))
            shares += [
                _still(echo[: south.size], step[: south.size], south.shape, along=1),
                _still(echo[south.size :], step[south.size :], west.shape, along=0),
            ]
    return shares


def _still(
    echo: NDArray[np.bool_], step: NDArray[np.int8], shape: tuple[int, ...], along: int
) -> tuple[int, int]:
    """Pairs between two lines of pixels all of which are alike: coarse cells make many such."""
    moved = step.reshape(shape).any(axis=along, keepdims=True)
    return _number(echo.reshape(shape) & ~moved), _number(echo)


def _triples(image: NDArray[np.int8]) -> _Shares:
    """How often echo three pixels long is a valley, and how often it is a valley or a crest."""
    half = image >> 1
    shares: _Shares = []
    for lag in _BENDS:
        valleys = crests = n = 0
        for values, halves in ((image, half), (image.T, half.T)):
            middle = values[lag:-lag]
            first, last = values[: -2 * lag], values[2 * lag :]
            echo = np.minimum(np.minimum(first, last), middle) >= ECHO_DBZ
            bend = (halves[: -2 * lag] + halves[2 * lag :] - middle) * echo.view(np.int8)
            valleys += _number(bend > _BENT_BY)
            crests += _number(bend < -_BENT_BY)
            n += _number(echo)
        shares += [(valleys, valleys + crests), (valleys + crests, n)]
    return shares
