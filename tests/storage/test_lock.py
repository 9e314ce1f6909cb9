"""One holder at a time, and no lock outlives its process."""

import subprocess
import sys
import threading

import pytest

from stormlens.errors import InputError
from stormlens.storage import file_lock

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


def test_a_folder_in_the_way_is_a_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="Cannot write"), file_lock(tmp_path / "file" / "lock"):
        pass
