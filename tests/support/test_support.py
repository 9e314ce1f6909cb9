"""What tests lean on: waits that end, and compiled programs that are shared whole."""

import os
import subprocess
import sys
import time
from pathlib import Path

import compiled
import pytest
from patience import until


def test_a_wait_gives_the_first_true_answer_and_ends_at_its_limit():
    answers = iter([0, "", "here", "later"])
    assert until(lambda: next(answers), pause=lambda: None) == "here"
    with pytest.raises(AssertionError, match="a storm never holds"):
        until(lambda: False, "a storm", seconds=0.0)


@pytest.mark.parametrize("links", [True, False])
def test_files_are_shared_whole_and_what_is_there_stays(tmp_path, monkeypatch, links):
    given, taken = tmp_path / "given", tmp_path / "taken"
    for folder, names in ((given, ("a", "b", ".half")), (taken, ("b", "c"))):
        folder.mkdir()
        for name in names:
            (folder / name).write_text(folder.name)
    if not links:
        monkeypatch.setattr(os, "link", _refused)
    compiled.share(given, taken)
    found = {path.name: path.read_text() for path in taken.iterdir()}
    assert found == {"a": "given", "b": "taken", "c": "taken"}


def _refused(*names):
    raise OSError(18, "Invalid cross-device link")


def test_what_is_older_than_a_month_is_forgotten(tmp_path):
    for name, days in (("old", 31), ("new", 29)):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (time.time() - days * 86400,) * 2)
    compiled.forget_old(tmp_path)
    assert os.listdir(tmp_path) == ["new"]


@pytest.mark.slow
def test_openvino_is_imported_without_a_fork():
    pytest.importorskip("openvino")
    code = (
        "import sys; sys.addaudithook(lambda event, _: event == 'os.fork' and print('forked'))\n"
        "from runtimes import import_openvino; import_openvino()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert "forked" not in done.stdout
