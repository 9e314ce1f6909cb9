"""
KNMI's own HDF5 as its services write it: group by group and attribute by attribute.

Roozekrans and Holleman 2003, KNMI HDF5 Data Format Specification, version 3.5; names, formulas
and marks as in the data sets radar_reflectivity_composites 2.0 (RAD_NL25_PCP_NA),
nl_rdr_data_rtcor_5m 1.0 (RAD_NL25_RAC_RT) and radar_volume_full_herwijnen 1.0. Single numbers are
arrays of one, as there.
"""

import numpy as np
from h5bytes import plain

PROJECTION = "+proj=stere +lat_0=90 +lon_0=0 +lat_ts=60 +a=6378.14 +b=6356.75 +x_0=0 y_0=0"
CORNERS = [0.0, 49.362064, 0.0, 55.973602, 10.856453, 55.388973, 9.0093, 48.895302]
ROWS, COLUMNS = 765, 700


def _group(parent, name, **fields):
    made = parent.create_group(name)
    for key, value in fields.items():
        if value is not None:
            made.attrs[key] = np.bytes_(value) if isinstance(value, str) else np.atleast_1d(value)
    return made


def knmi_image(
    *images,
    parameter="REFLECTIVITY_[DBZ]",
    formula="GEO = 0.500000 * PV + -32.000000",
    missing=0,
    outside=255,
    projection=PROJECTION,
    corners=CORNERS,
    end="14-JUL-2020;20:20:00.000",
    valid=None,
):
    """A composite of codes, rows from the north; of several images each parameter may differ."""
    parameters = [parameter] * len(images) if isinstance(parameter, str) else parameter

    def write(file):
        _group(
            file,
            "overview",
            product_group_name="RAD_NL25_PCP_NA",
            product_datetime_start="14-JUL-2020;20:15:00.000",
            product_datetime_end=end,
            number_image_groups=len(images),
        )
        rows, columns = np.shape(images[0])
        geographic = _group(
            file,
            "geographic",
            geo_number_columns=columns,
            geo_number_rows=rows,
            geo_pixel_size_x=np.float32(1.0000035),
            geo_pixel_size_y=np.float32(-1.0000048),
            geo_pixel_def="LU",
            geo_dim_pixel="KM,KM",
            geo_column_offset=np.float32(0),
            geo_row_offset=np.float32(3649.982),
            geo_product_corners=np.asarray(corners, np.float32),
        )
        _group(
            geographic,
            "map_projection",
            projection_indication="Y",
            projection_name="STEREOGRAPHIC",
            projection_proj4_params=projection,
        )
        for number, (codes, shown) in enumerate(zip(images, parameters, strict=True), 1):
            image = _group(
                file,
                f"image{number}",
                image_geo_parameter=shown,
                image_product_name="RAD_NL25_PCP_H1.5_NA",
                image_datetime_valid=valid,
            )
            _group(
                image,
                "calibration",
                calibration_flag="Y",
                calibration_formulas=formula,
                calibration_missing_data=missing,
                calibration_out_of_image=outside,
            )
            data = image.create_dataset("image_data", data=np.asarray(codes), compression="gzip")
            data.attrs["CLASS"] = np.bytes_("IMAGE")
            data.attrs["DISPLAY_ORIGIN"] = np.bytes_("UL")

    return plain(write)


def knmi_volume(
    scans,
    *,
    latitude=51.8369,
    longitude=5.1381,
    formula="GEO=0.00193793*PV+-31.5019",
    spacing=0.2235,
    moments=("Z",),
):
    """A volume: `scans` has elevations and codes of shape (rays, gates)."""

    def write(file):
        _group(
            file,
            "overview",
            product_group_name="RAD62_PPZ_NA",
            product_datetime_start="14-JUL-2020;20:15:00.000",
            product_datetime_end="14-JUL-2020;20:19:30.000",
            number_scan_groups=len(scans),
        )
        place = np.array([longitude, latitude], np.float32)
        _group(file, "radar1", radar_name="Herwijnen", radar_location=place)
        for number, (elevation, codes) in enumerate(scans, 1):
            codes = np.asarray(codes, np.uint16)
            scan = _group(
                file,
                f"scan{number}",
                scan_elevation=np.float32(elevation),
                scan_number_azim=codes.shape[0],
                scan_number_range=codes.shape[1],
                scan_azim_bin=np.float32(360 / codes.shape[0]),
                scan_range_bin=np.float32(spacing),
                scan_start_azim=217,
                scan_datetime=f"14-JUL-2020;20:15:{10 * number:02d}.000",
            )
            calibration = _group(scan, "calibration", calibration_missing_data=0)
            for moment in moments:
                calibration.attrs[f"calibration_{moment}_formulas"] = np.bytes_(formula)
                scan.create_dataset(f"scan_{moment}_data", data=codes, compression="gzip")

    return plain(write)
