"""GridRad files written to the authors' description, with echoes chosen by a test."""

import h5netcdf
import numpy as np
from h5bytes import written


def gridrad(
    echoes=(),
    *,
    version="v4.2",
    time="2011-04-27 19:00:00Z",
    shape=(4, 40, 60),
    west=262.0,
    south=35.0,
    step=1 / 48,
    seen=None,
    drop=(),
    change=None,
):
    """
    A file of `shape` (altitude, latitude, longitude).

    `echoes` holds (altitude, latitude, longitude, dBZ, weight, scans, scans with echo).
    """
    nobs, necho = np.zeros(shape, "u1"), np.zeros(shape, "u1")
    nobs[:] = 5 if seen is None else 5 * np.asarray(seen)
    for z, y, x, _, _, scans, with_echo in echoes:
        nobs[z, y, x], necho[z, y, x] = scans, with_echo
    place = [np.ravel_multi_index(echo[:3], shape) for echo in echoes]
    variables = {
        "Altitude": (("Altitude",), np.arange(1, shape[0] + 1, dtype="f4")),
        "Latitude": (("Latitude",), south + step * np.arange(shape[1])),
        "Longitude": (("Longitude",), west + step * np.arange(shape[2])),
        "index": (("Index",), np.array(place, "i4")),
        "Reflectivity": (("Index",), np.array([echo[3] for echo in echoes], "f4")),
        "wReflectivity": (("Index",), np.array([echo[4] for echo in echoes], "f4")),
        "Nradobs": (("Altitude", "Latitude", "Longitude"), nobs),
        "Nradecho": (("Altitude", "Latitude", "Longitude"), necho),
    }
    variables.update(change or {})
    sizes = {"Altitude": shape[0], "Latitude": shape[1], "Longitude": shape[2]}

    def write(file: h5netcdf.File):
        file.dimensions = {**sizes, "Index": len(place)}
        for name, (dims, values) in variables.items():
            if name not in drop:
                packed = {"compression": "gzip"} if np.size(values) > 100 else {}
                file.create_variable(name, dims, values.dtype, data=values, **packed)
        file.attrs.update({"Analysis_time": time, "Algorithm_version": version})

    return written(write)
