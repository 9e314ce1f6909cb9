"""
Sweeps of a scanning radar brought to a grid.

Each cell asks every sweep for the gate that lies over it. The beam bends as in
an atmosphere of the standard refractivity gradient: straight above an earth of
4/3 the radius (Doviak and Zrnic 1993, Doppler Radar and Weather Observations,
section 2.2). The highest of the sweeps' values is the column maximum.

A beam covers only the ground that its gates stand over. Above some 80 degrees
that is far less than its range, and at 90 degrees only the radar's own cell.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._geodesic import azimuth_and_distance, destination
from stormlens.readers._marks import is_mark
from stormlens.readers._options import Options
from stormlens.readers._sampling import LEAST_DBZ, highest_in_cell, pick
from stormlens.readers._target import choose_grid
from stormlens.stormbox import PIXEL_KM, Grid

Floats = NDArray[np.floating]

_EARTH_M = 6_371_000.0
_BENT_M = 4 / 3 * _EARTH_M
_CELL_M = 1000 * PIXEL_KM
_HALF_DIAGONAL_M = _CELL_M / 2**0.5

_SAME_RAY = 0.01  # degrees, closer than the angle of any antenna is known
_NARROWEST, _WIDEST = 0.5, 10.0
"""Degrees on either side of a ray: a beam is no narrower, and no antenna steps wider."""

_RADAR = 200
"""Cells from a radar to the side of a grid of its own: 750 km, as far as weather radars see and
half a box more."""


@dataclass(frozen=True)
class Sweep:
    """
    One turn of the antenna.

    Attributes
    ----------
    azimuth : ndarray of float, shape (rays,)
        Degrees clockwise from north, in any order.
    elevation : float or ndarray of float, shape (rays,)
        Degrees above the horizon, of the sweep or of each ray; from 90 to 180 where the antenna
        went over the top and looks back.
    first, spacing : float
        Slant range of the centre of the first gate, and from gate to gate, m.
    dbz : ndarray of float, shape (rays, gates)
        Reflectivity; minus infinity where there is no echo, NaN where the radar cannot tell
        (folded range, blanked).
    correlation : ndarray of float or None, shape (rays, gates)
        Co-polar correlation coefficient, 0 to 1, NaN where unknown.
    place : tuple of float or None
        Latitude and longitude of the radar, of those that move.
    """

    azimuth: Floats
    elevation: float | Floats
    first: float
    spacing: float
    dbz: Floats
    correlation: Floats | None = None
    place: tuple[float, float] | None = None

    @property
    def reach(self) -> float:
        """Slant range of the far edge of the last gate, m."""
        return self.first + self.spacing * self.dbz.shape[1]


def slant_range(distance: Floats, elevation: float | Floats) -> Floats:
    """
    Slant range at which a beam stands over a place.

    Parameters
    ----------
    distance : ndarray of float
        From the radar along the ground, m, 0 to 1,000 km, and no farther than the beam goes:
        at elevation e it never stands over what is A (90 - e) away, e as an angle.
    elevation : float or ndarray of float
        Of the beam where it leaves the radar, degrees, -90 to 90.

    Returns
    -------
    range : ndarray of float
        m; r = A sin(s/A) / cos(e + s/A), by the law of sines in the triangle of radar, beam
        and centre of an earth of radius A, 4/3 of the true one.

    Examples
    --------
    >>> print(slant_range(np.array([0.0, 100_000.0]), 0.5).round())
    [     0. 100019.]
    """
    centre = distance / _BENT_M
    return _BENT_M * np.sin(centre) / np.cos(np.deg2rad(elevation) + centre)


def ground_distance(slant: Floats | np.float64, elevation: float | Floats) -> Floats:
    """
    Distance along the ground of gates, the inverse of `slant_range`.

    Parameters
    ----------
    slant : ndarray of float
        Range along the beam, m.
    elevation : float or ndarray of float
        Degrees.

    Returns
    -------
    distance : ndarray of float
        m; s = A arctan(r cos e / (A + r sin e)).
    """
    tilt = np.deg2rad(elevation)
    return _BENT_M * np.arctan2(slant * np.cos(tilt), _BENT_M + slant * np.sin(tilt))


def site(latitude: float, longitude: float, where: str) -> tuple[float, float]:
    """
    A radar's place, its longitude from -180 to less than 180.

    Parameters
    ----------
    latitude, longitude : float
        Degrees north and east; 262.72 east is 97.28 west.
    where : str
        What errors call the file.

    Returns
    -------
    latitude, longitude : float

    Raises
    ------
    InputError
        If that is no place on earth.
    """
    if not (abs(latitude) <= 90 and abs(longitude) <= 360):
        raise InputError(
            f"{where}: the radar stands at latitude {latitude}, longitude {longitude}, which is "
            "no place on earth; the file is damaged."
        )
    # What lies within bounds stays as the file has it, to the bit.
    return latitude, longitude if -180 <= longitude < 180 else (longitude + 180) % 360 - 180


def distinct_rays(sweep: Sweep) -> Sweep:
    """
    A sweep with one ray at each azimuth, which has the highest values of all that were there.

    Parameters
    ----------
    sweep : Sweep
        Rays may come twice, as they do where azimuths are rounded to whole degrees.

    Returns
    -------
    sweep : Sweep
        Itself where its rays differ; else in the order of azimuths, without correlation.
    """
    azimuth = sweep.azimuth % 360
    order = np.argsort(azimuth, kind="stable")
    starts = np.flatnonzero(np.diff(azimuth[order], prepend=-np.inf) > _SAME_RAY)
    if len(starts) == len(azimuth):
        return sweep
    return replace(
        sweep,
        azimuth=azimuth[order][starts],
        elevation=_of_ray(sweep.elevation, order[starts]),
        dbz=np.fmax.reduceat(sweep.dbz[order], starts, axis=0),
        correlation=None,
    )


def grid_about(
    latitude: float, longitude: float, reach: float, options: Options, where: str
) -> Grid:
    """
    The grid for what a radar sees, which all its volumes share.

    Parameters
    ----------
    latitude, longitude : float
        Of the radar, degrees north and east.
    reach : float
        How far it sees, m.
    options : Options
        `grid` may name one, or a centre.
    where : str
        What errors call the file.

    Returns
    -------
    grid : Grid
        If it is the radar's own grid, the radar is its centre.

    Raises
    ------
    InputError
        If the radar's place is no place, or it does not reach the grid that is asked for.
    """
    latitude, longitude = site(latitude, longitude, where)
    azimuth, distance = np.meshgrid(np.arange(0.0, 360.0, 2.0), reach * np.linspace(0, 1, 9))
    north, east = destination(latitude, longitude, azimuth, distance)
    return choose_grid(options, east, north, (latitude, longitude), where, _RADAR)


def volume_to_grid(
    sweeps: Iterable[Sweep],
    latitude: float,
    longitude: float,
    grid: Grid,
    sampling: str,
    where: str,
) -> tuple[Floats, NDArray[np.bool_]]:
    """
    Column maximum of a volume on a grid.

    Parameters
    ----------
    sweeps : iterable of Sweep
        One or more, of one radar; taken one after the other, so that they need not all be in
        memory.
    latitude, longitude : float
        Of the radar, degrees north and east, for sweeps without a place of their own.
    grid : Grid
        Of `grid_about`.
    sampling : {"nearest", "maximum"}
        The gate over a cell's centre, or the highest of those over the cell.
    where : str
        What errors call the file.

    Returns
    -------
    dbz, coverage : ndarray, shape (y, x)
        Minus infinity and False where no sweep reaches.

    Raises
    ------
    InputError
        If the radar's place is no place.
    """
    of_all = site(latitude, longitude, where)
    dbz, coverage = np.full(grid.shape, -np.inf), np.zeros(grid.shape, bool)
    cells: _Cells | None = None
    here, far = of_all, 0.0
    for given in sweeps:
        sweep = _not_over_the_top(distinct_rays(_without_marks(given)))
        place = sweep.place or of_all
        if cells is None or place != here or sweep.reach > far:
            cells, here, far = _cells_within(sweep.reach, *place, grid), place, sweep.reach
        seen = np.isfinite(sweep.dbz) | np.isneginf(sweep.dbz)
        of_sweep, covered = pick(sweep.dbz, seen, *_gates_over(sweep, cells))
        np.maximum(dbz[cells.window], of_sweep, out=dbz[cells.window])
        coverage[cells.window] |= covered
        _stand_over_own_cell(sweep, seen, cells, dbz, coverage)
        if sampling == "maximum":
            echo, echo_longitude, echo_latitude = _places_of_echo(sweep, *place)
            dbz = highest_in_cell(dbz, echo, *grid.cell(echo_longitude, echo_latitude))
    # A gate may lie in a cell whose centre is out of reach. Its echo was seen, so it is covered.
    return dbz, coverage | np.isfinite(dbz)


def _without_marks(sweep: Sweep) -> Sweep:
    """The sweep with NaN for what is no reflectivity."""
    marks = is_mark(sweep.dbz)
    return replace(sweep, dbz=np.where(marks, np.nan, sweep.dbz)) if marks.any() else sweep


@dataclass(frozen=True)
class _Cells:
    """
    The cells about a radar.

    Attributes
    ----------
    window : tuple of slice
        Their rows and columns on the grid.
    azimuth, distance : ndarray of float, shape (rows, columns)
        Where each cell's centre lies from the radar, degrees and m.
    own : tuple of int
        Row and column of the cell that the radar stands in; it may lie off the grid.
    """

    window: tuple[slice, slice]
    azimuth: Floats
    distance: Floats
    own: tuple[int, int]


def _cells_within(reach: float, latitude: float, longitude: float, grid: Grid) -> _Cells:
    """The cells about a radar; none where no cell of the grid lies within its reach."""
    x, y = grid.cell(longitude, latitude)
    # The projection stretches by up to a tenth at a grid's edges.
    cells = 1.2 * reach / _CELL_M + 1
    rows, columns = (
        slice(max(int(centre - cells), 0), max(min(int(centre + cells) + 1, n), 0))
        for centre, n in ((float(y), grid.shape[0]), (float(x), grid.shape[1]))
    )
    cell_longitude, cell_latitude = grid.lonlat(
        np.arange(columns.start, columns.stop), np.arange(rows.start, rows.stop)[:, np.newaxis]
    )
    toward = azimuth_and_distance(latitude, longitude, cell_latitude, cell_longitude)
    return _Cells((rows, columns), *toward, (round(float(y)), round(float(x))))


def _not_over_the_top(sweep: Sweep) -> Sweep:
    """A beam beyond the zenith looks back, and down to the other side."""
    over = np.asarray(sweep.elevation) > 90
    if not over.any():
        return sweep
    elevation = np.where(over, 180 - np.asarray(sweep.elevation), sweep.elevation)
    return replace(
        sweep,
        azimuth=np.where(over, sweep.azimuth + 180, sweep.azimuth),
        elevation=elevation if elevation.ndim else float(elevation),
    )


def _gates_over(
    sweep: Sweep, cells: _Cells
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Ray and gate over each cell, and whether there is one."""
    azimuth, n = sweep.azimuth % 360, sweep.dbz.shape[1]
    ray, off = _nearest_ray(azimuth, cells.azimuth)
    elevation = _of_ray(sweep.elevation, ray)
    begins, ends = (_edge(sweep, gate, elevation) for gate in (0, n))
    # Beyond its last gate a steep beam may never stand over a place: `slant_range` has no answer.
    slant = slant_range(np.minimum(cells.distance, ends), elevation)
    gate = np.rint((slant - sweep.first) / sweep.spacing)
    # Nearer than its first gate a radar sees nothing, but that gate may lie in a cell whose centre
    # is nearer still.
    inside = (cells.distance <= ends) & (begins - cells.distance <= _HALF_DIAGONAL_M)
    inside &= (gate < n) & (off <= _width(azimuth))
    return ray, np.where(inside, np.maximum(gate, 0), 0).astype(np.intp), inside


def _edge(sweep: Sweep, gate: int, elevation: float | Floats) -> Floats:
    """Distance along the ground at which a gate begins, m."""
    return ground_distance(np.float64(sweep.first + sweep.spacing * (gate - 0.5)), elevation)


def _of_ray(elevation: float | Floats, ray: NDArray[np.intp]) -> float | Floats:
    """The elevation of rays, where each has its own."""
    return elevation[ray] if isinstance(elevation, np.ndarray) else elevation


def _stand_over_own_cell(
    sweep: Sweep, seen: NDArray[np.bool_], cells: _Cells, dbz: Floats, coverage: NDArray[np.bool_]
) -> None:
    """Rays that end above the radar's own cell are a column there, of which the highest counts."""
    row, column = cells.own
    if not (0 <= row < dbz.shape[0] and 0 <= column < dbz.shape[1]):
        return
    ends = _edge(sweep, sweep.dbz.shape[1], sweep.elevation)
    steep = np.broadcast_to(ends < _CELL_M / 2, len(sweep.azimuth))
    known = seen & steep[:, np.newaxis]
    if known.any():
        dbz[row, column] = max(dbz[row, column], sweep.dbz[known].max())
        coverage[row, column] = True


def _nearest_ray(rays: Floats, azimuth: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Index of the ray nearest to each azimuth, and how many degrees lie between them."""
    order = np.argsort(rays, kind="stable")
    turned = np.concatenate([[rays[order[-1]] - 360], rays[order], [rays[order[0]] + 360]])
    after = np.clip(np.searchsorted(turned, azimuth), 1, len(turned) - 1)
    nearer = after - (azimuth - turned[after - 1] < turned[after] - azimuth)
    return order[(nearer - 1) % len(order)], np.abs(azimuth - turned[nearer])


def _width(rays: Floats) -> float:
    """
    How far from a ray's middle its echo is used, degrees, so that a blanked sector stays blank.

    It is the antenna's step from ray to ray. If two turns share a sweep, small and large steps
    alternate, and the large ones are the antenna's. So it is the upper quartile of all steps but
    the largest, which in a sector scan is the gap on the other side.
    """
    if len(rays) < 2:
        return 1.0
    turned = np.sort(rays)
    steps = np.sort(np.diff(turned, append=turned[0] + 360))[:-1]
    return float(np.clip(steps[3 * len(steps) // 4], _NARROWEST, _WIDEST))


def _places_of_echo(
    sweep: Sweep, latitude: float, longitude: float
) -> tuple[Floats, Floats, Floats]:
    """Reflectivity, longitude and latitude of the gates with an echo."""
    ray, gate = np.nonzero(sweep.dbz >= LEAST_DBZ)
    slant = sweep.first + sweep.spacing * gate
    distance = ground_distance(slant, _of_ray(sweep.elevation, ray))
    to_latitude, to_longitude = destination(latitude, longitude, sweep.azimuth[ray], distance)
    return sweep.dbz[ray, gate], to_longitude, to_latitude
