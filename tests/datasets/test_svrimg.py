"""The archive's files, from a local server that misbehaves, into a cache that stays clean."""

import hashlib
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from PIL import Image
from small_archive import SIZES, SPLIT_PICKLES, boxes_of, labels_of, unids_of, write_palette_png

from stormlens.datasets import read_netcdf, svrimg
from stormlens.datasets._cache import cache_folder
from stormlens.datasets.svrimg import _archive
from stormlens.datasets.svrimg._progress import DownloadProgress
from stormlens.datasets.svrimg._tables import read_reports
from stormlens.errors import InputError
from stormlens.stormbox import MODES, NATIONAL, SPLIT_COUNTS, SPLITS

TRAIN = SPLIT_PICKLES["train"]
HIDDEN = {".lock"}
CHUNK = 2**14


def kept(cache):
    """Names of all files in the cache, but for the lock."""
    return {
        path.relative_to(cache / "svrimg").as_posix()
        for path in cache.rglob("*")
        if path.is_file() and path.name not in HIDDEN
    }


ONE = {"classifications/1996_2011_train.nc", "classifications/hashes.json"}


def no_splits_kept(cache):
    """Nothing under a right name, no temporary file, and no hash of what was refused."""
    return not kept(cache)


# --- what the archive holds ---------------------------------------------------------------


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_is_what_the_server_holds(server, cache, split):
    dataset = svrimg.splits(split)
    npt.assert_array_equal(dataset.reflectivity, boxes_of(split)[..., 0])
    npt.assert_array_equal(dataset["mode"], labels_of(split))
    assert dataset.unid.values.tolist() == unids_of(split)
    assert set(dataset.split.values) == {split}
    assert dataset.time.values[0] == np.datetime64(f"{unids_of(split)[0][:4]}-04-01T10:30")
    assert np.isnan(dataset.latitude).all()
    assert "Haberlie" in dataset.attrs["references"]


def test_all_splits_at_once_in_order(server, cache):
    dataset = svrimg.splits()
    assert dataset.split.values.tolist() == [s for s in SPLITS for _ in range(SIZES[s])]
    assert dataset["mode"].attrs["flag_meanings"] == " ".join(MODES)


def test_the_second_time_needs_no_server(server, cache):
    first = svrimg.splits()
    asked = len(server.requests)
    xr.testing.assert_identical(svrimg.splits(), first)
    assert len(server.requests) == asked


def test_the_pickle_is_converted_once_and_only_its_hash_kept(server, cache, archive):
    svrimg.splits("train")
    assert kept(cache) == ONE
    book = json.loads((cache / "svrimg" / "classifications" / "hashes.json").read_text())
    entry = book["1996_2011_train.nc"]
    assert entry["sha256"] == hashlib.sha256((archive / TRAIN).read_bytes()).hexdigest()
    assert entry["url"] == f"{server.url}/{TRAIN}"
    read_netcdf(cache / "svrimg" / "classifications" / "1996_2011_train.nc")


def test_the_index_gives_places(server, cache):
    assert np.isnan(svrimg.splits("train").latitude).all()
    located = svrimg.splits("train", locate=True)
    longitude, latitude = NATIONAL.box_centre(826 + np.arange(SIZES["train"]), 262)
    npt.assert_allclose(located.latitude, latitude)
    npt.assert_allclose(located.longitude, longitude)
    xr.testing.assert_identical(svrimg.splits("train"), located)


def test_labels_table(server, cache):
    labels = svrimg.labels()
    assert len(labels) == sum(SIZES.values())
    assert labels.loc[unids_of("test")[1], ["code", "mode", "split"]].tolist() == [
        1,
        "QLCS",
        "test",
    ]


def test_the_real_hand_labels(shared_data, tmp_path, monkeypatch):
    """The archive's own table: its counts by split and mode are the published ones."""
    folder = tmp_path / "data"
    folder.mkdir()
    real = (shared_data / "svrimg" / "classifications_96-17.csv").read_bytes()
    (folder / "sample_classifications_96-17.csv").write_bytes(real)
    labels = svrimg.labels(url=folder, cache=tmp_path / "cache")
    for split, counts in SPLIT_COUNTS.items():
        found = np.bincount(labels.loc[labels["split"] == split, "code"], minlength=6)
        npt.assert_array_equal(found, counts)


@pytest.mark.parametrize("hazard", ["tor", "hail", "wind"])
def test_index_and_reports(server, cache, hazard):
    index, reports = svrimg.index(hazard), svrimg.reports(hazard)
    assert index.index.tolist() == reports.index.tolist()
    assert index["report_time"].iloc[0] == np.datetime64("2005-04-01T10:30")
    assert reports["date_utc"].iloc[0] == np.datetime64("2005-04-01T10:30")
    longitude, latitude = NATIONAL.lonlat((826 + 961) / 2, (262 + 397) / 2)
    npt.assert_allclose(index[["longitude", "latitude"]].iloc[0], [longitude, latitude])


@pytest.mark.parametrize("time", ["2011-04-27", "2011", "0030-01-01 19:00:00"])
def test_a_report_needs_a_date_and_an_hour_that_can_be_kept(tmp_path, time):
    path = tmp_path / "96-17_tor_utc_gridrad.csv"
    path.write_text(f"uid,slat,slon,date_utc\na,33.1,-87.0,{time}\n")
    with pytest.raises(InputError, match=r"is no time|outside the years"):
        read_reports(path)


@pytest.mark.parametrize("table", ["labels", "index", "reports"])
def test_a_table_that_may_have_been_cut_between_rows_is_not_accepted(server, cache, table):
    """RFC 9112, section 8: what ends with the connection cannot be told from what was cut."""
    server.lengths = "none"
    server.cut_after = [200] * 9
    with pytest.raises(InputError, match=r"comes without its length.*STORMLENS_SVRIMG_URL"):
        getattr(svrimg, table)()
    assert kept(cache) == set()
    server.lengths, server.cut_after = "told", []
    whole = getattr(svrimg, table)()
    server.lengths = "none"
    npt.assert_array_equal(getattr(svrimg, table)(), whole)  # from the cache
    next((cache / "svrimg").glob("*.csv")).unlink()
    npt.assert_array_equal(getattr(svrimg, table)(), whole)  # by the hash that is known


def test_a_table_in_chunks_is_accepted_when_the_last_one_came(server, cache):
    server.lengths, server.ranges, server.validators = "chunked", False, False
    end_of_a_row = len("UNID,Class Code,Class Name\n") + len("200504011030z000000000,0,Cellular\n")
    server.cut_after = [end_of_a_row] * 9
    with pytest.raises(InputError, match="broke off"):
        svrimg.labels()
    assert not [name for name in kept(cache) if name.endswith(".csv")]
    server.cut_after = []
    assert len(svrimg.labels()) == sum(SIZES.values())


def test_images_by_unid(server, cache):
    asked = [unids_of("test")[3], unids_of("test")[0]]
    dataset = svrimg.images(asked)
    npt.assert_array_equal(dataset.reflectivity, boxes_of("test")[[3, 0], ..., 0])
    assert dataset.unid.values.tolist() == asked
    assert np.isnan(dataset.latitude).all()
    svrimg.index()
    assert not np.isnan(svrimg.image(asked[0]).latitude).any()


def test_images_not_in_the_archive(server, cache):
    lost = "201604011030z999999999_wind"
    with pytest.raises(InputError, match=rf"{server.url}/wind/2016/04/{lost}.png does not exist"):
        svrimg.images([unids_of("test")[0], lost])
    assert svrimg.images([lost, unids_of("test")[0]], skip_missing=True).sizes["storm"] == 1
    with pytest.raises(InputError, match="None of the 1 images"):
        svrimg.images([lost], skip_missing=True)
    with pytest.raises(InputError, match="is not a UNID"):
        svrimg.image("../../etc/passwd")


def test_the_five_real_images(shared_data, tmp_path):
    """As the archive's own test reads them: palette PNG to array, no flip."""
    unids = ["201104041310z000282671", "201104041338z000282673", "201104041340z000282676"]
    boxes = np.load(shared_data / "svrimg" / "five_images_20110404.npy")
    for unid, box in zip(unids, boxes, strict=False):
        write_palette_png(tmp_path / "tor" / "2011" / "04" / f"{unid}.png", box)
    dataset = svrimg.images(unids, url=tmp_path, cache=tmp_path / "cache")
    npt.assert_array_equal(dataset.reflectivity, boxes[:3])
    assert dataset.time.values[1] == np.datetime64("2011-04-04T13:38")


def test_geography_is_our_own_projection(grids, server, cache):
    geography = svrimg.geography()
    longitude, latitude = NATIONAL.lonlat(np.arange(1399), np.arange(899)[:, None])
    npt.assert_allclose(geography.latitude, latitude, atol=1e-4)
    npt.assert_allclose(geography.longitude, longitude, atol=1e-4)


def test_example_mosaic(grids, server, cache):
    mosaic = svrimg.example_mosaic()
    assert mosaic.reflectivity.dtype == np.uint8
    assert int(mosaic.reflectivity[0, 300, 900]) == 61
    npt.assert_allclose(mosaic.latitude[0, 0], 20.509216, atol=1e-5)
    assert mosaic.time.values[0] == np.datetime64("2011-04-27T19:00")


def test_paste_on_grid_refuses_what_leaves_it():
    box = np.ones((136, 136))
    assert svrimg.paste_on_grid(box, 1399 - 136, 899 - 136)[-1, -1] == 1
    for xmin, ymin in ((-1, 0), (0, -1), (1399 - 135, 0), (0, 899 - 135)):
        with pytest.raises(InputError, match="leaves the grid"):
            svrimg.paste_on_grid(box, xmin, ymin)


# --- splits without UNIDs -----------------------------------------------------------------


def without_unids(archive, split="train", labels=None):
    content = (boxes_of(split), labels_of(split) if labels is None else labels)
    (archive / SPLIT_PICKLES[split]).write_bytes(pickle.dumps(content))


def test_hand_labels_name_boxes_that_come_without_unids(server, cache, archive):
    without_unids(archive)
    dataset = svrimg.splits("train")
    assert dataset.unid.values.tolist() == unids_of("train")
    assert not np.isnat(dataset.time).any()


@pytest.mark.parametrize("labels", [labels_of("train")[::-1].copy(), labels_of("train") * 0])
def test_hand_labels_that_disagree_name_nothing(server, cache, archive, labels):
    without_unids(archive, labels=labels)
    dataset = svrimg.splits("train")
    assert np.isnat(dataset.time).all()
    assert dataset.unid.values[0] == "svrimg-train-00000"


def test_no_hand_labels_name_nothing(server, cache, archive):
    without_unids(archive)
    (archive / "sample_classifications_96-17.csv").unlink()
    assert np.isnat(svrimg.splits("train").time).all()
    asked = len(server.requests)
    svrimg.splits("train")
    assert len(server.requests) == asked


# --- the network misbehaves ---------------------------------------------------------------


def test_a_dropped_connection_is_resumed_where_it_broke(server, cache, archive):
    server.cut_after = [6 * CHUNK, 3 * CHUNK + 100]
    dataset = svrimg.splits("train")
    npt.assert_array_equal(dataset.reflectivity, boxes_of("train")[..., 0])
    starts = [headers.get("Range") for headers in server.asked_for(".pkl")]
    assert starts == [None, f"bytes={6 * CHUNK}-", f"bytes={9 * CHUNK}-"]
    assert kept(cache) == ONE


def test_a_later_call_goes_on_where_the_first_gave_up(server, cache):
    server.cut_after = [6 * CHUNK, 0, 0, 0]
    with pytest.raises(InputError, match=r"train.pkl broke off after .*98304 bytes are kept"):
        svrimg.splits("train")
    assert kept(cache) == {
        "classifications/.1996_2011_train.pkl.part",
        "classifications/.1996_2011_train.pkl.part.json",
    }
    server.requests.clear()
    dataset = svrimg.splits("train")
    npt.assert_array_equal(dataset.reflectivity, boxes_of("train")[..., 0])
    assert [headers.get("Range") for headers in server.asked_for(".pkl")] == [f"bytes={6 * CHUNK}-"]
    assert kept(cache) == ONE


@pytest.mark.parametrize("lacking", ["validators", "ranges"])
def test_a_server_that_cannot_resume_is_asked_for_all(server, cache, lacking):
    setattr(server, lacking, False)
    server.cut_after = [6 * CHUNK]
    npt.assert_array_equal(svrimg.splits("train").reflectivity, boxes_of("train")[..., 0])
    assert kept(cache) == ONE


def test_nothing_is_kept_of_a_server_that_cannot_resume_and_always_breaks(server, cache):
    server.validators = False
    server.cut_after = [CHUNK] * 9
    with pytest.raises(InputError, match="broke off after 16384 of"):
        svrimg.splits("train")
    assert no_splits_kept(cache)


def test_a_file_that_changes_between_two_tries_is_taken_anew(server, cache, archive):
    server.cut_after = [6 * CHUNK, 0, 0, 0]
    with pytest.raises(InputError):
        svrimg.splits("train")
    labels = labels_of("train")[::-1].copy()
    without_unids(archive, labels=labels)
    npt.assert_array_equal(svrimg.splits("train")["mode"], labels)


def test_a_busy_server_is_asked_again(server, cache):
    server.statuses = [503, 429]
    assert svrimg.splits("train").sizes["storm"] == SIZES["train"]
    server.statuses = [503] * 9
    with pytest.raises(InputError, match="HTTP 503"):
        svrimg.splits("test")


def test_404_names_the_url(server, cache, archive):
    (archive / TRAIN).unlink()
    with pytest.raises(InputError, match=rf"{server.url}/{TRAIN} does not exist on the server"):
        svrimg.splits("train")
    assert no_splits_kept(cache)
    assert len(server.asked_for(".pkl")) == 1


def test_a_refusal_names_the_url(server, cache):
    server.statuses = [403]
    with pytest.raises(InputError, match=rf"{server.url}/{TRAIN} was refused .*HTTP 403"):
        svrimg.splits("train")


def test_offline_says_how_to_go_on(cache, monkeypatch):
    monkeypatch.setattr("stormlens.datasets.svrimg._download._PAUSE_SECONDS", 0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(InputError, match=r"cannot be reached; .*--data simulated"):
        svrimg.splits("train", url="http://127.0.0.1:9/data")
    assert no_splits_kept(cache)


def test_a_huge_file_is_refused_before_it_is_downloaded(server, cache, archive):
    with (archive / TRAIN).open("wb") as file:
        file.truncate(65 * 2**20)
    server.cut_after = [1]
    with pytest.raises(InputError, match="it is refused"):
        svrimg.splits("train")
    assert no_splits_kept(cache)


# --- files are not what they should be ----------------------------------------------------


class Hostile:
    def __reduce__(self):
        return os.system, ("touch was-run",)


def pickled(images, labels, *more):
    return pickle.dumps((images, labels, *more))


N = SIZES["train"]
BAD_PICKLES = {
    "truncated": (lambda: pickled(boxes_of("train"), labels_of("train"))[:-9], "cannot be read"),
    "empty": (lambda: b"", "is empty"),
    "web page": (lambda: b"<html>Sorry</html>", "cannot be read|asks for"),
    "hostile": (lambda: pickled(boxes_of("train"), Hostile()), r"asks for (posix|nt|os)\.system"),
    "eval": (lambda: b"cbuiltins\neval\n(V1\ntR.", r"asks for builtins\.eval"),
    "objects": (
        lambda: pickled(boxes_of("train"), labels_of("train").astype(object)),
        "Python objects, not numbers or text",
    ),
    "135 x 136": (lambda: pickled(boxes_of("train")[:, 1:], labels_of("train")), "135 x 136"),
    "three channels": (
        lambda: pickled(np.zeros((N, 136, 136, 3), np.uint8), labels_of("train")),
        "is not \\(storm, y, x\\)",
    ),
    "float images": (
        lambda: pickled(boxes_of("train").astype("f4"), labels_of("train")),
        "images are float32",
    ),
    "over 80 dBZ": (
        lambda: pickled(np.full((N, 136, 136), 81, np.uint8), labels_of("train")),
        "has 81",
    ),
    "label 9": (
        lambda: pickled(boxes_of("train"), labels_of("train") * 0 + 9),
        "label 9 of image 0",
    ),
    "label -1": (lambda: pickled(boxes_of("train"), labels_of("train") - 1), "label -1"),
    "float labels": (
        lambda: pickled(boxes_of("train"), labels_of("train") / 1),
        "labels are float",
    ),
    "one label too few": (
        lambda: pickled(boxes_of("train"), labels_of("train")[1:]),
        "labels have",
    ),
    "one-hot labels": (
        lambda: pickled(boxes_of("train"), np.eye(6, dtype=int)[labels_of("train")]),
        "labels have shape",
    ),
    "no pair": (lambda: pickle.dumps([boxes_of("train")]), "no \\(images, labels\\)"),
    "no UNIDs": (
        lambda: pickled(boxes_of("train"), labels_of("train"), ["a"] * N),
        "'a' is not a UNID",
    ),
    "too few UNIDs": (
        lambda: pickled(boxes_of("train"), labels_of("train"), unids_of("train")[1:]),
        "unid has shape",
    ),
}


@pytest.mark.parametrize("name", BAD_PICKLES)
def test_a_bad_pickle_gets_its_sentence_and_leaves_the_cache_clean(
    server, cache, archive, name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    make, words = BAD_PICKLES[name]
    good = (archive / TRAIN).read_bytes()
    (archive / TRAIN).write_bytes(make())
    with pytest.raises(InputError, match=words) as caught:
        svrimg.splits("train")
    assert f"{server.url}/{TRAIN}" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert no_splits_kept(cache)
    assert not (tmp_path / "was-run").exists()
    (archive / TRAIN).write_bytes(good)
    assert svrimg.splits("train").sizes["storm"] == N


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "1", "LA", "I;16"])
def test_a_png_without_palette_is_refused(server, cache, archive, mode):
    unid = unids_of("test")[0]
    Image.new(mode, (136, 136)).save(archive / "tor" / "2016" / "04" / f"{unid}.png")
    with pytest.raises(InputError, match=rf"{unid}\.png is .*image.*; .*palette indices") as caught:
        svrimg.image(unid)
    assert str(cache) not in str(caught.value)
    assert no_splits_kept(cache)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda good: good[: len(good) // 2], "cut short"),
        (lambda good: good[:-4], "cut short"),
        (lambda good: b"<html>", "is not a PNG"),
        (lambda good: b"", "is not a PNG"),
        (lambda good: good[:60] + b"\xff" * 40 + good[100:], "damaged|above 80"),
    ],
)
def test_a_damaged_png_is_refused(server, cache, archive, content, words):
    unid = unids_of("test")[0]
    path = archive / "tor" / "2016" / "04" / f"{unid}.png"
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(InputError, match=words):
        svrimg.image(unid)
    assert no_splits_kept(cache)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "cannot be read as a table"),
        ("<html>Sorry</html>", "lacks the column 'UNID'"),
        ("UNID,Class Code,Class Name\n", "is cut short"),
        ("UNID,Class Code,Class Name\n200504011030z000000000,9,QLCS\n", "has code 9"),
        ("UNID,Class Code,Class Name\n200504011030z000000000,0,QLCS\n", "no storm mode"),
        ("UNID,Class Code,Class Name\n200504011030z000000000,1\n", "is cut short"),
        ("UNID,Class Code,Class Name\nbox,1,QLCS\n", "is not a UNID"),
        ("UNID,Class Code,Class Name\n199004011030z000000000,1,QLCS\n", "1990 is in no split"),
    ],
)
def test_a_bad_labels_table_is_refused(server, cache, archive, content, words):
    (archive / "sample_classifications_96-17.csv").write_text(content)
    with pytest.raises(InputError, match=words) as caught:
        svrimg.labels()
    assert server.url in str(caught.value)
    assert no_splits_kept(cache)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("xmin", "west", "lacks the column 'xmin'"),
        (",826,", ",826.5,", "whole cell numbers"),
        ("4/1/2005 10:30", "noon", "'noon' is no time"),
    ],
)
def test_a_bad_index_is_refused(server, cache, archive, old, new, words):
    path = archive / "96-17_tor_utc_svrimg_index.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=words):
        svrimg.index()
    assert no_splits_kept(cache)


def test_a_geography_of_another_grid_is_refused(grids, server, cache, archive):
    xr.Dataset({"CLAT": (("y", "x"), np.zeros((2, 2)))}).to_netcdf(
        archive.parent / "maps" / "svrimg_geog.nc", engine="h5netcdf"
    )
    with pytest.raises(InputError, match="the grid is 899 x 1399"):
        svrimg.geography()
    assert no_splits_kept(cache)


# --- hashes -------------------------------------------------------------------------------


def test_a_tampered_file_is_removed_and_can_be_had_again(server, cache):
    svrimg.splits("train")
    path = cache / "svrimg" / "classifications" / "1996_2011_train.nc"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"no longer the file .* has been removed; run again"):
        svrimg.splits("train")
    assert kept(cache) == {"classifications/hashes.json"}
    assert svrimg.splits("train").sizes["storm"] == N


def test_a_file_that_changed_on_the_server_is_refused_until_accepted(server, cache, archive):
    svrimg.splits("train")
    (cache / "svrimg" / "classifications" / "1996_2011_train.nc").unlink()
    without_unids(archive, labels=labels_of("train")[::-1].copy())
    with pytest.raises(InputError, match=r"is not the file that was first downloaded .*--refresh"):
        svrimg.splits("train")
    assert kept(cache) == {"classifications/hashes.json"}
    changed = svrimg.splits("train", refresh=True)
    npt.assert_array_equal(changed["mode"], labels_of("train")[::-1])
    xr.testing.assert_identical(svrimg.splits("train"), changed)


def test_a_refresh_that_fails_keeps_what_there_was(server, cache, archive):
    before = svrimg.splits("train")
    (archive / TRAIN).write_bytes(b"broken")
    with pytest.raises(InputError):
        svrimg.splits("train", refresh=True)
    xr.testing.assert_identical(svrimg.splits("train"), before)


def test_a_resumed_part_that_does_not_fit_is_dropped_and_all_asked_for(server, cache):
    svrimg.splits("train")
    folder = cache / "svrimg" / "classifications"
    (folder / "1996_2011_train.nc").unlink()
    server.cut_after = [6 * CHUNK, 0, 0, 0]
    with pytest.raises(InputError):
        svrimg.splits("train")
    part = folder / ".1996_2011_train.pkl.part"
    part.write_bytes(b"x" * 6 * CHUNK)
    assert svrimg.splits("train").sizes["storm"] == N
    assert kept(cache) == ONE


def test_a_damaged_book_of_hashes_is_named(server, cache):
    svrimg.splits("train")
    for content in ("{", "[]", '{"1996_2011_train.nc": {}}'):
        (cache / "svrimg" / "classifications" / "hashes.json").write_text(content)
        with pytest.raises(InputError, match=r"hashes\.json is damaged; remove it"):
            svrimg.splits("train")


# --- places -------------------------------------------------------------------------------


def test_a_folder_in_place_of_the_server(grids, archive, cache, monkeypatch):
    monkeypatch.setenv("STORMLENS_SVRIMG_URL", str(archive))
    assert svrimg.splits().sizes["storm"] == sum(SIZES.values())
    assert len(svrimg.fetch(svrimg.PARTS)) == 12
    (archive / "tor" / "2016" / "04" / f"{unids_of('test')[0]}.png").unlink()
    with pytest.raises(InputError, match=r"z000000000\.png does not exist; copy it"):
        svrimg.image(unids_of("test")[0])


@pytest.mark.parametrize("base", ["ftp://nimbus.niu.edu/svrimg", "no/such/folder", "https://"])
def test_a_place_that_is_none_is_named(cache, monkeypatch, base):
    monkeypatch.setenv("STORMLENS_SVRIMG_URL", base)
    with pytest.raises(InputError, match="STORMLENS_SVRIMG_URL is"):
        svrimg.splits()
    with pytest.raises(InputError, match="url is"):
        svrimg.splits(url=base)


@pytest.mark.parametrize("ending", ["", "/"])
def test_urls_are_joined_with_one_slash(ending):
    real = _archive.Archive.at(_archive.BASE_URL + ending, None)
    assert real.source_of(TRAIN) == f"https://nimbus.niu.edu/svrimg/data/{TRAIN}"
    assert (
        real.source_of(_archive.GEOGRAPHY_FILE)
        == "https://nimbus.niu.edu/svrimg/maps/svrimg_geog.nc"
    )
    assert _archive.image_file("201104041310z000000001_hail") == (
        "hail/2011/04/201104041310z000000001_hail.png"
    )


def test_the_cache_is_where_the_user_says(tmp_path, monkeypatch):
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path / "env"))
    assert cache_folder() == tmp_path / "env"
    assert cache_folder(tmp_path / "told") == tmp_path / "told"
    monkeypatch.delenv("STORMLENS_CACHE")
    assert cache_folder().name == "stormlens"


def test_a_cache_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"Cannot write .*a part of this path is a file"):
        svrimg.splits("train", cache=tmp_path / "file" / "cache")


def test_a_bar_shows_on_a_terminal_only(monkeypatch, capsys):
    for terminal in (False, True):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        bar = DownloadProgress("boxes.pkl")
        bar.show(1000, 2**20)
        bar.close()
        assert ("boxes.pkl" in capsys.readouterr().err) == terminal


def test_unknown_names_get_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'train'"):
        svrimg.splits("trian")
    with pytest.raises(InputError, match="Did you mean 'hail'"):
        svrimg.index("hial")
    with pytest.raises(InputError, match="Did you mean 'splits'"):
        svrimg.fetch(["split"])


FETCH = """
from stormlens.datasets import svrimg
print(int(svrimg.splits().reflectivity.values.sum(dtype="int64")))
"""


@pytest.mark.slow
def test_processes_that_start_together_download_once(server, cache):
    processes = [
        subprocess.Popen([sys.executable, "-c", FETCH], stdout=subprocess.PIPE) for _ in range(2)
    ]
    sums = [int(process.communicate()[0]) for process in processes]
    assert sums == [sum(int(boxes_of(s).sum(dtype="int64")) for s in SPLITS)] * 2
    assert len(server.asked_for(".pkl")) == 3
