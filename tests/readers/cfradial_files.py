"""CfRadial 1 volumes written to the format's description, in NetCDF-3 and NetCDF-4."""

import io

import numpy as np
import xarray as xr


def cfradial(
    sweeps,
    *,
    latitude=35.33,
    longitude=-97.28,
    spacing=1000.0,
    first=500.0,
    moment="DBZH",
    units="dBZ",
    classic=False,
    mode="azimuth_surveillance",
    change=None,
):
    """
    A volume: `sweeps` holds (elevation, dBZ of shape (rays, gates), NaN for no value).

    `change` may alter its dataset before it is written; `mode` may be a list.
    """
    rays = [len(dbz) for _, dbz in sweeps]
    ends = np.cumsum(rays)
    dbz = np.concatenate([np.asarray(values, float) for _, values in sweeps])
    packed = np.where(np.isnan(dbz), -32768, np.rint(dbz * 100)).astype("i2")
    fields = {
        "units": units,
        "scale_factor": 0.01,
        "add_offset": 0.0,
        "_FillValue": np.int16(-32768),
    }
    modes = [mode] * len(sweeps) if isinstance(mode, str) else mode
    azimuth = np.concatenate([(np.arange(n) + 0.5) * 360 / n for n in rays])
    dataset = xr.Dataset(
        {
            "volume_number": ((), np.int32(1)),
            "latitude": ((), latitude, {"units": "degrees_north"}),
            "longitude": ((), longitude, {"units": "degrees_east"}),
            "altitude": ((), 370.0, {"units": "m"}),
            "sweep_number": (("sweep",), np.arange(len(sweeps), dtype="i4")),
            "sweep_mode": (("sweep",), np.array(modes, "S32")),
            "fixed_angle": (("sweep",), np.array([e for e, _ in sweeps], "f4")),
            "sweep_start_ray_index": (("sweep",), (ends - rays).astype("i4")),
            "sweep_end_ray_index": (("sweep",), (ends - 1).astype("i4")),
            "azimuth": (("time",), azimuth.astype("f4"), {"units": "degrees"}),
            "elevation": (
                ("time",),
                np.repeat([e for e, _ in sweeps], rays).astype("f4"),
                {"units": "degrees"},
            ),
            moment: (("time", "range"), packed, fields),
        },
        coords={
            "time": (
                ("time",),
                np.arange(len(dbz)) * 0.1,
                {"units": "seconds since 2013-05-20T20:00:00Z", "standard_name": "time"},
            ),
            "range": (
                ("range",),
                (first + spacing * np.arange(dbz.shape[1])).astype("f4"),
                {"units": "m"},
            ),
        },
        attrs={"Conventions": "CF/Radial", "version": "1.4"},
    )
    if change:
        dataset = change(dataset)
    if classic:
        return bytes(dataset.to_netcdf(engine="scipy"))
    memory = io.BytesIO()
    dataset.to_netcdf(memory, engine="h5netcdf")
    return memory.getvalue()
