"""
NEXRAD volumes straight from NOAA's public archive, an object store reached over HTTPS.

Its name is a setting (environment variable ``STORMLENS_NEXRAD_BUCKET``): the
archive moved to ``unidata-nexrad-level2`` in September 2025, and may move again.
Keys are ``YYYY/MM/DD/SITE/SITEYYYYMMDD_HHMMSS[_V06][.gz]``. Objects that are no
volumes (``_MDM`` metadata, ``.001`` parts, ``.Z`` files) are passed over.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stormlens.datasets import cache_folder
from stormlens.errors import InputError
from stormlens.readers._unpack import MAX_BYTES
from stormlens.storage import write_bytes
from stormlens.stormbox import nanoseconds, says_hour

if TYPE_CHECKING:
    from xml.etree import ElementTree

    import requests

BUCKET = "unidata-nexrad-level2"
"""The archive's default name; ``STORMLENS_NEXRAD_BUCKET`` overrides it."""

_KEY = re.compile(r"(?:.*/)?([A-Z]{4})(\d{8}_\d{6})(?:_V\d\d)?(?:\.gz|\.bz2)?")
_AT = re.compile(r"([A-Z]{4})@(.+)")
_NEAR = timedelta(minutes=15)
_TIMEOUT_SECONDS = (10, 60)
_LISTING_BYTES = 2**22


@dataclass(frozen=True)
class Volume:
    """
    A volume in the archive.

    Attributes
    ----------
    key : str
        Its name there.
    site : str
        The radar's four letters.
    time : datetime64[s]
        Start, UTC, as the key says.
    size : int
        Bytes.
    """

    key: str
    site: str
    time: np.datetime64
    size: int


def nexrad_volumes(
    site: str, start: np.datetime64 | str, end: np.datetime64 | str, *, bucket: str | None = None
) -> list[Volume]:
    """
    Volumes of one radar that start within a span of time.

    Parameters
    ----------
    site : str
        Four letters, such as ``"KTLX"``.
    start, end : datetime64 or str
        UTC, a date and an hour at least; both ends belong to it.
    bucket : str, optional
        Name of the object store, or the address (http...) of one laid out like it; else the
        environment variable ``STORMLENS_NEXRAD_BUCKET``, else `BUCKET`.

    Returns
    -------
    volumes : list of Volume
        In order of time; empty where there is none.

    Raises
    ------
    InputError
        If a time cannot be read, or the archive cannot be reached.
    """
    first, last = _moment(start), _moment(end)
    if last < first:
        raise InputError(f"The span from {start} to {end} ends before it begins.")
    found = []
    with _session() as session:
        for day in _days(first.date(), last.date()):
            prefix = f"{day:%Y/%m/%d}/{site.upper()}/"
            found += [v for v in map(_volume, *_listed(session, _address(bucket), prefix)) if v]
    low, high = (np.datetime64(moment.replace(tzinfo=None), "s") for moment in (first, last))
    return sorted((v for v in found if low <= v.time <= high), key=lambda v: (v.time, v.key))


def fetch_nexrad(
    volume: Volume | str, *, cache: str | Path | None = None, bucket: str | None = None
) -> Path:
    """
    Bring a volume into the cache, once.

    Parameters
    ----------
    volume : Volume or str
        From `nexrad_volumes`, or ``"SITE@TIME"`` for the volume that starts nearest to a time
        (UTC), within a quarter of an hour.
    cache : str or Path, optional
        Folder for downloads.
    bucket : str, optional
        As for `nexrad_volumes`.

    Returns
    -------
    path : Path
        The file, byte for byte as in the archive.

    Raises
    ------
    InputError
        If there is no such volume, or its download is incomplete.
    """
    if isinstance(volume, str):
        volume = _nearest(volume, bucket)
    target = cache_folder(cache) / "nexrad" / volume.key
    if target.is_file() and target.stat().st_size == volume.size:
        return target
    with _session() as session:
        content = _get(session, f"{_address(bucket)}/{volume.key}", {}, MAX_BYTES)
    if len(content) != volume.size:
        raise InputError(
            f"{volume.key} came with {len(content)} bytes of {volume.size}; try again."
        )
    return write_bytes(target, content)


def is_volume_request(text: str) -> bool:
    """
    Whether a text asks for a volume of the archive: ``SITE@TIME``.

    Parameters
    ----------
    text : str
        What a user wrote where a file is expected.

    Returns
    -------
    asks : bool
    """
    return _AT.fullmatch(text) is not None


def check_volume_request(text: str) -> None:
    """
    Raise a sentence unless a text asks for a volume at a time that can be read.

    Parameters
    ----------
    text : str
        ``SITE@TIME``.

    Raises
    ------
    InputError
        As `fetch_nexrad`, without a request to the archive.
    """
    _parsed_request(text)


def is_passed_over(name: str) -> bool:
    """
    Whether an object of the archive is no volume that can be read, by its name.

    Parameters
    ----------
    name : str
        File name or key.

    Returns
    -------
    passed_over : bool
        True for ``_MDM`` metadata, ``.001`` parts and ``.Z`` files.
    """
    return name.endswith(("_MDM", ".001", ".Z"))


def _parsed_request(request: str) -> tuple[str, datetime]:
    """Radar and time that a request names."""
    match = _AT.fullmatch(request)
    if match is None:
        raise InputError(f"{request!r} asks for no volume; write SITE@TIME: KTLX@2013-05-20T20:15.")
    return match[1], _moment(match[2])


def _nearest(request: str, bucket: str | None) -> Volume:
    site, moment = _parsed_request(request)
    span = (np.datetime64((moment + by).replace(tzinfo=None)) for by in (-_NEAR, _NEAR))
    near = nexrad_volumes(site, *span, bucket=bucket)
    if not near:
        raise InputError(
            f"The archive holds no volume of {site} within 15 minutes of {request[5:]} UTC; check "
            "radar and time."
        )
    wanted = np.datetime64(moment.replace(tzinfo=None), "s")
    return min(near, key=lambda volume: abs(volume.time - wanted))


def _moment(value: np.datetime64 | str) -> datetime:
    try:
        if not says_hour(str(value)):
            raise ValueError("less than a date and an hour")
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise InputError(
            f"{value!r} is no time; write a date and an hour at least, in UTC: 2013-05-20T20:15."
        ) from error
    # Raises unless the time fits into nanoseconds, with a margin for the quarter of an hour on
    # either side that `_nearest` searches.
    nanoseconds(np.datetime64(moment.replace(tzinfo=None)), repr(value))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def _address(bucket: str | None) -> str:
    chosen = bucket or os.environ.get("STORMLENS_NEXRAD_BUCKET") or BUCKET
    return (chosen if "://" in chosen else f"https://{chosen}.s3.amazonaws.com").rstrip("/")


def _session() -> "requests.Session":
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    session = requests.Session()
    retry = Retry(total=3, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def _listed(session: "requests.Session", address: str, prefix: str) -> tuple[list[str], list[int]]:
    """Keys and sizes of all objects below a prefix, a page at a time (ListObjectsV2)."""
    keys: list[str] = []
    sizes: list[int] = []
    query = {"list-type": "2", "prefix": prefix}
    while True:
        page = _parsed(_get(session, address, query, _LISTING_BYTES), address)
        for entry in page.iterfind("{*}Contents"):
            keys.append(entry.findtext("{*}Key", ""))
            sizes.append(int(entry.findtext("{*}Size", "0")))
        token = page.findtext("{*}NextContinuationToken")
        if not token:
            return keys, sizes
        query["continuation-token"] = token


def _parsed(content: bytes, address: str) -> "ElementTree.Element":
    from xml.etree import ElementTree

    try:
        if b"<!" in content:  # XML entities can expand without bound; a listing has none
            raise ValueError("a document type")
        page = ElementTree.fromstring(content)
        if not page.tag.endswith("ListBucketResult"):
            raise ValueError(page.tag)
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(
            f"{address} answers with no listing of objects; check STORMLENS_NEXRAD_BUCKET."
        ) from error
    return page


def _get(session: "requests.Session", url: str, query: dict[str, str], limit: int) -> bytes:
    import requests

    try:
        with session.get(url, params=query, timeout=_TIMEOUT_SECONDS, stream=True) as answer:
            if answer.status_code in (403, 404):
                raise InputError(
                    f"{url} does not exist or is closed; if the archive has moved again, set "
                    "STORMLENS_NEXRAD_BUCKET to its new name."
                )
            answer.raise_for_status()
            content = b""
            for chunk in answer.iter_content(2**20):
                content += chunk
                if len(content) > limit:
                    raise InputError(f"{url} is larger than {limit >> 20} MiB, which is refused.")
    except requests.RequestException as error:
        raise InputError(
            f"{url} cannot be reached ({type(error).__name__}); check the network, or give a "
            "file that you have."
        ) from error
    return content


def _volume(key: str, size: int) -> Volume | None:
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    try:
        time = datetime.strptime(match[2], "%Y%m%d_%H%M%S")
    except ValueError:
        return None
    return Volume(key, match[1], np.datetime64(time, "s"), size)
