#!/bin/sh
# xradar 0.12.0: where a NEXRAD Level II volume has lost one ray that ends a sweep, later sweeps
# get the azimuths, elevations and times of the sweep after them.
#
# Archives have gaps. If the gap takes the ray with radial status 2 (end of elevation), xradar
# leaves that sweep out, but counts the lists of values and of ray headers differently from there
# on: each later sweep keeps its own values and is given the rays of the next. So echo is turned
# about the radar. The last sweep finds no rays, and open_nexradlevel2_datatree raises IndexError.
#
# Seen, for four sweeps that begin at azimuths 0, 100, 200 and 300, the first without its last ray:
#   sweep_1 (values 10 dBZ, begins at 100): azimuths from 200, elevation 2.5 instead of 1.5
#   open_nexradlevel2_datatree: IndexError: list index out of range
# The same volume with that ray: sweep_1 has azimuths from 100 and elevation 1.5.
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "xradar==0.12.0"
cat > "$folder/show.py" <<'PYTHON'
import struct
import warnings

import xarray
import xradar

warnings.simplefilter("ignore")
RAYS, GATES, CUTS = 40, 30, 4


def ray(cut, number):
    status = (3 if cut == 0 else 0) if number == 0 else 1
    if number == RAYS - 1:
        status = 4 if cut == CUTS - 1 else 2
    blocks = [
        b"RVOL" + struct.pack(">HBBffhHfffffH2s", 44, 1, 0, 35.3, -97.3, 370, 20, *[0] * 5, 12, b""),
        b"RELV" + struct.pack(">Hhf", 12, -12, -44.5),
        b"RRAD" + struct.pack(">Hhffh2s", 20, 4600, -81, -81, 890, b""),
        b"DREF" + struct.pack(">IHhhhhBBff", 0, GATES, 2125, 250, 100, 16, 0, 8, 2.0, 66.0)
        + bytes([66 + 20 * cut]) * GATES,
    ]  # fmt: skip
    pointers = [72 + sum(map(len, blocks[:n])) for n in range(4)]
    azimuth = (100 * cut + number * 9 + 0.5) % 360
    body = struct.pack(
        ">4sIHHfBBHBBBBfBbH10I",
        b"KTLX", 72_000_000 + 15 * number, 15_846, number + 1, azimuth, 0, 0, 400, 2, status,
        cut + 1, 0, 0.5 + cut, 0, 0, 4, *pointers, *[0] * 6,
    ) + b"".join(blocks)  # fmt: skip
    size = (16 + len(body)) // 2
    return bytes(12) + struct.pack(">HBBHHIHH", size, 0, 31, 0, 15_846, 72_000_000, 1, 1) + body


def volume(lost):
    rays = [ray(cut, number) for cut in range(CUTS) for number in range(RAYS)]
    rays = [message for place, message in enumerate(rays) if place != lost]
    header = b"AR2V0006.001" + struct.pack(">II", 15_846, 72_000_000) + b"KTLX"
    return header + bytes(134 * 2432) + b"".join(rays)


def shown(content):
    sweep = xarray.open_dataset(content, group="sweep_1", engine="nexradlevel2")
    first = float(sweep.azimuth.sortby("time")[0])
    told = float(sweep.DBZH.max()), round(first), float(sweep.elevation.median())
    print("sweep_1: reflectivity, first azimuth, elevation:", told)
    return told


print("xradar", xradar.__version__)
whole, gap = volume(None), volume(RAYS - 1)
assert shown(whole) == (10, 100, 1.5)
assert shown(gap) == (10, 200, 2.5)
try:
    xradar.io.open_nexradlevel2_datatree(gap)
except IndexError as error:
    print("open_nexradlevel2_datatree:", type(error).__name__, error)
else:
    raise SystemExit("the volume with a gap opens")
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
