"""ODIM files written to OPERA's data information model, with codes chosen by a test."""

import numpy as np
from h5bytes import plain

LAMBERT = "+proj=lcc +lat_1=38.5 +lat_0=38.5 +lon_0=-97.5 +R=6370000 +units=m +no_defs"
LONLAT = {"LL": (-100, 34), "UL": (-100, 40), "UR": (-92, 40), "LR": (-92, 34)}
NODATA, UNDETECT = 255, 0


def _put(group, name, **fields):
    made = group.create_group(name)
    for key, value in fields.items():
        if value is not None:
            made.attrs[key] = np.bytes_(value) if isinstance(value, str) else value


def composite(
    images,
    *,
    quantity="DBZH",
    kind="COMP",
    projdef="+proj=longlat +datum=WGS84",
    corners=LONLAT,
    scale=None,
    gain=0.5,
    offset=-32.0,
    nodata=float(NODATA),
    undetect=float(UNDETECT),
    conventions=True,
    width=8,
    date="20200714",
    time="201500",
    ends_of_datasets=None,
    more=None,
):
    """A composite of codes (rows from the north); several are levels of one quantity."""
    images = [np.asarray(image) for image in (images if isinstance(images, list) else [images])]
    where = {
        f"{corner}_{axis}": float(value)
        for corner, place in corners.items()
        for axis, value in zip(("lon", "lat"), place, strict=True)
    }
    rows, columns = images[0].shape
    where.update(projdef=projdef, xsize=columns, ysize=rows)
    if scale:
        where.update(xscale=float(scale), yscale=float(scale))

    def write(file):
        if conventions:
            file.attrs["Conventions"] = np.bytes_("ODIM_H5/V2_3")
        _put(file, "what", object=kind, version="H5rad 2.3", date=date, time=time, source="ORG:247")
        _put(file, "where", **{key: value for key, value in where.items() if value != ""})
        for number, image in enumerate(images, 1):
            dataset = file.create_group(f"dataset{number}")
            ends = ends_of_datasets[number - 1] if ends_of_datasets else None
            _put(
                dataset,
                "what",
                product="COMP",
                startdate=date,
                starttime=time,
                enddate=ends and date,
                endtime=ends,
            )
            data = dataset.create_group("data1")
            _put(
                data,
                "what",
                quantity=quantity,
                gain=gain,
                offset=offset,
                nodata=nodata,
                undetect=undetect,
            )
            data.create_dataset("data", data=image, compression="gzip")
        if more:
            more(file)

    return plain(write, width=width)


def volume(
    sweeps,
    *,
    kind="PVOL",
    latitude=35.33,
    longitude=-97.28,
    quantity="DBZH",
    gain=0.5,
    offset=-32.0,
    spacing=1000.0,
    first_km=0.0,
    correlation=None,
    nodata=float(NODATA),
    undetect=float(UNDETECT),
    conventions=True,
    width=8,
):
    """A volume: `sweeps` maps elevations to codes of shape (rays, gates)."""

    def write(file):
        if conventions:
            file.attrs["Conventions"] = np.bytes_("ODIM_H5/V2_2")
        _put(
            file,
            "what",
            object=kind,
            version="H5rad 2.2",
            date="20200714",
            time="201500",
            source="NOD:ustlx",
        )
        _put(file, "where", lat=latitude, lon=longitude, height=370.0)
        for number, (elevation, codes) in enumerate(sweeps, 1):
            codes = np.asarray(codes)
            codes = codes if codes.dtype == np.uint16 else codes.astype(np.uint8)
            dataset = file.create_group(f"dataset{number}")
            _put(
                dataset,
                "what",
                product="SCAN",
                startdate="20200714",
                starttime="201500",
                enddate="20200714",
                endtime="201530",
            )
            _put(
                dataset,
                "where",
                elangle=float(elevation),
                nrays=codes.shape[0],
                nbins=codes.shape[1],
                rscale=spacing,
                rstart=first_km,
                a1gate=0,
            )
            moments = [(quantity, codes, gain, offset)]
            if correlation is not None:
                moments.append(("RHOHV", np.asarray(correlation, np.uint8), 0.004, 0.0))
            for k, (name, values, factor, start) in enumerate(moments, 1):
                data = dataset.create_group(f"data{k}")
                _put(
                    data,
                    "what",
                    quantity=name,
                    gain=factor,
                    offset=start,
                    nodata=nodata,
                    undetect=undetect,
                )
                data.create_dataset("data", data=values, compression="gzip")

    return plain(write, width=width)
