#!/bin/sh
# Py-ART 2.3.0: each call of get_nexrad_location gives a lower altitude for the same radar, and six
# radars stand 30 km below the sea.
#
# pyart.io.nexrad_common.get_nexrad_location turns feet into metres in the table itself, so that the
# second call turns metres into metres times 0.3048. read_nexrad_archive calls it for volumes of
# before 2008 (Message 1) when it is given a station, and for radars whose name begins with T: of a
# series of files of one radar only the first gets its right altitude. Six radars have a missing
# value of about -100,000 feet for an altitude; and KIWX stands at 41.409 N, 5.5 km north of where
# NOAA's Historical Observing Metadata Repository and NASA's Radar Software Library have it.
#
# Seen, for KTLX (1,213 feet, 369.7 m): 369.7, 112.7, 34.3
#   below -30,000 m: KDGX, KFSX, KLWX, KRTX, KSRX, KVWX
# Fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "arm-pyart==2.3.0"
PYART_QUIET=1 "$folder/venv/bin/python" - <<'PYTHON'
import pyart
from pyart.io.nexrad_common import NEXRAD_LOCATIONS, get_nexrad_location

print("Py-ART", pyart.__version__)
altitudes = [round(get_nexrad_location("KTLX")[2], 1) for _ in range(3)]
print("KTLX, called three times:", altitudes)
low = sorted(site for site in NEXRAD_LOCATIONS if get_nexrad_location(site)[2] < -30_000)
print("below -30,000 m:", low)
print("KIWX:", get_nexrad_location("KIWX")[:2])
assert altitudes == [369.7, 112.7, 34.3]
assert low == ["KDGX", "KFSX", "KLWX", "KRTX", "KSRX", "KVWX"]
assert abs(get_nexrad_location("KIWX")[0] - 41.40861) < 1e-4
PYTHON
