"""Where the archive's files lie: on its server, on a mirror, or in a folder."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from stormlens.datasets._cache import cache_folder
from stormlens.errors import InputError, unknown
from stormlens.stormbox import hazard_of_unid

BASE_URL = "https://nimbus.niu.edu/svrimg/data"

CITATION = (
    "Haberlie, Ashley and Karpinski (2020), Mean storms: composites of radar reflectivity "
    "images during two decades of severe thunderstorm events, Int. J. Climatology; made from "
    "GridRad (Bowman and Homeyer 2017, doi:10.5065/D6NK3CR7)."
)

HAZARDS = ("tor", "hail", "wind")

SPLIT_FILES = {
    "train": "classifications/1996_2011_train.pkl",
    "validation": "classifications/2012_2013_validation.pkl",
    "test": "classifications/2014_2017_test.pkl",
}
LABELS_FILE = "sample_classifications_96-17.csv"
GEOGRAPHY_FILE = "../maps/svrimg_geog.nc"
MOSAIC_FILE = "nexrad_REFC_COL_MAX_INTERP_v3_1_20110427T190000Z.nc"


def index_file(hazard: str) -> str:
    """Path of the image index of ``"tor"``, ``"hail"`` or ``"wind"`` reports."""
    return f"96-17_{_checked(hazard)}_utc_svrimg_index.csv"


def reports_file(hazard: str) -> str:
    """Path of the report attributes of ``"tor"``, ``"hail"`` or ``"wind"`` reports."""
    return f"96-17_{_checked(hazard)}_utc_gridrad.csv"


def image_file(unid: str) -> str:
    """Path of one image, by its UNID."""
    return f"{hazard_of_unid(unid)}/{unid[:4]}/{unid[4:6]}/{unid}.png"


def _checked(hazard: str) -> str:
    if hazard not in HAZARDS:
        raise unknown("hazard", hazard, HAZARDS)
    return hazard


@dataclass(frozen=True)
class Archive:
    """
    The archive as one user sees it.

    Parameters
    ----------
    base : str
        URL or folder that stands for ``https://nimbus.niu.edu/svrimg/data``.
    folder : Path
        Folder of the cache that keeps its files.
    name : str, optional
        What ``stormlens data fetch`` calls it.
    offline : str, optional
        For a user without a network: what else to do.
    """

    base: str
    folder: Path
    name: str = "svrimg"
    offline: str = (
        "go on offline with simulated storms (--data simulated), or with a copy of the archive "
        "(STORMLENS_SVRIMG_URL)"
    )

    @classmethod
    def at(cls, url: str | Path | None, cache: str | Path | None) -> "Archive":
        """
        The archive at a place, or where the environment says.

        Parameters
        ----------
        url : str, Path or None
            URL of a mirror, or a folder; else ``STORMLENS_SVRIMG_URL``, else the archive's own.
        cache : str, Path or None
            Folder for downloads; else as `stormlens.datasets.cache_folder` says.

        Returns
        -------
        archive : Archive

        Raises
        ------
        InputError
            If the place is neither an ``http`` or ``https`` URL nor a folder.
        """
        base = str(url or os.environ.get("STORMLENS_SVRIMG_URL") or BASE_URL)
        parts = urlsplit(base)
        is_url = parts.scheme in {"http", "https"} and bool(parts.netloc)
        if not is_url and not Path(base).expanduser().is_dir():
            option = "url" if url else "STORMLENS_SVRIMG_URL"
            msg = (
                f"{option} is {base!r}, neither an http(s) URL nor a folder that exists; "
                "give the place that holds 'classifications' and the tables."
            )
            raise InputError(msg)
        return cls(base if is_url else str(Path(base).expanduser()), cache_folder(cache) / "svrimg")

    @property
    def is_remote(self) -> bool:
        """Whether the base is a URL."""
        return urlsplit(self.base).scheme in {"http", "https"}

    def source_of(self, path: str) -> str:
        """
        URL or file name of one of the archive's files.

        Parameters
        ----------
        path : str
            Relative to the base; ``..`` leads to its parent.

        Returns
        -------
        source : str
        """
        if self.is_remote:
            return urljoin(self.base.rstrip("/") + "/", path)
        return str((Path(self.base) / path).resolve())

    def kept_as(self, path: str) -> Path:
        """
        Name in the cache of one of the archive's files; pickles are kept as NetCDF.

        Parameters
        ----------
        path : str
            Relative to the base.

        Returns
        -------
        target : Path
        """
        name = path.removeprefix("../")
        return self.folder / (name.removesuffix(".pkl") + ".nc" if name.endswith(".pkl") else name)
