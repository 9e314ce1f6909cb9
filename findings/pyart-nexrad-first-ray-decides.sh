#!/bin/sh
# Py-ART 2.3.0: a sweep of a NEXRAD Level II volume whose first ray lacks reflectivity has none.
#
# Archives hold radials that lack a moment. NEXRADLevel2File.scan_info of Py-ART 2.3.0 takes the
# moments of a cut's first radial for those of all its radials. What the others hold is left out
# without a word; in a volume of one cut the field is not even there. If the ray that lacks it is
# another one, all others are read. MetPy 1.7.1 finds 39 rays of 40 either way.
#
# Seen, for one cut of 40 rays, 10 dBZ everywhere, ray 1 (or ray 8) without reflectivity:
#   ray 1: fields are ['velocity'];  ray 8: fields are ['reflectivity', 'velocity']
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "arm-pyart==2.3.0" "MetPy==1.7.1"
cat > "$folder/show.py" <<'PYTHON'
import io
import struct
import sys
import warnings

warnings.simplefilter("ignore")
import metpy.io
import pyart

RAYS, GATES = 40, 60


def moment(name, value, offset):
    head = struct.pack(">IHhhhhBBff", 0, GATES, 2125, 250, 100, 16, 0, 8, 2.0, offset)
    return name + head + bytes([value]) * GATES


def ray(number, lacks):
    status = 3 if number == 0 else 4 if number == RAYS - 1 else 1
    blocks = [
        b"RVOL" + struct.pack(">HBBffhHfffffH2s", 44, 1, 0, 35.3, -97.3, 370, 20, *[0] * 5, 12, b""),
        b"RELV" + struct.pack(">Hhf", 12, -12, -44.5),
        b"RRAD" + struct.pack(">Hhffh2s", 20, 4600, -81, -81, 890, b""),
        *([] if lacks else [moment(b"DREF", 86, 66.0)]),
        moment(b"DVEL", 200, 129.0),
    ]  # fmt: skip
    pointers = [72 + sum(map(len, blocks[:n])) for n in range(len(blocks))]
    body = struct.pack(
        ">4sIHHfBBHBBBBfBbH10I",
        b"KTLX", 72_000_000 + 15 * number, 15_846, number + 1, number * 9 + 0.5, 0, 0, 400, 2, status,
        1, 0, 0.5, 0, 0, len(blocks), *pointers, *[0] * (10 - len(blocks)),
    ) + b"".join(blocks)  # fmt: skip
    size = (16 + len(body)) // 2
    return bytes(12) + struct.pack(">HBBHHIHH", size, 0, 31, 0, 15_846, 72_000_000, 1, 1) + body


def fields(lacking):
    header = b"AR2V0006.001" + struct.pack(">II", 15_846, 72_000_000) + b"KTLX"
    rays = b"".join(ray(number, number == lacking) for number in range(RAYS))
    content = header + bytes(134 * 2432) + rays
    path = f"{sys.argv[1]}/volume"
    with open(path, "wb") as file:
        file.write(content)
    (sweep,) = metpy.io.Level2File(io.BytesIO(content)).sweeps
    print(f"ray {lacking + 1} lacks reflectivity; MetPy finds it in",
          sum(b"REF" in held[4] for held in sweep), "rays")  # fmt: skip
    found = sorted(pyart.io.read_nexrad_archive(path).fields)
    print("  Py-ART", pyart.__version__, "finds the fields", found)
    return found


assert fields(7) == ["reflectivity", "velocity"]
assert fields(0) == ["velocity"]
PYTHON
PYART_QUIET=1 "$folder/venv/bin/python" "$folder/show.py" "$folder"
