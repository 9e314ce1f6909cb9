"""A composite as ODIM HDF5 (EUMETNET OPERA, data information model 2.4)."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.stormbox import NATIONAL, PIXEL_KM

_PROJECTION = "+proj=lcc +lat_1=38.5 +lat_0=38.5 +lon_0=-97.5 +R=6370000 +units=m +no_defs"
_GAIN, _OFFSET, _UNDETECT, _NODATA = 1.0, 0.0, 0, 255


def composite(dbz: NDArray[np.uint8], seen: NDArray[np.bool_], moment: np.datetime64) -> bytes:
    """
    Reflectivity on the national grid, in its own projection.

    Parameters
    ----------
    dbz : ndarray of uint8, shape (y, x)
        Row 0 in the south; 0 where there is no echo.
    seen : ndarray of bool, shape (y, x)
        What radars cover.
    moment : datetime64
        UTC.

    Returns
    -------
    content : bytes
        An ODIM object COMP with `how/simulated` true.
    """
    import h5py

    rows, columns = dbz.shape
    date, time = _date_and_time(moment)
    where: dict[str, Any] = {
        "projdef": _PROJECTION,
        "xsize": columns,
        "ysize": rows,
        "xscale": PIXEL_KM * 1000,
        "yscale": PIXEL_KM * 1000,
    }
    outer_x, outer_y = (-0.5, columns - 0.5), (-0.5, rows - 0.5)
    for corner, x, y in (("LL", 0, 0), ("UL", 0, 1), ("UR", 1, 1), ("LR", 1, 0)):
        longitude, latitude = NATIONAL.lonlat(outer_x[x], outer_y[y])
        where |= {f"{corner}_lon": float(longitude), f"{corner}_lat": float(latitude)}
    codes = np.where(seen, dbz, _NODATA)[::-1].astype(np.uint8)
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs["Conventions"] = np.bytes_("ODIM_H5/V2_4")
        _group(
            file,
            "what",
            object="COMP",
            version="H5rad 2.4",
            date=date,
            time=time,
            source="CMT:SIMULATED by Stormlens",
        )
        _group(file, "where", **where)
        _group(file, "how", simulated="True", software="Stormlens")
        dataset = file.create_group("dataset1")
        times = {"startdate": date, "starttime": time, "enddate": date, "endtime": time}
        _group(dataset, "what", product="MAX", **times)
        data = dataset.create_group("data1")
        _group(
            data,
            "what",
            quantity="DBZH",
            gain=_GAIN,
            offset=_OFFSET,
            nodata=float(_NODATA),
            undetect=float(_UNDETECT),
        )
        image = data.create_dataset("data", data=codes, compression="gzip", compression_opts=6)
        image.attrs["CLASS"] = np.bytes_("IMAGE")
        image.attrs["IMAGE_VERSION"] = np.bytes_("1.2")
    return memory.getvalue()


def _date_and_time(moment: np.datetime64) -> tuple[str, str]:
    date, time = str(moment.astype("datetime64[s]")).split("T")
    return date.replace("-", ""), time.replace(":", "")


def _group(parent: Any, name: str, **attributes: Any) -> None:
    group = parent.create_group(name)
    for key, value in attributes.items():
        group.attrs[key] = np.bytes_(value) if isinstance(value, str) else value
