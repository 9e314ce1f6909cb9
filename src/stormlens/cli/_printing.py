"""What commands print on stdout: tables, JSON, CSV, lines and numbers."""

import csv
import json
import math
import re
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest
from typing import Any

from stormlens.errors import UNPRINTABLE, printable

_PROSE = 100
_GAP, _NARROWEST = "  ", 10
_UNSAFE_IN_JSON = re.compile(f"(?!\n){UNPRINTABLE.pattern}")  # line feeds stand between members
_NO_COLUMN = ("Mn", "Me", "Cf")  # signs that stand above or below another


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


def number(value: float | None, digits: int = 3) -> str:
    """
    A score as text; a dash where it is not defined.

    Parameters
    ----------
    value : float or None
        NaN, or None as JSON has it, where undefined.
    digits : int, optional
        Decimals.

    Returns
    -------
    text : str

    Examples
    --------
    >>> number(0.8867), number(float("nan")), number(None)
    ('0.887', '-', '-')
    """
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def interval(low: float | None, high: float | None) -> str:
    """
    The bounds of a score as text; a dash where there are none.

    Parameters
    ----------
    low, high : float or None
        NaN or None where unknown.

    Returns
    -------
    text : str

    Examples
    --------
    >>> interval(0.846, 0.918)
    '0.846 to 0.918'
    """
    low_text, high_text = number(low), number(high)
    return "-" if "-" in (low_text, high_text) else f"{low_text} to {high_text}"
