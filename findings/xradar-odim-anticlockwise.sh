#!/bin/sh
# xradar 0.12.0: an ODIM scan of an antenna that turns anticlockwise is turned by 180 degrees.
#
# ODIM_H5 tells each ray's start and end (how/startazA and stopazA), and how/antspeed is negative
# for an anticlockwise antenna, whose rays end at a smaller azimuth than they start at. xradar adds
# 360 to every end below its start, as if that ray had passed north, and takes the mean: an echo in
# the north-east is drawn in the south-west, without a word. In a clockwise scan so is any single
# ray whose end is told to lie a little before its start. Py-ART 2.3.0 takes the mean of directions.
#
# Seen, for 360 rays of one degree, ray 46 (45 to 46 degrees) with 28 dBZ, and no other echo:
#   clockwise:                          xradar  45.5    Py-ART 45.5
#   anticlockwise:                      xradar 225.5    Py-ART 45.5
#   clockwise, ray 46 from 45 to 44.98: xradar 224.99   Py-ART 44.99
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "xradar==0.12.0" "arm-pyart==2.3.0" h5py
cat > "$folder/show.py" <<'PYTHON'
import sys
import warnings

warnings.simplefilter("ignore")
import h5py
import numpy as np
import pyart
import xradar

RAYS, BINS, RAY = 360, 20, 45


def put(file, path, **attributes):
    group = file.require_group(path)
    for name, value in attributes.items():
        group.attrs[name] = np.bytes_(value) if isinstance(value, str) else value


def azimuths(name, start, stop, speed):
    """Of the ray with echo: by xradar and by Py-ART."""
    path = f"{sys.argv[1]}/{name}.h5"
    codes = np.zeros((RAYS, BINS), np.uint8)
    codes[RAY] = 120
    day, begin, end = "20240601", "120000", "120030"
    with h5py.File(path, "w") as file:
        put(file, "/", Conventions="ODIM_H5/V2_3")
        put(file, "what", object="PVOL", version="H5rad 2.3", date=day, time=begin)
        put(file, "what", source="NOD:nldhl")
        put(file, "where", lon=5.0, lat=52.0, height=50.0)
        put(file, "dataset1/what", product="SCAN", startdate=day, enddate=day)
        put(file, "dataset1/what", starttime=begin, endtime=end)
        put(file, "dataset1/where", elangle=0.5, nrays=RAYS, nbins=BINS, a1gate=0)
        put(file, "dataset1/where", rstart=0.0, rscale=500.0)
        put(file, "dataset1/how", startazA=start, stopazA=stop, antspeed=speed)
        put(file, "dataset1/data1/what", quantity="DBZH", gain=0.5, offset=-32.0)
        put(file, "dataset1/data1/what", nodata=255.0, undetect=0.0)
        file["dataset1/data1/data"] = codes
    sweep = xradar.io.open_odim_datatree(path)["sweep_0"]
    (found,) = sweep["azimuth"].values[(sweep["DBZH"] == 28).all("range").values]
    radar = pyart.aux_io.read_odim_h5(path)
    (field,) = radar.fields.values()
    (other,) = radar.azimuth["data"][(field["data"] == 28).filled(False).all(axis=1)]
    told = round(float(found), 2), round(float(other), 2)
    print(name, "xradar, Py-ART:", *told)
    return told


print("xradar", xradar.__version__, "Py-ART", pyart.__version__)
west = np.arange(RAYS, dtype=float)
east = (west + 1) % 360
assert azimuths("clockwise", west, east, 12.0) == (45.5, 45.5)
assert azimuths("anticlockwise", east, west, -12.0) == (225.5, 45.5)
east[RAY] = 44.98
assert azimuths("clockwise-end-before-start", west, east, 12.0) == (224.99, 44.99)
PYTHON
PYART_QUIET=1 "$folder/venv/bin/python" "$folder/show.py" "$folder"
