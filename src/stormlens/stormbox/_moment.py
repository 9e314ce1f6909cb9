"""Moments: what a text must say to be one, and how far nanoseconds reach."""

import re

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormlens.errors import InputError

_DATE_AND_HOUR = re.compile(
    r"\s*(?:\d{4}-\d{1,2}-\d{1,2}|\d{8}|\d{4}-?W\d\d-?\d|\d{1,2}/\d{1,2}/\d{4})[T ]\s*\d{1,2}"
)
# Years that nanoseconds in 64 bits hold whole; NumPy wraps round beyond them without a word.
_FIRST_YEAR, _LAST_YEAR = 1678, 2261


def says_hour(text: str) -> bool:
    """
    Whether a text begins with a date and an hour: less than that is no moment.

    Parameters
    ----------
    text : str
        As somebody wrote it: ISO 8601, or the month/day/year of American tables.

    Returns
    -------
    says : bool

    Examples
    --------
    >>> says_hour("2013-05-20T20"), says_hour("20130520T2015"), says_hour("4/27/2011 9:00")
    (True, True, True)
    >>> says_hour("2013-05-20"), says_hour("2013"), says_hour("1955")
    (False, False, False)
    """
    return _DATE_AND_HOUR.match(text) is not None


def nanoseconds(times: ArrayLike, where: str) -> NDArray[np.datetime64]:
    """
    Times in the unit that everything here keeps them in.

    Parameters
    ----------
    times : array_like of datetime64 in any unit, date, datetime or str
        NaT where unknown.
    where : str
        What to call them in an error.

    Returns
    -------
    times : ndarray of datetime64[ns]
        Of the same shape.

    Raises
    ------
    InputError
        If one lies outside the years 1678 to 2261, which nanoseconds in 64 bits hold.
    TypeError, ValueError
        As NumPy raises them for what is no time.

    Examples
    --------
    >>> print(nanoseconds(np.datetime64("2011-04-27T19"), "the mosaic"))
    2011-04-27T19:00:00.000000000
    """
    given = np.asarray(times)
    days = given.astype("datetime64[D]")
    year = days.astype("datetime64[Y]").astype(np.int64) + 1970
    outside = ~np.isnat(days) & ((year < _FIRST_YEAR) | (year > _LAST_YEAR))
    if outside.any():
        raise InputError(
            f"{where}: {days[outside].flat[0]} lies outside the years {_FIRST_YEAR} to "
            f"{_LAST_YEAR}, in which times can be kept."
        )
    return given.astype("datetime64[ns]")
