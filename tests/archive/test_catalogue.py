"""The catalogue: what it counts is there, whatever cut its last line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlens.archive._catalogue import NAME, Known, Row, append, count_boxes, read_rows, repair
from stormlens.errors import InputError

ROWS = [
    Row("a.gz", 10, "t1", 0, 3),
    Row("b.gz", 11, "t2", 3, 0, ["b.gz is empty; get it again."]),
    Row("c.gz", 12, "t3", 3, 700, simulated=True),
]


def test_rows_come_back_in_order(tmp_path):
    append(tmp_path, ROWS[:2])
    append(tmp_path, ROWS[2:])
    assert list(read_rows(tmp_path)) == ROWS
    assert count_boxes(tmp_path) == 703


def test_nothing_is_counted_where_there_is_no_catalogue(tmp_path):
    assert (count_boxes(tmp_path), list(read_rows(tmp_path))) == (0, [])
    repair(tmp_path)
    append(tmp_path, [])
    assert count_boxes(tmp_path) == 0


@given(st.data())
def test_a_catalogue_cut_anywhere_holds_its_whole_lines(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("catalogue")
    append(folder, ROWS)
    content = (folder / NAME).read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    (folder / NAME).write_bytes(content[:cut])
    whole = ROWS[: content[:cut].count(b"\n")]
    assert list(read_rows(folder)) == whole
    assert count_boxes(folder) == (whole[-1].stop if whole else 0)
    repair(folder)
    append(folder, ROWS[len(whole) :])
    assert (folder / NAME).read_bytes() == content


def test_a_last_row_of_many_problems_is_counted(tmp_path):
    append(tmp_path, [ROWS[0], Row("d.tar", 1, "", 3, 4, ["a sentence. " * 20] * 2000)])
    assert count_boxes(tmp_path) == 7


def test_a_damaged_line_is_named(tmp_path):
    append(tmp_path, ROWS)
    lines = (tmp_path / NAME).read_text().splitlines()
    (tmp_path / NAME).write_text("\n".join([lines[0], "{]", lines[2]]) + "\n")
    with pytest.raises(InputError, match="line 2"):
        list(read_rows(tmp_path))


def test_what_is_known_of_an_input(tmp_path):
    append(tmp_path, ROWS)
    known = Known(tmp_path)
    assert known.state("new.gz", 1, "") == "new"
    assert known.state("a.gz", 10, "t1") == "done"
    assert known.state("a.gz", 10, "t9") == "changed"
    assert known.state("b.gz", 11, "t2") == "failed"
    assert known.state("b.gz", 12, "t2") == "new"  # it may be whole now
    assert (known.rows, known.boxes, known.simulated) == (3, 703, True)
    assert known.problems == ["b.gz is empty; get it again."]


def test_a_second_attempt_that_goes_well_takes_the_problem_away(tmp_path):
    append(tmp_path, [*ROWS, Row("b.gz", 11, "t2", 703, 5)])
    known = Known(tmp_path)
    assert known.problems == []
    assert known.state("b.gz", 11, "t2") == "done"


def test_lines_are_json_that_others_can_read(tmp_path):
    append(tmp_path, ROWS)
    told = [json.loads(line) for line in (tmp_path / NAME).read_text().splitlines()]
    assert [row["input"] for row in told] == ["a.gz", "b.gz", "c.gz"]
    assert told[2] == {
        "input": "c.gz",
        "size": 12,
        "stamp": "t3",
        "first": 3,
        "boxes": 700,
        "problems": [],
        "grid": "",
        "simulated": True,
    }
