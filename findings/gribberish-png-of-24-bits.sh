#!/bin/sh
# gribberish 0.30.3: GRIB2 messages packed as PNG of 24 or 32 bits a value decode to nonsense.
#
# Template 5.41 with 24 bits a value is an image of three bytes a pixel (red, green, blue) that are
# one number, the highest byte first; with 32 bits there are four. So NCEP's g2 library and ecCodes
# write them, and MRMS does for fields of many digits. gribberish 0.30.3 raises no error and gives
# other numbers. ecCodes gives what was written.
#
# Seen, for codes 0, 1, 70000, 16777215 and 300:
#   ecCodes              0 1 70000 16777215 300
#   gribberish, 24 bits  0 0 273 65535 1 (the first two bytes of each)
#   gribberish, 32 bits  0 0 1 255 0
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "gribberish==0.30.3" "eccodes==2.48.0" numpy
cat > "$folder/show.py" <<'PYTHON'
import struct
import zlib
from importlib.metadata import version

import eccodes
import gribberish
import numpy as np

CODES = np.array([[0, 1, 70_000, 16_777_215, 300], [5, 4, 3, 2, 1]])


def section(number, body):
    return struct.pack(">IB", len(body) + 5, number) + body


def message(bits):
    rows, columns = CODES.shape
    pixels = b"".join(
        b"\0" + b"".join(int(code).to_bytes(bits // 8, "big") for code in row) for row in CODES
    )
    head = struct.pack(">IIBBBBB", columns, rows, 8, {24: 2, 32: 6}[bits], 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    body = section(1, struct.pack(">HHBBBH5BBB", 161, 0, 2, 1, 0, 2019, 6, 10, 0, 0, 0, 0, 0))
    body += section(
        3,
        struct.pack(">BIBBHBBIBIBI", 0, CODES.size, 0, 0, 0, 1, 0, 6367470, 0, 0, 0, 0)
        + struct.pack(">4I", columns, rows, 0, 0xFFFFFFFF)
        + struct.pack(">2IB2I", 41_000_000, 260_000_000, 48, 40_000_000, 264_000_000)
        + struct.pack(">2IB", 1_000_000, 1_000_000, 0),
    )
    body += section(4, struct.pack(">HHBB6xBI12x", 0, 0, 10, 0, 1, 0))
    body += section(5, struct.pack(">IHfHHBB", CODES.size, 41, 0, 0, 0, bits, 0))
    body += section(6, b"\xff") + section(7, png) + b"7777"
    return b"GRIB\0\0" + bytes([209, 2]) + struct.pack(">Q", 16 + len(body)) + body


print("gribberish", version("gribberish"), "ecCodes", eccodes.codes_get_api_version())
for bits in (24, 32):
    content = message(bits)
    by_eccodes = eccodes.codes_get_values(eccodes.codes_new_from_message(content))
    by_gribberish = np.asarray(gribberish.parse_grib_array(content, 0)).ravel()
    print(bits, "bits, ecCodes:   ", by_eccodes.astype(int))
    print(bits, "bits, gribberish:", by_gribberish)
    assert (by_eccodes == CODES.ravel()).all()
    assert by_gribberish.shape != by_eccodes.shape or not np.allclose(by_gribberish, by_eccodes)
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
