#!/bin/sh
# Py-ART 2.3.0: an ODIM volume whose bins are 499.998 m long may get one gate more than it has.
#
# read_odim_h5 counts range gates up by steps of where/rscale until an end; by the rounding of
# floats a last one may stay below that end. Such lengths are in use (Switzerland's 499.998 m). The
# radar is returned with fields of nbins gates but nbins + 1 ranges, and whatever joins both fails.
# xradar 0.12.0 stops half a bin before that and finds as many as there are.
#
# Seen, for one scan of 360 rays:
#   499.998 m, 550 bins: fields (360, 550), 551 gates; GateFilter and write_cfradial: ValueError
#   499.998 m, 549 bins: fields (360, 549), 549 gates
#   500 m, 550 bins:     fields (360, 550), 550 gates
# Way round it: cut radar.range["data"] and set radar.ngates to the number of bins.
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "arm-pyart==2.3.0" "xradar==0.12.0" h5py
cat > "$folder/show.py" <<'PYTHON'
import sys
import warnings

warnings.simplefilter("ignore")
import h5py
import numpy as np
import pyart
import xradar

RAYS = 360


def put(file, path, **attributes):
    group = file.require_group(path)
    for name, value in attributes.items():
        group.attrs[name] = np.bytes_(value) if isinstance(value, str) else value


def volume(bins, length):
    path = f"{sys.argv[1]}/{bins}-of-{length}.h5"
    day, begin, end = "20240601", "120000", "120030"
    with h5py.File(path, "w") as file:
        put(file, "/", Conventions="ODIM_H5/V2_3")
        put(file, "what", object="PVOL", version="H5rad 2.3", date=day, time=begin)
        put(file, "what", source="NOD:chalb")
        put(file, "where", lon=8.8, lat=47.3, height=938.0)
        put(file, "dataset1/what", product="SCAN", startdate=day, enddate=day)
        put(file, "dataset1/what", starttime=begin, endtime=end)
        put(file, "dataset1/where", elangle=0.5, nrays=RAYS, nbins=bins, a1gate=0)
        put(file, "dataset1/where", rstart=0.0, rscale=length)
        put(file, "dataset1/data1/what", quantity="DBZH", gain=0.5, offset=-32.0)
        put(file, "dataset1/data1/what", nodata=255.0, undetect=0.0)
        file["dataset1/data1/data"] = np.full((RAYS, bins), 120, np.uint8)
    return path


def gates(bins, length):
    """Py-ART's radar; bins by xradar, the shape of Py-ART's field and its number of gates."""
    path = volume(bins, length)
    radar = pyart.aux_io.read_odim_h5(path)
    (field,) = radar.fields.values()
    sweep = xradar.io.open_odim_datatree(path)["sweep_0"]
    told = sweep.sizes["range"], field["data"].shape, radar.ngates
    print(length, "m,", bins, "bins; xradar, field and gates by Py-ART:", *told)
    return radar, told


print("Py-ART", pyart.__version__, "xradar", xradar.__version__)
assert gates(549, 499.998)[1] == (549, (RAYS, 549), 549)
assert gates(550, 500.0)[1] == (550, (RAYS, 550), 550)
radar, told = gates(550, 499.998)
assert told == (550, (RAYS, 550), 551)
(name,) = radar.fields
for use in (
    lambda: pyart.filters.GateFilter(radar).exclude_above(name, 20),
    lambda: pyart.io.write_cfradial(f"{sys.argv[1]}/volume.nc", radar),
):
    try:
        use()
    except ValueError as error:
        print("  ValueError:", error)
    else:
        raise SystemExit("the radar with a gate too many can be used")
PYTHON
PYART_QUIET=1 "$folder/venv/bin/python" "$folder/show.py" "$folder"
