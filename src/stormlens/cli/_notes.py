"""What commands say on stderr, one line a sentence."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stormlens.errors import printable


def say(sentence: str) -> None:
    """
    Print one line on stderr.

    Parameters
    ----------
    sentence : str
        Line ends in it become blanks, and what it quotes `printable`.
    """
    sys.stderr.write(printable(" ".join(sentence.splitlines())) + "\n")
    sys.stderr.flush()


@contextmanager
def notes_on_stderr() -> Iterator[None]:
    """Show each `UserWarning` of the block as one line on stderr."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        say(f"Note: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield
