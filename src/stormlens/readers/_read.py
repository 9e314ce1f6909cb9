"""
One verb for every radar file: look at how it begins, and hand it to the right reader.

A format is one entry in the list: how to know it from its first bytes, and the
function that reads it. Compressed files are unpacked first, within bounds, so
that no reader has to deal with gzip or bzip2. Other packages add formats
through entry points; see `stormlens.plugins`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stormlens import storage
from stormlens.errors import InputError, printable
from stormlens.plugins import Group
from stormlens.readers._added import plugin_fits, read_by_plugin
from stormlens.readers._chunks import Chunks, read_chunks, volumes_of
from stormlens.readers._elsewhere import known_elsewhere
from stormlens.readers._format import Format
from stormlens.readers._nexrad import NEXRAD, read_nexrad
from stormlens.readers._options import DEFAULT, Options
from stormlens.readers._unpack import MAX_BYTES, CutShortError, unpack
from stormlens.readers._xarray import as_mosaic
from stormlens.stormbox import Mosaic

if TYPE_CHECKING:
    import xarray as xr

_CATCH_ALL = "netcdf"
"""The format that fits every NetCDF and HDF5 file."""


def built_in() -> tuple[Format, ...]:
    """
    The kinds of radar file that Stormlens itself reads, in the order in which they are tried.

    Returns
    -------
    formats : tuple of Format
    """
    from stormlens.readers._cfradial import CFRADIAL
    from stormlens.readers._gridrad import GRIDRAD
    from stormlens.readers._knmi import KNMI
    from stormlens.readers._mrms import MRMS
    from stormlens.readers._netcdf import NETCDF
    from stormlens.readers._nexrad import NEXRAD
    from stormlens.readers._odim import ODIM
    from stormlens.readers._svrimg import SVRIMG

    # NetCDF last: the formats before it are NetCDF or HDF5 with contents of their own. CfRadial
    # comes before ODIM, since a converted file may still contain the words of its source.
    return (NEXRAD, MRMS, GRIDRAD, CFRADIAL, ODIM, KNMI, SVRIMG, NETCDF)


ADDED_READERS = Group(
    "reader", "stormlens.readers", Format, lambda: [kind.name for kind in built_in()]
)
"""Readers that other packages add through entry points."""


def formats() -> tuple[Format, ...]:
    """
    Every kind of radar file that `read` knows, those of other packages too.

    Returns
    -------
    formats : tuple of Format
        In the order in which they are tried. Readers of packages that cannot be imported are
        left out.
    """
    return (*built_in(), *(found.content for found in ADDED_READERS.all()))


def read(
    source: "str | Path | bytes | list[str | Path] | Chunks | xr.DataArray | xr.Dataset",
    options: Options = DEFAULT,
    *,
    name: str | None = None,
) -> "xr.Dataset":
    """
    Column-maximum reflectivity of a radar file on a grid of 3.75 km.

    Parameters
    ----------
    source : str, Path, bytes, list of str or Path, Chunks, xarray.DataArray or xarray.Dataset
        A file, its content, the chunks of one volume of NOAA's real-time feed, or what is open
        in xarray already (see `from_xarray`).
    options : Options, optional
        How to read it.
    name : str, optional
        What errors and `source` call it; by default a path's own name.

    Returns
    -------
    mosaic : xarray.Dataset
        See `make_mosaic`.

    Raises
    ------
    InputError
        If the file is missing, empty, cut short or damaged, of a kind that is not read, or
        holds no reflectivity; the sentence names it.

    Examples
    --------
    >>> mosaic = read(file, Options(sampling="maximum", grid="52.1,5.18"))  # doctest: +SKIP
    """
    return read_mosaic(source, options, name=name).to_xarray()


def read_mosaic(
    source: "str | Path | bytes | list[str | Path] | Chunks | xr.DataArray | xr.Dataset",
    options: Options = DEFAULT,
    *,
    name: str | None = None,
) -> Mosaic:
    """
    The same as plain arrays, without xarray where the file's format can be read without.

    Parameters
    ----------
    source, options, name
        As `read` takes them.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        As `read`.
    """
    if isinstance(source, list):
        return read_mosaic(_volume(source), options, name=name)
    if isinstance(source, Chunks):
        called = name or str(source)
        parts = (unpack(storage.read_file(file, MAX_BYTES), str(file)) for file in source.files)
        return read_chunks(source, parts, called, options)
    if isinstance(source, bytes):
        content, called = source, name or "the content given"
    elif isinstance(source, str | os.PathLike):
        content, called = storage.read_file(Path(source), MAX_BYTES), name or str(source)
    else:
        return as_mosaic(source, name or "the data given", options)
    try:
        content = unpack(content, called)
    except CutShortError as error:
        # NEXRAD volumes are records, of which the first are intact. No other format can be read
        # in part.
        if options.strict or not NEXRAD.fits(error.content):
            raise
        return read_nexrad(error.content, called, options, remarks=["the file is cut short"])
    return _read_content(content, called, options)


def _read_content(content: bytes, called: str, options: Options) -> Mosaic:
    """
    The mosaic of an unpacked file, by the first format that fits.

    Plugins come after all formats of our own, so that a file that Stormlens reads takes no time to
    look for them. NetCDF fits every NetCDF and HDF5 file, so a plugin may still take what it
    refuses.
    """
    refusal: InputError | None = None
    for kind in built_in():
        if kind.fits(content):
            _check_field(kind, called, options)
            try:
                return kind.read(content, called, options)
            except InputError as error:
                if kind.name != _CATCH_ALL:
                    raise
                refusal = error
    refusal = refusal or _no_kind(content, called)
    failures = ADDED_READERS.faults()
    for found in ADDED_READERS.all():
        try:
            fits = plugin_fits(found, content, called)
        except InputError as error:
            failures.append(str(error))
            continue
        if fits:
            _check_field(found.content, called, options)
            return read_by_plugin(found, content, called, options)
    # The file may be of the kind that a broken plugin would have read.
    if failures:
        raise InputError(" ".join([str(refusal), *failures])) from refusal.__cause__
    raise refusal


def _check_field(kind: Format, called: str, options: Options) -> None:
    if options.field is not None and not kind.fields:
        raise InputError(
            f"{called} holds one field, as all {kind.title} do; leave --field out (in Python, "
            "field of Options)."
        )


def _no_kind(content: bytes, called: str) -> InputError:
    """The sentence for a file that no reader knows."""
    if elsewhere := known_elsewhere(content):
        return InputError(f"{called} is {elsewhere}.")
    known = "; ".join(printable(kind.title) for kind in formats())
    return InputError(f"{called} is of no kind that is read. Those are: {known}.")


def _volume(files: Sequence[str | Path]) -> Path | Chunks:
    """The one volume that the files form together."""
    volumes = volumes_of(map(Path, files))
    if len(volumes) != 1:
        raise InputError(
            f"{len(volumes)} volumes or files are given together; only the chunks of one real-time "
            "NEXRAD volume, by the names that NOAA gave them, are read as one."
        )
    return volumes[0]


def check_file(path: Path) -> None:
    """
    Raise a sentence unless a path is a file that can be opened and is not too large.

    Parameters
    ----------
    path : Path
        What a user named.

    Raises
    ------
    InputError
        As `read`, before anything is read.
    """
    storage.check_file(path, MAX_BYTES)
