"""The native library: found and loaded once, whatever it is used for."""

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import stormlens
from stormlens.errors import InputError, printable

_SWITCH = "STORMLENS_NATIVE"
"""Environment variable; 0 leaves the native library unused."""

INSTRUCTION_SET = "STORMLENS_INSTRUCTION_SET"
"""Environment variable that names the newest vector code to use; the library itself reads it."""

_SETS = ("", "baseline", "avx2", "avx512")

BUILD = "install a C++ compiler (GCC or Clang) and install stormlens again"
"""What to do where the library is missing or does not fit."""

_INTERFACE = 2  # of native/bindings.cpp; a library of other sources has another
_NOT_BUILT = "not_built.txt"  # which the build leaves in its place, with a reason
_LONGEST = 200  # characters of that reason


@dataclass(frozen=True)
class Library:
    """
    The native library, or why there is none.

    Attributes
    ----------
    path : Path or None
        The library's file.
    handle : ctypes.CDLL or None
        The library, where it could be loaded.
    reason : str
        Why it could not, and what to do; empty where it could. Each cause has its own: switched
        off, not built, missing, unloadable, or of other sources.
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
        If the environment names an unknown instruction set.
    """
    if (named := os.environ.get(INSTRUCTION_SET, "")) not in _SETS:
        raise InputError(
            f"The environment variable {INSTRUCTION_SET} is {named!r}; set it to baseline, avx2 or "
            "avx512, or unset it."
        )
    if os.environ.get(_SWITCH) == "0":
        return Library(reason=f"{_SWITCH} is 0; unset it to use the native operations")
    path = next(candidates(), None)
    if path is None:
        return Library(reason=_why_missing())
    try:
        handle = ctypes.CDLL(str(path))
    except OSError as error:
        return Library(path, reason=f"{path} cannot be loaded ({error}); {BUILD}")
    if _interface(handle) != _INTERFACE:
        return Library(
            path,
            reason=f"{path} was built from other sources than this version's; install stormlens "
            "again, as an editable installation needs after each change of them",
        )
    return Library(path, handle)


def candidates(pattern: str = "*stormlens_native.*") -> Iterator[Path]:
    """
    Files of the library that exist.

    Parameters
    ----------
    pattern : str, optional
        Of their names.

    Yields
    ------
    path : Path
        Beside the operations; an editable installation has a second folder for what it built.
    """
    for folder in stormlens.__path__:
        yield from Path(folder, "ops", "native").glob(pattern)


def _interface(handle: ctypes.CDLL) -> int | None:
    function = getattr(handle, "stormlens_interface", None)
    return None if function is None else int(function())


def _why_missing() -> str:
    """What the build left in place of the library says why; a build that failed leaves nothing."""
    note = next(candidates(_NOT_BUILT), None)
    if note is None:
        return (
            "the library is missing, as its compilation failed or was left out; install stormlens "
            "again with pip install --verbose, which shows the compiler's errors"
        )
    why = printable(note.read_text(encoding="utf-8", errors="replace")[:_LONGEST].strip())
    return f"they were not built, as {why}; {BUILD}"
