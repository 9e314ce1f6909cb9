"""
What a store is built from: files below a folder or an object-store prefix, tar files, a seed.

Inputs are found lazily and always in the same order: the files of a folder by
name, then its sub-folders by name. Names that never hold a volume or a mosaic
are left out without a word: hidden files, and what NOAA's buckets put beside
NEXRAD volumes.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stormlens.archive._extra import need
from stormlens.errors import InputError
from stormlens.readers import is_passed_over
from stormlens.storage import check_file

SIMULATED = "simulated"
"""The source that is no place: boxes made from a seed."""

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_STAMPS = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created")


@dataclass(frozen=True)
class Input:
    """
    A file to be read.

    Attributes
    ----------
    path : str
        Absolute path or URL.
    size : int
        Bytes.
    stamp : str
        What changes when it does.
    """

    path: str
    size: int
    stamp: str

    @property
    def is_tar(self) -> bool:
        """Whether it is a tar file, by its name."""
        return self.path.lower().endswith(TAR_SUFFIXES)


def find_inputs(source: str) -> Iterator[Input]:
    """
    Files at a place.

    Parameters
    ----------
    source : str
        File, folder, or URL that fsspec knows (``s3://bucket/prefix``).

    Yields
    ------
    found : Input

    Raises
    ------
    InputError
        If there is nothing at the place, it cannot be listed, or the URL's kind needs a
        package that is not installed.
    """
    files, root = _file_system(source)
    try:
        info = files.info(root)
        if info["type"] == "directory":
            yield from _below(files, root, ())
        else:
            if _is_local(files):
                check_file(root, None)
            yield _input(files, info)
    except FileNotFoundError as error:
        raise InputError(f"{source} does not exist; check the name.") from error
    except OSError as error:
        raise InputError(f"{source} cannot be listed: {error.strerror or error}.") from error


def open_input(path: str) -> Any:
    """
    Open a file that `find_inputs` found.

    Parameters
    ----------
    path : str
        Absolute path or URL.

    Returns
    -------
    file : file-like object
        Binary, for reading.

    Raises
    ------
    InputError
        If the URL's kind needs a package that is not installed.
    """
    files, inner = _file_system(path)
    return files.open(inner, "rb")


def _file_system(source: str) -> tuple[Any, str]:
    fsspec = need("fsspec")
    try:
        files, root = fsspec.core.url_to_fs(source)
    except ImportError as error:
        raise InputError(
            f"{source} needs a package that is not installed ({error}); install it too."
        ) from error
    except ValueError as error:
        raise InputError(f"{source} is no place that can be read ({error}).") from error
    return files, root


def _below(files: Any, folder: str, above: tuple[str, ...]) -> Iterator[Input]:
    here = os.path.realpath(folder) if _is_local(files) else folder
    if here in above:
        return  # a link leads back
    entries = sorted(files.ls(folder, detail=True, refresh=True), key=lambda entry: entry["name"])
    kinds = {entry["name"]: _kind(entry) for entry in entries}
    for entry in entries:
        if kinds[entry["name"]] == "file" and _may_be_data(entry["name"]):
            yield _input(files, entry)
    for entry in entries:
        name = entry["name"].rstrip("/")
        is_folder = kinds[entry["name"]] == "directory" and name != folder
        if is_folder and not _base(name).startswith("."):
            yield from _below(files, name, (*above, here))


def _kind(entry: dict[str, Any]) -> str:
    """What an entry is, or what a link leads to: a file, a directory, or other."""
    if not entry.get("islink"):
        return str(entry["type"])
    try:
        mode = os.stat(entry["name"]).st_mode
    except OSError:  # to nothing, or in a circle
        return "other"
    return "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"


def _is_local(files: Any) -> bool:
    return isinstance(files.protocol, tuple) and "file" in files.protocol


def _may_be_data(path: str) -> bool:
    name = _base(path)
    return bool(name) and not name.startswith(".") and not is_passed_over(name)


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _input(files: Any, entry: dict[str, Any]) -> Input:
    stamp = next((str(entry[key]) for key in _STAMPS if entry.get(key) is not None), "")
    path = entry["name"] if _is_local(files) else files.unstrip_protocol(entry["name"])
    return Input(path, int(entry.get("size") or 0), stamp.strip('"'))
