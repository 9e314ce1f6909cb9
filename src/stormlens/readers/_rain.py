"""Reflectivity from rain rates, by a stated relation Z = a R^b."""

import numpy as np
from numpy.typing import NDArray

from stormlens.readers._options import RAIN_LAWS

_NAMES = {"marshall-palmer": "Marshall and Palmer 1948", "wsr-88d": "WSR-88D convective"}


def rain_to_dbz(rate: NDArray[np.float64], law: str) -> NDArray[np.float64]:
    """
    Reflectivity that a rain rate stands for.

    Parameters
    ----------
    rate : ndarray of float64, any shape
        Rain, mm/h.
    law : {"marshall-palmer", "wsr-88d"}
        See `Options`.

    Returns
    -------
    dbz : ndarray of float64, shape of `rate`
        10 log10(a R^b), dBZ; minus infinity where it does not rain, and where `rate` is NaN.

    Examples
    --------
    >>> print(rain_to_dbz(np.array([0.0, 1.0, 10.0]), "marshall-palmer").round(2))
    [ -inf 23.01 39.01]
    """
    a, b = RAIN_LAWS[law]
    dbz = np.empty_like(rate)
    wet = rate > 0
    np.log10(rate, out=dbz, where=wet)
    dbz[~wet] = -np.inf
    dbz *= 10 * b
    dbz += 10 * np.log10(a)
    return dbz


def describe_law(law: str) -> str:
    """
    How reflectivity was derived, for the mosaic's attribute.

    Parameters
    ----------
    law : {"marshall-palmer", "wsr-88d"}
        See `Options`.

    Returns
    -------
    words : str

    Examples
    --------
    >>> describe_law("marshall-palmer")
    'from rain rate by Z = 200 R^1.6 (Marshall and Palmer 1948)'
    """
    a, b = RAIN_LAWS[law]
    return f"from rain rate by Z = {a:g} R^{b:g} ({_NAMES[law]})"
