"""
Reflectivity that is open in xarray already, brought to the national grid.

A field is placed by what CF says of it: by coordinates of latitude and
longitude, of one dimension each or of two, or by x and y with a grid mapping.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from stormlens.errors import InputError
from stormlens.readers._curvilinear import sample_curvilinear
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options
from stormlens.readers._projected import import_pyproj, sample_projected
from stormlens.readers._rain import describe_law, rain_to_dbz
from stormlens.readers._reach import is_even, require_reach
from stormlens.readers._sampling import sample_lonlat
from stormlens.stormbox import MAX_DBZ, NATIONAL, Mosaic, is_dataset

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

Meaning = tuple[str, set[str], str]

_DEGREES: tuple[Meaning, Meaning] = (
    ("latitude", {"lat", "latitude", "clat", "xlat"}, "degrees_north"),
    ("longitude", {"lon", "longitude", "clong", "xlong", "long"}, "degrees_east"),
)
_PLANE: tuple[Meaning, Meaning] = (
    ("projection_y_coordinate", {"y"}, ""),
    ("projection_x_coordinate", {"x"}, ""),
)
"""Northward and eastward: standard name, names in use, unit."""

_METRES = {"m": 1.0, "metre": 1.0, "metres": 1.0, "meter": 1.0, "meters": 1.0, "km": 1000.0}
_TIMES = ("time", "valid_time")


def from_xarray(
    data: "Given",
    *,
    sampling: str = "nearest",
    rain: str = "marshall-palmer",
    name: str = "the data given",
) -> "xr.Dataset":
    """
    Bring a field of reflectivity or rain rate to the national grid.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        One field in dBZ or mm/h (attribute `units`), at one time, with coordinates of latitude
        and longitude (of one or of two dimensions), or x and y in m or km with a CF grid
        mapping. NaN is no coverage; minus infinity, and rain of 0, is clear air.
    sampling : {"nearest", "maximum"}, optional
        See `Options`.
    rain : {"marshall-palmer", "wsr-88d"}, optional
        The Z-R relation for rain rates; see `Options`.
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
        place it, or it does not reach the national grid.
    """
    return as_mosaic(data, name, Options(sampling, rain)).to_xarray()


def as_mosaic(data: "Given", name: str, options: Options) -> Mosaic:
    """
    As `from_xarray`, with options made already, and as plain arrays.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        See `from_xarray`.
    name : str
        What errors call the data.
    options : Options
        Sampling and the Z-R relation.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        As `from_xarray`.
    """
    if _is_mosaic(data):
        return _restored(data, name)
    dataset = _dataset_of(data)
    field, per_hour = _field(dataset, name)
    plane = _one_plane(dataset, field, name)
    dbz, coverage = _sample(dataset, plane, per_hour, name, options)
    return mosaic_of(
        dbz,
        coverage,
        time=_time(dataset, field, name),
        source=str(dataset.attrs.get("source", name)),
        product=str(field.attrs.get("long_name", field.name)),
        derived="" if per_hour is None else describe_law(options.rain),
        sampling=options.sampling,
        simulated=_is_simulated(dataset),
    )


def _is_mosaic(data: "Given") -> "TypeGuard[xr.Dataset]":
    """Whether it has the variables and the shape of a mosaic."""
    return is_dataset(data) and all(
        key in data.data_vars and data[key].dims == ("y", "x") and data[key].shape == NATIONAL.shape
        for key in ("reflectivity", "coverage")
    )


def _restored(data: "xr.Dataset", name: str) -> Mosaic:
    """A mosaic made anew from one that was written to a file."""
    dbz = np.asarray(data["reflectivity"].values, float)
    if not ((dbz >= 0) & (dbz <= MAX_DBZ)).all():
        raise InputError(f"{name}: reflectivity must lie in 0 to {MAX_DBZ} dBZ, without gaps.")
    texts = {key: str(data.attrs.get(key, "")) for key in ("product", "derived")}
    return mosaic_of(
        dbz,
        data["coverage"].values,
        time=_time(data, data["reflectivity"], name),
        source=str(data.attrs.get("source", name)),
        sampling=str(data.attrs.get("sampling", "nearest")),
        simulated=_is_simulated(data),
        **texts,
    )


def _is_simulated(data: "xr.Dataset") -> bool:
    return str(data.attrs.get("simulated", 0)) not in ("0", "")


def _dataset_of(data: "Given") -> "xr.Dataset":
    if is_dataset(data):
        return data
    unnamed = data.name is None or data.name in data.coords
    return data.to_dataset(name="field" if unnamed else data.name)


def _field(dataset: "xr.Dataset", name: str) -> "tuple[xr.DataArray, float | None]":
    """The field that is read, and the factor to mm/h where it is a rain rate."""
    found: dict[str, list[xr.DataArray]] = {"dBZ": [], "rain": []}
    for array in dataset.data_vars.values():
        if array.ndim >= 2 and array.dtype.kind in "iuf":
            if _is_dbz(array):
                found["dBZ"].append(array)
            elif _units(array) in _RATES:
                found["rain"].append(array)
    usable = found["dBZ"] or found["rain"]
    if len(usable) == 1:
        return usable[0], _RATES.get(_units(usable[0])) if not found["dBZ"] else None
    if usable:
        names = ", ".join(str(array.name) for array in usable)
        one = f"data[{str(usable[0].name)!r}]"
        raise InputError(f"{name} holds several fields ({names}); give one, such as {one}.")
    held = ", ".join(
        f"{key} in {array.attrs.get('units', 'no unit')}"
        for key, array in dataset.data_vars.items()
    )
    raise InputError(
        f"{name} holds no field of reflectivity or rain rate, whose units are dBZ or mm/h; it "
        f"holds {held[:300] or 'nothing'}."
    )


def _units(array: "xr.DataArray") -> str:
    return str(array.attrs.get("units", "")).strip().lower()


def _is_dbz(array: "xr.DataArray") -> bool:
    named = array.attrs.get("standard_name") == _REFLECTIVITY
    return _units(array) in _DBZ or (named and _units(array) in ("", "db"))


def _one_plane(dataset: "xr.Dataset", field: "xr.DataArray", name: str) -> "xr.DataArray":
    """The field without dimensions of one entry; more than two left are refused."""
    spare = [dim for dim in field.dims if field.sizes[dim] == 1]
    plane = field.squeeze(spare[: max(field.ndim - 2, 0)])
    if plane.ndim == 2 and min(plane.shape) >= 2:
        return plane
    sizes = ", ".join(f"{dim}: {size}" for dim, size in field.sizes.items())
    raise InputError(
        f"{name}: {field.name} has dimensions {sizes}; one time and one level are read, such as "
        f"data.isel({field.dims[0]}=0)."
    )


def _sample(
    dataset: "xr.Dataset",
    plane: "xr.DataArray",
    per_hour: float | None,
    name: str,
    options: Options,
) -> tuple[np.ndarray, np.ndarray]:
    degrees, metres = _pair(dataset, plane, _DEGREES), _pair(dataset, plane, _PLANE)
    mapping = _grid_mapping(dataset, plane)
    if degrees is not None and degrees[0].ndim == 1:
        return _on_meridians(plane, degrees, per_hour, name, options)
    # x and y are exact where latitude and longitude of every cell are given beside them.
    if metres is not None and metres[0].ndim == 1 and mapping is not None:
        (rows, columns), (y, x) = metres, (_plane_axis(axis, name) for axis in metres)
        crs = _crs(mapping, _metres(columns, name), name)
        dbz, seen = _values(plane.transpose(*rows.dims, *columns.dims), per_hour, options)
        return sample_projected(dbz, seen, x, y, crs, options.sampling, name)
    if degrees is not None:
        rows, columns = degrees
        dbz, seen = _values(plane.transpose(*rows.dims), per_hour, options)
        places = _floats(columns.transpose(*rows.dims)), _floats(rows)
        return sample_curvilinear(dbz, seen, *places, options.sampling, name)
    raise InputError(
        f"{name}: {plane.name} has no coordinates that place it: latitude and longitude, or x and "
        "y with a CF grid mapping."
    )


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
    plane: "xr.DataArray",
    degrees: "tuple[xr.DataArray, xr.DataArray]",
    per_hour: float | None,
    name: str,
    options: Options,
) -> tuple[np.ndarray, np.ndarray]:
    """Sample a field whose rows are parallels and whose columns are meridians."""
    rows, columns = degrees
    dbz, seen = _values(plane.transpose(*rows.dims, *columns.dims), per_hour, options)
    longitude, latitude = _floats(columns), _floats(rows)
    if is_even(longitude) and is_even(latitude):
        require_reach(longitude, latitude, name)
        return sample_lonlat(lambda at: (dbz[at], seen[at]), longitude, latitude, options.sampling)
    places = np.meshgrid(longitude, latitude)
    return sample_curvilinear(dbz, seen, places[0], places[1], options.sampling, name)


def _floats(array: "xr.DataArray") -> np.ndarray:
    return np.asarray(array.values, np.float64)


def _plane_axis(axis: "xr.DataArray", name: str) -> np.ndarray:
    """Places along x or y in m."""
    metres = _floats(axis) * _metres(axis, name)
    if not (np.isfinite(metres).all() and is_even(metres)):
        raise InputError(f"{name}: {axis.name} must be evenly spaced to be read.")
    return metres


def _values(
    plane: "xr.DataArray", per_hour: float | None, options: Options
) -> tuple[np.ndarray, np.ndarray]:
    """Reflectivity and coverage of a field."""
    values = np.asarray(plane.values, np.float64)
    seen = ~np.isnan(values)
    if per_hour is None:
        return values, seen
    return rain_to_dbz(values * per_hour, options.rain), seen & (values >= 0)


def _coordinate(
    dataset: "xr.Dataset", plane: "xr.DataArray", what: Meaning
) -> "xr.DataArray | None":
    """The coordinate of a meaning, told by its standard name, its unit or its own name."""
    meaning, names, unit = what
    fitting = [
        dataset[key]
        for key in {**plane.coords, **dataset.variables}
        if key in dataset.variables
        and dataset[key].dims
        and set(dataset[key].dims) <= set(plane.dims)
    ]
    tests: Iterable[Any] = (
        lambda array: array.attrs.get("standard_name") == meaning,
        lambda array: bool(unit) and array.attrs.get("units") == unit,
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
        held = str(mapping.get("grid_mapping_name", "without a name"))[:60]
        raise InputError(f"{name}: grid mapping {held} is not one that PROJ knows.") from error
    if not crs.is_projected:
        raise InputError(f"{name}: grid mapping {crs.name} is no projection with x and y.")
    return crs


def _time(dataset: "xr.Dataset", field: "xr.DataArray", name: str) -> np.datetime64 | None:
    for key in _TIMES:
        if key in dataset.variables and np.issubdtype(dataset[key].dtype, np.datetime64):
            values = np.unique(dataset[key].values)
            if len(values) > 1:
                raise InputError(f"{name} spans {len(values)} times; give one.")
            return values[0]
    return None
