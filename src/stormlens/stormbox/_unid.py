"""SVRIMG's identifier (UNID): report time and SPC number in one string."""

import re

import numpy as np

from stormlens.errors import InputError
from stormlens.stormbox._moment import nanoseconds

_UNID = re.compile(r"(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})z\d{9}(?:_(hail|wind))?")


def time_of_unid(unid: str) -> np.datetime64:
    """
    UTC report time that a UNID begins with.

    Parameters
    ----------
    unid : str
        ``YYYYMMDDHHmmz`` and nine digits; hail and wind reports add ``_hail``, ``_wind``.

    Returns
    -------
    time : datetime64[m]
        UTC.

    Raises
    ------
    InputError
        If the string is no UNID.

    Examples
    --------
    >>> print(time_of_unid("201104041310z000282671"))
    2011-04-04T13:10
    """
    match = _match(unid)
    year, month, day, hour, minute = match.groups()[:5]
    try:
        moment = np.datetime64(f"{year}-{month}-{day}T{hour}:{minute}", "m")
        nanoseconds(moment, unid)
        return moment
    except ValueError:
        raise InputError(f"UNID {unid!r} does not begin with a valid date and time.") from None


def hazard_of_unid(unid: str) -> str:
    """
    Hazard of the report: the SVRIMG folder its image lies in.

    Parameters
    ----------
    unid : str
        As for `time_of_unid`.

    Returns
    -------
    hazard : str
        ``"tor"``, ``"hail"`` or ``"wind"``.

    Raises
    ------
    InputError
        If the string is no UNID.

    Examples
    --------
    >>> hazard_of_unid("201104041310z000282671"), hazard_of_unid("201104041310z000000001_hail")
    ('tor', 'hail')
    """
    return _match(unid).group(6) or "tor"


def _match(unid: str) -> re.Match[str]:
    match = _UNID.fullmatch(unid)
    if match is None:
        msg = (
            f"{unid!r} is not a UNID: expected YYYYMMDDHHmmz and nine digits, then "
            "nothing (tornado), _hail or _wind."
        )
        raise InputError(msg)
    return match
