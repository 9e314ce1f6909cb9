"""What commands print: tables and JSON on stdout, notes on stderr."""

import csv
import json
import math
import os
import re
import shutil
import sys
import textwrap
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from stormlens.cli._group import say
from stormlens.errors import UNPRINTABLE, InputError, printable

_PROSE = 100
_GAP, _NARROWEST = "  ", 10
_UNSAFE_IN_JSON = re.compile(f"(?!\n){UNPRINTABLE.pattern}")  # line feeds stand between members
_NO_COLUMN = ("Mn", "Me", "Cf")  # signs that stand above or below another


def check_outputs(files: Sequence[Path], outputs: Mapping[str, Path | None]) -> None:
    """
    Raise a sentence for what cannot be written, before anything is computed.

    Parameters
    ----------
    files : sequence of Path
        That are read.
    outputs : mapping of str to Path or None
        What is written, by option; None where it is not given.

    Raises
    ------
    InputError
        If one is a file that is read or that another option writes, or cannot be written.
    """
    from stormlens.storage import check_writable

    read, written = set(map(os.path.realpath, files)), dict[str, str]()
    for name, path in outputs.items():
        if path is None:
            continue
        real = os.path.realpath(path)  # `Path.resolve` fails on links in a circle
        if real in read:
            raise InputError(f"{name} {path} is a file to be read; give another name.")
        if real in written:
            other = written[real]
            raise InputError(f"{name} {path} is what {other} writes; give another name.")
        check_writable(path)
        written[real] = name


def print_json(data: Any) -> None:
    """
    Print one JSON document, and nothing else.

    Parameters
    ----------
    data : object
        Dicts, lists, text, numbers and None.
    """
    text = json.dumps(data, indent=2, ensure_ascii=not _is_unicode(), allow_nan=False)
    sys.stdout.write(_UNSAFE_IN_JSON.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text) + "\n")


def print_csv(rows: Iterable[Iterable[object]]) -> None:
    """
    Print rows of a CSV table.

    Parameters
    ----------
    rows : iterable of iterable
        A cell a column; the first row holds the headings.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerows(
        [printable(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )


def print_lines(*lines: str) -> None:
    """
    Print lines, never wrapped.

    Parameters
    ----------
    *lines : str
        Without line ends; what they quote is made `printable`.
    """
    for line in lines:
        sys.stdout.write(f"{printable(line)}\n")


def print_document(text: str) -> None:
    """
    Print a text of many lines.

    Parameters
    ----------
    text : str
        With a line feed between two lines.
    """
    print_lines(*text.split("\n"))


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
    print_document(text)


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
        A cell a column; what they quote is made `printable`.
    right : sequence of str, optional
        Headings of columns set to the right (numbers).
    wrap : sequence of str, optional
        Headings of columns that may be wrapped on a narrow terminal; no other is.
    """
    table = [[[printable(str(cell))] for cell in row] for row in (columns, *rows)]
    # Only a terminal is narrow. It wraps ids that do not fit: one that was cut would be no id.
    if wrap and sys.stdout.isatty():
        _wrap(table, [columns.index(name) for name in wrap])
    widths = _widths(table)
    to_right = [name in right for name in columns]
    heading, *body = (list(_table_lines(row, widths, to_right)) for row in table)
    rule = "\N{BOX DRAWINGS LIGHT HORIZONTAL}" if _is_unicode() else "-"
    print_lines(*heading, rule * _across(widths), *chain.from_iterable(body))


def _is_unicode() -> bool:
    return (sys.stdout.encoding or "").lower().startswith("utf")


def _wrap(table: list[list[list[str]]], columns: Iterable[int]) -> None:
    """Break lines of columns until the table is as wide as the terminal, or they are narrow."""
    for i in columns:
        widths = _widths(table)
        over = _across(widths) - shutil.get_terminal_size().columns
        width = max(widths[i] - max(over, 0), _NARROWEST)
        for row in table:
            row[i] = [part for line in row[i] for part in textwrap.wrap(line, width) or [""]]


def _widths(table: list[list[list[str]]]) -> list[int]:
    return [
        max(_width(line) for cell in column for line in cell) for column in zip(*table, strict=True)
    ]


def _across(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _table_lines(
    row: Sequence[Sequence[str]], widths: Sequence[int], to_right: Sequence[bool]
) -> Iterator[str]:
    for parts in zip_longest(*row, fillvalue=""):
        cells = []
        for part, width, is_right in zip(parts, widths, to_right, strict=True):
            blank = " " * (width - _width(part))
            cells.append(blank + part if is_right else part + blank)
        yield _GAP.join(cells).rstrip()


def _width(text: str) -> int:
    """Columns that a text takes on a terminal."""
    if text.isascii():
        return len(text)
    shown = [sign for sign in text if unicodedata.category(sign) not in _NO_COLUMN]
    return len(shown) + sum(unicodedata.east_asian_width(sign) in "WF" for sign in shown)


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
