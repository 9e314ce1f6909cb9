"""`data`: fetch, info, show, simulate and sample."""

import json
import shlex

import numpy as np
import pytest
from PIL import Image

from stormlens.cli.data import _shares, _spread
from stormlens.datasets import is_simulated, read_netcdf
from stormlens.stormbox import MODES


def test_simulate_writes_labelled_boxes_and_says_how_fast(invoke, tmp_path):
    path = tmp_path / "storms.nc"
    result = invoke("data", "simulate", "--out", path, "--count", 5, "--seed", 3)
    boxes = read_netcdf(path)
    assert boxes.sizes["storm"] == 15
    assert is_simulated(boxes)
    assert "15 SIMULATED boxes" in result.stdout
    assert "a second" in result.stdout


def test_simulate_gives_the_same_boxes_for_a_seed_and_others_for_another(invoke, tmp_path):
    written = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        path = tmp_path / f"{name}.nc"
        invoke("data", "simulate", "--out", path, "--count", 3, "--split", "test", "--seed", seed)
        written.append(read_netcdf(path)["reflectivity"].values)
    np.testing.assert_array_equal(written[0], written[1])
    assert (written[0] != written[2]).any()


def test_show_draws_a_sheet_of_one_mode(invoke, boxes_file, tmp_path):
    out = tmp_path / "sheet.png"
    result = invoke(
        *("data", "show", boxes_file, "--split", "train", "--mode", "qlcs", "--out", out),
        *("--count", 3),
    )
    assert result.stdout == f"3 SIMULATED boxes: {out}\n"
    with Image.open(out) as image:
        assert min(image.size) > 200


def test_a_sheet_shares_its_places_among_the_modes():
    assert _shares([10, 2, 5], 9) == [4, 2, 3]
    assert _shares([1, 1], 5) == [1, 1]
    np.testing.assert_array_equal(_spread(np.arange(10), 4), [0, 2, 5, 7])


def test_info_describes_a_file(invoke, boxes_file):
    found = json.loads(invoke("data", "info", boxes_file, "--json").stdout)
    counts = found["counts"]
    assert {split: sum(modes.values()) for split, modes in counts.items()} == {
        "train": 24,
        "validation": 24,
        "test": 24,
    }
    assert list(counts["train"]) == list(MODES)
    assert found["simulated"] is True


def test_info_prints_a_table_that_says_simulated(invoke, boxes_file):
    text = invoke("data", "info", boxes_file).stdout
    assert "SIMULATED" in text
    for split in ("train", "validation", "test"):
        assert split in text


@pytest.mark.parametrize("name", ["simulated", "digits"])
def test_fetch_of_what_needs_no_download_says_so(invoke, name):
    result = invoke("data", "fetch", name)
    assert result.exit_code == 0
    assert (result.stdout, result.stderr) == ("", f"Note: {name} needs no download.\n")


@pytest.mark.slow
def test_samples_are_written_and_what_their_readme_says_can_be_done(invoke, tmp_path, monkeypatch):
    result = invoke("data", "sample", tmp_path / "sample", "--seed", 3)
    assert result.stdout.startswith("44 files, ")
    assert "SIMULATED" in result.stdout.splitlines()[0]
    readme = (tmp_path / "sample" / "README.txt").read_text()
    assert readme.rstrip() in result.stdout
    commands = [shlex.split(line)[1:] for line in readme.splitlines() if "  stormlens" in line]
    assert {command[0] for command in commands} == {"classify", "slide", "data", "archive"}
    monkeypatch.chdir(tmp_path / "sample")
    for command in commands:
        if command[0] in ("classify", "data"):
            result = invoke(*command)
            assert result.exit_code == 0, command
    assert (tmp_path / "sample" / "map.png").stat().st_size > 10_000


def test_samples_never_go_into_a_folder_in_use(refused, tmp_path):
    (tmp_path / "mine.txt").write_text("")
    assert "is there already; give a new folder" in refused("data", "sample", tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
