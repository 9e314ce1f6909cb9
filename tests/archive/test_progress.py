"""How far a run is, in words."""

from stormlens.archive._progress import Pace, show_progress


def test_rate_and_remaining_time_count_what_this_run_did():
    now = [100.0]
    pace = Pace(5000, 1000, clock=lambda: now[0])
    assert pace.words(1000, "boxes") == "1,000 of 5,000 boxes"
    now[0] = 110.0
    assert pace.words(3000, "boxes") == "3,000 of 5,000 boxes, 200/s, 10 s left"
    now[0] = 120.0
    assert pace.words(5000, "boxes") == "5,000 of 5,000 boxes, 200/s, 0 s left"


def test_where_no_terminal_is_lines_come_at_times(capsys, monkeypatch):
    from stormlens.archive import _progress

    monkeypatch.setattr(_progress, "_EVERY", 0.0)
    with show_progress("Building", 10, 0, "inputs", shown=True) as report:
        report(4, "; 12 boxes")
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("Building 4 of 10 inputs")
    assert told.err.endswith("; 12 boxes\n")


def test_nothing_is_shown_unless_asked(capsys):
    with show_progress("Building", 10, 0, "inputs", shown=False) as report:
        report(4, "")
    assert capsys.readouterr() == ("", "")
