"""Readings of the test split as they are found in a run: whole lines, checked."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlens import report
from stormlens.errors import InputError

ROW = {
    "time": "2026-12-01T08:40:00+00:00",
    "by": "train",
    "data": "simulated",
    "options": {},
    "split": "test",
    "boxes": 1200,
}


def write(folder, *lines):
    (folder / "readings.jsonl").write_bytes(b"".join(lines))


def line(**changes):
    return json.dumps({**ROW, **changes}).encode() + b"\n"


def test_a_run_without_the_file_has_none(tmp_path):
    assert report.readings(tmp_path) == []
    assert report.readings_in_words([]) == ""


def test_lines_come_back_in_order_and_an_unfinished_one_does_not(tmp_path):
    write(tmp_path, line(), line(by="evaluate", split="all"), b'{"time": "2026-')
    assert report.readings(tmp_path) == [ROW, {**ROW, "by": "evaluate", "split": "all"}]


@pytest.mark.parametrize(
    "damage",
    [
        b"\n",
        b"[]\n",
        b"{}\n",
        b"\xff\n",
        line(time="yesterday"),
        line(boxes="many"),
        line(options=[]),
        b"[" * 10_000 + b"\n",
    ],
)
def test_a_damaged_line_is_named(tmp_path, damage):
    write(tmp_path, line(), damage)
    with pytest.raises(InputError, match=r"readings\.jsonl, line 2 is damaged"):
        report.readings(tmp_path)


@given(st.binary(max_size=200))
def test_whatever_the_file_holds_ends_in_no_reading_or_a_sentence(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("run")
    write(folder, content)
    if b"\n" in content:
        with pytest.raises(InputError, match=r"readings\.jsonl"):
            report.readings(folder)
    else:
        assert report.readings(folder) == []


def test_each_data_set_has_a_sentence():
    rows = [
        ROW,
        {**ROW, "by": "evaluate", "time": "2026-12-02T00:00:59+00:00"},
        {**ROW, "options": {"seed": 3}},
        *[{**ROW, "data": "svrimg"}] * 3,
    ]
    assert report.readings_in_words(rows) == (
        "The test split of simulated was read twice: first 2026-12-01 08:40 UTC by train, last "
        "2026-12-02 00:00 UTC by evaluate. "
        "The test split of simulated (seed 3) was read once: 2026-12-01 08:40 UTC by train. "
        "The test split of svrimg was read 3 times: first 2026-12-01 08:40 UTC by train, last "
        "2026-12-01 08:40 UTC by train."
    )
