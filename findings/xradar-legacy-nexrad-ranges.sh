#!/bin/sh
# xradar 0.12.0: velocities of NEXRAD Level II volumes of before 2008 (message 1) lie at wrong ranges.
#
# Message 1 (ICD 2620002, table III) gives reflectivity and velocity gates of their own, and the
# range of the first Doppler gate as a signed number of metres: -375 in every volume of that time.
# xradar 0.12.0 reads it without its sign, so velocities of a Doppler cut begin at 65,161 m; and in
# a cut with both moments it lays velocity gates of 250 m on the 1,000 m of reflectivity: what lies
# at 50 km is told to lie at 201. MetPy 1.7.1 reads both as they are written.
#
# Seen, in open_nexradlevel2_datatree, for gates of 250 m from -375 m:
#   Doppler cut: range of VRADH 65161, 65411, ...
#   cut with both: DBZH and VRADH have 300 gates at 0, 1000, 2000, ... 299000
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
import xradar

warnings.simplefilter("ignore")
RAYS, NEAR, FAR = 80, 100, 300


def ray(number, cut, reflectivity):
    near = NEAR if reflectivity else 0
    last = 4 if cut == 2 else 2
    status = (3 if cut == 1 else 0) if number == 0 else last if number == RAYS - 1 else 1
    body = struct.pack(
        ">IHhHHHHHhhHHHHHfHHHHH14xHhhH32x",
        72_000_000 + 15 * number, 13_000, 4660,
        round(number / RAYS * 65536), number + 1, status, round(0.5 / 360 * 65536), cut,
        0, -375, 1000, 250, near, FAR, 1, 20.0,
        100 if near else 0, 100 + near, 0, 2, 11, 2600, -12, 50, 0,
    )  # fmt: skip
    body += bytes([90]) * near + bytes([140]) * FAR
    header = struct.pack(">HBBHHIHH", (16 + len(body)) // 2, 0, 1, 0, 13_000, 72_000_000, 1, 1)
    return (bytes(12) + header + body).ljust(2432, b"\0")


status = (bytes(12) + struct.pack(">HBBHHIHH", 48, 0, 2, 0, 13_000, 0, 1, 1)).ljust(2432, b"\0")
content = b"AR2V0001.201" + struct.pack(">II", 13_000, 72_000_000) + b"KLIX" + status
content += b"".join(ray(n, 1, False) for n in range(RAYS))
content += b"".join(ray(n, 2, True) for n in range(RAYS))

tree = xradar.io.open_nexradlevel2_datatree(content)
doppler, both = (tree[f"sweep_{n}"].to_dataset() for n in (0, 1))
print("xradar", xradar.__version__)
print("Doppler cut:  ", dict(doppler.VRADH.sizes), doppler.range.values[:3])
print("both moments: ", dict(both.VRADH.sizes), both.range.values[[0, 1, -1]])
for sweep in metpy.io.Level2File(io.BytesIO(content)).sweeps:
    held = {name: (h.first_gate, h.gate_width, h.num_gates) for name, (h, _) in sweep[0][-1].items()}
    print("MetPy (first gate and width in km, gates):", held)
assert list(doppler.range.values[:2]) == [65161, 65411]
assert list(both.range.values[[0, 1, -1]]) == [0, 1000, 299_000]
assert both.VRADH.shape == both.DBZH.shape == (RAYS, FAR)
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
