"""
How long a test waits: for a condition, with one limit that only a hang reaches.

A machine that is busy with other work can be twenty times slower than an idle one. A test
therefore never waits for a time and then looks; it waits `until` something is true.
"""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 900.0
"""Seconds after which whatever a test waits for has failed."""

_PAUSE = 0.01
_T = TypeVar("_T")


def until(
    holds: Callable[[], _T],
    words: str = "it",
    *,
    pause: Callable[[], object] = lambda: time.sleep(_PAUSE),
    seconds: float = PATIENCE,
) -> _T:
    """
    Ask until a condition holds.

    Parameters
    ----------
    holds : callable
        The condition, which is true once the wait is over.
    words : str, optional
        What is waited for, for the message where it never comes.
    pause : callable, optional
        What happens between two questions. By default, a hundredth of a second passes.
    seconds : float, optional
        The limit.

    Returns
    -------
    answer : object
        The first true answer.

    Raises
    ------
    AssertionError
        If the limit is reached.
    """
    end = time.monotonic() + seconds
    while not (answer := holds()):
        assert time.monotonic() < end, f"{words} never holds"
        pause()
    return answer
