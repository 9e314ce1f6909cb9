"""
CfRadial 1 and 2: volumes of one radar in NetCDF.

CfRadial has one mark for a gate without a value, whether it is below the
threshold of detection or was not measured. It is read as clear air within the radar's reach.

Variables are taken as they lie in the file, and not through xradar: in version 2
it puts units of its own in place of the file's, in version 1 it knows one place
of the radar, takes many times the size of rays of different lengths, and leaves
times to xarray (findings/xarray-reference-time-zone.sh).

Format: NCAR/EOL, CfRadial Data File Format, versions 1.5 and 2.1; WMO FM 301.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.readers._format import Format
from stormlens.readers._netcdf import CLASSIC
from stormlens.readers._options import Options
from stormlens.readers._packing import unpacked
from stormlens.readers._volume import Raw, RawSweep, read_volume, text_of
from stormlens.storage import (
    HDF5_SIGNATURE,
    as_sentences,
    hdf5_attributes,
    hdf5_member,
    opened_hdf5,
)
from stormlens.stormbox import Mosaic

_KIND = "CfRadial"
_FIRST, _SECOND = "sweep_start_ray_index", ("sweep_group_name", "sweep_fixed_angle")
"""Variables that version 1 has, and of which version 2 has one: xradar leaves out the first."""

_OF_RAYS = (
    "azimuth",
    "elevation",
    "time",
    "antenna_transition",
    "georefs_applied",
    "ray_start_range",
    "ray_gate_spacing",
)
_PLACE = ("latitude", "longitude")
_FROM_PLATFORM = ("rotation", "tilt")
"""Angles of the antenna from an aircraft's own axes."""

_MAX_PACKED = 2**28
"""Bytes of one variable that has to be unpacked whole; the largest in use have a tenth."""


def _is_cfradial(content: bytes) -> bool:
    if not content.startswith((HDF5_SIGNATURE, CLASSIC)):
        return False
    return any(variable.encode() in content for variable in (_FIRST, *_SECOND))


def read_cfradial(content: bytes, name: str, options: Options) -> Mosaic:
    """
    Column maximum of a CfRadial volume.

    Parameters
    ----------
    content : bytes
        CfRadial 1 in NetCDF-3 or 4, or CfRadial 2.
    name : str
        What errors call the file.
    options : Options
        Sampling and quality control.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        If the file is damaged, has no turn about the radar with reflectivity, has angles relative
        to an aircraft alone, or its radar does not reach the grid asked for.
    """
    rules: Any = {"kind": "CfRadial volume", "fill_is_clear": True}
    if content.startswith(CLASSIC):
        with as_sentences(name, _KIND):
            root = _of_netcdf3(content, name)
            return read_volume(_sweeps_of_first(root, name), name, options, **rules)
    with opened_hdf5(content, name, _KIND) as file:
        root = _of_hdf5(file)
        is_first = _FIRST in root
        sweeps = _sweeps_of_first(root, name) if is_first else _sweeps_of_second(file, root, name)
        return read_volume(sweeps, name, options, **rules)


CFRADIAL = Format("cfradial", "CfRadial 1 and 2", _is_cfradial, read_cfradial, fields=True)


@dataclass(frozen=True)
class _Variable:
    """An array in memory or in a file, and its attributes."""

    values: Any
    attributes: Mapping[str, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.values.shape)

    def raw(self, part: slice | None = None) -> Raw:
        """The variable, or a part of its first axis, to be read later."""
        if part is None:
            return Raw(self.shape, lambda: self._source[()], self.attributes)
        rest = (part.stop - part.start, *self.shape[1:])
        return Raw(rest, lambda: self._source[part], self.attributes)

    def numbers(self) -> NDArray[np.floating]:
        return unpacked(self._source[()], self.attributes, np.float64)

    @cached_property
    def _source(self) -> Any:
        """
        The array to slice.

        A compressed HDF5 chunk may span many sweeps. The variable is read whole once, since each
        slice would decompress such a chunk again.
        """
        if getattr(self.values, "chunks", None) is None:
            return self.values
        if self.values.nbytes > _MAX_PACKED:
            raise InputError(
                f"{self.values.name} unpacks to over {_MAX_PACKED >> 20} MiB, which is refused; "
                "write it without compression."
            )
        return self.values[()]


_Variables = Mapping[str, _Variable]


def _of_hdf5(group: Any) -> dict[str, _Variable]:
    import h5py

    return {
        key: _Variable(item, hdf5_attributes(item))
        for key, item in group.items()
        if isinstance(item, h5py.Dataset)
    }


class _ReadOnce(io.BytesIO):
    """
    A file that gives at most twice its size.

    The header of NetCDF-3 says where each variable lies. In a crafted file all may lie over the
    same bytes, and reading them would take many times the file's size.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        given = super().read(size)
        self._left = getattr(self, "_left", 2 * self.getbuffer().nbytes) - len(given)
        if self._left < 0:
            raise ValueError("its variables overlap")
        return given


def _of_netcdf3(content: bytes, name: str) -> dict[str, _Variable]:
    from scipy.io import netcdf_file

    if content[3:4] not in b"\x01\x02":
        raise InputError(f"{name} is NetCDF of kind 5; convert it: nccopy -k nc4 FILE NEW")
    with netcdf_file(_ReadOnce(content), mmap=False) as file:
        return {
            key: _Variable(item.data, _texts(item._attributes))
            for key, item in file.variables.items()
        }


def _texts(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for key, value in attributes.items()
    }


def _sweeps_of_first(root: _Variables, name: str) -> Iterator[RawSweep]:
    """Sweeps of version 1, which stores the rays of all sweeps in one array."""
    if not {_FIRST, "sweep_end_ray_index", "azimuth"} <= set(root):
        raise _lacking(root, name)
    starts, ends = (root[key].numbers() for key in (_FIRST, "sweep_end_ray_index"))
    rays = root["azimuth"].shape[0] if root["azimuth"].shape else 0
    if starts.shape != ends.shape:
        raise InputError(f"{name}: its sweeps have {starts.size} starts and {ends.size} ends.")
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        if not 0 <= start <= end < rays:
            raise InputError(
                f"{name}: sweep {number} has rays {start:.0f} to {end:.0f} of {rays}; the file is "
                "damaged."
            )
        span = slice(int(start), int(end) + 1)
        sweep = {
            key: _part(key, variable, span, rays, slice(number, number + 1), starts.size)
            for key, variable in root.items()
        }
        if "ray_n_gates" in root:
            _unfold(sweep, root, span, name)
        yield _on_earth(sweep, root, name)


def _part(key: str, variable: _Variable, span: slice, rays: int, sweep: slice, sweeps: int) -> Raw:
    """A variable's rays of a sweep, or its one value."""
    n = variable.shape[:1]
    if n == (rays,) and (key in (*_OF_RAYS, *_PLACE) or len(variable.shape) == 2):
        return variable.raw(span)
    if n == (sweeps,) and key in ("sweep_mode", *_PLACE):
        return variable.raw(sweep)
    return variable.raw()


def _unfold(sweep: dict[str, Raw], root: _Variables, span: slice, name: str) -> None:
    """Bring rays of different lengths, stored end to end, into rows of one length."""
    counts, begins = (
        root[key].numbers()[span] if key in root else np.array([])
        for key in ("ray_n_gates", "ray_start_index")
    )
    if counts.shape != begins.shape or not ((counts >= 0) & (begins >= 0)).all():
        raise InputError(f"{name}: ray_n_gates and ray_start_index of a sweep are no numbers.")
    widest, ends = int(counts.max()), int((begins + counts).max())
    for key, variable in root.items():
        points = variable.shape
        if len(points) == 1 and points[0] >= ends and key not in (*_OF_RAYS, *_PLACE, "range"):
            read = partial(_rows, variable, begins.astype(int), counts.astype(int), widest)
            sweep[key] = Raw((len(counts), widest), read, variable.attributes)
    if "range" in sweep and len(sweep["range"].shape) == 1:
        sweep["range"] = root["range"].raw(slice(0, min(widest, root["range"].shape[0])))


def _rows(
    variable: _Variable, begins: NDArray[np.intp], counts: NDArray[np.intp], widest: int
) -> NDArray[Any]:
    """Rays of different lengths, masked where a ray has no gate."""
    first = int(begins.min())
    codes = variable.raw(slice(first, int((begins + counts).max()))).read()
    gate = np.arange(widest)
    beyond = gate >= counts[:, np.newaxis]
    place = np.where(beyond, 0, begins[:, np.newaxis] - first + gate)
    return np.ma.MaskedArray(codes[place], beyond)


def _sweeps_of_second(file: Any, root: _Variables, name: str) -> Iterator[RawSweep]:
    """Sweeps of version 2, each a group."""
    import h5py

    groups = [key for key in file if key.startswith("sweep_") and isinstance(file[key], h5py.Group)]
    for key in sorted(groups, key=lambda key: (len(key), key)):
        own = _of_hdf5(file[key])
        georeference = hdf5_member(file, f"{key}/georeference")
        moving = {} if georeference is None else _of_hdf5(georeference)
        of_root = {axis: root[axis] for axis in _PLACE if axis in root}
        # The place nearest to the sweep wins: its own, then the moving platform's, then the file's.
        variables = {**of_root, **moving, **own}
        sweep = {key: variable.raw() for key, variable in variables.items()}
        yield _on_earth(sweep, root, name)


def _on_earth(sweep: RawSweep, root: _Variables, name: str) -> RawSweep:
    """A sweep whose angles are from north and the horizon, or a sentence."""
    platform = text_of(root["platform_type"].raw()) if "platform_type" in root else ""
    if not set(_FROM_PLATFORM) & set(sweep):
        return sweep
    applied = sweep["georefs_applied"].read() if "georefs_applied" in sweep else np.array([1])
    if "azimuth" in sweep and ("aircraft" not in platform or np.any(applied)):
        return sweep
    raise InputError(
        f"{name}: the angles of its rays are from its aircraft ({', '.join(_FROM_PLATFORM)}), not "
        "yet from north and the horizon; apply its georeference first, such as with RadxConvert."
    )


def _lacking(root: _Variables, name: str) -> InputError:
    if set(_FROM_PLATFORM) & set(root) and "azimuth" not in root:
        return InputError(
            f"{name} gives its rays by {' and '.join(_FROM_PLATFORM)} alone, not by azimuth and "
            "elevation; convert it first, such as with RadxConvert."
        )
    return InputError(f"{name} lacks azimuth or where its sweeps begin and end.")
