"""
Numbers that a NetCDF file packs: unsigned codes, marks of missing data, bounds, scale and offset.

They are unpacked here and not by xarray, which gives NaN for every mark: a radar's moment may have
one for clear air (`_Undetect`) beside that for no coverage, and xarray leaves bounds to the user.

Conventions: CF 1.12, sections 2.5.1 and 8.1; NetCDF Users Guide, appendix A (`_Unsigned`,
`valid_range` and when it is in the unit of unpacked values).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Attributes = Mapping[str, Any]

_BLOCK = 2**20
"""Codes unpacked at a time; whole dBZ are truncated later, so that they need 64 bits in between."""

_DEFAULT_FILL = {
    "i2": -32767,
    "i4": -2147483647,
    "i8": -9223372036854775806,
    "u2": 65535,
    "u4": 4294967295,
    "u8": 18446744073709551614,
    "f4": 9.969209968386869e36,
    "f8": 9.969209968386869e36,
}
"""The library's fill values of unwritten data, if a file sets none of its own; bytes have none."""


def unpacked(
    codes: NDArray[Any], attributes: Attributes, dtype: DTypeLike = np.float32
) -> NDArray[np.floating]:
    """
    Values of packed numbers.

    Parameters
    ----------
    codes : ndarray of int or float, shape (n, ...)
        As stored in the file.
    attributes : mapping
        The variable's own: `_Unsigned`, `_FillValue`, `missing_value` (one or several),
        `valid_range`, `valid_min`, `valid_max`, `flag_values`, `scale_factor`, `add_offset`; and
        `_Undetect`, xradar's mark of clear air, which CF does not know.
    dtype : dtype, optional
        Of the values.

    Returns
    -------
    values : ndarray of float, of the shape of `codes`
        NaN where they are missing, out of bounds or a flag; minus infinity where `_Undetect`.

    Raises
    ------
    ValueError
        If codes or an attribute are no numbers.
    """
    codes = _as_meant(np.atleast_1d(codes), attributes)
    scale, offset = (_one(attributes, *of) for of in (("scale_factor", 1.0), ("add_offset", 0.0)))
    values = np.empty(codes.shape, dtype)
    rows = max(1, _BLOCK * len(codes) // max(codes.size, 1))
    for first in range(0, len(codes), rows):
        block, into = codes[first : first + rows], values[first : first + rows]
        if scale == 1 and offset == 0:
            into[:] = block
        else:
            into[:] = block.astype(np.float64) * scale + offset
        missing = _missing(block, into, attributes)
        into[missing | ~np.isfinite(into)] = np.nan
        for code in _numbers(attributes, "_Undetect", codes.dtype):
            into[_equals(block, code) & ~missing] = -np.inf
    return values


def _as_meant(codes: NDArray[Any], attributes: Attributes) -> NDArray[Any]:
    """Codes with the sign that `_Unsigned` gives, since NetCDF-3 has no unsigned types."""
    if codes.dtype.kind not in "iuf":
        raise ValueError("it holds no numbers")
    native = codes.astype(codes.dtype.newbyteorder("="), copy=False)
    meant = {"true": "u", "false": "i"}.get(str(attributes.get("_Unsigned", "")).strip().lower())
    if meant is None or native.dtype.kind == "f":
        return native
    return native.view(f"{meant}{native.dtype.itemsize}")


def _missing(
    codes: NDArray[Any], values: NDArray[np.floating], attributes: Attributes
) -> NDArray[np.bool_]:
    """Which codes are marks or lie out of bounds."""
    missing = np.zeros(codes.shape, bool)
    for key in ("_FillValue", "missing_value", "flag_values"):
        for code in _numbers(attributes, key, codes.dtype):
            missing |= _equals(codes, code)
    default = _DEFAULT_FILL.get(f"{codes.dtype.kind}{codes.dtype.itemsize}")
    if "_FillValue" not in attributes and default is not None:
        missing |= _equals(codes, default)
    least, most = "valid_min", "valid_max"
    if len(_numbers(attributes, "valid_range", codes.dtype)) == 2:
        least = most = "valid_range"
    compared = values if _of_unpacked(attributes, least, most, codes.dtype) else codes
    for bound in _numbers(attributes, least, codes.dtype)[:1]:
        missing |= compared < bound
    for bound in _numbers(attributes, most, codes.dtype)[-1:]:
        missing |= compared > bound
    return missing


def _of_unpacked(attributes: Attributes, least: str, most: str, dtype: np.dtype[Any]) -> bool:
    """Whether bounds are in the unit of unpacked values, as their wider type says."""
    if not {"scale_factor", "add_offset"} & set(attributes):
        return False
    kinds = [np.asarray(attributes[key]).dtype for key in (least, most) if key in attributes]
    return any(
        kind.kind == "f" and (dtype.kind in "iu" or kind.itemsize > dtype.itemsize)
        for kind in kinds
    )


def _equals(codes: NDArray[Any], code: float) -> NDArray[np.bool_]:
    if codes.dtype.kind == "f":
        return codes == codes.dtype.type(code)
    return codes == int(code) if float(code).is_integer() else np.zeros(codes.shape, bool)


def _numbers(attributes: Attributes, key: str, dtype: np.dtype[Any]) -> list[float]:
    """An attribute's numbers, of the codes' sign; none where it is no number."""
    try:
        numbers = np.asarray(attributes.get(key, []), np.float64).reshape(-1)
    except (TypeError, ValueError):
        return []
    numbers = numbers[np.isfinite(numbers)]
    if dtype.kind in "iu":
        bits = 2 ** (8 * dtype.itemsize)
        # A mark of the other sign has the same bits: -1 is 255.
        if dtype.kind == "u":
            numbers = np.where((numbers < 0) & (numbers >= -bits // 2), numbers + bits, numbers)
        else:
            numbers = np.where((numbers >= bits // 2) & (numbers < bits), numbers - bits, numbers)
    return [float(number) for number in numbers]


def _one(attributes: Attributes, key: str, otherwise: float) -> float:
    numbers = _numbers(attributes, key, np.dtype(float)) if key in attributes else [otherwise]
    if len(numbers) != 1:
        raise ValueError(f"its {key} is no number")
    return numbers[0]
