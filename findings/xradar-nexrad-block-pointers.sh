#!/bin/sh
# xradar 0.12.0: where one ray of a NEXRAD Level II sweep has its moments at other places than the
# sweep's first ray, its velocities, or bytes of the next block's header, are read as reflectivity.
#
# Each Message 31 radial holds pointers to its own data blocks, in any order, and says how many gates
# each has (ICD 2620002, table XVII). xradar 0.12.0 takes the pointers and gate counts of the first
# radial for the whole sweep. Archives hold radials that lack a moment, have fewer gates, or have
# their blocks in another order. MetPy 1.7.1 reads each radial by its own header.
#
# Seen, in a sweep of 10 dBZ everywhere, with velocities whose raw value is 200, if of the 40 rays
# one in the middle is different:
#   its blocks in another order: a ray of 67 dBZ (raw 200, which is a velocity)
#   without reflectivity:        the same
#   40 gates instead of 60:      92 dBZ (raw 250, the gate spacing in the next block's header)
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "xradar==0.12.0" "MetPy==1.7.1"
cat > "$folder/show.py" <<'PYTHON'
import io
import struct
import warnings

import metpy.io
import numpy as np
import xradar

warnings.simplefilter("ignore")
RAYS = 40
SCALES = {b"DREF": (2.0, 66.0), b"DVEL": (2.0, 129.0)}
REFLECTIVITY, VELOCITY = bytes([66 + 20]), bytes([200])


def moment(name, gates):
    head = struct.pack(">IHhhhhBBff", 0, gates, 2125, 250, 100, 16, 0, 8, *SCALES[name])
    return name + head + (REFLECTIVITY if name == b"DREF" else VELOCITY) * gates


def ray(number, moments):
    status = 3 if number == 0 else 4 if number == RAYS - 1 else 1
    blocks = [
        b"RVOL" + struct.pack(">HBBffhHfffffH2s", 44, 1, 0, 35.3, -97.3, 370, 20, *[0] * 5, 12, b""),
        b"RELV" + struct.pack(">Hhf", 12, -12, -44.5),
        b"RRAD" + struct.pack(">Hhffh2s", 20, 4600, -81, -81, 890, b""),
        *moments,
    ]  # fmt: skip
    pointers = [72 + sum(map(len, blocks[:n])) for n in range(len(blocks))]
    body = struct.pack(
        ">4sIHHfBBHBBBBfBbH10I",
        b"KTLX", 72_000_000 + 15 * number, 15_846, number + 1, number * 9 + 0.5, 0, 0, 400, 2, status,
        1, 0, 0.5, 0, 0, len(blocks), *pointers, *[0] * (10 - len(blocks)),
    ) + b"".join(blocks)  # fmt: skip
    size = (16 + len(body)) // 2
    return bytes(12) + struct.pack(">HBBHHIHH", size, 0, 31, 0, 15_846, 72_000_000, 1, 1) + body


def volume(odd):
    usual = [moment(b"DREF", 60), moment(b"DVEL", 60)]
    rays = [ray(number, odd if number == 20 else usual) for number in range(RAYS)]
    header = b"AR2V0006.001" + struct.pack(">II", 15_846, 72_000_000) + b"KTLX"
    return header + bytes(134 * 2432) + b"".join(rays)


def highest(content):
    tree = xradar.io.open_nexradlevel2_datatree(content)
    theirs = float(tree["sweep_0"].DBZH.max())
    (sweep,) = metpy.io.Level2File(io.BytesIO(content)).sweeps
    held = [ray[4][b"REF"][1] for ray in sweep if b"REF" in ray[4]]
    return theirs, float(max(np.nanmax(values) for values in held))


print("xradar", xradar.__version__, "and MetPy: highest reflectivity, 10 dBZ are written")
usual, turned, without, fewer = (
    highest(volume(moments))
    for moments in (
        [moment(b"DREF", 60), moment(b"DVEL", 60)],
        [moment(b"DVEL", 60), moment(b"DREF", 60)],
        [moment(b"DVEL", 60)],
        [moment(b"DREF", 40), moment(b"DVEL", 60)],
    )
)
print("all rays alike:", usual)
print("one in another order:", turned)
print("one without reflectivity:", without)
print("one of fewer gates:", fewer)
assert usual == (10, 10)
assert turned == without == (67, 10)
assert fewer == (92, 10)
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
