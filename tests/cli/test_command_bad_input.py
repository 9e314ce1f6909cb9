"""Bad input to any command: exit code 2 and one sentence, never a traceback."""

import errno
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from stormlens.datasets import read_netcdf
from stormlens.models import Classifier


@pytest.fixture
def box():
    return np.full((136, 136), 30, np.uint8)


def saved(path, array):
    np.save(path, array)
    return path


def rgb_png(path):
    Image.new("RGB", (136, 136)).save(path)
    return path


def palette_png(path, size=(136, 136)):
    image = Image.new("P", size, 30)
    image.putpalette([i for i in range(256) for _ in range(3)])
    image.save(path)
    return path


def with_value(value):
    array = np.zeros((136, 136), np.float32)
    array[3, 4] = value
    return array


def copied(run, to):
    return shutil.copytree(run, to, ignore=shutil.ignore_patterns("checkpoint.*"))


BAD_FILES = {
    "empty.png": lambda p: p.write_bytes(b"") or p,
    "empty.nc": lambda p: p.write_bytes(b"") or p,
    "empty.npy": lambda p: p.write_bytes(b"") or p,
    "folder.png": lambda p: p.mkdir() or p,
    "nan.npy": lambda p: saved(p, with_value(np.nan)),
    "negative.npy": lambda p: saved(p, with_value(-1)),
    "over.npy": lambda p: saved(p, with_value(81)),
    "short.npy": lambda p: saved(p, np.zeros((135, 136), np.uint8)),
    "flat.npy": lambda p: saved(p, np.zeros(136, np.uint8)),
    "object.npy": lambda p: saved(p, np.array([{}], object)),
    "text.npy": lambda p: p.write_text("not an array") and p,
    "short.png": lambda p: palette_png(p, (136, 135)),
    "colours.png": rgb_png,
    "not-a-png.png": lambda p: p.write_bytes(b"GIF89a" + bytes(100)) and p,
    "not.nc": lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)) and p,
    "old.nc": lambda p: p.write_bytes(b"CDF\x01" + bytes(100)) and p,
    "missing.png": lambda p: p,
    "strange.jpg": lambda p: p.write_bytes(b"x") and p,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD_FILES)
def test_classify_names_the_bad_file_and_classifies_nothing(refused, run, tmp_path, box, name):
    good = saved(tmp_path / "good.npy", box)
    bad = BAD_FILES[name](tmp_path / name)
    assert name in refused("classify", "--run", run, good, bad)


@pytest.mark.parametrize("suffix", [".png", ".npy", ".nc"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_classify_refuses_a_file_cut_short(refused, run, tmp_path, box, boxes_file, suffix, part):
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".png":
        palette_png(whole)
    elif suffix == ".npy":
        saved(whole, box)
    else:
        shutil.copy(boxes_file, whole)
    cut = tmp_path / f"cut{suffix}"
    content = whole.read_bytes()
    cut.write_bytes(content[: int(part * len(content))])
    assert cut.name in refused("classify", "--run", run, cut)


def test_classify_prints_one_format(refused, run, tmp_path, box):
    refused("classify", "--run", run, saved(tmp_path / "a.npy", box), "--json", "--csv")


def test_classify_needs_a_run(refused, tmp_path, box):
    good = saved(tmp_path / "a.npy", box)
    assert "nowhere" in refused("classify", good, "--run", tmp_path / "nowhere")
    assert "no run folder" in refused("classify", good, "--run", tmp_path)


DEEP, LONG = "[" * 100_000, "1" * 5001


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1}', DEEP, LONG])
def test_a_damaged_run_is_named(refused, run, tmp_path, box, damage):
    copy = copied(run, tmp_path / "copy")
    (copy / "classifier.json").write_text(damage)
    assert "classifier.json" in refused("classify", "--run", copy, saved(tmp_path / "a.npy", box))


def test_weights_cut_short_are_named(refused, run, tmp_path, box):
    copy = copied(run, tmp_path / "copy")
    path = copy / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert "weights.safetensors" in refused("evaluate", copy)


def test_a_card_with_absurd_numbers_is_named(refused, run, tmp_path, box):
    copy = copied(run, tmp_path / "copy")
    path, good = copy / "classifier.json", saved(tmp_path / "a.npy", box)
    card = json.loads(path.read_text())
    for key, value, words in (
        ("input_shape", [10**9, 10**9, 1], "input_shape is [1000000000, 1000000000, 1]"),
        ("maximum", 1e-300, "maximum 1e-300 must lie above minimum"),
        ("minimum", -1e300, "must be finite, from -1,000,000"),
        ("classes", ["x"] * 10**5, "holds other weights"),
    ):
        path.write_text(json.dumps({**card, key: value}))
        assert words in refused("classify", "--run", copy, good)


@pytest.mark.parametrize("damage", ["", DEEP, LONG, '{"data": ' + DEEP, '{"data": ' + LONG + "}"])
def test_scores_that_are_damaged_are_named(refused, run, tmp_path, damage):
    copy = copied(run, tmp_path / "copy")
    (copy / "scores.json").write_text(damage)
    assert "scores.json is damaged (" in refused("report", copy)


HEADER = "epoch,seconds,loss,accuracy,val_loss,val_accuracy\n"


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ("", "it holds no epoch"),
        (HEADER, "it holds no epoch"),
        ("epoch,loss\n1,2\n", "not the columns of a history"),
        (HEADER + "1,2,3\n", "accuracy is None"),
        (HEADER + f"{LONG},1,1,1,1,1\n", "epoch is '111"),
        (HEADER + f"1,{LONG},1,1,1,1\n", "seconds is '111"),
        (HEADER + "0,1,1,1,1,1\n", "epoch is '0'"),
        (HEADER + "1,1,inf,1,1,1\n", "loss is 'inf'"),
        (HEADER + "1,1,1,1,1," + "x" * 200_000, "field larger than field limit"),
        (b"\xff\xfe", "invalid start byte"),
    ],
)
def test_a_history_that_is_damaged_is_named(refused, run, tmp_path, history, reason):
    copy = copied(run, tmp_path / "copy")
    text = history if isinstance(history, bytes) else history.encode()
    (copy / "history.csv").write_bytes(text)
    said = refused("report", copy)
    assert "history.csv is damaged (" in said
    assert reason in said
    assert len(said) < 500


@pytest.mark.parametrize("name", ["history.csv", "recipe.toml"])
def test_report_names_the_file_that_a_run_lacks(refused, run, tmp_path, name):
    copy = copied(run, tmp_path / "copy")
    (copy / name).unlink()
    assert name in refused("report", copy)


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("train", "chapter-rely", "--out", "x"), "chapter-relu"),
        (("train", "chapter-relu", "--data", "simulatd", "--out", "x"), "simulated"),
        (("data", "info", "svrimgs"), "svrimg"),
        (("data", "simulate", "--split", "tests", "--out", "x.nc"), "test"),
        (("recipes", "defalt"), "default"),
    ],
)
def test_unknown_names_suggest_the_nearest(refused, tmp_path, monkeypatch, arguments, near):
    monkeypatch.chdir(tmp_path)
    assert f"'{near}'" in refused(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_mode_suggests_the_nearest(refused, boxes_file, tmp_path):
    command = ("data", "show", boxes_file, "--out", tmp_path / "x.png")
    assert "'QLCS'" in refused(*command, "--mode", "QLC")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--epochs", 0),
        ("--batch-size", 0),
        ("--learning-rate", 0),
        ("--learning-rate", 10),
        ("--learning-rate", "nan"),
        ("--seed", -1),
        ("--data-seed", -1),
    ],
)
def test_settings_out_of_bounds_leave_no_run(refused, tmp_path, option, value):
    refused("train", "chapter-linear", "--out", tmp_path / "run", option, value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "text",
    [
        "model = ",
        "epochs = 3",
        "model = 'lenet5'\nepoch = 3",
        "model = 'lenet'",
        f"model = {DEEP[:50_000]}",
        f"epochs = {LONG}",
    ],
)
def test_a_recipe_that_cannot_be_is_refused(refused, tmp_path, boxes_file, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    refused("train", path, "--data", boxes_file, "--out", tmp_path / "run")


@pytest.mark.parametrize("families", ["3", "[['bow echo']]", "'bow echo'"])
def test_families_in_a_recipe_that_are_no_list_of_names_are_refused(refused, tmp_path, families):
    path = tmp_path / "mine.toml"
    path.write_text(f"model = 'lenet5'\n[data]\nname = 'simulated-wide'\nwithout = {families}\n")
    assert "list of names; without is" in refused("train", path, "--out", tmp_path / "run")


@pytest.mark.parametrize("name", ["boxes.npz", "boxes.jpg", "boxes.txt"])
def test_what_is_neither_radar_file_nor_boxes_is_told_which_boxes_are_read(
    refused, run, tmp_path, box, name
):
    path = tmp_path / name
    np.savez(path.with_suffix(".npz"), images=box)
    if path.suffix != ".npz":
        path.write_text("no boxes")
    said = refused("classify", "--run", run, path)
    assert "of no kind that is read" in said
    assert "Boxes are read from SVRIMG PNG, NPY, and NetCDF in the container's format" in said
    assert ("save the images of this NPZ as NPY" in said) == (path.suffix == ".npz")


def test_a_damaged_radar_file_is_not_taken_for_boxes(refused, run, tmp_path):
    path = tmp_path / "volume.nc"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert "Boxes are read" not in refused("classify", "--run", run, path)


def test_a_run_folder_that_is_a_file_is_named(refused, tiny, boxes_file, tmp_path):
    (tmp_path / "run").write_text("")
    assert "run is a file" in refused(
        "train", tiny, "--data", boxes_file, "--out", tmp_path / "run"
    )


@pytest.mark.parametrize("count", [0, -3])
def test_simulate_needs_a_box(refused, tmp_path, count):
    refused("data", "simulate", "--count", count, "--out", tmp_path / "x.nc")


@pytest.mark.parametrize("count", [0, 201])
def test_a_sheet_has_bounds(refused, boxes_file, tmp_path, count):
    refused("data", "show", boxes_file, "--count", count, "--out", tmp_path / "x.png")


def test_an_output_that_is_a_directory_is_named(refused, run, tmp_path, box):
    good = saved(tmp_path / "a.npy", box)
    (tmp_path / "out.nc").mkdir()
    assert "out.nc is a directory" in refused(
        "classify", "--run", run, good, "--out", tmp_path / "out.nc"
    )


@pytest.fixture
def full_disk(monkeypatch):
    """Every file that is synced to disk finds the disk full."""

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)


@pytest.mark.slow
@pytest.mark.usefixtures("full_disk")
def test_no_disk_space_is_said_and_leaves_nothing_half_written(
    refused, invoke, run, tiny, boxes_file, tmp_path, box
):
    good = saved(tmp_path / "a.npy", box)
    commands = (
        ("train", tiny, "--data", boxes_file, "--out", tmp_path / "run"),
        ("classify", "--run", run, good, "--out", tmp_path / "x.nc"),
        ("data", "simulate", "--count", 3, "--out", tmp_path / "y.nc"),
        ("data", "show", boxes_file, "--out", tmp_path / "z.png"),
    )
    for command in commands:
        assert "no space" in refused(*command).lower()
    # What is scored is told first, so that a note of the reading stands before the sentence.
    reported = invoke("report", run)
    assert (reported.exit_code, reported.stdout) == (2, "")
    assert ["no space" in line for line in reported.stderr.splitlines()] == [True, True]
    files = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert files == ["a.npy"]


def test_data_without_labels_cannot_be_scored(refused, run, boxes_file, tmp_path):
    bare = tmp_path / "bare.nc"
    read_netcdf(boxes_file).drop_vars("mode").to_netcdf(bare, engine="h5netcdf")
    assert "label" in refused("evaluate", run, "--data", bare, "--split", "all")


def test_data_that_are_gone_are_named(refused, run, boxes_file, tmp_path):
    copy = copied(run, tmp_path / "copy")
    trained = Classifier.load(copy)
    assert trained.provenance["data"] == str(boxes_file)
    trained.provenance["data"] = "moved.nc"
    trained.save(copy)
    assert "moved.nc" in refused("evaluate", copy)
