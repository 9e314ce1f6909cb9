"""
The exception that tells a user what to change, and sentences that recur.

Whatever a user can get wrong (a file, a field, a name, a value) raises `InputError` with one
sentence: what was wrong, where, what to do. The command line prints that sentence and exits with
2. Any other exception is a bug of Stormlens.
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
Control characters (C0, C1), line and paragraph separators, marks of writing direction, and
lone surrogates, by which Python stands for bytes of a file name that are not UTF-8.
"""

# Modules whose package has another name.
_PACKAGES = {"PIL": "pillow", "sklearn": "scikit-learn", "tomli_w": "tomli-w"}


class InputError(ValueError):
    """
    Input that the user can correct; the message is a sentence for them.

    Parameters
    ----------
    message : str
        The sentence. What it quotes may come from anywhere, so line ends become blanks and the
        rest is made `printable`.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(" ".join(str(message).splitlines())))


def printable(text: str) -> str:
    r"""
    Make text from outside safe to show on a terminal, in a file or in a picture.

    Terminals obey control characters and reorder text by marks of direction, and no encoding
    takes lone surrogates. All of these are escaped as Python does.

    Parameters
    ----------
    text : str
        Anything.

    Returns
    -------
    text : str
        The same text, if it has none of these.

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
    The error for an unknown name, which suggests the nearest known one.

    Parameters
    ----------
    kind : str
        What was looked up, such as ``"model"``.
    name : str
        What the user wrote.
    options : iterable of str
        All known names.
    hint : str, optional
        Where to look, such as ``"See `stormlens models`."``

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

    Stormlens is not published yet, so it is installed from a clone. Only this function says so.

    Parameters
    ----------
    extra : str, optional
        Such as ``"app"``; none for a plain install.

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
    The error for missing packages, with the command that installs them.

    Parameters
    ----------
    what : str
        What needs which package, such as ``"Projections need pyproj"``.
    extra : str, optional
        The extra that has it, such as ``"app"``; none for a plain install.

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


def import_extra(name: str, opening: str, extra: str) -> ModuleType:
    """
    Import a library of an extra, or say how to install it.

    Parameters
    ----------
    name : str
        Of the module, such as ``"pyarrow.parquet"``.
    opening : str
        How the sentence begins, such as ``"Archive runs need"``.
    extra : str
        The extra that has it.

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
            f"{opening} {package}, which cannot be imported ({error})", extra
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
