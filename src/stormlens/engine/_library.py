"""The native library: found and loaded once, whatever it is used for."""

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import stormlens
from stormlens.errors import InputError

SWITCH = "STORMLENS_NATIVE"
"""Environment variable; 0 leaves the native library unused."""

_NEWEST = "STORMLENS_INSTRUCTION_SET"  # environment variable, which the library reads
_SETS = ("", "baseline", "avx2", "avx512")

BUILD = "install a C++ compiler (GCC or Clang) and install stormlens again"
"""What to do where it is missing or does not fit."""


@dataclass(frozen=True)
class Library:
    """
    What became of the native library.

    Attributes
    ----------
    path : Path or None
        Where it lies.
    handle : ctypes.CDLL or None
        The library, where it could be loaded.
    reason : str
        Why it could not, and what to do; empty where it could.
    """

    path: Path | None = None
    handle: ctypes.CDLL | None = field(default=None, repr=False)
    reason: str = ""


@cache
def load_library() -> Library:
    """
    Load the native library once.

    Returns
    -------
    library : Library

    Raises
    ------
    InputError
        If the environment names an instruction set that there is not.
    """
    if (named := os.environ.get(_NEWEST, "")) not in _SETS:
        raise InputError(
            f"The environment variable {_NEWEST} is {named!r}; set it to baseline, avx2 or avx512, "
            "or unset it."
        )
    if os.environ.get(SWITCH) == "0":
        return Library(reason=f"{SWITCH} is 0; unset it to use the native operations")
    path = next(candidates(), None)
    if path is None:
        return Library(reason=f"they were not built; {BUILD}")
    try:
        return Library(path, ctypes.CDLL(str(path)))
    except OSError as error:
        return Library(path, reason=f"{path} cannot be loaded ({error}); {BUILD}")


def candidates() -> Iterator[Path]:
    """
    Places of the library that exist.

    Yields
    ------
    path : Path
        Beside the operations; an editable installation has a folder of them for what it built.
    """
    for folder in stormlens.__path__:
        yield from Path(folder, "ops", "native").glob("*stormlens_native.*")
