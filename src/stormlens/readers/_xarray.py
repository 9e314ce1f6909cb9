"""
Reflectivity that is open in xarray already, brought to a grid of storm boxes.

A field is placed by what CF says of it: by coordinates of latitude and
longitude, of one dimension each or of two, or by x and y with a grid mapping.
If there are several levels, each column's highest value is used. What is no
measurement is no coverage; see `_marks`.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from stormlens.errors import InputError
from stormlens.readers._curvilinear import sample_curvilinear
from stormlens.readers._marks import is_mark, is_rain, without_mrms_clear
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import DEFAULT, Options, several_fields
from stormlens.readers._projected import import_pyproj, sample_projected
from stormlens.readers._rain import describe_law, rain_to_dbz
from stormlens.readers._sampling import MAX_CELLS, Read, sample_lonlat
from stormlens.readers._target import grid_of_meridians, is_even, on_its_grid
from stormlens.stormbox import MAX_DBZ, Grid, Mosaic, cells_of, grid_of, is_dataset, nanoseconds

if TYPE_CHECKING:
    import xarray as xr

    Given = xr.DataArray | xr.Dataset

_DBZ = {"dbz", "dbze"}
_REFLECTIVITY = "equivalent_reflectivity_factor"
_RATES = {
    **dict.fromkeys(("mm/h", "mm/hr", "mm/hour", "mm h-1", "mm hr-1", "mm h^-1", "mm h**-1"), 1.0),
    **dict.fromkeys(("kg m-2 s-1", "kg m**-2 s**-1", "kg/m2/s", "kg/(m^2 s)", "mm/s"), 3600.0),
    "mm s-1": 3600.0,
}
"""Factors to mm/h; a kilogram of water on a square metre is a millimetre."""
_SUMS = {"mm", "kg m-2", "kg m^-2", "kg m**-2", "kg/m2", "kg/m^2"}

Meaning = tuple[str, set[str], tuple[str, ...]]


def _in_degrees(to: str) -> tuple[str, ...]:
    """The spellings of CF 1.11, 4.1 and 4.2; WRF writes one of the rarer."""
    letter = to[0].upper()
    stems = "degrees", "degree"
    return tuple(f"{stem}{end}" for end in (f"_{to}", f"_{letter}", letter) for stem in stems)


_DEGREES: tuple[Meaning, Meaning] = (
    ("latitude", {"lat", "latitude", "clat", "xlat"}, _in_degrees("north")),
    ("longitude", {"lon", "longitude", "clong", "xlong", "long"}, _in_degrees("east")),
)
_PLANE: tuple[Meaning, Meaning] = (
    ("projection_y_coordinate", {"y"}, ()),
    ("projection_x_coordinate", {"x"}, ()),
)
"""Northward and eastward: standard name, names in use, units."""

_VERTICAL = {
    *("z", "lev", "level", "levels", "plev", "pressure", "height", "altitude", "alt", "hybrid"),
    *("bottom_top", "isobaricinhpa", "heightabovesea", "heightaboveground"),
}
"""Names of vertical dimensions in use, in addition to CF's attributes `axis` and `positive`."""

_METRES = {"m": 1.0, "metre": 1.0, "metres": 1.0, "meter": 1.0, "meters": 1.0, "km": 1000.0}
_TIMES = ("valid_time", "time", "xtime")
"""Names of times at which a field holds, the surest first."""
_WRF_TIMES = "Times"
_START, _AHEAD = "forecast_reference_time", "forecast_period"
_CALENDARS = ("standard", "gregorian", "proleptic_gregorian")
_FARTHEST = 10_000  # hours
_HOURS = {"h": 1.0, "hour": 1.0, "hours": 1.0, "minutes": 1 / 60, "seconds": 1 / 3600, "days": 24.0}

_MRMS_DISCIPLINE, _MRMS_CENTRE = 209, "161"
_MRMS_WORDS = ("mrms", "multi-radar", "multi_radar", "multiple radar")
_MRMS_MARKS = -99.0, -999.0


def from_xarray(
    data: "Given",
    options: Options = DEFAULT,
    *,
    name: str = "the data given",
) -> "xr.Dataset":
    """
    Bring a field of reflectivity or rain rate to a grid of storm boxes.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        One field in dBZ or mm/h (attribute `units`), at one time, with coordinates of latitude
        and longitude (of one or of two dimensions), or x and y in m or km with a CF grid
        mapping. NaN is no coverage; minus infinity, and rain of 0, is clear air. Of several
        levels the highest counts. Numbers that no radar measures (above 80 dBZ, below -90,
        rain below 0 or above 2,300 mm/h) are no coverage, but for MRMS's -99, which is clear air if
        attributes, or the presence of both its marks, show that the field is MRMS's.
    options : Options, optional
        Sampling, the Z-R relation for rain rates, which variable is read and the grid; the other
        settings are for files and change nothing here.
    name : str, optional
        What errors call the data.

    Returns
    -------
    mosaic : xarray.Dataset
        See `make_mosaic`. A mosaic comes back as it is.

    Raises
    ------
    InputError
        If there is no such field or several, it spans several times, its coordinates do not
        place it, or it does not reach the requested grid.
    """
    return as_mosaic(data, name, options).to_xarray()


def as_mosaic(data: "Given", name: str, options: Options) -> Mosaic:
    """
    The same as plain arrays.

    Parameters
    ----------
    data, name, options
        As `from_xarray` takes them.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        As `from_xarray`.
    """
    if _is_mosaic(data):
        return on_its_grid(_restored(data, name), name, options)
    dataset = _dataset_of(data)
    field, per_hour = _field(dataset, name, options.field)
    dataset, field, levels = _one_time(dataset, field, name)
    dbz, coverage, grid = _sample(dataset, field, levels, per_hour, name, options)
    product = str(field.attrs.get("long_name", field.name))
    return mosaic_of(
        dbz,
        coverage,
        time=_time(dataset, field, name),
        source=str(dataset.attrs.get("source", name)),
        product=f"{product}, column maximum of {field.sizes[levels]} levels" if levels else product,
        derived="" if per_hour is None else describe_law(options.rain),
        sampling=options.sampling,
        simulated=_is_simulated(dataset),
        grid=grid,
    )


def _is_mosaic(data: "Given") -> "TypeGuard[xr.Dataset]":
    """Whether it has the variables of a mosaic, on cells of its grid."""
    if not is_dataset(data):
        return False
    if not all(
        key in data.data_vars and set(data[key].dims) == {"y", "x"}
        for key in ("reflectivity", "coverage")
    ):
        return False
    try:
        grid = grid_of(data)  # raises if an attribute `grid` is not ours
        placed = all(axis in data.coords and len(cells_of(data[axis], axis, grid)) for axis in "yx")
    except InputError:
        return False
    return placed or data["reflectivity"].shape == grid.shape


def _restored(data: "xr.Dataset", name: str) -> Mosaic:
    """A mosaic, whole or a part, made anew from one that was written to a file."""
    dbz = np.asarray(data["reflectivity"].values, float)
    if not ((dbz >= 0) & (dbz <= MAX_DBZ)).all():
        raise InputError(f"{name}: reflectivity must lie in 0 to {MAX_DBZ} dBZ, without gaps.")
    time = _time(data, data["reflectivity"], name)
    moment = np.datetime64("NaT", "ns") if time is None else time
    mosaic = Mosaic.from_xarray(data.assign_coords(time=moment))
    return mosaic_of(
        mosaic.reflectivity,
        mosaic.coverage,
        time=mosaic.time,
        source=str(data.attrs.get("source", name)),
        product=mosaic.product,
        derived=mosaic.derived,
        sampling=mosaic.sampling,
        simulated=mosaic.simulated,
        grid=mosaic.grid,
        is_whole=mosaic.is_whole,
    )


def _is_simulated(data: "xr.Dataset") -> bool:
    return str(data.attrs.get("simulated", 0)) not in ("0", "")


def _dataset_of(data: "Given") -> "xr.Dataset":
    if is_dataset(data):
        return data
    unnamed = data.name is None or data.name in data.coords
    return data.to_dataset(name="field" if unnamed else data.name)


def _field(
    dataset: "xr.Dataset", name: str, wanted: str | None
) -> "tuple[xr.DataArray, float | None]":
    """The field that is read, and the factor to mm/h where it is a rain rate."""
    found: dict[str, list[xr.DataArray]] = {"dBZ": [], "rain": []}
    for array in dataset.data_vars.values():
        if array.ndim >= 2 and array.dtype.kind in "iuf":
            if _is_dbz(array):
                found["dBZ"].append(array)
            elif _units(array) in _RATES:
                found["rain"].append(array)
    usable = found["dBZ"] or found["rain"]
    if wanted is not None:
        usable = [array for array in found["dBZ"] + found["rain"] if array.name == wanted]
    if len(usable) == 1:
        return usable[0], None if _is_dbz(usable[0]) else _RATES[_units(usable[0])]
    if usable:
        raise several_fields(name, [str(array.name) for array in usable])
    content = ", ".join(
        f"{key} in {_unit(array) or 'no unit'}" for key, array in dataset.data_vars.items()
    )
    called = "" if wanted is None else f" called {wanted}"
    sums = any(_units(array) in _SUMS for array in dataset.data_vars.values())
    remark = " (rain summed over a time is no rate)" if sums else ""
    raise InputError(
        f"{name} holds no field of reflectivity or rain rate{called}, whose units are dBZ or mm/h; "
        f"it holds {content[:300] or 'nothing'}{remark}."
    )


def _unit(array: "xr.DataArray") -> str:
    """A unit as it is written, empty where there is none; gribberish writes `unit`."""
    units = (str(array.attrs.get(key, "")).strip() for key in ("units", "unit"))
    return next((unit for unit in units if unit and unit != "unknown"), "")


def _units(array: "xr.DataArray") -> str:
    return _unit(array).lower()


def _is_dbz(array: "xr.DataArray") -> bool:
    named = array.attrs.get("standard_name") == _REFLECTIVITY
    return _units(array) in _DBZ or (named and _units(array) in ("", "db"))


def _one_time(
    dataset: "xr.Dataset", field: "xr.DataArray", name: str
) -> "tuple[xr.Dataset, xr.DataArray, Any]":
    """Without dimensions of one entry; and the dimension of levels, where one is left."""
    spare = [dim for dim in field.dims if field.sizes[dim] == 1][: max(field.ndim - 2, 0)]
    first = dict.fromkeys(spare, 0)
    dataset, field = dataset.isel(first), field.isel(first)
    levels = next((dim for dim in field.dims if _is_vertical(dataset, dim)), None)
    across = [dim for dim in field.dims if dim != levels]
    cells = int(np.prod([field.sizes[dim] for dim in across], dtype=object))
    if cells > MAX_CELLS:
        raise InputError(
            f"{name}: {field.name} has {cells:,} values; up to {MAX_CELLS:,} are read. Cut out a "
            f"part: ncks -d {across[0]},FIRST,LAST FILE NEW"
        )
    if len(across) == 2 and min(field.sizes[dim] for dim in across) >= 2:
        return dataset, field, levels
    sizes = ", ".join(f"{dim}: {size}" for dim, size in field.sizes.items())
    if len(across) <= 2:
        raise InputError(f"{name}: {field.name} has dimensions {sizes}, which is no plane.")
    raise InputError(
        f"{name}: {field.name} has dimensions {sizes}; one time is read. Take one out: "
        f"ncks -d {across[0]},0 FILE NEW, or in Python data.isel({across[0]}=0)."
    )


def _is_vertical(dataset: "xr.Dataset", dim: Any) -> bool:
    attrs = dataset[dim].attrs if dim in dataset.variables else {}
    is_axis = str(attrs.get("axis", "")).upper() == "Z" or "positive" in attrs
    return is_axis or str(dim).lower() in _VERTICAL


def _sample(
    dataset: "xr.Dataset",
    field: "xr.DataArray",
    levels: Any,
    per_hour: float | None,
    name: str,
    options: Options,
) -> tuple[np.ndarray, np.ndarray, Grid]:
    plane = field if levels is None else field.isel({levels: 0})
    mrms = _is_mrms(dataset, field)

    def reading(rows: Any, columns: Any) -> Read:
        return _reading(field, (*rows, *columns), levels, per_hour, mrms, options)

    degrees, metres = _pair(dataset, plane, _DEGREES), _pair(dataset, plane, _PLANE)
    mapping = _grid_mapping(dataset, plane)
    if degrees is not None and degrees[0].ndim == 1:
        rows, columns = degrees
        return _on_meridians(reading(rows.dims, columns.dims), rows, columns, name, options)
    # x and y are exact where latitude and longitude of every cell are given beside them.
    if metres is not None and metres[0].ndim == 1 and mapping is not None:
        rows, columns = metres
        crs = _crs(mapping, _metres(columns, name), name)
        # A projection from WKT may have another unit than the field's axes.
        unit = next((axis.unit_conversion_factor for axis in crs.axis_info), 1.0)
        y, x = (_plane_axis(axis, name) / unit for axis in metres)
        return sample_projected(reading(rows.dims, columns.dims), x, y, crs, options, name)
    if degrees is not None:
        rows, columns = degrees
        places = _floats(columns.transpose(*rows.dims)), _floats(rows)
        return sample_curvilinear(reading(rows.dims, ()), *places, options, name)
    raise InputError(
        f"{name}: {plane.name} has no coordinates that place it: latitude and longitude, or x and "
        "y with a CF grid mapping, which a variable taken out of its Dataset leaves behind."
    )


def _is_mrms(dataset: "xr.Dataset", field: "xr.DataArray") -> bool:
    """Whether the attributes that a GRIB2 decoder left say that the field is MRMS's."""
    attrs = {**dataset.attrs, **field.attrs}
    numbers = attrs.get("discipline"), attrs.get("GRIB_discipline"), attrs.get("GRIB_centre")
    if _MRMS_DISCIPLINE in numbers[:2] or str(numbers[2]) == _MRMS_CENTRE:
        return True
    words = " ".join([str(field.name), *map(str, attrs.values())]).lower()
    return any(word in words for word in _MRMS_WORDS)


def _pair(
    dataset: "xr.Dataset", plane: "xr.DataArray", meanings: tuple[Meaning, Meaning]
) -> "tuple[xr.DataArray, xr.DataArray] | None":
    """Coordinates northward and eastward, where there are both and they are alike."""
    north, east = (_coordinate(dataset, plane, meaning) for meaning in meanings)
    if (
        north is None
        or east is None
        or north.ndim != east.ndim
        or (north.ndim == 1 and north.dims == east.dims)
    ):
        return None
    return north, east


def _on_meridians(
    read: Read,
    rows: "xr.DataArray",
    columns: "xr.DataArray",
    name: str,
    options: Options,
) -> tuple[np.ndarray, np.ndarray, Grid]:
    """Sample a field whose rows are parallels and whose columns are meridians."""
    longitude, latitude = _floats(columns), _floats(rows)
    if is_even(longitude) and is_even(latitude):
        grid = grid_of_meridians(longitude, latitude, options, name)
        return *sample_lonlat(read, longitude, latitude, grid, options.sampling), grid
    east, north = np.meshgrid(longitude, latitude)
    return sample_curvilinear(read, east, north, options, name)


def _floats(array: "xr.DataArray") -> np.ndarray:
    return np.asarray(array.values, np.float64)


def _plane_axis(axis: "xr.DataArray", name: str) -> np.ndarray:
    """Places along x or y in m."""
    metres = _floats(axis) * _metres(axis, name)
    if not (np.isfinite(metres).all() and is_even(metres)):
        raise InputError(f"{name}: {axis.name} must be evenly spaced to be read.")
    return metres


def _reading(
    field: "xr.DataArray",
    dims: tuple[Any, ...],
    levels: Any,
    per_hour: float | None,
    mrms: bool,
    options: Options,
) -> Read:
    """
    What a field has at an index: reflectivity, and whether it is covered.

    A field of one level stays in its own type until it is read: half the memory or less.
    """
    if levels is None:
        values = field.transpose(*dims).values
        # Both marks in one field can only mean what MRMS means by them.
        mrms = mrms or all((values == mark).any() for mark in _MRMS_MARKS)
        return lambda at: _meaning(values[at], per_hour, mrms, options)
    shape = [field.sizes[dim] for dim in dims]
    highest, covered = np.full(shape, -np.inf), np.zeros(shape, bool)
    for number in range(field.sizes[levels]):
        level = _reading(field.isel({levels: number}), dims, None, per_hour, mrms, options)
        for row, (most, some) in enumerate(zip(highest, covered, strict=True)):
            dbz, seen = level(row)
            np.maximum(most, np.where(seen, dbz, -np.inf), out=most)
            some |= seen
    return lambda at: (highest[at], covered[at])


def _meaning(
    values: np.ndarray, per_hour: float | None, mrms: bool, options: Options
) -> tuple[np.ndarray, np.ndarray]:
    """Reflectivity of values in the field's unit, and coverage."""
    values = np.asarray(values, np.float64)
    if per_hour is not None:
        rate = values * per_hour
        return rain_to_dbz(rate, options.rain), is_rain(rate)
    if mrms:
        values = without_mrms_clear(values)
    return values, ~(np.isnan(values) | is_mark(values))


def _coordinate(
    dataset: "xr.Dataset", plane: "xr.DataArray", what: Meaning
) -> "xr.DataArray | None":
    """The coordinate of a meaning, by its standard name, its unit or its own name."""
    meaning, names, units = what
    fitting = [
        dataset[key]
        for key in {**plane.coords, **dataset.variables}
        if key in dataset.variables
        and dataset[key].dims
        and set(dataset[key].dims) <= set(plane.dims)
    ]
    tests: Iterable[Any] = (
        lambda array: array.attrs.get("standard_name") == meaning,
        lambda array: array.attrs.get("units", array.attrs.get("unit")) in units,
        lambda array: str(array.name).lower() in names,
    )
    for test in tests:
        for array in fitting:
            if test(array) and array.dtype.kind in "iuf":
                return array
    return None


def _grid_mapping(dataset: "xr.Dataset", plane: "xr.DataArray") -> dict[str, Any] | None:
    named = plane.attrs.get("grid_mapping", plane.encoding.get("grid_mapping"))
    if named in dataset.variables:
        return dict(dataset[named].attrs)
    marked = [
        variable.attrs
        for variable in dataset.variables.values()
        if "grid_mapping_name" in variable.attrs or "crs_wkt" in variable.attrs
    ]
    return dict(marked[0]) if len(marked) == 1 else None


def _metres(axis: "xr.DataArray", name: str) -> float:
    unit = _units(axis)
    if unit not in _METRES:
        raise InputError(f"{name}: {axis.name} is in {unit or 'no unit'}; m or km are read.")
    return _METRES[unit]


def _crs(mapping: dict[str, Any], metres: float, name: str) -> Any:
    """The projection; false origins are in the unit of the axes, as CF has it."""
    pyproj = import_pyproj()
    try:
        if "crs_wkt" not in mapping:
            for key in ("false_easting", "false_northing"):
                if key in mapping:
                    mapping[key] = float(mapping[key]) * metres
        crs = pyproj.CRS.from_cf(mapping)
    except Exception as error:  # pyproj raises its own errors, and says much
        called = str(mapping.get("grid_mapping_name", "without a name"))[:60]
        raise InputError(f"{name}: grid mapping {called} is not one that PROJ knows.") from error
    if not crs.is_projected:
        raise InputError(f"{name}: grid mapping {crs.name} is no projection with x and y.")
    return crs


def _time(dataset: "xr.Dataset", field: "xr.DataArray", name: str) -> np.datetime64 | None:
    """The field's valid time; for a forecast it is not the start of the model."""
    candidates = {
        str(key): variable
        for key, variable in dataset.variables.items()
        if variable.ndim <= 1
        and set(variable.dims) <= set(field.dims)
        and variable.dtype.kind in "MOS"
    }
    meanings = {key: str(candidates[key].attrs.get("standard_name", "")) for key in candidates}
    names = sorted(candidates, key=lambda key: [*_TIMES, key.lower()].index(key.lower()))
    ranked = [key for key in names if meanings[key] == "time"]
    ranked += [key for key in names if key.lower() in _TIMES and meanings[key] != _START]
    ranked += [key for key in names if candidates[key].attrs.get("axis") == "T"]
    ranked += [key for key in names if key == _WRF_TIMES]
    for key in ranked:
        moments = _moments(candidates[key].values)
        if len(moments) > 1:
            raise InputError(f"{name} spans {len(moments)} times; give one.")
        if len(moments):
            return moments[0]
    return _start_and_ahead(dataset)


def _moments(values: np.ndarray) -> np.ndarray:
    """UTC of what xarray decodes times to; without those that datetime64 cannot have."""
    moments = []
    for value in np.unique(values):
        text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
        is_known = text.lower() not in ("", "nat")  # NumPy wants these with a unit
        if is_known and getattr(value, "calendar", "standard") in _CALENDARS:
            with suppress(ValueError, InputError):
                moments.append(nanoseconds(np.datetime64(text.replace("_", "T")), "time"))
    found = np.array(moments, "datetime64[ns]")
    return found[~np.isnat(found)]


def _start_and_ahead(dataset: "xr.Dataset") -> np.datetime64 | None:
    """The start of a forecast plus its lead time, if the file has both as CF names them."""
    named = {
        variable.attrs.get("standard_name"): variable
        for variable in dataset.variables.values()
        if variable.ndim == 0
    }
    if _START not in named or _AHEAD not in named:
        return None
    start, ahead = _moments(named[_START].values.reshape(1)), named[_AHEAD]
    if ahead.dtype.kind == "m":
        hours = float(ahead.values / np.timedelta64(1, "h"))
    else:
        hours = float(ahead.values) * _HOURS.get(str(ahead.attrs.get("units", "")), np.nan)
    is_near = len(start) > 0 and abs(hours) <= _FARTHEST
    return start[0] + np.timedelta64(round(3600 * hours), "s") if is_near else None
