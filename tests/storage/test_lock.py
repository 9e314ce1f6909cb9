"""One holder at a time, and no lock outlives its process."""

import subprocess
import sys
import threading
import time

import pytest

from stormlens.errors import InputError
from stormlens.storage import file_lock, lock_if_free

HOLD = """
import sys
from stormlens.storage import file_lock
with file_lock(sys.argv[1]):
    sys.stdout.write("held\\n"); sys.stdout.flush()
    sys.stdin.read()
"""


def test_another_thread_waits_for_the_holder(tmp_path):
    order = []

    def second():
        with file_lock(tmp_path / "lock"):
            order.append("second")

    thread = threading.Thread(target=second)
    with file_lock(tmp_path / "lock"):
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_killed_process_gives_its_lock_back(tmp_path):
    path = tmp_path / "folder" / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(InputError, match="locked by another process"), file_lock(path, 0.1):
            pass
        holder.kill()
        holder.wait()
    with file_lock(path, 1):
        pass


def test_nothing_is_left_of_a_lock(tmp_path):
    path = tmp_path / "folder" / "lock"
    with file_lock(path):
        assert path.exists()
    assert list(path.parent.iterdir()) == []


def test_a_lock_that_is_removed_while_others_wait_is_held_by_one_at_a_time(tmp_path):
    """Twenty threads, each of which removes the file when it is done."""
    path, inside, most = tmp_path / "folder" / "lock", [], []

    def hold():
        with file_lock(path):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.002)
            inside.pop()

    threads = [threading.Thread(target=hold) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20
    assert not path.exists()


def test_the_sentence_of_who_asks_is_said(tmp_path):
    with (
        file_lock(tmp_path / "lock"),
        pytest.raises(InputError, match=r"^Somebody is here\.$"),
        file_lock(tmp_path / "lock", 0.1, "Somebody is here."),
    ):
        pass


def test_a_place_that_cannot_be_locked_is_a_sentence(tmp_path):
    (tmp_path / "lock").mkdir()
    with pytest.raises(InputError, match="cannot be locked"), file_lock(tmp_path / "lock"):
        pass


def test_a_folder_in_the_way_is_a_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="Cannot write"), file_lock(tmp_path / "file" / "lock"):
        pass


def test_a_lock_that_is_not_free_is_not_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with monkeypatch.context() as patch:
            patch.setattr(time, "sleep", lambda seconds: pytest.fail("it waits"))
            with lock_if_free(path) as mine:
                assert not mine
        holder.kill()
        holder.wait()
        with lock_if_free(path) as mine:
            assert mine
            with lock_if_free(path) as other:
                assert not other
    assert list(path.parent.iterdir()) == []
