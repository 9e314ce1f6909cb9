#!/bin/sh
# xarray 2026.9.0 with pandas 3.1.1: a reference time that ends in " 0:00", a zone as UDUNITS writes
# it, loses its clock without a word.
#
# The ARM facility's CfRadial files count "seconds since 2011-05-20T10:08:27 0:00". xarray gives the
# part behind "since" to pandas.Timestamp, which takes the last "0:00" for the clock, so that every
# time is moved to the start of the day. cftime, which follows UDUNITS, gives 10:08:27. The other
# way round, cftime 1.6.5 passes over the zone "-6:00", which xarray heeds.
#
# Seen, for 1.5 s behind that reference:
#   xarray: 2011-05-20T00:00:01.5     cftime: 2011-05-20 10:08:28.500000
# Way round it: write the reference anew in UTC before decoding.
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "xarray==2026.9.0" "pandas==3.1.1" "cftime==1.6.5"
cat > "$folder/show.py" <<'PYTHON'
import cftime
import numpy as np
import pandas as pd
import xarray as xr


def by_xarray(units):
    times = xr.Dataset({"t": (("t",), np.array([1.5]), {"units": units})})
    return str(xr.decode_cf(times)["t"].values[0])[:21]


def by_cftime(units):
    return cftime.num2date(1.5, units).isoformat()[:21]


print("xarray", xr.__version__, "pandas", pd.__version__, "cftime", cftime.__version__)
print("pandas.Timestamp:", pd.Timestamp("2011-05-20T10:08:27 0:00"))
arm = "seconds since 2011-05-20T10:08:27 0:00"
print("xarray:", by_xarray(arm), "cftime:", by_cftime(arm))
assert by_xarray(arm) == "2011-05-20T00:00:01.5"
assert by_cftime(arm) == "2011-05-20T10:08:28.5"
plain = "seconds since 2011-05-20T10:08:27"
assert by_xarray(plain) == by_cftime(plain) == "2011-05-20T10:08:28.5"
west = "seconds since 2011-05-20 10:08:27 -6:00"
print("zone -6:00, xarray:", by_xarray(west), "cftime:", by_cftime(west))
assert by_xarray(west) == "2011-05-20T16:08:28.5"
assert by_cftime(west) == "2011-05-20T10:08:28.5"
PYTHON
"$folder/venv/bin/python" "$folder/show.py"
