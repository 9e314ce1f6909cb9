"""
The one exception that tells a user what to change, and two sentences that recur.

Everything a user can get wrong (a file, a field, a name, a value) raises
`InputError` with one sentence: what was wrong, where, what to do. The command
line prints that sentence and exits 2; any other exception is our own mistake.
"""

import difflib
import re
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""
Control characters (C0, C1), separators of lines and paragraphs, marks and overrides of the
direction of writing, and halves of pairs, as which Python holds bytes that are no UTF-8.
"""

# Modules whose package has another name.
_PACKAGES = {"PIL": "pillow", "sklearn": "scikit-learn", "tomli_w": "tomli-w"}


class InputError(ValueError):
    """
    Input that the user can put right; its message is a sentence for them.

    Parameters
    ----------
    message : str
        The sentence. What it quotes may come from anywhere: line ends become blanks, and all
        else is made `printable`.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(" ".join(str(message).splitlines())))


def printable(text: str) -> str:
    r"""
    A name that came from outside, as it may stand on a terminal, in a file or in a picture.

    Terminals obey control characters and order text by marks of direction, and no encoding
    takes bytes of a file's name that are no UTF-8. All of these are escaped as Python does.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    text : str
        The same where it holds none of these.

    Examples
    --------
    >>> print(printable("storm\x1b[2J.nc"), printable("caf\udce9.png"))
    storm\x1b[2J.nc caf\xe9.png
    """
    return UNPRINTABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    code -= 0xDC00 if 0xDC80 <= code <= 0xDCFF else 0  # what os.fsdecode makes of a byte
    return {9: "\\t", 10: "\\n", 13: "\\r"}.get(code) or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    )


def unknown(kind: str, name: str, options: Iterable[str], hint: str = "") -> InputError:
    """
    The error for a name that is not among the options, with the nearest one.

    Parameters
    ----------
    kind : str
        What was looked up, such as ``"model"``.
    name : str
        What the user wrote.
    options : iterable of str
        All names that exist.
    hint : str, optional
        Where to look further, such as ``"See `stormlens models`."``

    Returns
    -------
    error : InputError
        To be raised by the caller.

    Examples
    --------
    >>> print(unknown("model", "lenet", ["lenet5", "alexnet"]))
    Unknown model 'lenet'. Did you mean 'lenet5'?
    """
    names = sorted(options)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    advice = f"Did you mean {near[0]!r}?" if near else f"Choose one of: {', '.join(names)}."
    return InputError(f"Unknown {kind} {name!r}. {advice} {hint}".rstrip())


def install_line(extra: str = "") -> str:
    """
    The command that installs Stormlens with the packages of an extra.

    Stormlens is not published yet, so its packages come through a clone. Where they are named
    from is said here alone.

    Parameters
    ----------
    extra : str, optional
        Such as ``"app"``; none for what a plain install brings.

    Returns
    -------
    command : str
        To be run in the folder of the clone.

    Examples
    --------
    >>> print(install_line("app"))
    pip install -e ".[app]"
    """
    return f'pip install -e ".[{extra}]"' if extra else "pip install -e ."


def needs_packages(what: str, extra: str = "") -> InputError:
    """
    The error for work whose packages are not installed, with the command that brings them.

    Parameters
    ----------
    what : str
        Who needs what, such as ``"Projections need pyproj"``.
    extra : str, optional
        Which brings it, such as ``"app"``; none where a plain install does.

    Returns
    -------
    error : InputError
        To be raised by the caller.

    Examples
    --------
    >>> print(needs_packages("A map by UMAP needs umap-learn", "umap"))
    A map by UMAP needs umap-learn; in the clone of Stormlens, run `pip install -e ".[umap]"`.
    """
    return InputError(f"{what}; in the clone of Stormlens, run `{install_line(extra)}`.")


def import_extra(name: str, who: str, extra: str) -> ModuleType:
    """
    Import a library that an extra brings, or say how to get it.

    Parameters
    ----------
    name : str
        Of the module, such as ``"pyarrow.parquet"``.
    who : str
        Who needs it, such as ``"Archive runs need"``.
    extra : str
        Which brings it.

    Returns
    -------
    module : module

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise needs_packages(
            f"{who} {package}, which cannot be imported ({error})", extra
        ) from error


def missing_package(error: ModuleNotFoundError) -> InputError | None:
    """
    The error for a package of the plain install that is not there.

    A light install, for classifying alone, leaves some of them out. Python names the module
    that it did not find, and the installed metadata says what a plain install brings.

    Parameters
    ----------
    error : ModuleNotFoundError
        What Python raised.

    Returns
    -------
    error : InputError or None
        To be raised by the caller; None for any other module, which is a mistake of ours.
    """
    from importlib.metadata import requires

    module = (error.name or "").partition(".")[0]
    package = _PACKAGES.get(module, module)
    plain = {
        re.split(r"[^\w.-]", line)[0]
        for line in requires("stormlens") or ()
        if "extra ==" not in line
    }
    if package not in plain:
        return None
    return needs_packages(f"This needs {package}, which is not installed")
