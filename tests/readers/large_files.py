"""
Files that unpack to as much as is read, or to more, and what reading them takes.

Run as a program, it reads each file named on its command line and prints, as JSON, how far the
process's memory rose above what it was with the file's content in it, and what came of it.
"""

import gzip
import json
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
from grib_files import COMPOSITE, MESH, grib
from h5bytes import written
from odim_files import composite

ROOM = bytes(300_000)
"""Padding: a file that is to hold more than a thousand times its size is refused."""
PLANE = 5792, 5792
"""The largest plane that is read, 2^25 cells."""


def field(shape=PLANE, dtype="f8", packing=None, *, places=False):
    """A CF grid whose values are all the fill value of HDF5's storage: nothing is written."""

    def write(file):
        rows, columns = shape
        file.dimensions = {"y": rows, "x": columns}
        chunks = (max(rows // 64, 1), columns)
        made = file.create_variable("z", ("y", "x"), dtype, chunks=chunks, fillvalue=30)
        made.attrs.update({"units": "dBZ", **(packing or {})})
        del made.attrs["_FillValue"]
        north, east = np.linspace(25, 50, rows, dtype="f4"), np.linspace(-120, -70, columns)
        if places:
            north, east = np.meshgrid(north, east.astype("f4"), indexing="ij")
        dims = {"lat": ("y", "x"), "lon": ("y", "x")} if places else {"y": ("y",), "x": ("x",)}
        for (name, along), axis, to in zip(dims.items(), (north, east), "NE", strict=True):
            made = file.create_variable(name, along, "f4", data=axis)
            made.attrs["units"] = f"degrees_{to}"

    return written(write) + ROOM


def images(shape, dtype, n=1):
    """An ODIM composite of n levels that are all one code."""

    def enlarge(file):
        for number in range(1, n + 1):
            data = file[f"dataset{number}/data1"]
            del data["data"]
            chunks = (max(shape[0] // 64, 1), shape[1])
            data.create_dataset("data", shape, dtype, chunks=chunks, fillvalue=150)

    return composite([np.zeros((2, 2), np.uint8)] * n, more=enlarge) + ROOM


def message(bits, *, png=False, masked=False, shape=(5000, 6700)):
    """A packed GRIB2 message over the national grid whose codes are all 30."""
    small = grib(np.zeros((2, 2)), north=50.0, west=240.0, bits=bits, png=False, decimals=0)
    at, parts = 16, []
    while small[at : at + 4] != b"7777":
        length = struct.unpack_from(">I", small, at)[0]
        parts.append(bytearray(small[at : at + length]))
        at += length
    identification, place, product, packing, _, _ = parts
    n = shape[0] * shape[1]
    struct.pack_into(">I", place, 6, n)
    struct.pack_into(">2I", place, 30, shape[1], shape[0])
    struct.pack_into(">2I", place, 63, round(5e7 / shape[1]), round(2.5e7 / shape[0]))
    struct.pack_into(">IH", packing, 5, n, 41 if png else 0)
    code = (30).to_bytes(bits // 8, "big")
    bitmap = b"\0" + b"\xff" * (n // 8) if masked else b"\xff"
    data = image(code, shape) if png else code * n
    ends = [struct.pack(">IB", len(body) + 5, k) + body for k, body in ((6, bitmap), (7, data))]
    body = b"".join([identification, place, product, packing, *ends]) + b"7777"
    whole = struct.pack(">4sHBBQ", b"GRIB", 0, COMPOSITE[0], 2, 16 + len(body)) + body
    return gzip.compress(whole, 1)


def image(code, shape):
    """A PNG of one colour (PNG specification, sections 5 and 11)."""
    depth, colour = {1: (8, 0), 2: (16, 0), 3: (8, 2), 4: (8, 6)}[len(code)]
    head = struct.pack(">IIBBBBB", shape[1], shape[0], depth, colour, 0, 0, 0)
    pixels = zlib.compress((b"\0" + code * shape[1]) * shape[0], 1)
    chunks = (b"IHDR", head), (b"IDAT", pixels), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def echoes(n=2**24, shape=(50, 1200, 2200)):
    """A GridRad file that lists n echoes."""

    def write(file):
        file.attrs.update({"Analysis_time": "2011-04-27 19:00:00Z", "Algorithm_version": "v4.2"})
        grid = ("Altitude", "Latitude", "Longitude")
        file.dimensions = dict(zip((*grid, "Index"), (*shape, n), strict=True))
        for name, start, step in zip(grid, (1, 25, 245), (0.5, 1 / 48, 1 / 48), strict=True):
            axis = start + step * np.arange(file.dimensions[name].size)
            file.create_variable(name, (name,), "f8", data=axis)
        for name, dtype, fill in (
            ("index", "i4", 1_000_000),
            ("Reflectivity", "f4", 30),
            ("wReflectivity", "f4", 3),
        ):
            file.create_variable(name, ("Index",), dtype, chunks=(2**18,), fillvalue=fill)
        for name in ("Nradobs", "Nradecho"):
            file.create_variable(name, grid, "u1", chunks=(1, *shape[1:]), fillvalue=4)
        for name in ("index", "Reflectivity", "wReflectivity", "Nradobs", "Nradecho"):
            del file[name].attrs["_FillValue"]

    return written(write) + ROOM


READ = {
    "grid of f8": lambda: field(),
    "grid of packed i2": lambda: field(dtype="i2", packing={"scale_factor": 1.0}),
    "grid of places": lambda: field((2400, 2500), "f4", places=True),
    "image of f8": lambda: images(PLANE, "f8"),
    "levels of images": lambda: images((3000, 4000), "u1", 20),
    "png of 24 bits": lambda: message(24, png=True),
    "codes behind a bitmap": lambda: message(16, masked=True),
    "echoes": echoes,
    "messages": lambda: gzip.compress(
        grib(np.zeros((2, 60_000)), product=MESH, step=0.001, png=False, bits=0) * 9000
        + grib(np.full((40, 50), 30.0))
    ),
}
REFUSED = {
    "too large a grid": (lambda: field((9000, 9000), "u1"), "81,000,000 values"),
    "too many places": (lambda: field((3000, 3000), "f4", places=True), "9,000,000 cells"),
    "too large an image": (lambda: images((9000, 9000), "u1"), "81,000,000 values"),
    "too many levels": (lambda: images((4000, 5000), "f4", 9), "over 256 MiB"),
    "too large a message": (lambda: message(8, shape=(9000, 9000)), "81,000,000 values"),
    "members": (lambda: gzip.compress(bytes(2**22)) * 200, "unpacks to over 512 MiB"),
}


def _status(key):
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) // 1024
    raise KeyError(key)


def _measure(path):
    from stormlens.errors import InputError
    from stormlens.readers import Options, read_mosaic

    content = Path(path).read_bytes()
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    try:
        outcome = str(read_mosaic(content, Options("maximum")).reflectivity.max())
    except InputError as error:
        outcome = str(error)
    return _status("VmHWM") - before, outcome


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for argument in sys.argv[1:]:
        sys.stdout.write(json.dumps(_measure(argument)) + "\n")
