"""Tables, held against those that rich sets."""

import io
import os
import shutil
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stormlens.cli._printing import print_table

CELLS = st.text("ab [é:0\N{CJK UNIFIED IDEOGRAPH-65E5}\N{COMBINING DIAERESIS}", max_size=12)


class Stream(io.StringIO):
    """Standard output of a kind."""

    def __init__(self, encoding="utf-8", terminal=False):
        super().__init__()
        self.kind, self.terminal = encoding, terminal

    @property
    def encoding(self):
        return self.kind

    def isatty(self):
        return self.terminal


def printed(*arguments, stream=None, **options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", stream or Stream())
        print_table(*arguments, **options)
        return sys.stdout.getvalue()


def by_rich(columns, rows, right):
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(Text(name), justify="right" if name in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=10_000, highlight=False, file=io.StringIO())
    console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


@given(st.data())
def test_a_table_stands_as_rich_sets_it(data):
    columns = [f"c{i}" for i in range(data.draw(st.integers(1, 4)))]
    cells = st.tuples(*(CELLS.map(str.rstrip) for _ in columns))
    rows = data.draw(st.lists(cells, max_size=4))
    right = data.draw(st.sets(st.sampled_from(columns)))
    assert printed(columns, rows, right=right) == by_rich(columns, rows, right)


def test_a_column_is_wrapped_on_a_terminal_alone(monkeypatch):
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((30, 9)))
    table = ("name", "description"), [("a", "one word after another " * 3), ("b", "")]
    whole = printed(*table, wrap=["description"])
    assert len(whole.splitlines()) == 4
    narrow = printed(*table, wrap=["description"], stream=Stream(terminal=True)).splitlines()
    assert max(map(len, narrow)) <= 30
    assert " ".join(narrow[2:]).split() == ["a", *("one word after another " * 3).split(), "b"]
    assert narrow[3].startswith("      ")  # beneath the first of its lines


def test_a_stream_of_few_signs_gets_a_rule_that_it_has():
    lines = printed(("name",), [("a",)], stream=Stream("ascii")).splitlines()
    assert lines == ["name", "----", "a"]
