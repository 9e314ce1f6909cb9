"""Files that a user names: what is no file is said, and never opened."""

import os
import socket
import stat
import threading

import pytest
from patience import PATIENCE

from stormlens.errors import InputError
from stormlens.storage import check_file, opened_file, read_file

unix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")


def test_a_file_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"1234")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_file(tmp_path / "a") == read_file(str(tmp_path / "link"), 4) == b"1234"
    with opened_file(tmp_path / "a") as file:
        assert file.read(2) == b"12"


def test_what_is_too_large_is_refused_unread(tmp_path):
    with open(tmp_path / "a", "wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    with pytest.raises(InputError, match=r"a is larger than 1024 MiB, which is refused\."):
        read_file(tmp_path / "a")
    check_file(tmp_path / "a", None)


def test_what_is_missing_or_a_folder_is_said(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for name in ("absent", "absent/a", "file/a"):
        with pytest.raises(InputError, match=f"{name} does not exist; check the name"):
            read_file(tmp_path / name)
    with pytest.raises(InputError, match="is a directory; give the files in it"):
        check_file(tmp_path)
    for name in ("a\0b", "\ud800"):
        with pytest.raises(InputError, match="cannot be the name of a file"):
            check_file(name)
    with pytest.raises(InputError, match="cannot be read: the name is too long"):
        check_file(tmp_path / ("a" * 300))


def test_links_in_a_circle_are_said(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(InputError, match="a cannot be read: the links on the way lead in a circle"):
        read_file(tmp_path / "a")


@unix
def test_a_pipe_without_a_writer_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(InputError, match="is a pipe, which is not read; save what comes out"):
            read_file(tmp_path / name)


@unix
def test_a_pipe_that_takes_a_file_s_place_blocks_nothing(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"1")
    before = os.stat(tmp_path / "file")
    monkeypatch.setattr("stormlens.storage._files._found", lambda path: before)
    said = []

    def read():
        with pytest.raises(InputError) as caught:
            read_file(tmp_path / "pipe")
        said.append(str(caught.value))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert "is a pipe" in said[0]


@unix
def test_devices_and_sockets_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"/dev/null is a device, which is not read; give a file"):
        check_file("/dev/null")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(tmp_path)  # a socket's name must be short
        listening.bind("here")
        assert stat.S_ISSOCK(os.stat("here").st_mode)
        with pytest.raises(InputError, match="here is a socket"):
            check_file("here")


def test_a_file_that_grows_is_said(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"1234")
    before = os.stat_result((*os.stat(tmp_path / "a")[:6], 2, 0, 0, 0))
    monkeypatch.setattr("stormlens.storage._files.os.fstat", lambda handle: before)
    with pytest.raises(InputError, match="grows while it is read"):
        read_file(tmp_path / "a")
