"""
The folder that keeps downloads, and files in it that stay what they were.

A file's SHA-256 is written down when it is first downloaded and compared on
every later use, in one ``hashes.json`` for each folder. A file takes its right
name only when it is whole, has been checked, and is written down.
"""

import hashlib
import json
import os
from pathlib import Path

from stormlens.errors import InputError
from stormlens.storage import read_json, write_text

_BOOK = "hashes.json"


def cache_folder(cache: str | Path | None = None) -> Path:
    """
    Folder that keeps downloaded data; it need not exist yet.

    Parameters
    ----------
    cache : str or Path, optional
        The folder itself; else the environment variable ``STORMLENS_CACHE``, else the
        operating system's own place for caches.

    Returns
    -------
    folder : Path
    """
    import platformdirs

    chosen = cache or os.environ.get("STORMLENS_CACHE")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("stormlens")


def sha256(path: Path) -> str:
    """
    SHA-256 of a file, as 64 hexadecimal digits.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    digest : str
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recorded(target: Path) -> dict[str, str] | None:
    """
    What was written down of a file when it was downloaded.

    Parameters
    ----------
    target : Path
        File in the cache.

    Returns
    -------
    entry : dict or None
        ``url``, ``sha256`` of what came from there and ``stored_sha256`` of what is kept.

    Raises
    ------
    InputError
        If the book of hashes is damaged.
    """
    book = _read_book(target.parent / _BOOK)
    return book.get(target.name)


def record(target: Path, entry: dict[str, str]) -> None:
    """
    Write down what a file is; the caller holds the cache's lock.

    Parameters
    ----------
    target : Path
        File in the cache.
    entry : dict
        As `recorded` gives it back.
    """
    path = target.parent / _BOOK
    book = {**_read_book(path), target.name: entry}
    write_text(path, json.dumps(book, indent=1, sort_keys=True) + "\n")


def is_intact(target: Path) -> bool:
    """
    Whether a cached file is there, known, and the same as when it was kept.

    Parameters
    ----------
    target : Path
        File in the cache.

    Returns
    -------
    intact : bool
    """
    entry = recorded(target)
    return entry is not None and target.is_file() and sha256(target) == entry["stored_sha256"]


def _read_book(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    try:
        book: dict[str, dict[str, str]] = read_json(path, "remove it")
        for entry in book.values():
            if not {"url", "sha256", "stored_sha256"} <= entry.keys():
                raise KeyError("sha256")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        msg = f"{path} is damaged; remove it, and its folder's files are downloaded again."
        raise InputError(msg) from error
    return book
