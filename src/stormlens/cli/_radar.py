"""From the options of `classify` to boxes of a radar file: how it is read, what is cut."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormlens.cli._group import say
from stormlens.cli._options import read_reports
from stormlens.errors import InputError, unknown

if TYPE_CHECKING:
    import pandas as pd

    from stormlens.readers import Chunks, Options
    from stormlens.stormbox import Boxes, Mosaic

WAYS = ("storms", "grid")
_BOX_SUFFIXES = (".png", ".npy")
_NO_KIND = "of no kind that is read"  # what the readers say of a file that none of them knows


def holds_boxes(path: Path) -> bool:
    """
    Whether a file holds storm boxes ready cut; every other one is a radar file.

    Parameters
    ----------
    path : Path
        PNG and NPY are boxes; NetCDF is where it has the dimension storm.

    Returns
    -------
    boxes : bool
        False for what cannot be opened, of which the readers of radar files say more.
    """
    if path.suffix.lower() in _BOX_SUFFIXES:
        return True
    from stormlens.storage import HDF5_SIGNATURE, opened_file, opened_hdf5, read_file

    try:
        with opened_file(path) as start:
            if start.read(len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
                return False
        with opened_hdf5(read_file(path), str(path), "NetCDF-4") as file:
            return "storm" in file
    except InputError:
        return False


def check_source(file: "Path | Chunks") -> None:
    """
    Raise a sentence for what is no file, or asks for a volume at no time, before all else.

    Parameters
    ----------
    file : Path or Chunks
        File, ``SITE@TIME``, or the files of one volume.

    Raises
    ------
    InputError
        As `read_mosaic`.
    """
    from stormlens import readers

    if isinstance(file, readers.Chunks):
        for chunk in file.files:
            readers.check_file(chunk)
    elif readers.is_volume_request(str(file)):
        readers.check_volume_request(str(file))
    else:
        readers.check_file(file)


def boxes_too(path: "Path | Chunks", error: InputError) -> str:
    """
    What to add where the readers of radar files do not know a file: it was meant as boxes.

    Parameters
    ----------
    path : Path or Chunks
        The file.
    error : InputError
        Of `read_mosaic`.

    Returns
    -------
    sentence : str
        With a blank before it; empty where the file is a radar file that is damaged.
    """
    if _NO_KIND not in str(error):
        return ""
    known = " Boxes are read from SVRIMG PNG, NPY, and NetCDF in the container's format"
    if str(path).lower().endswith(".npz"):
        return f"{known}; save the images of this NPZ as NPY, with numpy.save."
    return f"{known}."


def read_mosaic(file: "Path | Chunks", options: "Options") -> "Mosaic":
    """
    The mosaic of a radar file, or of a volume of the public archive.

    What is derived in it or missing is said on stderr.

    Parameters
    ----------
    file : Path or Chunks
        File, ``SITE@TIME``, or the files of one volume.
    options : Options
        How it is read.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        If it cannot be had or read.
    """
    from stormlens import readers

    asked = isinstance(file, Path) and readers.is_volume_request(str(file))
    mosaic = readers.read_mosaic(readers.fetch_nexrad(str(file)) if asked else file, options)
    if mosaic.derived:
        say(f"Note: {file}: {mosaic.derived}.")
    if not mosaic.is_whole:
        say(f"Note: {file} is not whole: {mosaic.product}.")
    if not mosaic.coverage.any():
        say(f"Note: {file} covers no cell of its grid: all of it is marked as missing.")
    return mosaic


@dataclass(frozen=True)
class Cutting:
    """
    Which boxes are cut from each mosaic.

    Attributes
    ----------
    how : {"storms", "grid", "points", "reports"}
        Where.
    settings : dict
        Arguments of the function of `stormlens.boxes` that does it.
    """

    how: str = "storms"
    settings: dict[str, Any] = field(default_factory=dict)

    def boxes(self, mosaic: "Mosaic") -> "Boxes":
        """
        Cut the boxes.

        Parameters
        ----------
        mosaic : Mosaic
            Of `read_mosaic`.

        Returns
        -------
        boxes : Boxes
            Reports whose box no radar of the mosaic sees are left out.

        Raises
        ------
        InputError
            If a setting is out of bounds, or reports meet a mosaic of unknown time.
        """
        from stormlens import boxes

        ways: dict[str, Callable[..., Boxes]] = {
            "storms": boxes.find_storms,
            "grid": boxes.grid,
            "points": boxes.at_points,
            "reports": boxes.at_reports,
        }
        cut = ways[self.how](mosaic, **self.settings)
        return cut.chosen(cut.storm["coverage"] > 0) if self.how == "reports" else cut

    def check(self) -> None:
        """
        Try the settings on a mosaic of clear air, before any file is read.

        Raises
        ------
        InputError
            If one is out of bounds.
        """
        import numpy as np

        from stormlens.stormbox import NATIONAL, SIZE, Grid, Mosaic

        def attempt(grid: Grid, cutting: Cutting) -> None:
            air, time = np.zeros(grid.shape, np.uint8), np.datetime64("2000-01-01", "ns")
            cutting.boxes(Mosaic(air, air == 0, time, "clear air", grid=grid))

        # Where on earth a file's grid will lie is not known yet.
        if self.how == "points":
            for latitude, longitude in zip(*self.settings.values(), strict=True):
                point = {"latitude": [latitude], "longitude": [longitude]}
                attempt(Grid.around(latitude, longitude, (SIZE, SIZE)), Cutting(self.how, point))
        elif self.how == "reports":
            nowhere = self.settings["table"].iloc[:0]
            attempt(NATIONAL, Cutting(self.how, {**self.settings, "table": nowhere}))
        else:
            attempt(NATIONAL, self)

    def none_found(self, name: str) -> str:
        """
        What to say of a file that gave no box.

        Parameters
        ----------
        name : str
            The file.

        Returns
        -------
        sentence : str
        """
        from stormlens.boxes import MINIMUM_AREA_KM2, THRESHOLD_DBZ

        if self.how == "reports":
            return f"No report is near {name} in time and within its radars' sight."
        if self.how == "grid":
            return f"No box: radars see less than half of every box in {name}."
        threshold = self.settings.get("threshold", THRESHOLD_DBZ)
        area = self.settings.get("minimum_area", MINIMUM_AREA_KM2)
        return f"No storm: nothing in {name} reaches {threshold} dBZ over {area:g} km2."


def cutting_of(
    boxes: str | None,
    at: Sequence[str],
    reports: Path | None,
    day: str | None,
    within: float | None,
    threshold: int | None,
    minimum_area: float | None,
    stride: int | None,
) -> Cutting:
    """
    Which boxes the options ask for; None is an option not given.

    Parameters
    ----------
    boxes, at, reports, day, within, threshold, minimum_area, stride
        As `classify` takes them.

    Returns
    -------
    cutting : Cutting
        Its settings are checked.

    Raises
    ------
    InputError
        If options contradict each other, decide nothing, or are out of bounds.
    """
    if sum((boxes is not None, bool(at), reports is not None)) > 1:
        raise InputError("Choose one of --boxes, --at and --reports.")
    how = "points" if at else "reports" if reports is not None else boxes or "storms"
    if how not in (*WAYS, "points", "reports"):
        raise unknown("way to cut boxes", how, WAYS)
    given: dict[str, dict[str, Any]] = {
        "storms": {"--threshold": threshold, "--min-area": minimum_area},
        "grid": {"--stride": stride},
        "reports": {"--within": within},
    }
    for other, options in given.items():
        for option, value in options.items():
            if value is not None and other != how:
                raise InputError(f"{option} decides nothing here; it is for boxes by {other}.")
    table = read_reports(reports, day)
    cutting = Cutting(how, _settings(how, at, table, within, threshold, minimum_area, stride))
    cutting.check()
    return cutting


def _settings(
    how: str,
    at: Sequence[str],
    table: "pd.DataFrame | None",
    within: float | None,
    threshold: int | None,
    minimum_area: float | None,
    stride: int | None,
) -> dict[str, Any]:
    settings: dict[str, Any]
    if how == "points":
        settings = dict(zip(("latitude", "longitude"), _places(at), strict=True))
    elif how == "reports":
        settings = {"table": table, "within": within}
    elif how == "grid":
        settings = {"stride": stride}
    else:
        settings = {"threshold": threshold, "minimum_area": minimum_area}
    return {name: value for name, value in settings.items() if value is not None}


def _places(at: Sequence[str]) -> tuple[list[float], list[float]]:
    """Latitudes and longitudes of points written LAT,LON."""
    latitude, longitude = [], []
    for text in at:
        try:
            north, east = map(float, text.split(","))
        except ValueError as error:
            raise InputError(
                f"--at {text} is no place; write LAT,LON in degrees, west negative: 29.95,-90.07."
            ) from error
        latitude.append(north)
        longitude.append(east)
    return latitude, longitude
