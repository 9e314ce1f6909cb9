"""The results in a Markdown file: what is not ours stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormlens.bench import Bound, Machine, Measurement, Results, replace_section, write_results
from stormlens.bench._write import BEGIN, END
from stormlens.errors import InputError

prose = st.text().filter(lambda text: "<!--" not in text)


def measured(contender, seconds, **more):
    ratio = seconds / 2.0
    return Measurement(
        "train", "chapter-relu", contender, 64, 9.0, (seconds,), 2**30, ratio, **more
    )


@pytest.fixture
def results():
    host = {
        "processor": "A processor",
        "cores": "2",
        "memory": "8 GiB",
        "system": "Linux 6",
        "python": "3.12.0",
        "date": "1 May 2026",
    }
    return Results(
        Machine(100.0, 20.0),
        host,
        {"numpy": "2.0.0"},
        [measured("stormlens", 2.0), measured("pytorch", 5.0)],
        [Bound("chapter-relu", 80.0, 10.0, 0.8, 2.5)],
        ["openvino is left out: it needs openvino"],
        1,
        64,
        "stormlens bench --epochs 1",
    )


@pytest.mark.slow
@given(before=prose, old=prose, after=prose, new=prose)
def test_only_what_stands_between_the_markers_changes(before, old, after, new):
    text = replace_section(f"{before}{BEGIN}{old}{END}{after}", new)
    assert text == f"{before}{BEGIN}\n{new.strip()}\n{END}{after}"
    assert replace_section(text, new) == text


@given(text=prose, new=prose)
def test_a_section_is_added_once(text, new):
    once = replace_section(text, new)
    assert once.startswith(text)
    assert replace_section(once, new) == once
    assert (once.count(BEGIN), once.count(END)) == (1, 1)


@pytest.mark.parametrize("text", [BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_markers_that_do_not_pair_are_refused_and_the_file_kept(results, tmp_path, text):
    path = tmp_path / "notes.md"
    path.write_text(text)
    with pytest.raises(InputError, match=r"notes\.md: the markers"):
        write_results(path, results)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_keeps_its_own_text_and_gets_a_picture(results, tmp_path):
    path = tmp_path / "RESULTS.md"
    path.write_bytes(b"# Mine\r\n")
    write_results(path, results)
    write_results(path, results)
    text = path.read_bytes().decode()
    assert text.startswith("# Mine\r\n")
    assert text.count("## Beside its peers") == 1
    assert "| chapter-relu | pytorch | 5 | 5 to 5 | 13 | 2.50 | 9 | 1,024 MiB |" in text
    assert "| chapter-relu | 80.0 | 10.00 | 0.8 | 2.5 |" in text
    for said in ("SIMULATED", "A processor", "numpy 2.0.0", "1 May 2026", results.command):
        assert said in text
    assert "- openvino is left out" in text
    assert "![Bars of" in text
    assert "roofline 0.8 s.](bench.png)" in text
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_measured_writes_nothing(results, tmp_path):
    results.measurements.clear()
    with pytest.raises(InputError, match="nothing was written"):
        write_results(tmp_path / "x.md", results)
    assert list(tmp_path.iterdir()) == []


def test_results_as_json_call_the_boxes_simulated(results):
    values = results.to_dict()
    assert values["simulated"] is True
    assert values["measurements"][1]["ratio"] == 2.5
    assert values["measurements"][1]["rate"] == 64 / 5
