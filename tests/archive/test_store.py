"""The store: what goes in comes out, here and through xarray, and damage is told from air."""

import json
import warnings

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from numcodecs.zstd import Zstd

from stormlens.archive._layout import BLOCK, GROUP, as_arrays, create, empty_arrays
from stormlens.archive._shard import CHUNK
from stormlens.archive._store import Store, when_changed
from stormlens.datasets import make_boxes, make_dataset, read_images
from stormlens.errors import InputError
from stormlens.stormbox import Boxes

from .conftest import fill, patterned, write


def dataset_of(n):
    return make_dataset(
        patterned(n),
        unid=[f"Ünid-{i}" for i in range(n)],
        time=np.array(["NaT", *["2011-04-27T19:05:30"] * (n - 1)], "datetime64[ns]"),
        latitude=np.linspace(25, 45, n),
        longitude=np.full(n, np.nan),
        source="patterns",
    )


def test_boxes_and_coordinates_come_back(tmp_path):
    boxes = dataset_of(300).assign_coords(
        coverage=("storm", np.linspace(0, 1, 300)), xmin=("storm", np.arange(300) - 10)
    )
    create(tmp_path, {"source": "patterns"})
    store = Store(tmp_path, writable=True)
    write(store, 0, {**as_arrays(Boxes.from_xarray(boxes)), "source": np.zeros(300, np.int32)})
    npt.assert_array_equal(store.images(0, 300), patterned(300))
    found = store.coordinates(100, 300)
    assert found["unid"].tolist() == [f"Ünid-{i}" for i in range(100, 300)]
    assert set(found["time"]) == {np.datetime64("2011-04-27T19:05:30")}
    assert np.isnat(store.coordinates(0, 1)["time"]).all()
    npt.assert_array_equal(found["latitude"], boxes["latitude"][100:])
    assert np.isnan(found["longitude"]).all()
    npt.assert_allclose(found["coverage"], boxes["coverage"][100:], rtol=1e-6)
    npt.assert_array_equal(found["xmin"], np.arange(90, 290))
    # Thirty by thirty pixels of 5 dBZ or more.
    npt.assert_allclose(found["echo"], 900 / 136**2, rtol=1e-6)


def test_xarray_opens_it_as_the_container_without_a_warning(tmp_path):
    boxes = dataset_of(40)
    create(tmp_path, {"source": "patterns", "simulated": 0})
    store = Store(tmp_path, writable=True)
    write(store, 0, {**as_arrays(Boxes.from_xarray(boxes)), "source": np.zeros(40, np.int32)})
    store.finish(simulated=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xr.open_zarr(tmp_path / GROUP, chunks=None) as found:
            assert found["reflectivity"].dims == ("storm", "y", "x")
            npt.assert_array_equal(found["reflectivity"], boxes["reflectivity"])
            for name in ("time", "latitude", "y", "x"):
                npt.assert_array_equal(found[name], boxes[name])
            assert found["unid"].values.tolist() == boxes["unid"].values.tolist()
            assert set(found.coords) >= {"unid", "time", "echo", "coverage", "source"}
            assert np.isnan(found["xmin"]).all()  # unknown, not a cell
            assert found.attrs["simulated"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(1, 2047, 1), (300, 2000, 4000), (2048, 2048), (5000,)])
def test_pieces_of_any_size_add_up(tmp_path, sizes):
    path = tmp_path / "store"
    for size in sizes:
        fill(path, size)
    store = Store(path)
    total = sum(sizes)
    assert store.boxes == total
    for first in range(0, total, CHUNK):
        stop = min(first + CHUNK, total)
        npt.assert_array_equal(store.images(first, stop), patterned(stop - first, first))
    assert store.coordinates(0, total)["unid"].tolist() == [f"box-{i}" for i in range(total)]


def test_a_store_that_grows_tells_what_was_added(tmp_path):
    fill(tmp_path, 1000)
    store, before = Store(tmp_path, writable=True), when_changed(tmp_path)
    assert when_changed(tmp_path) == before
    assert len(store.coordinates(10, 20)["unid"]) == 10  # the chunk is held from now on
    boxes = Boxes.from_xarray(dataset_of(50))
    write(store, 1000, {**as_arrays(boxes), "source": np.zeros(50, np.int32)})
    assert store.coordinates(1000, 1050)["unid"].tolist() == boxes.storm["unid"].tolist()
    assert when_changed(tmp_path) != before
    store.truncate(1000)
    with pytest.raises(InputError, match="boxes 1000 to 1049 cannot be read"):
        store.coordinates(1000, 1050)
    assert store.coordinates(5, 5)["unid"].size == 0


def test_arrays_are_cut_to_what_the_catalogue_counts(tmp_path):
    fill(tmp_path, 1000)
    store = Store(tmp_path, writable=True)
    write(
        store,
        1000,
        {**as_arrays(Boxes.from_xarray(dataset_of(50))), "source": np.zeros(50, np.int32)},
    )
    assert store.boxes == 1000  # no row counts the fifty
    again = Store(tmp_path, writable=True)
    again.truncate(again.boxes)
    assert not again.finished
    again.finish()
    with xr.open_zarr(tmp_path / GROUP, chunks=None) as found:
        assert found.sizes["storm"] == 1000
    npt.assert_array_equal(Store(tmp_path).images(900, 1000), patterned(100, 900))


def test_half_a_million_boxes_would_lie_in_few_files(tmp_path):
    fill(tmp_path, 2 * BLOCK)
    files = [path for path in (tmp_path / GROUP / "reflectivity").rglob("*") if path.is_file()]
    assert len(files) == 3  # two of boxes, one of metadata


def test_a_flipped_byte_costs_its_chunk_and_no_other(tmp_path):
    fill(tmp_path, BLOCK)
    path = tmp_path / GROUP / "reflectivity" / "c" / "0" / "0" / "0"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    store = Store(tmp_path)
    bad = []
    for first in range(0, BLOCK, CHUNK):
        try:
            npt.assert_array_equal(store.images(first, first + CHUNK), patterned(CHUNK, first))
        except InputError as error:
            bad.append(str(error))
    assert len(bad) == 1
    assert "cannot be read" in bad[0]


@pytest.mark.parametrize(("name", "inner"), [("reflectivity", "0/0/0"), ("latitude", "0")])
def test_a_lost_file_is_not_taken_for_clear_air(tmp_path, name, inner):
    fill(tmp_path, 10)
    (tmp_path / GROUP / name / "c" / inner).unlink()
    store = Store(tmp_path)
    with pytest.raises(InputError, match="is missing"):
        store.images(0, 10) if name == "reflectivity" else store.coordinates(0, 10)


def test_boxes_of_no_echo_are_written_all_the_same(tmp_path):
    blank = make_dataset(np.zeros((5, 136, 136)), source="blank")
    create(tmp_path, {})
    store = Store(tmp_path, writable=True)
    write(store, 0, {**as_arrays(Boxes.from_xarray(blank)), "source": np.zeros(5, np.int32)})
    assert not store.images(0, 5).any()
    assert (store.coordinates(0, 5)["echo"] == 0).all()


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(InputError, match="is no store"):
        Store(tmp_path)
    create(tmp_path, {})
    (tmp_path / GROUP / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    with pytest.raises(InputError, match="format"):
        Store(tmp_path)


def test_identity_stays_as_a_store_grows_and_tells_stores_apart(tmp_path):
    one = fill(tmp_path / "one", 10, settings={"threshold": 40})
    before = Store(one).identity
    fill(one, 10)
    assert Store(one).identity == before
    other = fill(tmp_path / "other", 10, settings={"threshold": 35})
    assert Store(other).identity != before


def test_boxes_of_another_size_are_refused():
    with pytest.raises(InputError, match="32 x 32"):
        as_arrays(make_boxes(np.zeros((2, 32, 32)), source="small"))


def test_no_box_has_every_array():
    arrays = empty_arrays()
    assert {len(values) for values in arrays.values()} == {0}
    assert set(arrays) == set(as_arrays(Boxes.from_xarray(dataset_of(2))))


def test_what_decided_the_boxes_is_json_text_and_a_store_of_before_has_the_same_identity(tmp_path):
    settings = {"simulated": False, "boxes": "grid", "stride": 68}
    create(tmp_path, {"source": "patterns", "simulated": 0, "settings": settings})
    store = Store(tmp_path)
    assert store.settings == settings == json.loads(store.attrs["settings"])
    described = tmp_path / GROUP / "zarr.json"
    told = json.loads(described.read_text())
    told["attributes"]["settings"] = settings  # as it lay in stores of version 0.1
    described.write_text(json.dumps(told))
    before = Store(tmp_path)
    assert before.settings == settings
    assert before.identity == store.identity
    told["attributes"]["settings"] = "[" * 100
    described.write_text(json.dumps(told))
    with pytest.raises(InputError, match="attribute settings is damaged"):
        Store(tmp_path)


def test_a_store_is_written_to_netcdf_and_read(tmp_path):
    boxes = dataset_of(40)
    create(tmp_path, {"source": "patterns", "simulated": 0, "settings": {"stride": [1, 2]}})
    store = Store(tmp_path, writable=True)
    write(store, 0, {**as_arrays(Boxes.from_xarray(boxes)), "source": np.zeros(40, np.int32)})
    store.finish(simulated=1)
    path = tmp_path / "boxes.nc"
    with xr.open_zarr(tmp_path / GROUP, chunks=None) as found:
        found.load().to_netcdf(path, engine="h5netcdf")
        with xr.open_dataset(path, engine="h5netcdf") as again:
            xr.testing.assert_equal(again, found)
            assert again.attrs == found.attrs
    read = read_images(path)
    npt.assert_array_equal(read["reflectivity"], boxes["reflectivity"])
    assert read["unid"].values.tolist() == boxes["unid"].values.tolist()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("latitude", lambda told: told["chunk_grid"]["configuration"].update(chunk_shape=[10**12])),
        ("reflectivity", lambda told: told.update(shape=[0, 10**6, 10**6])),
        ("time", lambda told: told.update(data_type="float64")),
        ("unid", lambda told: told["codecs"].append({"name": "gzip"})),
        ("echo", lambda told: told.pop("codecs")),
        ("xmin", lambda told: told.clear()),
    ],
)
def test_a_description_of_other_arrays_is_refused_before_zarr_makes_room(tmp_path, name, change):
    fill(tmp_path, 10)
    described = tmp_path / GROUP / name / "zarr.json"
    told = json.loads(described.read_text())
    change(told)
    described.write_text(json.dumps(told))
    with pytest.raises(InputError, match=f"{name}/zarr.json does not describe"):
        Store(tmp_path)


@pytest.mark.parametrize("name", ["zarr.json", "latitude/zarr.json"])
def test_a_description_that_is_no_json_is_said(tmp_path, name):
    fill(tmp_path, 10)
    for text in ("[" * 100_000, "{", '{"a": ' + "9" * 5001 + "}"):
        (tmp_path / GROUP / name).write_text(text)
        with pytest.raises(InputError, match=r"zarr\.json is damaged .*build it again"):
            Store(tmp_path)


def test_a_chunk_that_unpacks_to_more_than_a_chunk_is_refused(tmp_path):
    fill(tmp_path, 10)
    packed = Zstd(level=1).encode
    swollen = packed(np.zeros(2**26 + 1, np.uint8))
    counted = packed(np.array([2**32 - 1], "<u4"))  # as many texts
    for name, content, words in (
        ("latitude", swollen, "does not unpack to a chunk"),
        ("latitude", b"no frame", "does not unpack to a chunk"),
        ("unid", counted, "holds more text than a chunk"),
    ):
        (tmp_path / GROUP / name / "c" / "0").write_bytes(content)
        with pytest.raises(InputError, match=f"{name} of boxes 0 to 9 cannot be read .*{words}"):
            Store(tmp_path).coordinates(0, 10)
        fill_again = packed(np.zeros(16384, "<f8"))
        (tmp_path / GROUP / "latitude" / "c" / "0").write_bytes(fill_again)
