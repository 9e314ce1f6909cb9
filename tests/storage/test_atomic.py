"""A file holds its old content or its new, whatever happens in between."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from stormlens.errors import InputError
from stormlens.storage import (
    append_line,
    atomic_path,
    check_writable,
    disk_errors,
    write_bytes,
    write_text,
)


def test_a_file_and_its_folders_are_written(tmp_path):
    path = write_text(tmp_path / "new" / "folder" / "note.txt", "café\n")
    assert path.read_bytes() == "café\n".encode()
    assert os.listdir(path.parent) == ["note.txt"]


def test_a_block_that_raises_leaves_the_old_content_and_nothing_else(tmp_path):
    path = write_bytes(tmp_path / "note.txt", b"old")
    with pytest.raises(TypeError), atomic_path(path) as temporary, temporary.open("wb") as file:
        file.writelines([b"half of the ne", None])
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["note.txt"]


def test_the_right_name_appears_only_at_the_end(tmp_path):
    path = tmp_path / "note.nc"
    with atomic_path(path) as temporary:
        assert temporary.suffix == ".nc"
        temporary.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_the_umask_decides_who_may_read(tmp_path, umask):
    before = os.umask(umask)
    try:
        path = write_bytes(tmp_path / "note.txt", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_a_folder_in_the_way_is_named(tmp_path):
    with pytest.raises(InputError, match="is a directory"):
        write_bytes(tmp_path, b"")
    write_bytes(tmp_path / "file", b"")
    with pytest.raises(InputError, match=r"Cannot write .*a part of this path is a file"):
        write_bytes(tmp_path / "file" / "note.txt", b"")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space is left on the disk"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "permission is denied"),
        (errno.EROFS, "read-only"),
        (errno.ENAMETOOLONG, "name is too long"),
    ],
)
def test_what_the_disk_refuses_becomes_a_sentence(number, words):
    with pytest.raises(InputError, match=f"Cannot write run.nc: .*{words}"), disk_errors("run.nc"):
        raise OSError(number, "refused")


def test_other_faults_of_the_disk_stay_as_they_are():
    with pytest.raises(OSError, match="I/O"), disk_errors("run.nc"):
        raise OSError(errno.EIO, "I/O error")


def test_no_space_left_is_a_sentence_and_keeps_the_old_file(tmp_path):
    resource = pytest.importorskip("resource")  # a limit on file size stands for a full disk
    signal = pytest.importorskip("signal")
    path = write_bytes(tmp_path / "note.txt", b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InputError, match="grew past the size"):
            write_bytes(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["note.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_or_device_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a device or a pipe"):
        write_bytes(tmp_path / "pipe", b"x")
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_link_stays_a_link_to_the_new_content(tmp_path):
    target = write_bytes(tmp_path / "folder" / "note.txt", b"old")
    link = tmp_path / "link.txt"
    link.symlink_to(target)
    write_bytes(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_what_cannot_be_written_is_told_as_writing_would(tmp_path, monkeypatch):
    write_bytes(tmp_path / "file", b"")
    os.mkfifo(tmp_path / "pipe")
    wrong = [tmp_path, tmp_path / "pipe", tmp_path / "file" / "a.nc", tmp_path / "file" / "b" / "c"]
    for path in wrong:
        with pytest.raises(InputError) as expected:
            write_bytes(path, b"")
        with pytest.raises(InputError) as found:
            check_writable(path)
        assert str(found.value) == str(expected.value)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="permission is denied"):
        check_writable(tmp_path / "a.nc")


def test_to_ask_whether_a_file_can_be_written_makes_none(tmp_path):
    check_writable(tmp_path / "new" / "a.nc")
    check_writable("a.nc")
    assert os.listdir(tmp_path) == []


def test_a_link_that_leads_back_to_itself_gives_way(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "a")
    write_bytes(tmp_path / "a", b"1")
    assert (tmp_path / "a").read_bytes() == b"1"


def test_text_may_quote_names_that_are_no_utf_8(tmp_path):
    path = write_text(tmp_path / "note.txt", os.fsdecode(b"caf\xe9 \xc3\xa9"))
    assert path.read_text(encoding="utf-8") == r"caf\udce9 é"


def test_a_line_is_added_and_what_was_never_finished_is_cut_off(tmp_path):
    path = append_line(tmp_path / "new" / "lines.txt", "first")
    append_line(path, "second")
    path.write_bytes(path.read_bytes() + b"half of a li")
    append_line(path, "café")
    assert path.read_bytes() == "first\nsecond\ncafé\n".encode()
    assert os.listdir(path.parent) == ["lines.txt"]


def test_lines_of_several_processes_stay_whole(tmp_path):
    path = tmp_path / "lines.txt"
    code = (
        "import sys\n"
        "from stormlens.storage import append_line\n"
        f"for number in range(20): append_line({str(path)!r}, sys.argv[1] * 200 + str(number))"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "ab"]
    assert [process.wait() for process in started] == [0, 0]
    lines = path.read_text().splitlines()
    for name in "ab":
        assert [line for line in lines if line.startswith(name)] == [
            name * 200 + str(number) for number in range(20)
        ]
    assert len(lines) == 40


def test_a_line_has_no_place_in_a_folder(tmp_path):
    with pytest.raises(InputError, match="is a directory"):
        append_line(tmp_path, "line")
