"""What commands print: tables and JSON on stdout, notes on stderr."""

import json
import math
import shutil
import sys
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from stormlens.cli._group import say

_UNBOUNDED, _PROSE = 10_000, 100


def print_json(data: Any) -> None:
    """
    Print one JSON document, and nothing else.

    Parameters
    ----------
    data : object
        Dicts, lists, text, numbers and None.
    """
    sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def print_lines(*lines: str) -> None:
    """
    Print lines as they are, never wrapped.

    Parameters
    ----------
    *lines : str
        Without line ends.
    """
    for line in lines:
        sys.stdout.write(f"{line}\n")


def print_prose(text: str) -> None:
    """
    Print a sentence or two, wrapped on a terminal only.

    Parameters
    ----------
    text : str
        Without line ends.
    """
    if sys.stdout.isatty():
        width = min(shutil.get_terminal_size().columns, _PROSE) - 1
        text = textwrap.fill(text, width, break_on_hyphens=False)
    print_lines(text)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Sequence[str] = (),
    wrap: Sequence[str] = (),
) -> None:
    """
    Print a table; cells are literal text.

    Parameters
    ----------
    columns : sequence of str
        Headings.
    rows : iterable of sequence
        A cell a column.
    right : sequence of str, optional
        Headings of columns set to the right (numbers).
    wrap : sequence of str, optional
        Headings of columns that may be wrapped on a narrow terminal; no other is.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(
            Text(name), justify="right" if name in right else "left", no_wrap=name not in wrap
        )
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    # Only a terminal is narrow, and an id that does not fit there is better wrapped by it than cut.
    width = None if wrap and sys.stdout.isatty() else _UNBOUNDED
    console = Console(width=width, highlight=False)
    with console.capture() as text:
        console.print(table)
    print_lines(*(line.rstrip() for line in text.get().splitlines()))


@contextmanager
def notes_on_stderr() -> Iterator[None]:
    """Show each `UserWarning` of the block as one line on stderr."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        say(f"Note: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield


def number(value: float, digits: int = 3) -> str:
    """
    A score as text; a dash where it is not defined.

    Parameters
    ----------
    value : float
        NaN where undefined.
    digits : int, optional
        Decimals.

    Returns
    -------
    text : str

    Examples
    --------
    >>> number(0.8867), number(float("nan"))
    ('0.887', '-')
    """
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def interval(low: float, high: float) -> str:
    """
    The bounds of a score as text; a dash where there are none.

    Parameters
    ----------
    low, high : float
        NaN where unknown.

    Returns
    -------
    text : str

    Examples
    --------
    >>> interval(0.846, 0.918)
    '0.846 to 0.918'
    """
    return "-" if math.isnan(low) or math.isnan(high) else f"{low:.3f} to {high:.3f}"
