"""
Numbers that are no measurement: what marks missing data in a field of reflectivity or rain.

Files mark missing data by an impossible number (9999, 1e20, 9.97e36, -999,
-32768), and not all say which. Read as a value, it would be the strongest echo, or
clear air that a radar saw. So what no radar measures is no coverage:

- above 80 dBZ, where the archive's scale ends. The WSR-88D's codes go on to
  94.5, but what is there is clutter or interference. It is left out before a
  maximum is taken, so that what another sweep or level sees there counts;
- below -90 dBZ, far less than the noise of the most sensitive cloud radar. Minus
  infinity is clear air, as the readers write it. MRMS's -99 is clear air too, by
  its own tables, and becomes minus infinity where a field is known to be MRMS's;
- rain of more than 2,300 mm/h: the most measured within a minute is 38 mm (Barot,
  Guadeloupe, 26 November 1970; World Meteorological Organization, Weather and
  Climate Extremes Archive). Negative rates are marks in every product known.
"""

import numpy as np
from numpy.typing import NDArray

from stormlens.stormbox import MAX_DBZ

FAINTEST_DBZ = -90.0
HEAVIEST_MM_PER_HOUR = 2300.0

_MRMS_CLEAR = -99.0


def is_mark(dbz: NDArray[np.floating]) -> NDArray[np.bool_]:
    """
    Which numbers are no reflectivity.

    Parameters
    ----------
    dbz : ndarray of float, any shape
        dBZ; minus infinity is clear air.

    Returns
    -------
    marks : ndarray of bool, shape of `dbz`
        False for NaN, which callers interpret themselves.

    Examples
    --------
    >>> print(is_mark(np.array([-np.inf, -999.0, -32.0, 80.0, 95.5])))
    [False  True False False  True]
    """
    return (dbz > MAX_DBZ) | ((dbz < FAINTEST_DBZ) & ~np.isneginf(dbz))


def is_rain(rate: NDArray[np.floating]) -> NDArray[np.bool_]:
    """
    Which numbers are rain rates.

    Parameters
    ----------
    rate : ndarray of float, any shape
        mm/h.

    Returns
    -------
    rain : ndarray of bool, shape of `rate`
        Whether it is 0 to 2,300; False for NaN.
    """
    return (rate >= 0) & (rate <= HEAVIEST_MM_PER_HOUR)


def without_mrms_clear(dbz: NDArray[np.floating]) -> NDArray[np.floating]:
    """
    MRMS's reflectivity with its mark of clear air as minus infinity.

    Parameters
    ----------
    dbz : ndarray of float, any shape
        dBZ, with -99 for clear air and -999 for no coverage.

    Returns
    -------
    dbz : ndarray of float, shape of `dbz`
        -999 stays; `is_mark` finds it.
    """
    return np.where(np.abs(dbz - _MRMS_CLEAR) < 0.5, -np.inf, dbz)
