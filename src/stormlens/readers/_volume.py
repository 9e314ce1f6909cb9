"""
Volumes of one radar, read sweep by sweep and brought to a grid.

A radar may move: each ray is then seen from where the platform stood. Rays share a place as long
as the platform moves less than half a cell: a ship's sweep has one place, an aircraft's a few.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options
from stormlens.readers._packing import unpacked
from stormlens.readers._polar import Sweep, grid_about, site, volume_to_grid
from stormlens.readers._quality import quality_controlled
from stormlens.readers._times import moments
from stormlens.stormbox import PIXEL_KM, Mosaic

Floats = NDArray[np.floating]

_DBZ = ("DBZH", "DBZ", "CZ", "CDZ", "REF", "reflectivity", "DBZV", "TH", "DBT", "TV", "DZ")
"""Names of reflectivity, the best first: corrected, vertical, total."""

_CORRELATION = ("RHOHV", "RHO", "cross_correlation_ratio")

_UPRIGHT_MODES = ("rhi", "elevation_surveillance")
_UPRIGHT_SPAN, _LEVEL_SPAN = 20.0, 0.5
"""Degrees of elevation that no turn about a radar has, on a ship either, and that each may have."""

_SAME_PLACE_M = 500 * PIXEL_KM
_DEGREE_M = 111_195.0
_MAX_PLACES = 1000

_MAX_GATES, _MAX_RAYS = 2**25, 2**22
"""Gates of one sweep, 128 MiB in 32 bits, and rays of all; the largest in use have a tenth."""

_METRES = {
    **dict.fromkeys(("", "m", "meter", "meters", "metre", "metres"), 1.0),
    **dict.fromkeys(("km", "kilometer", "kilometers", "kilometre", "kilometres"), 1000.0),
}
_DEGREES = {
    **dict.fromkeys(("", "deg", "degree", "degrees"), 1.0),
    **dict.fromkeys(("rad", "radian", "radians"), 180 / np.pi),
    **{
        f"{degree}{side}": sign
        for degree in ("degree", "degrees")
        for sign, sides in ((1.0, "_north north _n n _east east _e e"), (-1.0, "_south _west"))
        for side in sides.split()
    },
}
"""Factors to m, and to degrees north and east; without a unit it is the convention's own."""


@dataclass(frozen=True)
class Raw:
    """
    A variable of a file, not read yet.

    Attributes
    ----------
    shape : tuple of int
        Of what `read` gives.
    read : callable
        Gives the packed numbers, or text.
    attributes : mapping
        How the numbers are packed, and in which unit they are.
    """

    shape: tuple[int, ...]
    read: Callable[[], NDArray[Any]]
    attributes: Mapping[str, Any]


RawSweep = Mapping[str, Raw]
"""
One sweep's variables by their names in CfRadial: `azimuth`, `elevation`, `range`, `latitude` and
`longitude` (of the sweep or of each ray), moments of (rays, gates); and `time`, `sweep_mode`,
`antenna_transition`, `ray_start_range` and `ray_gate_spacing` where a file has them.
"""


def raw_of(values: Any, **attributes: Any) -> Raw:
    """
    A variable that is in memory.

    Parameters
    ----------
    values : array_like
        Numbers, text or times.
    **attributes
        As of `Raw`.

    Returns
    -------
    raw : Raw
    """
    array = np.asarray(values)
    return Raw(array.shape, partial(np.asarray, array), attributes)


def read_volume(
    sweeps: Iterable[RawSweep], name: str, options: Options, *, kind: str, fill_is_clear: bool
) -> Mosaic:
    """
    Column maximum of a volume.

    Parameters
    ----------
    sweeps : iterable of RawSweep
        In the file's order; the reflectivity of one at a time is in memory.
    name : str
        What errors call the file.
    options : Options
        Sampling and quality control.
    kind : str
        What the file is, for the mosaic's source.
    fill_is_clear : bool
        Whether a gate without a value is clear air, for formats with one mark for clear air and
        missing data. It is ignored for a moment with its own mark of clear air (`_Undetect`).

    Returns
    -------
    mosaic : Mosaic
        `product` says how many sweeps it was made of, and how many RHI were left out.

    Raises
    ------
    InputError
        If no sweep is a turn about the radar with reflectivity, or the radar does not reach the
        grid asked for.
    """
    account = _Account()
    turns = _turns(sweeps, name, options, account)
    if not turns:
        raise account.nothing(name)
    latitude, longitude = next(_places(turns[0].rays, name))[0]
    reach = max(turn.reach_from(latitude, longitude) for turn in turns)
    grid = grid_about(latitude, longitude, reach, options, name)
    pieces = _pieces(turns, name, options, fill_is_clear, account)
    dbz, coverage = volume_to_grid(pieces, latitude, longitude, grid, options.sampling, name)
    return mosaic_of(
        dbz,
        coverage,
        time=min(account.times, default=None),
        source=f"{kind}, radar at {latitude:.2f}, {longitude:.2f}{account.moved()}",
        product=account.product(),
        sampling=options.sampling,
        grid=grid,
    )


def text_of(raw: Raw) -> str:
    """
    Text in lower case, which NetCDF-3 keeps letter by letter.

    Parameters
    ----------
    raw : Raw
        One text.

    Returns
    -------
    text : str
    """
    array = np.asarray(raw.read())
    if array.dtype.kind == "S":
        first: Any = array.tobytes()
    else:
        first = array.reshape(-1)[0] if array.size else ""
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
    return text.strip("\0 ").lower()


_NO_DBZ, _RHI, _NOWHERE = "without reflectivity", "RHI", "without azimuth or place"


class _Account:
    """What became of a volume's sweeps."""

    def __init__(self) -> None:
        self.used = 0
        self.places: list[tuple[float, float]] = []
        self.left_out: Counter[str] = Counter()
        self.moments: set[str] = set()
        self.times: list[np.datetime64] = []

    def product(self) -> str:
        used = f"column maximum of {self.used} sweep{'s' if self.used > 1 else ''}"
        gone = [f"{n} {why}" for why, n in self.left_out.items() if why != _NO_DBZ]
        return f"{used}; {', '.join(gone)} left out" if gone else used

    def moved(self) -> str:
        return f" and {len(self.places) - 1} places more" if len(self.places) > 1 else ""

    def nothing(self, name: str) -> InputError:
        """The error for a volume of which no sweep is used."""
        gone = ", ".join(f"{n} {why}" for why, n in self.left_out.items()) or "none"
        return InputError(
            f"{name} holds no sweep around its radar with reflectivity; its sweeps are {gone}, "
            f"and hold {', '.join(sorted(self.moments)[:12]) or 'nothing'}."
        )


@dataclass(frozen=True)
class _Rays:
    """Of each ray: angles and the radar's place in degrees, and whether it can be placed."""

    azimuth: Floats
    elevation: Floats
    latitude: Floats
    longitude: Floats
    placed: NDArray[np.bool_]


@dataclass(frozen=True)
class _Turn:
    """A turn about the radar with reflectivity, which is not read yet."""

    raw: RawSweep
    moment: str
    rays: _Rays
    gates: "_Gates"

    def reach_from(self, latitude: float, longitude: float) -> float:
        """Farthest distance from a place that it can see, m."""
        placed = self.rays.placed
        away = _away(self.rays.latitude[placed], self.rays.longitude[placed], latitude, longitude)
        return float(away.max()) + self.gates.first + self.gates.spacing * self.gates.n


class _Gates(NamedTuple):
    """Centre of the first, and spacing, m along the beam; how many; the file's gate for each."""

    first: float
    spacing: float
    n: int
    in_file: slice | NDArray[np.intp]


def _turns(
    sweeps: Iterable[RawSweep], name: str, options: Options, account: _Account
) -> list[_Turn]:
    """Turns about the radar with reflectivity; the account counts what is left out."""
    turns, n = [], 0
    for raw in sweeps:
        account.moments |= {key for key, variable in raw.items() if _is_moment(key, variable)}
        moment = _moment(raw, options.field)
        if moment is None:
            account.left_out[_NO_DBZ] += 1
            continue
        rays = _rays(raw, name, options)
        if _is_upright(raw, rays):
            account.left_out[_RHI] += 1
        elif not rays.placed.any():
            account.left_out[_NOWHERE] += 1
        else:
            account.times.extend(_first_time(raw))
            turns.append(_Turn(raw, moment, rays, _gates(raw, moment, rays.azimuth.size, name)))
            n += len(rays.azimuth)
            if n > _MAX_RAYS:
                raise InputError(f"{name}: its sweeps have over {_MAX_RAYS} rays, too many.")
    account.used = len(turns)
    return turns


def _pieces(
    turns: Iterable[_Turn], name: str, options: Options, fill_is_clear: bool, account: _Account
) -> Iterator[Sweep]:
    """Sweeps of the turns, cut where the radar moved; one turn at a time is in memory."""
    for turn in turns:
        sweep = _sweep(turn, fill_is_clear, options)
        for place, chosen in _places(turn.rays, name):
            if place not in account.places[-1:]:
                account.places.append(place)
            if len(account.places) > _MAX_PLACES:
                raise InputError(
                    f"{name}: its radar stands at over {_MAX_PLACES} places; give a part of it."
                )
            piece = _piece(sweep, chosen, place)
            yield quality_controlled(piece) if options.quality_control else piece


def _rays(raw: RawSweep, name: str, options: Options) -> _Rays:
    try:
        azimuth = _numbers(raw["azimuth"], _DEGREES, "azimuth", name)
        elevation = _numbers(raw["elevation"], _DEGREES, "elevation", name)
    except KeyError as error:
        raise InputError(f"{name}: a sweep lacks azimuth, elevation or range.") from error
    n = azimuth.size
    given = options.site[:2] if options.site else (np.nan, np.nan)
    latitude, longitude = (
        _place(raw, axis, n, name, default)
        for axis, default in zip(("latitude", "longitude"), given, strict=True)
    )
    placed = np.isfinite(azimuth) & np.isfinite(latitude) & np.isfinite(longitude)
    if "latitude" in raw and raw["latitude"].shape == (n,) and n > 1:
        placed &= (np.abs(latitude) <= 90) & (np.abs(longitude) <= 360)
    known = elevation[np.isfinite(elevation)]
    sound = known.size and known.min() >= -90 and known.max() <= 180
    if elevation.shape != (n,) or not sound:
        raise InputError(f"{name}: azimuth, elevation or range of a sweep are no places.")
    elevation = np.where(np.isfinite(elevation), elevation, np.median(known))
    if "antenna_transition" in raw and raw["antenna_transition"].shape == (n,):
        between = np.asarray(raw["antenna_transition"].read()) == 1
        placed &= ~between | between.all()
    return _Rays(azimuth % 360, elevation, latitude, longitude, placed)


def _place(raw: RawSweep, axis: str, n: int, name: str, default: float) -> Floats:
    """
    Latitude or longitude of the radar at each ray; NaN where a moving one does not know it.

    If the volume has none, the default from the options stands in. If that is NaN too, it is an
    error.
    """
    values = _numbers(raw[axis], _DEGREES, axis, name) if axis in raw else np.array([np.nan])
    if values.size == 1 and not np.isfinite(values).all():
        values = np.array([default])
    if values.size == 1 and not np.isfinite(values).all():
        raise InputError(
            f"{name} does not say where its radar stands ({axis}); give it with --site LAT,LON (in "
            "Python site=(lat, lon))."
        )
    if values.size not in (1, n):
        raise InputError(f"{name}: {axis} has {values.size} values, a sweep {n} rays.")
    return np.broadcast_to(values.reshape(-1), n)


def _numbers(raw: Raw, factors: Mapping[str, float], key: str, name: str) -> Floats:
    """Values of a coordinate in m or degrees."""
    unit = str(raw.attributes.get("units", "")).strip().lower()
    if unit not in factors:
        raise InputError(f"{name}: {key} is in {unit[:40]!r}, a unit that is not read.")
    if np.prod(raw.shape, dtype=float) > _MAX_RAYS:
        raise InputError(f"{name}: {key} has {raw.shape} values, too many to be one.")
    return unpacked(np.asarray(raw.read()), raw.attributes, np.float64) * factors[unit]


def _is_upright(raw: RawSweep, rays: _Rays) -> bool:
    """Whether the antenna goes up and down, as its mode says or its angles show."""
    mode = text_of(raw["sweep_mode"]) if "sweep_mode" in raw else ""
    if any(upright in mode for upright in _UPRIGHT_MODES):
        return True
    low, high = np.percentile(rays.elevation, (5, 95))
    azimuth = np.sort(rays.azimuth[np.isfinite(rays.azimuth)])
    # A turn covers the whole circle but for its widest gap.
    across = 360 - np.diff(azimuth, append=azimuth[0] + 360).max() if azimuth.size else 0.0
    return high - low > _UPRIGHT_SPAN or high - low > max(across, 2 * _LEVEL_SPAN)


def _sweep(turn: _Turn, fill_is_clear: bool, options: Options) -> Sweep:
    """A sweep of all rays, placed or not."""
    moment, elevation = turn.raw[turn.moment], turn.rays.elevation
    codes = moment.read()
    dbz = unpacked(np.asarray(codes), moment.attributes)
    if fill_is_clear and "_Undetect" not in moment.attributes:
        dbz[np.isnan(dbz)] = -np.inf
    if np.ma.isMaskedArray(codes):
        dbz[codes.mask] = np.nan  # behind the last gate of a shorter ray
    correlation = None
    found = [turn.raw[key] for key in _CORRELATION if key in turn.raw]
    if options.quality_control and found and found[0].shape == moment.shape:
        correlation = unpacked(np.asarray(found[0].read()), found[0].attributes)
        correlation[np.isinf(correlation)] = np.nan
        correlation = correlation[:, turn.gates.in_file]
    is_level = np.ptp(elevation) <= 2 * _LEVEL_SPAN
    return Sweep(
        turn.rays.azimuth,
        float(np.median(elevation)) if is_level else elevation,
        turn.gates.first,
        turn.gates.spacing,
        dbz[:, turn.gates.in_file],
        correlation,
    )


def _moment(raw: RawSweep, wanted: str | None) -> str | None:
    """Name of a sweep's reflectivity: the wanted one, else by the names in use, or by unit."""
    usable = {
        key: variable
        for key, variable in raw.items()
        if wanted in (None, key) and _is_moment(key, variable)
    }
    named = (key for key in _DBZ if key in usable)
    by_unit = (
        key
        for key, variable in usable.items()
        if str(variable.attributes.get("units", "")).strip().lower() == "dbz"
    )
    return next(named, None) or next(by_unit, None)


def _is_moment(key: str, variable: Raw) -> bool:
    """Whether a variable has a value at each ray and gate; text has two dimensions too."""
    is_known = key in _DBZ or ("units" in variable.attributes and not key.endswith("_mode"))
    return len(variable.shape) == 2 and is_known


def _gates(raw: RawSweep, moment: str, rays: int, name: str) -> _Gates:
    """Where the gates of a sweep lie, after its sizes have been checked."""
    if "range" not in raw:
        raise InputError(f"{name}: a sweep lacks azimuth, elevation or range.")
    gates = _numbers(raw["range"], _METRES, "range", name)
    if gates.ndim == 2 and (gates == gates[:1]).all():
        gates = gates[0]
    # If sweeps differ, one variable `range` cannot be right for all: each ray then has its own
    # start and spacing.
    own = [
        _numbers(raw[key], _METRES, key, name)
        for key in ("ray_start_range", "ray_gate_spacing")
        if key in raw and raw[key].shape == (rays,)
    ]
    if gates.ndim > 1 or any(not np.allclose(each, each[:1], equal_nan=True) for each in own):
        raise InputError(f"{name}: gates of a sweep lie at other ranges from ray to ray; not read.")
    if raw[moment].shape != (rays, gates.size) or gates.size < 2 or not rays:
        raise InputError(
            f"{name}: {moment} of a sweep has shape {raw[moment].shape}; its rays and gates "
            f"are {rays} and {gates.size}."
        )
    if rays * gates.size > _MAX_GATES:
        raise InputError(f"{name}: a sweep has {rays} rays of {gates.size} gates, too many.")
    if len(own) == 2 and np.isfinite(own).all() and own[1][0] >= 1:
        gates = own[0][0] + own[1][0] * np.arange(gates.size)
    return _even(gates, name)


def _even(gates: Floats, name: str) -> _Gates:
    """Gates evenly spaced: where they are not, each place takes the nearest."""
    steps = np.diff(gates)
    sound = np.isfinite(gates).all() and abs(gates[0]) <= 100_000 and abs(gates[-1]) <= 2_000_000
    if not sound or steps.min() < 1 or steps.max() > 10_000:
        raise InputError(f"{name}: azimuth, elevation or range of a sweep are no places.")
    first, spacing = float(gates[0]), float(gates[-1] - gates[0]) / (gates.size - 1)
    ideal = first + spacing * np.arange(gates.size)
    if np.abs(gates - ideal).max() <= spacing / 2:
        return _Gates(first, spacing, gates.size, slice(None))
    spacing = float(steps.min())
    ideal = first + spacing * np.arange(round((gates[-1] - first) / spacing) + 1)
    if ideal.size > 4 * gates.size:
        raise InputError(f"{name}: gates of a sweep are too uneven to be read.")
    index = np.searchsorted((gates[1:] + gates[:-1]) / 2, ideal)
    return _Gates(first, spacing, ideal.size, index)


def _places(
    rays: _Rays, name: str
) -> Iterator[tuple[tuple[float, float], NDArray[np.intp] | slice]]:
    """Where the radar stood, and which rays it saw from there."""
    left = np.flatnonzero(rays.placed)
    while left.size:
        north, east = rays.latitude[left], rays.longitude[left]
        far = np.flatnonzero(_away(north, east, north[0], east[0]) > _SAME_PLACE_M)
        here, left = (left[: far[0]], left[far[0] :]) if far.size else (left, left[:0])
        middle = here[len(here) // 2]
        place = site(float(rays.latitude[middle]), float(rays.longitude[middle]), name)
        yield place, slice(None) if len(here) == len(rays.azimuth) else here


def _away(latitude: Floats, longitude: Floats, to_latitude: float, to_longitude: float) -> Floats:
    """How far places lie from another, m, as on a plane: it need not be exact."""
    east = np.mod(longitude - to_longitude + 180, 360) - 180
    north = latitude - to_latitude
    return _DEGREE_M * np.hypot(north, np.cos(np.deg2rad(to_latitude)) * east)


def _piece(sweep: Sweep, rays: NDArray[np.intp] | slice, place: tuple[float, float]) -> Sweep:
    """Rays of a sweep that were seen from one place."""
    elevation = sweep.elevation
    return replace(
        sweep,
        azimuth=sweep.azimuth[rays],
        elevation=elevation[rays] if isinstance(elevation, np.ndarray) else elevation,
        dbz=sweep.dbz[rays],
        correlation=None if sweep.correlation is None else sweep.correlation[rays],
        place=place,
    )


def _first_time(raw: RawSweep) -> list[np.datetime64]:
    """When the first ray was measured, where the file says so."""
    if "time" not in raw:
        return []
    times, attributes = np.asarray(raw["time"].read()), raw["time"].attributes
    if times.dtype.kind != "M":
        counts = unpacked(times, attributes, np.float64)
        calendar = attributes.get("calendar", "standard")
        times = moments(counts, attributes.get("units"), calendar)
    known = times[~np.isnat(times)]
    return [known.min()] if known.size else []
