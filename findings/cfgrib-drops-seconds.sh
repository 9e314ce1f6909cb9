#!/bin/sh
# cfgrib 0.9.15.1 with ecCodes 2.50.0: the seconds of a GRIB2 reference time are lost, and of two
# fields in one minute only the first is there.
#
# Section 1 of GRIB2 (WMO FM 92) has octet 19 for the second, and MRMS fields are dated to it.
# cfgrib takes `dataTime`, which ecCodes gives as HHMM: it writes "Truncating time: non-zero
# seconds(40) ignored" to stderr, raises nothing, and `time` is up to 59 s early. Fields that differ
# in nothing but the second have the same coordinates then, and the later ones are left out.
#
# Seen, for reflectivity of 10 dBZ at 11:00:00 and of 50 dBZ at 11:00:40:
#   the second field alone: time 2019-06-10T11:00:00, 50 dBZ (ecCodes' key `second`: 40)
#   both in one file:       time 2019-06-10T11:00:00, 10 dBZ, no dimension of time
#   both, a minute apart:   times 11:00 and 11:01, 10 and 50 dBZ
# Way round it: backend_kwargs={"read_keys": ["second"]} brings the second as GRIB_second.
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet \
    "cfgrib==0.9.15.1" "eccodes==2.50.0" "eccodeslib==2.50.0.33" "xarray==2026.9.0"
cat > "$folder/show.py" <<'PYTHON'
import struct
import sys

import cfgrib
import eccodes
import numpy as np
import xarray as xr


def section(number, body):
    return struct.pack(">IB", len(body) + 5, number) + body


def message(minute, second, dbz):
    body = section(
        1, struct.pack(">HHBBBH5BBB", 161, 0, 2, 0, 3, 2019, 6, 10, 11, minute, second, 0, 7)
    )
    body += section(
        3,
        struct.pack(">BIBBHBBIBIBI", 0, 4, 0, 0, 0, 1, 0, 6367470, 0, 0, 0, 0)
        + struct.pack(">4I", 2, 2, 0, 0xFFFFFFFF)
        + struct.pack(">2IB2I", 41_000_000, 260_000_000, 48, 40_000_000, 261_000_000)
        + struct.pack(">2IB", 1_000_000, 1_000_000, 0),
    )
    whole_column = struct.pack(">BBIBBI", 10, 0, 0, 255, 255, 0xFFFFFFFF)
    body += section(4, struct.pack(">HHBB6xBI", 0, 0, 16, 4, 1, 0) + whole_column)
    body += section(5, struct.pack(">IHfHHBB", 4, 0, 0, 0, 0, 8, 0))
    body += section(6, b"\xff") + section(7, bytes([dbz] * 4)) + b"7777"
    return b"GRIB\0\0" + bytes([0, 2]) + struct.pack(">Q", 16 + len(body)) + body


def by_cfgrib(content):
    path = f"{sys.argv[1]}/field.grib2"
    with open(path, "wb") as file:
        file.write(content)
    options = {"indexpath": "", "read_keys": ["second"]}
    fields = xr.load_dataset(path, engine="cfgrib", backend_kwargs=options)
    (name,) = fields
    times = np.atleast_1d(fields["time"].values.astype("datetime64[s]")).astype(str).tolist()
    corners = np.atleast_3d(fields[name].transpose(..., "time", missing_dims="ignore").values)
    told = times, corners[0, 0].tolist()
    print("  cfgrib:", *told, "GRIB_second:", fields[name].attrs.get("GRIB_second"))
    return told


print("cfgrib", cfgrib.__version__, "ecCodes", eccodes.codes_get_api_version())
early, late, next_minute = message(0, 0, 10), message(0, 40, 50), message(1, 0, 50)
handle = eccodes.codes_new_from_message(late)
print("11:00:40 alone")
print("  ecCodes:", *(f"{k} {eccodes.codes_get(handle, k)}" for k in ("dataTime", "second")))
assert eccodes.codes_get(handle, "dataTime") == 1100
assert eccodes.codes_get(handle, "second") == 40
assert by_cfgrib(late) == (["2019-06-10T11:00:00"], [50])
print("11:00:00 and 11:00:40")
assert by_cfgrib(early + late) == (["2019-06-10T11:00:00"], [10])
print("11:00:00 and 11:01:00")
assert by_cfgrib(early + next_minute) == (
    ["2019-06-10T11:00:00", "2019-06-10T11:01:00"],
    [10, 50],
)
PYTHON
"$folder/venv/bin/python" "$folder/show.py" "$folder"
