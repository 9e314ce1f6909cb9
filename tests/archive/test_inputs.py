"""Finding files: in order, by name, in folders and in object stores."""

import importlib.util
import os
import uuid

import pytest

from stormlens.archive._inputs import find_inputs, open_input
from stormlens.errors import InputError

NAMES = [
    "b/KTLX20110427_190000_V06",
    "b/KTLX20110427_190000_V06_MDM",
    "b/NWS_NEXRAD.tar",
    "a.nc",
    "z.grib2",
    "b/c/KTLX.001",
    "b/c/old.Z",
    "b/c/deep.gz",
    ".hidden",
    ".cache/inside.nc",
]
FOUND = ["a.nc", "z.grib2", "b/KTLX20110427_190000_V06", "b/NWS_NEXRAD.tar", "b/c/deep.gz"]


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.fixture
def bucket():
    import fsspec

    files = fsspec.filesystem("memory")
    root = f"/bucket-{uuid.uuid4().hex}"
    for name in NAMES:
        files.pipe(f"{root}/{name}", name.encode())
    yield f"memory://{root}"
    files.rm(root, recursive=True)


def test_files_of_a_folder_come_first_then_those_below_by_name(folder):
    found = list(find_inputs(str(folder)))
    assert [path.path for path in found] == [str(folder / name) for name in FOUND]
    assert [path.size for path in found] == [len(name) for name in FOUND]
    assert [path.is_tar for path in found] == [False, False, False, True, False]


def test_an_object_store_gives_the_same(bucket):
    found = list(find_inputs(bucket))
    assert [path.path for path in found] == [f"{bucket}/{name}" for name in FOUND]
    assert all(path.stamp for path in found)
    with open_input(found[0].path) as file:
        assert file.read() == b"a.nc"


def test_a_stamp_changes_with_the_file(folder):
    import os

    before = next(find_inputs(str(folder)))
    os.utime(folder / "a.nc", (1, 1))
    assert next(find_inputs(str(folder))).stamp != before.stamp


def test_one_file_is_a_source(folder):
    (found,) = find_inputs(str(folder / "b/NWS_NEXRAD.tar"))
    assert found.path == str(folder / "b/NWS_NEXRAD.tar")


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist"):
        list(find_inputs(str(tmp_path / "nowhere")))
    with pytest.raises(InputError, match="no place that can be read"):
        list(find_inputs("strange://bucket/prefix"))


@pytest.mark.skipif(importlib.util.find_spec("s3fs") is not None, reason="s3fs is installed")
def test_a_package_that_is_missing_is_named():
    with pytest.raises(InputError, match=r"s3://bucket/a needs a package.*s3fs"):
        list(find_inputs("s3://bucket/a"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes with names")
def test_pipes_and_links_to_nothing_are_left_out_and_links_that_lead_back_end(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").write_bytes(b"1")
    (tmp_path / "a" / "b" / "file").write_bytes(b"1")
    os.mkfifo(tmp_path / "a" / "pipe")
    (tmp_path / "a" / "lost").symlink_to(tmp_path / "nothing")
    (tmp_path / "a" / "circle").symlink_to(tmp_path / "a" / "circle")
    (tmp_path / "a" / "b" / "back").symlink_to(tmp_path / "a")
    (tmp_path / "other").symlink_to(tmp_path / "a" / "b")  # leads elsewhere, and is followed
    found = [os.path.relpath(one.path, tmp_path) for one in find_inputs(str(tmp_path))]
    assert found == ["a/file", "a/b/file", "other/file", "other/back/file"]
    with pytest.raises(InputError, match="pipe is a pipe, which is not read"):
        list(find_inputs(str(tmp_path / "a" / "pipe")))
