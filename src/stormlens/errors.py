"""
The one exception that tells a user what to change, and the near-miss finder.

Everything a user can get wrong (a file, a field, a name, a value) raises
`InputError` with one sentence: what was wrong, where, what to do. The command
line prints that sentence and exits 2; any other exception is our own mistake.
"""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Input that the user can put right; its message is a sentence for them."""


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
