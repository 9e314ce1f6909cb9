"""
MRMS mosaics and JMA's composites in GRIB2: reflectivity as it is, rain rates by a Z-R relation.

MRMS numbers its products in tables of its own under discipline 209. In
reflectivity -99 is clear air (nothing above the threshold of detection) and
-999 is no coverage; in rain rates 0 is clear air, -3 no coverage and -1
missing. The two are distinguished here and in the mosaic. JMA numbers
its products in the part of WMO's tables that is a centre's own; its first level
is no rain, and level 0 no coverage.

Sources: NOAA NSSL, MRMS GRIB2 tables (nssl.noaa.gov/projects/mrms/operational);
JMA, technical information 162 (national composites of radars, 201) and 398
(nowcast of high resolution, 203).
"""

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._format import Format
from stormlens.readers._grib import Message, field_of, is_grib, messages
from stormlens.readers._marks import is_mark, is_rain, without_mrms_clear
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options, several_fields
from stormlens.readers._rain import describe_law, rain_to_dbz
from stormlens.readers._sampling import sample_lonlat
from stormlens.readers._target import grid_of_meridians
from stormlens.stormbox import Mosaic

_MOST_NAMED = 5  # fields that a sentence names


@dataclass(frozen=True)
class _Product:
    """The quantity of a field; `to_mm_per_hour` is set for rain rates alone."""

    name: str
    to_mm_per_hour: float | None = None


_PRODUCTS = {
    (209, 3, 57): _Product("ReflectivityAtLowestAltitude"),
    (209, 3, 58): _Product("MergedReflectivityAtLowestAltitude"),
    (209, 6, 1): _Product("PrecipRate", 1.0),
    (209, 8, 8): _Product("SeamlessHSR"),
    (209, 10, 0): _Product("MergedReflectivityQCComposite"),
    (209, 10, 2): _Product("LowLevelCompositeReflectivity"),
    (209, 10, 4): _Product("LayerCompositeReflectivity_Low"),
    (209, 10, 5): _Product("LayerCompositeReflectivity_High"),
    (209, 10, 6): _Product("LayerCompositeReflectivity_Super"),
    (209, 10, 7): _Product("CREF_1HR_MAX"),
    (209, 10, 8): _Product("ReflectivityMaxAboveM10C"),
    (209, 10, 9): _Product("LayerCompositeReflectivity_ANC"),
    (209, 10, 10): _Product("BREF_1HR_MAX"),
    (209, 11, 0): _Product("MergedBaseReflectivityQC"),
    (209, 11, 1): _Product("MergedReflectivityComposite"),
    (209, 11, 2): _Product("MergedReflectivityQComposite"),
    (209, 11, 3): _Product("MergedBaseReflectivity"),
    (0, 1, 7): _Product("Precipitation rate", 3600.0),  # WMO: kg m-2 s-1
}
_TOKYO = 34
_PRODUCTS_OF_TOKYO = {
    (0, 1, 201): _Product("JMA radar composite, rain intensity", 1.0),
    (0, 1, 203): _Product("JMA nowcast, rain intensity", 1.0),
}
_NOT_READ_OF_TOKYO = {
    (0, 1, 200): "JMA's rain summed over an hour, which is no rate",
}
_SOURCES = {_TOKYO: "JMA"}
_WASHINGTON, _NOAA = 7, 161
_LOCAL = 192
"""The first number of those in WMO's tables that each centre gives a meaning of its own."""


def read_mrms(content: bytes, name: str, options: Options) -> Mosaic:
    """
    Reflectivity of a field of MRMS or JMA.

    Parameters
    ----------
    content : bytes
        GRIB2 with one field of reflectivity or of rain rate.
    name : str
        What errors call the file.
    options : Options
        Sampling, and the Z-R relation for rain rates.

    Returns
    -------
    mosaic : Mosaic
        `derived` says by which relation a rain rate was turned into reflectivity.

    Raises
    ------
    InputError
        If the file is damaged, holds no such field or several, or lies elsewhere on earth.
    """
    message, product = _chosen(messages(content, name), name, options.field)
    field = field_of(message, name)
    place = field.longitude, field.latitude
    grid = grid_of_meridians(*place, options, name)

    def read(at: Any) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
        values = field.values(*at) if isinstance(at, tuple) else field.values(at)
        if product.to_mm_per_hour is None:
            dbz = without_mrms_clear(values)
            return dbz, ~(np.isnan(dbz) | is_mark(dbz))
        rate = values * product.to_mm_per_hour
        return rain_to_dbz(rate, options.rain), is_rain(rate)

    sampled, coverage = sample_lonlat(read, *place, grid, options.sampling)
    return mosaic_of(
        sampled,
        coverage,
        time=field.time,
        source="MRMS" if message.discipline == 209 else _SOURCES.get(message.centre, "GRIB2"),
        product=product.name,
        derived="" if product.to_mm_per_hour is None else describe_law(options.rain),
        sampling=options.sampling,
        grid=grid,
    )


MRMS = Format("mrms", "mosaics of MRMS and JMA in GRIB2", is_grib, read_mrms, fields=True)


def _chosen(found: list[Message], name: str, wanted: str | None) -> tuple[Message, _Product]:
    usable = [
        (message, product)
        for message in found
        if (product := _product(message)) is not None and wanted in (None, product.name)
    ]
    if not usable:
        content = ", ".join(_describe(found))
        known = [*_PRODUCTS.values(), *_PRODUCTS_OF_TOKYO.values()]
        readable = ", ".join(product.name for product in known)
        what = "no reflectivity" if wanted is None else f"not {wanted}"
        raise InputError(f"{name} holds {content}, which is {what}. Read are: {readable}.")
    products = list(dict.fromkeys(product.name for _, product in usable))
    if len(products) > 1:
        raise several_fields(name, products)
    if len(usable) > 1:
        raise InputError(
            f"{name} holds {len(usable)} fields that could be read, all {products[0]}; give it one "
            "at a time: wgrib2 FILE -d 1 -grib NEW"
        )
    return usable[0]


def _product(message: Message) -> _Product | None:
    """The product of a message; None if it is not read."""
    of_centre = _PRODUCTS_OF_TOKYO if message.centre == _TOKYO else {}
    return of_centre.get(message.key) or _PRODUCTS.get(message.key)


def _describe(found: list[Message]) -> list[str]:
    """Names of a few fields; their numbers if gribberish's tables have no name."""
    distinct = list({message.key: message for message in found}.values())
    more = len(distinct) - _MOST_NAMED
    names = [_name(message) for message in distinct[:_MOST_NAMED]]
    return [*names, f"{more} more"] if more > 0 else names


def _name(message: Message) -> str:
    """
    A field's name, from a small message made here with the same numbers.

    So the file's own bytes, which are untrusted, never reach gribberish's native code.
    """
    discipline, category, number = message.key
    numbers = f"discipline {discipline}, category {category}, number {number}"
    if message.centre == _TOKYO and message.key in _NOT_READ_OF_TOKYO:
        return f"{_NOT_READ_OF_TOKYO[message.key]} ({numbers})"
    is_local = discipline < _LOCAL <= max(category, number)
    if is_local and message.centre not in (_WASHINGTON, _NOAA):
        return f"a field that centre {message.centre} numbers for itself ({numbers})"
    sections = (
        struct.pack(">IB2H3BH7B", 21, 1, 161, 0, 2, 1, 0, 2020, 1, 1, 0, 0, 0, 0, 0),
        struct.pack(">IBBIBBH3xI10x", 72, 3, 0, 4, 0, 0, 0, 6_367_470)[:30]
        + struct.pack(">6IB4IB", 2, 2, 0, 0, 10**6, 0, 48, 0, 10**6, 10**6, 10**6, 0),
        struct.pack(">IBHHBB23x", 34, 4, 0, 0, category, number),
        struct.pack(">IBIHfHHBB", 21, 5, 4, 0, 0.0, 0, 0, 0, 0),
        struct.pack(">IBB", 6, 6, 255) + struct.pack(">IB", 5, 7),
    )
    body = b"".join(sections) + b"7777"
    start = struct.pack(">4sHBBQ", b"GRIB", 0, discipline, 2, 16 + len(body))
    try:
        import gribberish

        name = gribberish.parse_grib_message_metadata(start + body, 0).var_abbrev
    except BaseException as error:
        # A failed check in Rust arrives as an exception that is no Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        return f"a field of {numbers}"
    return f"{name} ({numbers})" if name else f"a field of {numbers}"
