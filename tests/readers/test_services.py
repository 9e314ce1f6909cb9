"""
Files of national services and of OPERA, written as they write them, each held against PROJ.

OPERA: grid and marks of ODYSSEY and CIRRUS as in pysteps's `import_odim_hdf5` and the corners of
their files; MeteoSwiss: every attribute as in its CombiPrecip sample (gdalinfo of
CPC2335513304_00060.001.h5: scales in km, nodata NaN, undetect infinity, LV95 with towgs84); DWD:
composites HX and WN, sweeps one in a file, one quantity each, in 16 bits; Bureau of Meteorology:
volumes of several moments without /Conventions, and Rainfields 3 as in pysteps's `import_bom_rf3`.
"""

import io

import h5py
import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from odim_files import composite, volume
from pyproj import Geod, Transformer

from stormlens.errors import InputError
from stormlens.readers import Options, read_mosaic

LAEA = "+proj=laea +lat_0=55.0 +lon_0=10.0 +x_0=1950000.0 +y_0=-2100000.0 +units=m +ellps=WGS84"
LV95 = (
    "+proj=somerc +lat_0=46.95240555555556 +lon_0=7.439583333333333 +k_0=1 +x_0=2600000 "
    "+y_0=1200000 +ellps=bessel +towgs84=674.374,15.056,405.346,0,0,0,0 +units=m +no_defs"
)
STEREO = (
    "+proj=stere +lat_ts=60 +lat_0=90 +lon_0=10 +x_0=543196.83521776402 +y_0=3622588.8619310018 "
    "+units=m +a=6378137 +b=6356752.3142451802 +no_defs"
)


class Plane:
    """Pixels of a plane, by PROJ alone, from longitude and latitude of WGS84."""

    def __init__(self, projection, left, top, step, rows, columns):
        self.projection, self.step, self.shape = projection, step, (rows, columns)
        self.left, self.top = left, top
        self.to_plane = Transformer.from_crs("EPSG:4326", projection, always_xy=True)

    def corners(self, digits=None):
        rows, columns = self.shape
        places = {}
        for name in ("LL", "UL", "UR", "LR"):
            x = self.left + (columns * self.step if name[1] == "R" else 0)
            y = self.top - (rows * self.step if name[0] == "L" else 0)
            place = self.to_plane.transform(x, y, direction="INVERSE")
            places[name] = place if digits is None else tuple(round(v, digits) for v in place)
        return places

    def paint(self, image, place, value, km=30):
        x, y = self.to_plane.transform(*place)
        row, column = ((self.top - y) / self.step, (x - self.left) / self.step)
        half = km * 500 / self.step
        image[
            round(row - half) : round(row + half), round(column - half) : round(column + half)
        ] = value


def at(mosaic, longitude, latitude):
    x, y = (round(float(axis)) for axis in mosaic.grid.cell(longitude, latitude))
    return int(mosaic.reflectivity[y, x]), bool(mosaic.coverage[y, x])


def centre(mosaic, value):
    y, x = np.nonzero(mosaic.reflectivity == value)
    return x.mean(), y.mean()


PARIS, OSLO, ATLANTIC, NORTH_SEA = (2.35, 48.86), (10.75, 59.91), (-25.0, 45.0), (3.0, 56.0)
BERN, HAMBURG, MUNICH, LYON = (7.44, 46.95), (10.0, 53.55), (11.58, 48.14), (4.84, 45.76)
ROME = (12.5, 41.9)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("quantity", "values", "dbz"),
    [
        ("DBZH", (45.5, 30.25), (45, 30)),
        # 10 log10(200 R^1.6) of 10 and 1 mm/h
        ("RATE", (10.0, 1.0), (39, 23)),
    ],
)
def test_opera(kind, quantity, values, dbz):
    europe = Plane(LAEA, 0.0, 0.0, 4000.0, 1100, 950)
    image = np.full(europe.shape, -9999000.0, kind)
    europe.paint(image, (8.0, 53.0), -8888000.0, km=2400)
    europe.paint(image, PARIS, values[0])
    europe.paint(image, OSLO, values[1])

    def quality(file):
        for path, of in (("dataset1", 0.5), ("dataset1/data1", 0.9), ("", 1.0)):
            group = file.create_group(f"{path}/{'quality1' if path else 'dataset2/data1'}")
            what = group.create_group("what")
            what.attrs.update({"quantity": np.bytes_("QIND"), "gain": 1.0, "offset": 0.0})
            group["data"] = np.full(europe.shape, of)

    mosaic = read_mosaic(
        composite(
            image,
            quantity=quantity,
            projdef=LAEA,
            corners=europe.corners(),
            scale=4000.0,
            gain=1.0,
            offset=0.0,
            nodata=-9999000.0,
            undetect=-8888000.0,
            more=quality,
        )
    )
    assert at(mosaic, *PARIS) == (dbz[0], True)
    assert at(mosaic, *OSLO) == (dbz[1], True)
    assert at(mosaic, *NORTH_SEA) == (0, True)
    assert at(mosaic, *ATLANTIC) == (0, False)
    npt.assert_allclose(centre(mosaic, dbz[0]), mosaic.grid.cell(*PARIS), atol=0.8)
    assert mosaic.product == f"{quantity} of 1 image"


@pytest.mark.parametrize("nodata", [np.nan, -1.7e308])
@pytest.mark.parametrize("undetect", [np.inf, 0.0, -99.9])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_meteoswiss(kind, undetect, nodata):
    alps = Plane(LV95, 2255000.0, 1480000.0, 1000.0, 640, 710)
    with np.errstate(over="ignore"):  # in 32 bits it is minus infinity
        image = np.full(alps.shape, nodata, kind)
    alps.paint(image, BERN, undetect, km=400)
    alps.paint(image, LYON, 30.5)
    alps.paint(image, BERN, 47.5)
    content = composite(
        image,
        projdef=LV95,
        corners=alps.corners(digits=4),
        scale=1,
        gain=1.0,
        offset=0.0,
        nodata=nodata,
        undetect=undetect,
    )
    mosaic = read_mosaic(content)
    assert at(mosaic, *BERN) == (47, True)
    assert at(mosaic, *LYON) == (30, True)
    assert at(mosaic, 8.5, 46.5) == (0, True)
    assert at(mosaic, 3.5, 48.8) == (0, False)
    # 167 m between the datums are the most that it may be off, beside half a cell and rounding.
    npt.assert_allclose(centre(mosaic, 47), mosaic.grid.cell(*BERN), atol=0.6)


def test_italy():
    """Marks and quantity beside the dataset and not the image, no mark of clear air, 0 for dry."""
    italy = Plane("+proj=tmerc +lat_0=42.0 +lon_0=12.5 +ellps=WGS84", -6e5, 7e5, 4000.0, 350, 300)
    image = np.full(italy.shape, -9999.0, np.float32)
    italy.paint(image, ROME, 0.0, km=400)
    italy.paint(image, ROME, 10.0)

    def move(file):
        what = file["dataset1/data1/what"].attrs
        for key in ("quantity", "nodata"):
            file["dataset1/what"].attrs[key] = what[key]
        for key in list(what):
            del what[key]

    how = {"quantity": "RATE", "nodata": -9999.0, "more": move, "scale": 4000.0}
    mosaic = read_mosaic(composite(image, projdef=italy.projection, corners=italy.corners(), **how))
    assert at(mosaic, *ROME) == (39, True)
    assert at(mosaic, 13.5, 42.5) == (0, True)
    assert at(mosaic, 9.0, 45.5) == (0, False)


def test_accumulated_rain_is_called_what_it_is():
    with pytest.raises(InputError, match=r"holds ACRR; read are .* \(ACRR is rain summed over"):
        read_mosaic(composite(np.zeros((60, 80)), quantity="ACRR"))


def germany(levels=1):
    plane = Plane(STEREO, 0.0, 0.0, 4000.0, 300, 275)
    image = np.zeros(plane.shape, np.uint16)
    image[:40] = 65535
    for place, dbz in ((HAMBURG, 52.5), (MUNICH, 33.5)):
        plane.paint(image, place, round((dbz + 64.00293) / 0.00293))
    how = {"projdef": STEREO, "corners": plane.corners(), "scale": 4000.0}
    how |= {"gain": 0.00293, "offset": -64.00293, "nodata": 65535.0}
    return [image] * levels, how


def test_dwd_composite():
    images, how = germany()
    mosaic = read_mosaic(composite(images, **how))
    assert at(mosaic, *HAMBURG) == (52, True)
    assert at(mosaic, *MUNICH) == (33, True)
    assert at(mosaic, 10.0, 51.0) == (0, True)
    assert at(mosaic, 10.0, 55.5) == (0, False)
    npt.assert_allclose(centre(mosaic, 52), mosaic.grid.cell(*HAMBURG), atol=0.8)


def test_images_of_several_times_are_no_levels():
    images, how = germany(levels=3)
    same = composite(images, ends_of_datasets=["202000"] * 3, **how)
    assert read_mosaic(same).product == "DBZH of 3 images"
    forecast = composite(images, ends_of_datasets=["202000", "202500", "203000"], **how)
    with pytest.raises(InputError, match="3 times, 20200714 202000 to 20200714 203000"):
        read_mosaic(forecast)


@pytest.mark.parametrize("kind", ["PVOL", "SCAN"])
@pytest.mark.parametrize("quantity", ["DBZH", "TH"])
def test_dwd_sweep(kind, quantity):
    codes = np.full((360, 180), 1, np.uint16)
    codes[40:50, 48:52] = round((50.5 + 64.00293) / 0.00293)
    codes[180:] = 65535
    content = volume(
        [(5.5, codes)],
        kind=kind,
        quantity=quantity,
        latitude=51.405649,
        longitude=6.967111,
        gain=0.00293,
        offset=-64.00293,
        nodata=65535.0,
    )
    mosaic = read_mosaic(content)
    assert mosaic.product == "column maximum of 1 sweep"
    ground = 50_000.0 * np.cos(np.deg2rad(5.5))
    place = Geod(ellps="WGS84").fwd(6.967111, 51.405649, 45.0, ground)[:2]
    npt.assert_allclose(centre(mosaic, 50), mosaic.grid.cell(*place), atol=0.8)
    x, y = (round(float(v)) for v in mosaic.grid.cell(6.967111, 51.405649))
    assert mosaic.coverage[y, x + 15]
    assert not mosaic.coverage[y, x - 15]


def australian(*names, values=()):
    """A volume whose moments are called by names; the first holds an echo of 50 dBZ."""
    codes = np.zeros((360, 150), np.uint8)
    codes[85:95, 47:53] = 165
    content = volume(
        [(0.5, codes), (0.9, codes), (32.0, 0 * codes)],
        conventions=False,
        latitude=-37.855,
        longitude=144.755,
        quantity=names[0],
    )
    memory = io.BytesIO(content)
    with h5py.File(memory, "r+") as file:
        for dataset in (file[key] for key in file if key.startswith("dataset")):
            for number, (name, value) in enumerate(zip(names[1:], values, strict=True), 2):
                file.copy(dataset["data1"], dataset, f"data{number}")
                dataset[f"data{number}/what"].attrs["quantity"] = np.bytes_(name)
                dataset[f"data{number}/data"][...] = value
    return memory.getvalue()


def test_bureau_of_meteorology_volume():
    content = australian("DBZH", "DBZH_CLEAN", "TH", "VRADH", values=(104, 224, 10))
    mosaic = read_mosaic(content)
    assert mosaic.reflectivity.max() == 50
    place = Geod(ellps="WGS84").fwd(144.755, -37.855, 90.0, 50_000.0)[:2]
    npt.assert_allclose(centre(mosaic, 50), mosaic.grid.cell(*place), atol=0.8)
    assert read_mosaic(content, Options(field="DBZH_CLEAN")).reflectivity.max() == 20
    assert read_mosaic(australian("DBZH_CLEAN")).reflectivity.max() == 50


def rainfields(name, units, values):
    """A grid as Rainfields 3 writes it: Albers' plane in km, rows from the south, a time of end."""
    x = np.arange(-128.0, 128.0) + 0.5
    attrs = {"units": units, "grid_mapping": "proj", "long_name": name}
    return xr.Dataset(
        {
            name: (("y", "x"), values.astype(np.float32), attrs),
            "proj": (
                (),
                np.int8(0),
                {
                    "grid_mapping_name": "albers_conical_equal_area",
                    "standard_parallel": np.array([-18.0, -36.0]),
                    "longitude_of_central_meridian": 144.752,
                    "latitude_of_projection_origin": -37.852,
                    "false_easting": 0.0,
                    "false_northing": 0.0,
                    "semi_major_axis": 6378137.0,
                    "semi_minor_axis": 6356752.31414,
                },
            ),
            "valid_time": (
                (),
                np.int64(1594757700),
                {"standard_name": "time", "units": "seconds since 1970-01-01 00:00:00 UTC"},
            ),
            "start_time": (
                (),
                np.int64(1594757400),
                {"units": "seconds since 1970-01-01 00:00:00 UTC"},
            ),
        },
        coords={
            "x": ("x", x, {"standard_name": "projection_x_coordinate", "units": "km"}),
            "y": ("y", x, {"standard_name": "projection_y_coordinate", "units": "km"}),
        },
    )


def netcdf(dataset):
    memory = io.BytesIO()
    dataset.to_netcdf(memory, engine="h5netcdf")
    return memory.getvalue()


ALBERS = "+proj=aea +lat_1=-18 +lat_2=-36 +lat_0=-37.852 +lon_0=144.752 +ellps=GRS80 +units=km"


def test_bureau_of_meteorology_grid():
    dbz = np.full((256, 256), -20.0)
    dbz[:60] = np.nan
    dbz[170:200, 40:70] = 45.5  # 56.5 km north, 73 km west
    mosaic = read_mosaic(netcdf(rainfields("reflectivity", "dBZ", dbz)))
    place = Transformer.from_crs("EPSG:4326", ALBERS, always_xy=True).transform(
        -73.0, 57.0, direction="INVERSE"
    )
    npt.assert_allclose(centre(mosaic, 45), mosaic.grid.cell(*place), atol=0.7)
    assert at(mosaic, *place) == (45, True)
    assert at(mosaic, 144.752, -37.852) == (0, True)
    assert at(mosaic, 144.752, -38.8) == (0, False)
    assert mosaic.time == np.datetime64("2020-07-14T20:15")


@pytest.mark.parametrize("told", [("mapping",), ("degrees",), ("mapping", "degrees")])
def test_bureau_of_meteorology_grid_of_levels(told):
    """A grid of one radar as Py-ART's `write_grid` has it, placed by either of two ways or both."""
    x, z = np.arange(-100e3, 100.5e3, 1000.0), np.arange(0, 10_500, 500.0)
    dbz = np.full((1, len(z), len(x), len(x)), np.nan, np.float32)
    dbz[0, :15, 20:180, 20:180] = -10
    dbz[0, 4:10, 145:156, 55:66] = 45.5  # 50 km north, 40 km west
    plane = "+proj=aeqd +lat_0=-37.855 +lon_0=144.755 +ellps=WGS84"
    to_degrees = Transformer.from_crs(plane, "EPSG:4326", always_xy=True).transform
    metres = {"units": "m"}
    named = {axis: metres | {"standard_name": f"projection_{axis}_coordinate"} for axis in "xy"}
    dims = ("time", "z", "y", "x")
    data = xr.Dataset(
        {"reflectivity": (dims, dbz, {"units": "dBZ"}), "ROI": (dims, 0 * dbz + 1, metres)},
        coords={
            "time": ("time", np.array(["2020-07-14T20:15"], "M8[ns]")),
            "z": ("z", z, metres | {"axis": "Z", "positive": "up"}),
            **{axis: (axis, x, named[axis]) for axis in "xy"},
        },
    )
    if "mapping" in told:
        mapping = {
            "grid_mapping_name": "azimuthal_equidistant",
            "latitude_of_projection_origin": -37.855,
            "longitude_of_projection_origin": 144.755,
            "semi_major_axis": 6378137.0,
            "inverse_flattening": 298.257223563,
            "false_easting": 0.0,
            "false_northing": 0.0,
        }
        data["ProjectionCoordinateSystem"] = ((), np.int32(1), mapping)
    if "degrees" in told:
        places = to_degrees(*np.meshgrid(x, x))
        for name, place in zip(("longitude", "latitude"), places, strict=True):
            towards = "degrees_east" if name == "longitude" else "degrees_north"
            data[name] = (("y", "x"), place, {"units": towards})
    mosaic = read_mosaic(netcdf(data))
    place = to_degrees(-40e3, 50e3)
    assert at(mosaic, *place) == (45, True)
    npt.assert_allclose(centre(mosaic, 45), mosaic.grid.cell(*place), atol=0.7)
    assert at(mosaic, 144.755, -37.855) == (0, True)
    assert at(mosaic, 144.755, -38.74) == (0, False)  # 98 km south
    assert mosaic.product == "reflectivity, column maximum of 21 levels"


def test_bureau_of_meteorology_accumulation():
    rain = rainfields("precipitation", "kg m-2", np.zeros((256, 256)))
    with pytest.raises(InputError, match=r"precipitation in kg m-2.*no rate"):
        read_mosaic(netcdf(rain))
