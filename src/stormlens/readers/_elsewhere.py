"""Kinds of radar file that are recognised but not read, and what to use instead."""

import re
from collections.abc import Callable

_XRADAR = (
    "convert it to CfRadial with the package xradar, which is installed by itself: "
    "to_cfradial1(open_{}_datatree(FILE), NEW), both of xradar.io"
)
_RADOLAN = re.compile(rb"[A-Z][A-Z0-9]\d{6}\d{5}\d{4}BY")
_TAR, _TAR_AT = b"ustar", 257


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(signatures)


_KINDS: tuple[tuple[Callable[[bytes], bool], str, str], ...] = (
    (
        lambda content: content.startswith(_TAR, _TAR_AT),
        "a tar archive",
        "unpack it (tar -xf FILE) and give one of the files in it",
    ),
    (
        lambda content: _RADOLAN.match(content) is not None,
        "a RADOLAN composite in DWD's own binary form",
        "take DWD's composites of reflectivity in HDF5 (ODIM), such as HX and WN",
    ),
    (
        # A product: SIGMET's structures 27 and, in it, 26.
        lambda content: content[:2] == b"\x1b\0" and content[12:14] == b"\x1a\0",
        "a file of IRIS (Sigmet)",
        _XRADAR.format("iris"),
    ),
    (_begins(b"<volume"), "a Rainbow 5 volume", _XRADAR.format("rainbow")),
    (
        lambda content: b"BUFR" in content[:_TAR_AT],
        "BUFR",
        "take the same product in ODIM HDF5 or CfRadial",
    ),
    (
        _begins(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        "a TIFF picture",
        "take the same product in ODIM HDF5 or NetCDF",
    ),
)


def known_elsewhere(content: bytes) -> str:
    """
    The kind of a file that no reader knows, and what to do with it.

    Parameters
    ----------
    content : bytes
        Unpacked.

    Returns
    -------
    words : str
        A clause each; empty if the kind is not recognised.

    Examples
    --------
    >>> known_elsewhere(b"BUFR")
    'BUFR, which is not read; take the same product in ODIM HDF5 or CfRadial'
    """
    for fits, called, onward in _KINDS:
        if fits(content):
            return f"{called}, which is not read; {onward}"
    return ""
