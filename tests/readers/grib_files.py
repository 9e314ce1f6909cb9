"""GRIB2 written and read to WMO's manual on codes, by other means than the reader's."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

JMA_INTENSITY = (0, 1, 201)
PRECIP_RATE, COMPOSITE, MESH = (209, 6, 1), (209, 10, 0), (209, 3, 28)


def grib(
    values,
    *,
    product=COMPOSITE,
    north=45.0,
    west=255.0,
    step=0.05,
    png=True,
    scan=0,
    time=(2019, 6, 10, 0, 2, 4),
    decimals=1,
    bits=16,
    bitmap=None,
    grid_template=0,
    packing=None,
    units=(0, 0xFFFFFFFF),
    hours=0,
):
    """A message of one field; `values` lie as they do in the file."""
    values = np.asarray(values, float)
    rows, columns = values.shape
    first = values.ravel() if bitmap is None else values.ravel()[np.asarray(bitmap).ravel()]
    reference = float(np.floor(first.min() * 10**decimals)) if first.size else 0.0
    codes = np.rint(first * 10**decimals - reference).astype(np.uint32)
    sections = [
        _section(1, struct.pack(">HHBBBH5BBB", 161, 0, 2, 1, 0, *time, 0, 0)),
        _section(
            3,
            struct.pack(">BIBBH", 0, rows * columns, 0, 0, grid_template)
            + struct.pack(">BBIBIBI", 1, 0, 6367470, 0, 0, 0, 0)
            + struct.pack(">4I", columns, rows, *units)
            + struct.pack(">2IB", _micro(north), _micro(west), 48)
            + struct.pack(">2I", _micro(north), _micro(west))
            + struct.pack(">2IB", _micro(step), _micro(step), scan),
        ),
        _section(4, struct.pack(">HHBB6xBI12x", 0, 0, *product[1:], 1, hours)),
        _section(
            5,
            struct.pack(">IH", len(first), packing if packing is not None else (41 if png else 0))
            + struct.pack(">fHHBB", reference, 0, decimals, bits, 0),
        ),
        _section(6, b"\xff" if bitmap is None else b"\0" + np.packbits(bitmap).tobytes()),
        _section(7, _png(codes, columns, bits) if png else _simple(codes, bits)),
    ]
    body = b"".join(sections) + b"7777"
    head = b"GRIB\0\0" + bytes([product[0], 2]) + struct.pack(">Q", 16 + len(body))
    return head + body


def jma(
    runs,
    table,
    *,
    rows,
    columns,
    product=JMA_INTENSITY,
    centre=34,
    highest=None,
    bits=8,
    decimals=2,
    north=47.995833,
    west=118.00625,
    step=(12500, 8333),
    last=None,
    time=(2019, 10, 12, 9, 0, 0),
    end=(2019, 10, 12, 9, 0, 0),
    grid_template=0,
    product_template=50008,
    data=None,
    times=1,
):
    """
    A radar product as JMA packs it; `runs` has levels and how many cells each of them fills.

    WMO Manual on Codes 306, templates 5.200 and 7.200; JMA, technical information 162: template
    4.50008 begins as 4.8, with the end of its interval in octets 35 to 41, and has 82 octets.
    """
    highest = max((level for level, _ in runs), default=0) if highest is None else highest
    codes = [code for level, length in runs for code in run(level, length, highest, bits)]
    south, east = last or (
        round(north * 1e6) - (rows - 1) * step[1],
        round(west * 1e6) + (columns - 1) * step[0],
    )
    field = [
        _section(
            3,
            struct.pack(">BIBBH", 0, rows * columns, 0, 0, grid_template)
            + struct.pack(">BBIBIBI", 4, 0xFF, 0xFFFFFFFF, 1, 63781370, 1, 63567523)
            + struct.pack(">4I", columns, rows, 0, 0xFFFFFFFF)
            + struct.pack(">2IB2I", _micro(north), _micro(west), 48, south, east)
            + struct.pack(">2IB", *step, 0),
        ),
        _section(
            4,
            struct.pack(">HHBB", 0, product_template, *product[1:])
            + struct.pack(">3BHBB", 0, 153, 255, 0, 0, 0)  # minutes
            + struct.pack(">I", 1 << 31 | 10)  # from ten minutes before
            + struct.pack(">BBIBBI", 1, 0xFF, 0xFFFFFFFF, 0xFF, 0xFF, 0xFFFFFFFF)
            + struct.pack(">H5B", *end)
            + bytes(41),
        ),
        _section(
            5,
            struct.pack(">IH", rows * columns, 200)
            + struct.pack(">BHHB", bits, highest, len(table), decimals)
            + struct.pack(f">{len(table)}H", *table),
        ),
        _section(6, b"\xff"),
        _section(7, _simple(np.array(codes, np.uint32), bits) if data is None else data),
    ]
    identification = _section(1, struct.pack(">HHBBBH5BBB", centre, 0, 5, 1, 0, *time, 0, 2))
    body = identification + times * b"".join(field) + b"7777"
    head = b"GRIB\0\0" + bytes([product[0], 2]) + struct.pack(">Q", 16 + len(body))
    return head + body


def run(level, length, highest, bits):
    """A level, and the digits of how many more cells it fills, the lowest first."""
    codes, more, base = [level], length - 1, 2**bits - 1 - highest
    while more:
        codes.append(highest + 1 + more % base)
        more //= base
    return codes


def _micro(degrees):
    size = round(abs(degrees) * 1e6)
    return size | (1 << 31) if degrees < 0 else size


def _section(number, body):
    return struct.pack(">IB", len(body) + 5, number) + body


def _png(codes, columns, bits):
    """
    A PNG image of one filterless row a parallel (PNG specification, sections 5 and 11).

    Codes of 24 and 32 bits are the bytes of a colour, the highest first, as NCEP's g2 library
    and ecCodes write them.
    """
    shaped = codes.reshape(-1, columns) if codes.size % columns == 0 else codes.reshape(1, -1)
    rows = b"".join(b"\0" + _simple(row, bits) for row in shaped)
    depth, colour = {24: (8, 2), 32: (8, 6)}.get(bits, (bits, 0))
    header = struct.pack(">IIBBBBB", shaped.shape[1], shaped.shape[0], depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _simple(codes, bits):
    stream = (codes[:, np.newaxis] >> np.arange(bits - 1, -1, -1, dtype=np.uint32)) & 1
    return np.packbits(stream.astype(np.uint8).ravel()).tobytes()


def decoded(content):
    """Values of the first message, by template 5.0 or 5.41: (R + X 2^E) / 10^D."""
    at, sections = 16, {}
    while content[at : at + 4] != b"7777":
        length, number = struct.unpack_from(">IB", content, at)
        sections[number] = content[at : at + length]
        at += length
    columns, rows = struct.unpack_from(">2I", sections[3], 30)
    held, template, reference, binary, decimal, bits = struct.unpack_from(">IHfHHB", sections[5], 5)
    binary, decimal = (-(v & 0x7FFF) if v & 0x8000 else v for v in (binary, decimal))
    if template == 41:
        image = Image.open(io.BytesIO(sections[7][5:]))
        codes = np.asarray(image).reshape(-1).astype(float)
    else:
        stream = np.unpackbits(np.frombuffer(sections[7][5:], np.uint8))[: held * bits]
        codes = stream.reshape(held, bits) @ (2.0 ** np.arange(bits - 1, -1, -1))
    values = (reference + codes * 2.0**binary) / 10.0**decimal
    if sections[6][5] == 0:
        marked = np.unpackbits(np.frombuffer(sections[6][6:], np.uint8))[: rows * columns]
        whole = np.full(rows * columns, np.nan)
        whole[marked == 1] = values
        values = whole
    return values.reshape(rows, columns)
