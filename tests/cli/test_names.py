"""Names of files that anybody may have given: no terminal obeys them, and no output breaks."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import unicodedata

import numpy as np
import pytest

from stormlens.datasets import read_images, write_netcdf

NAMES = {
    b"\x1b[2J\x1b]0;owned\x07": r"\x1b[2J\x1b]0;owned\x07",
    b"two\nlines": r"two\nlines",
    b"caf\xe9": r"caf\xe9",  # Latin-1, no UTF-8
    "\u202egnp".encode(): r"\u202egnp",
    "\x9b31m".encode(): r"\x9b31m",
    "Köln ☔".encode(): "Köln ☔",
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux")


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    """Files of those names, each of one storm."""
    folder = tmp_path_factory.mktemp("names")
    image = np.zeros((136, 136), np.uint8)
    image[50:90, 40:100] = 47
    for name in NAMES:
        with open(os.path.join(os.fsencode(folder), name + b".npy"), "wb") as file:
            np.save(file, image)
    return folder


def run(*arguments, encoding="utf-8"):
    return subprocess.run(
        [sys.executable, "-m", "stormlens", *arguments],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=False,
    )


def files(folder):
    return [os.path.join(os.fsencode(folder), name + b".npy") for name in NAMES]


def obeyed(text):
    """Characters that a terminal would act on."""
    return {
        sign
        for sign in text
        if sign != "\n" and unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")
    } | set(re.findall("[\u202a-\u202e\u2066-\u2069]", text))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_boxes_of_any_name_are_classified_and_printed(boxes, encoding, tmp_path):
    shown = list(NAMES.values())
    if encoding == "ascii":
        shown[-1] = r"K\xf6ln \u2614"
    table = run("classify", *files(boxes), encoding=encoding)
    assert table.returncode == 0, table.stderr
    text = table.stdout.decode(encoding)
    assert not obeyed(text) | obeyed(table.stderr.decode(encoding))
    assert [re.split("  +", line)[0] for line in text.splitlines()[2:]] == shown


@pytest.mark.slow
def test_json_csv_geojson_and_netcdf_hold_names_of_any_kind(boxes, tmp_path):
    out = tmp_path / "out.nc"
    told = run("classify", *files(boxes), "--json", "--out", out, encoding="ascii")
    assert [entry["id"] for entry in json.loads(told.stdout)] == list(NAMES.values())
    told = run("classify", *files(boxes), "--csv")
    assert not obeyed(told.stdout.decode())
    rows = list(csv.reader(io.StringIO(told.stdout.decode())))
    assert [row[0] for row in rows[1:]] == list(NAMES.values())
    assert out.stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name.isascii()] + [b"caf\xe9"])
def test_errors_quote_names_that_no_terminal_obeys(tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), name)
    for arguments in (("classify", path), ("classify", path + b".npy"), ("evaluate", path)):
        told = run(*arguments)
        assert told.returncode == 2
        assert not told.stdout
        sentence = told.stderr.decode()
        assert not obeyed(sentence)
        assert "does not exist" in sentence
        assert sentence.count("\n") == 1
    told = run(b"classify", b"--" + name)
    assert told.returncode == 2
    assert not obeyed(told.stderr.decode())


def test_a_container_of_boxes_of_any_name_is_written_and_read(boxes, tmp_path):
    paths = [os.fsdecode(file) for file in files(boxes)]
    written = read_images(paths)
    path = write_netcdf(written, tmp_path / "boxes.nc")
    assert read_images(path)["unid"].values.tolist() == list(NAMES.values())


def paths_of(command, where):
    """A line of each command with a path of a user in each place."""
    out = where.with_name("out")
    return {
        "classify": ["classify", where],
        "classify-png": ["classify", where.with_suffix(".png")],
        "classify-reports": ["classify", where.with_name("real"), "--reports", where],
        "classify-run": ["classify", where.with_name("box.npy"), "--run", where],
        "slide": ["slide", where, "--out", out],
        "train-data": ["train", "chapter-relu", "--data", where, "--out", out],
        "train-recipe": ["train", where.with_suffix(".toml"), "--out", out],
        "evaluate": ["evaluate", where],
        "data-info": ["data", "info", where],
        "archive-build": ["archive", "build", where, out],
        "archive-classify": ["archive", "classify", where, "--run", where, "--out", out],
        "card": ["card", where],
    }[command]


@pytest.mark.parametrize(
    "command",
    [
        *("classify", "classify-png", "classify-reports", "classify-run", "slide", "train-data"),
        *("train-recipe", "evaluate", "data-info", "archive-build", "archive-classify", "card"),
    ],
)
@pytest.mark.parametrize("kind", ["pipe", "circle"])
def test_no_command_waits_for_a_pipe_or_follows_links_in_a_circle(tmp_path, refused, command, kind):
    np.save(tmp_path / "box.npy", np.zeros((136, 136), np.uint8))
    (tmp_path / "real").write_bytes(b"AR2V0006.")
    for name in ("given", "given.png", "given.toml"):
        if kind == "pipe":
            os.mkfifo(tmp_path / name)
        else:
            (tmp_path / name).symlink_to(tmp_path / name)
    sentence = refused(*paths_of(command, tmp_path / "given"))
    assert "given" in sentence
    assert len(sentence.strip().splitlines()) == 1
