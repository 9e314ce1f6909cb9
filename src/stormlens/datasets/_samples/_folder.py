"""
A folder of samples: storm boxes, radar volumes, a composite and a table of reports.

All of it comes from the simulator and a seed, and says so where its format has
room: the composite in `how/simulated`, volumes in a radar's name that no radar
has, boxes of NetCDF in an attribute, PNG in a text chunk, and all in README.txt.
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._container import write_netcdf
from stormlens.datasets._samples._composite import composite
from stormlens.datasets._samples._level2 import SITE, volume
from stormlens.datasets._samples._weather import Weather, simulated_weather
from stormlens.datasets._simulated import load_simulated, simulate
from stormlens.errors import InputError
from stormlens.storage import write_bytes
from stormlens.stormbox import MODES, NATIONAL

_BOXES = 12
_OF_EACH_MODE = 6
_REPORTS, _SEVERE_DBZ, _MINUTES, _REPORTS_KEY = 12, 50, 10, 1
_HAZARDS = ("hail", "wind", "tornado")

_README = """\
SIMULATED: Stormlens made all files in this folder from seed {seed}. No radar saw any of it.

box.png        one storm box as the SVRIMG archive writes them: palette indices are dBZ
boxes.npy      {boxes} boxes, dBZ, row 0 in the south
boxes.nc       the same boxes with mode, time and place
my-boxes/      boxes in a folder for each mode, to train on
volumes/       NEXRAD Level II volumes of a radar that does not exist, {site}, ten minutes apart
mosaic.h5      a composite of the USA at the time of the first volume, as ODIM HDF5
reports.csv    reports of severe weather at that time

Try, in this folder:

  stormlens classify box.png boxes.npy
  stormlens classify volumes/{volume} --map map.png
  stormlens classify mosaic.h5 --reports reports.csv
  stormlens slide mosaic.h5 --map field.png
  stormlens data info my-boxes
  stormlens archive build volumes/ store
"""


def write_samples(folder: str | Path, seed: int = 0) -> list[Path]:
    """
    Write simulated files of the kinds that Stormlens reads.

    Parameters
    ----------
    folder : str or Path
        Where to; made if it is missing.
    seed : int, optional
        0 or more. The same seed gives the same data.

    Returns
    -------
    files : list of Path
        What was written: README.txt first, which says what each is.

    Raises
    ------
    InputError
        If there are files in the folder already, it cannot be written, or the seed is negative.
    """
    folder = Path(folder)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder} is there already; give a new folder, or an empty one.")
    weather = simulated_weather(seed)
    begin = weather.moments[0]
    volumes = {
        _volume_name(moment): volume(weather.radar_box, moment, moment - begin)
        for moment in weather.moments
    }
    boxes = load_simulated("test", seed, count=_BOXES)
    values = {"seed": seed, "boxes": _BOXES, "site": SITE, "volume": next(iter(volumes))}
    content = {
        "README.txt": _README.format(**values).encode(),
        "box.png": png_box(weather.radar_box),
        "boxes.npy": _npy(boxes["reflectivity"].values),
        **_class_folders(seed),
        **{f"volumes/{name}": data for name, data in volumes.items()},
        "mosaic.h5": composite(weather.dbz, weather.seen, begin),
        "reports.csv": _reports(weather, seed).encode(),
    }
    for name, data in content.items():
        write_bytes(folder / name, data)
    write_netcdf(boxes, folder / "boxes.nc")
    return [folder / name for name in (*content, "boxes.nc")]


def png_box(box: NDArray[np.uint8]) -> bytes:
    """
    A storm box as the archive writes them.

    Parameters
    ----------
    box : ndarray of uint8, shape (y, x)
        dBZ.

    Returns
    -------
    content : bytes
        PNG of 8 bits whose palette indices are dBZ; row 0 as in the box.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    picture = Image.fromarray(box, mode="P")
    # Greys that show a storm to a viewer of pictures. 256, as Pillow packs fewer into fewer bits.
    picture.putpalette([min(3 * index, 255) for index in range(256) for _ in range(3)])
    comment = PngInfo()
    comment.add_text("Comment", "SIMULATED by Stormlens, not observed")
    memory = io.BytesIO()
    picture.save(memory, "PNG", pnginfo=comment)
    return memory.getvalue()


def _volume_name(moment: np.datetime64) -> str:
    date, time = str(moment.astype("datetime64[s]")).split("T")
    return f"{SITE}{date.replace('-', '')}_{time.replace(':', '')}_V06"


def _npy(values: NDArray[np.uint8]) -> bytes:
    memory = io.BytesIO()
    np.save(memory, values)
    return memory.getvalue()


def _class_folders(seed: int) -> dict[str, bytes]:
    """As many boxes of each mode, by the name of their file."""
    codes = np.repeat(np.arange(len(MODES)), _OF_EACH_MODE)
    boxes = simulate(codes, seed)
    names = zip(codes, boxes["unid"].values, strict=True)
    images = boxes["reflectivity"].values
    return {
        f"my-boxes/{MODES[code]}/{unid}.png": png_box(image)
        for (code, unid), image in zip(names, images, strict=True)
    }


def _reports(weather: Weather, seed: int) -> str:
    """Severe weather where the echo is strongest, within minutes of the composite."""
    rng = np.random.default_rng((seed, _REPORTS_KEY))
    strong = np.argwhere(weather.dbz >= _SEVERE_DBZ)
    rows = ["time,latitude,longitude,hazard"]
    for y, x in strong[rng.choice(len(strong), min(_REPORTS, len(strong)), replace=False)]:
        longitude, latitude = NATIONAL.lonlat(x, y)
        minutes = np.timedelta64(int(rng.integers(-_MINUTES, _MINUTES + 1)), "m")
        time = (weather.moments[0] + minutes).astype("datetime64[m]")
        hazard = _HAZARDS[rng.integers(len(_HAZARDS))]
        rows.append(f"{time},{latitude:.2f},{longitude:.2f},{hazard}")
    return "\n".join([rows[0], *sorted(rows[1:])]) + "\n"
