"""Download parts of the archive ahead of use."""

from collections.abc import Iterable
from pathlib import Path

from stormlens.datasets._cache import cache_folder
from stormlens.datasets.svrimg._archive import (
    GEOGRAPHY_FILE,
    HAZARDS,
    LABELS_FILE,
    MOSAIC_FILE,
    SPLIT_FILES,
    Archive,
    index_file,
    reports_file,
)
from stormlens.datasets.svrimg._grids import GEOGRAPHY, MOSAIC
from stormlens.datasets.svrimg._obtain import Kind, obtain
from stormlens.datasets.svrimg._splits import PICKLE
from stormlens.datasets.svrimg._tables import INDEX, LABELS, REPORTS
from stormlens.errors import unknown

PARTS: dict[str, tuple[tuple[str, Kind], ...]] = {
    "labels": ((LABELS_FILE, LABELS),),
    "splits": tuple((path, PICKLE) for path in SPLIT_FILES.values()),
    "index": tuple((index_file(hazard), INDEX) for hazard in HAZARDS),
    "reports": tuple((reports_file(hazard), REPORTS) for hazard in HAZARDS),
    "geography": ((GEOGRAPHY_FILE, GEOGRAPHY),),
    "mosaic": ((MOSAIC_FILE, MOSAIC),),
}
"""Names of the archive's parts, each with its files."""


def fetch(
    parts: Iterable[str] = ("labels", "splits"),
    *,
    cache: str | Path | None = None,
    url: str | Path | None = None,
    refresh: bool = False,
) -> list[Path]:
    """
    Download parts of the archive, so that later use needs no network.

    Parameters
    ----------
    parts : iterable of str, optional
        Among ``"labels"``, ``"splits"``, ``"index"``, ``"reports"``, ``"geography"`` and
        ``"mosaic"``; by default hand labels and labelled splits.
    cache : str or Path, optional
        Folder for downloads.
    url : str or Path, optional
        Mirror or folder in place of the archive's server.
    refresh : bool, optional
        Download again, and accept files that have changed.

    Returns
    -------
    files : list of Path
        What lies in the cache now.

    Raises
    ------
    InputError
        If a part is unknown, cannot be obtained, or is not what it should be.
    """
    archive = Archive.at(url, cache)
    files: list[Path] = []
    for part in [parts] if isinstance(parts, str) else parts:
        if part not in PARTS:
            raise unknown("part of svrimg", part, PARTS)
        for path, kind in PARTS[part]:
            files.append(obtain(archive, path, kind, refresh=refresh))
    return files


def is_cached(cache: str | Path | None = None) -> bool:
    """
    Whether the labelled splits lie in the cache; their hashes are not computed here.

    Parameters
    ----------
    cache : str or Path, optional
        Folder for downloads.

    Returns
    -------
    cached : bool
    """
    archive = Archive("", cache_folder(cache) / "svrimg")
    return all(archive.kept_as(path).is_file() for path in SPLIT_FILES.values())
