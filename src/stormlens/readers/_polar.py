"""
Sweeps of a scanning radar brought to the national grid.

Each cell asks every sweep for the gate that lies over it. The beam bends as in
an atmosphere of the standard refractivity gradient: straight above an earth of
4/3 the radius (Doviak and Zrnic 1993, Doppler Radar and Weather Observations,
section 2.2). The highest of the sweeps' values is the column maximum.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._geodesic import azimuth_and_distance, destination
from stormlens.readers._sampling import LEAST_DBZ, highest_in_cell, pick
from stormlens.stormbox import NATIONAL, PIXEL_KM

Floats = NDArray[np.floating]

_EARTH_M = 6_371_000.0
_BENT_M = 4 / 3 * _EARTH_M


@dataclass(frozen=True)
class Sweep:
    """
    One turn of the antenna.

    Attributes
    ----------
    azimuth : ndarray of float, shape (rays,)
        Degrees clockwise from north, 0 to 360, in any order.
    elevation : float
        Degrees above the horizon.
    first, spacing : float
        Slant range of the centre of the first gate, and from gate to gate, m.
    dbz : ndarray of float, shape (rays, gates)
        Reflectivity; minus infinity where there is no echo, NaN where the radar cannot tell
        (folded range, blanked).
    correlation : ndarray of float or None, shape (rays, gates)
        Co-polar correlation coefficient, 0 to 1, NaN where unknown.
    """

    azimuth: Floats
    elevation: float
    first: float
    spacing: float
    dbz: Floats
    correlation: Floats | None = None


def slant_range(distance: Floats, elevation: float) -> Floats:
    """
    Slant range at which a beam stands over a place.

    Parameters
    ----------
    distance : ndarray of float
        From the radar along the ground, m, 0 to 1,000 km.
    elevation : float
        Of the beam where it leaves the radar, degrees, -1 to 90.

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


def ground_distance(slant: Floats, elevation: float) -> Floats:
    """
    Distance along the ground of gates, the inverse of `slant_range`.

    Parameters
    ----------
    slant : ndarray of float
        Range along the beam, m.
    elevation : float
        Degrees.

    Returns
    -------
    distance : ndarray of float
        m; s = A arctan(r cos e / (A + r sin e)).
    """
    tilt = np.deg2rad(elevation)
    return _BENT_M * np.arctan2(slant * np.cos(tilt), _BENT_M + slant * np.sin(tilt))


def volume_to_grid(
    sweeps: Sequence[Sweep], latitude: float, longitude: float, sampling: str, where: str
) -> tuple[Floats, NDArray[np.bool_]]:
    """
    Column maximum of a volume on the national grid.

    Parameters
    ----------
    sweeps : sequence of Sweep
        One or more, of one radar.
    latitude, longitude : float
        Of the radar, degrees north and east.
    sampling : {"nearest", "maximum"}
        The gate over a cell's centre, or the highest of those over the cell.
    where : str
        What errors call the file.

    Returns
    -------
    dbz, coverage : ndarray, shape (899, 1399)
        Minus infinity and False where no sweep reaches.

    Raises
    ------
    InputError
        If the radar does not reach the national grid, or its place is no place.
    """
    if not (abs(latitude) <= 90 and abs(longitude) <= 360):
        raise InputError(
            f"{where}: the radar stands at latitude {latitude}, longitude {longitude}, which is "
            "no place on earth; the file is damaged."
        )
    reach = max(sweep.first + sweep.spacing * sweep.dbz.shape[1] for sweep in sweeps)
    window = _cells_within(reach, latitude, longitude)
    if window is None:
        raise InputError(
            f"{where}: the radar at {latitude:.2f}, {longitude:.2f} does not reach the national "
            "grid, which covers the contiguous United States."
        )
    rows, columns = (np.arange(span.start, span.stop) for span in window)
    cell_longitude, cell_latitude = NATIONAL.lonlat(columns, rows[:, np.newaxis])
    azimuth, distance = azimuth_and_distance(latitude, longitude, cell_latitude, cell_longitude)
    values = np.full(azimuth.shape, -np.inf)
    coverage = np.zeros(azimuth.shape, bool)
    for sweep in sweeps:
        seen = np.isfinite(sweep.dbz) | np.isneginf(sweep.dbz)
        place = _gates_over(sweep, azimuth, distance)
        of_sweep, covered = pick(sweep.dbz, seen, *place)
        values, coverage = np.maximum(values, of_sweep), coverage | covered
    dbz, whole = np.full(NATIONAL.shape, -np.inf), np.zeros(NATIONAL.shape, bool)
    dbz[window], whole[window] = values, coverage
    if sampling == "maximum":
        for sweep in sweeps:
            echo, x, y = _places_of_echo(sweep, latitude, longitude)
            dbz = highest_in_cell(dbz, echo, x, y)
    return dbz, whole


def _cells_within(reach: float, latitude: float, longitude: float) -> tuple[slice, slice] | None:
    """Rows and columns of the grid about a radar; None where it does not reach the grid."""
    x, y = NATIONAL.cell(longitude, latitude)
    # The projection stretches by up to a tenth at the grid's edges.
    cells = 1.2 * reach / 1000 / PIXEL_KM + 1
    window = []
    for centre, n in ((float(y), NATIONAL.shape[0]), (float(x), NATIONAL.shape[1])):
        low, high = max(int(centre - cells), 0), min(int(centre + cells) + 1, n)
        if low >= high:
            return None
        window.append(slice(low, high))
    return window[0], window[1]


def _gates_over(
    sweep: Sweep, azimuth: Floats, distance: Floats
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Ray and gate over each cell, and whether there is one."""
    ray, off = _nearest_ray(sweep.azimuth, azimuth)
    gate = np.rint((slant_range(distance, sweep.elevation) - sweep.first) / sweep.spacing)
    # What stands nearer than the first gate, the radar's own cell, takes that gate.
    inside = (gate < sweep.dbz.shape[1]) & (off <= _width(sweep.azimuth))
    return ray, np.where(inside, np.maximum(gate, 0), 0).astype(np.intp), inside


def _nearest_ray(rays: Floats, azimuth: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Index of the ray nearest to each azimuth, and how many degrees lie between them."""
    order = np.argsort(rays, kind="stable")
    turned = np.concatenate([[rays[order[-1]] - 360], rays[order], [rays[order[0]] + 360]])
    after = np.clip(np.searchsorted(turned, azimuth), 1, len(turned) - 1)
    nearer = after - (azimuth - turned[after - 1] < turned[after] - azimuth)
    return order[(nearer - 1) % len(order)], np.abs(azimuth - turned[nearer])


def _width(rays: Floats) -> float:
    """How far from a ray's middle its echo is taken, degrees: a blanked sector stays blank."""
    if len(rays) < 2:
        return 1.0
    return float(np.median(np.diff(np.sort(rays))))


def _places_of_echo(
    sweep: Sweep, latitude: float, longitude: float
) -> tuple[Floats, Floats, Floats]:
    """Reflectivity and cell numbers of the gates that hold an echo."""
    ray, gate = np.nonzero(sweep.dbz >= LEAST_DBZ)
    distance = ground_distance(sweep.first + sweep.spacing * gate, sweep.elevation)
    to_latitude, to_longitude = destination(latitude, longitude, sweep.azimuth[ray], distance)
    return sweep.dbz[ray, gate], *NATIONAL.cell(to_longitude, to_latitude)
