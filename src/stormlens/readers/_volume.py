"""Volumes of one radar as xradar opens them, brought to the national grid."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stormlens.errors import InputError
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options
from stormlens.readers._polar import Sweep, grid_about, volume_to_grid
from stormlens.readers._quality import quality_controlled
from stormlens.stormbox import Mosaic

if TYPE_CHECKING:
    import xarray as xr

_DBZ = ("DBZH", "DBZ", "CZ", "CDZ", "REF", "reflectivity", "DBZV", "TH", "DBT", "TV", "DZ")
"""Names of reflectivity, the best first: corrected, vertical, total."""

_CORRELATION = ("RHOHV", "RHO", "cross_correlation_ratio")
_MAX_SWEEPS = 100
_RHI = "rhi"


@contextmanager
def on_disk(content: bytes) -> Iterator[Path]:
    """
    A file's content at a path of its own, for as long as it is read.

    A file in memory that xradar fails on stays open, and HDF5, closing it as Python ends, calls
    Python once more and crashes; a file on disk it closes by itself.

    Parameters
    ----------
    content : bytes
        HDF5.

    Yields
    ------
    path : Path
    """
    with tempfile.TemporaryDirectory(prefix="stormlens-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "volume.h5"
        path.write_bytes(content)
        yield path


def read_volume(
    tree: "xr.DataTree", name: str, options: Options, *, kind: str, fill_is_clear: bool
) -> Mosaic:
    """
    Column maximum of a volume.

    Parameters
    ----------
    tree : xarray.DataTree
        As xradar opens a file, values not decoded (``mask_and_scale=False``).
    name : str
        What errors call the file.
    options : Options
        Sampling and quality control.
    kind : str
        What the file is, for the mosaic's source.
    fill_is_clear : bool
        Whether a gate without a value is clear air, in a format that has one mark for both.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        If there is no sweep or no reflectivity, or the radar does not reach the grid asked for.
    """
    sweeps, times = [], []
    for part in _sweeps(tree):
        found = _sweep(part, name, fill_is_clear)
        if found is not None:
            sweeps.append(quality_controlled(found) if options.quality_control else found)
            times.append(_first_time(part))
    if not sweeps:
        held = sorted({str(v) for part in _sweeps(tree) for v in part.data_vars})
        raise InputError(
            f"{name} holds no sweep around its radar with reflectivity; it holds "
            f"{', '.join(held[:12]) or 'none'}."
        )
    latitude, longitude = (_scalar(tree, axis, name) for axis in ("latitude", "longitude"))
    reach = max(sweep.reach for sweep in sweeps)
    grid = grid_about(latitude, longitude, reach, options, name)
    dbz, coverage = volume_to_grid(sweeps, latitude, longitude, grid, options.sampling, name)
    known = [time for time in times if not np.isnat(time)]
    return mosaic_of(
        dbz,
        coverage,
        time=min(known) if known else None,
        source=f"{kind}, radar at {latitude:.2f}, {longitude:.2f}",
        product=f"column maximum of {len(sweeps)} sweep{'s' if len(sweeps) > 1 else ''}",
        sampling=options.sampling,
        grid=grid,
    )


def _sweeps(tree: "xr.DataTree") -> "Iterator[xr.Dataset]":
    for key in list(tree.children)[:_MAX_SWEEPS]:
        if key.startswith("sweep_"):
            yield tree[key].to_dataset()


def _scalar(tree: "xr.DataTree", key: str, name: str) -> float:
    try:
        return float(np.asarray(tree[key].values, float).reshape(-1)[0])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"{name} does not say where its radar stands ({key}).") from error


def _sweep(part: "xr.Dataset", name: str, fill_is_clear: bool) -> Sweep | None:
    """One turn of the antenna; None where it holds no reflectivity or scans a plane upward."""
    moment = _moment(part)
    mode = str(np.asarray(part["sweep_mode"].values)) if "sweep_mode" in part else ""
    if moment is None or _RHI in mode:
        return None
    dbz = _decoded(part[moment])
    if fill_is_clear:
        dbz[np.isnan(dbz)] = -np.inf
    try:
        azimuth = np.asarray(part["azimuth"].values, float)
        elevation = float(np.nanmedian(np.asarray(part["elevation"].values, float)))
        gates = np.asarray(part["range"].values, float)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{name}: a sweep lacks azimuth, elevation or range.") from error
    if dbz.shape != (azimuth.size, gates.size) or dbz.size == 0 or gates.size < 2:
        raise InputError(
            f"{name}: {moment} of a sweep has shape {dbz.shape}; its rays and gates "
            f"are {azimuth.size} and {gates.size}."
        )
    spacing = float(np.median(np.diff(gates)))
    sound = np.isfinite(azimuth).all() and -5 <= elevation <= 90
    if not (sound and 1 <= spacing <= 10_000 and abs(gates[0]) <= 100_000):
        raise InputError(f"{name}: azimuth, elevation or range of a sweep are no places.")
    first = next((key for key in _CORRELATION if key in part.data_vars), None)
    correlation = _decoded(part[first]) if first else None
    if correlation is not None:
        correlation = np.where(np.isfinite(correlation), correlation, np.nan)
        correlation = correlation if correlation.shape == dbz.shape else None
    return Sweep(azimuth % 360, elevation, float(gates[0]), spacing, dbz, correlation)


def _moment(part: "xr.Dataset") -> str | None:
    """Name of a sweep's reflectivity, by the names in use, else by its unit."""
    named = (key for key in _DBZ if key in part.data_vars)
    by_unit = (
        str(key)
        for key, array in part.data_vars.items()
        if array.ndim == 2 and str(array.attrs.get("units", "")).strip().lower() == "dbz"
    )
    return next(named, None) or next(by_unit, None)


def _decoded(variable: "xr.DataArray") -> np.ndarray:
    """Values in their unit; minus infinity where there is no echo, NaN where nothing is known."""
    raw = np.asarray(variable.values)
    fields: dict[str, Any] = variable.attrs
    scale, offset = (float(fields.get(k, v)) for k, v in (("scale_factor", 1), ("add_offset", 0)))
    values = raw.astype(np.float32) * np.float32(scale) + np.float32(offset)
    missing = np.zeros(raw.shape, bool)
    for key in ("_FillValue", "missing_value"):
        if fields.get(key) is not None:
            missing |= raw == fields[key]
    values[missing | ~np.isfinite(values)] = np.nan
    if fields.get("_Undetect") is not None:
        values[(raw == fields["_Undetect"]) & ~missing] = -np.inf
    return values


def _first_time(part: "xr.Dataset") -> np.datetime64:
    times = part["time"].values if "time" in part.variables else np.array([])
    if not np.issubdtype(times.dtype, np.datetime64) or not times.size:
        return np.datetime64("NaT", "ns")
    return np.nanmin(times)
