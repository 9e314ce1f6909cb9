"""Building: the same bits for any number of workers, nothing lost, nothing doubled."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from distributed import Client, WorkerPlugin

from stormlens import archive
from stormlens.archive import _plan
from stormlens.archive._catalogue import NAME, read_rows
from stormlens.archive._layout import GROUP
from stormlens.archive._store import Store
from stormlens.boxes import Cutting
from stormlens.datasets import load
from stormlens.errors import InputError

from .conftest import patterned
from .killing import killing
from .svrimg_tars import png_of, unids, write_tar


def contents(folder: Path) -> dict[str, bytes]:
    """All files of a store but the lock."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def boxes_of(folder: Path) -> tuple[np.ndarray, list[str]]:
    store = Store(folder)
    n = store.boxes
    return store.images(0, n), store.coordinates(0, n)["unid"].tolist()


PART = 64


@pytest.fixture
def small_parts(monkeypatch):
    """Simulated boxes go in parts of 64."""
    monkeypatch.setattr(_plan, "SIMULATED_PART", PART)


@pytest.fixture
def arrays(tmp_path):
    """A folder of forty NPY files that hold 0 to 4 boxes, one of them corrupt."""
    folder = tmp_path / "in"
    folder.mkdir()
    first = 0
    for number in range(40):
        n = 1 + number % 4
        np.save(folder / f"file{number:02d}.npy", patterned(n, first))
        first += n
    (folder / "file17.npy").write_bytes(b"corrupt")
    return folder


def expected_of(folder: Path) -> tuple[np.ndarray, list[str]]:
    images, names = [], []
    for path in sorted(folder.glob("*.npy")):
        if path.stem == "file17":
            continue
        held = np.load(path)
        images.append(held)
        one = len(held) == 1
        names += [path.stem] if one else [f"{path.stem}[{i}]" for i in range(len(held))]
    return np.concatenate(images), names


@pytest.mark.slow
def test_a_folder_becomes_a_store_and_a_corrupt_file_is_told(arrays, tmp_path, scheduler):
    outcome = archive.build(arrays, tmp_path / "store", scheduler=scheduler)
    images, names = expected_of(arrays)
    found = boxes_of(tmp_path / "store")
    npt.assert_array_equal(found[0], images)
    assert found[1] == names
    assert (outcome.boxes, outcome.added, outcome.simulated) == (len(names), len(names), False)
    (problem,) = outcome.problems
    assert "file17.npy" in problem
    rows = list(read_rows(tmp_path / "store"))
    assert [Path(row.input).name for row in rows] == [f"file{i:02d}.npy" for i in range(40)]
    source = Store(tmp_path / "store").coordinates(0, len(names))["source"]
    assert [Path(rows[i].input).stem for i in source] == [name.partition("[")[0] for name in names]


def test_a_rerun_does_nothing_and_still_tells(arrays, tmp_path, scheduler):
    store = tmp_path / "store"
    first = archive.build(arrays, store, scheduler=scheduler)
    before = {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()}
    # No worker is asked for: there is none at this address.
    again = archive.build(arrays, store, scheduler="tcp://127.0.0.1:1")
    assert (again.added, again.boxes, again.problems) == (0, first.boxes, first.problems)
    assert {path: path.stat().st_mtime_ns for path in store.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_new_files_are_added_and_failed_ones_retried(arrays, tmp_path, scheduler):
    store = tmp_path / "store"
    before = archive.build(arrays, store, scheduler=scheduler).boxes
    np.save(arrays / "later.npy", patterned(3))
    assert archive.build(arrays, store, scheduler=scheduler).added == 3
    stamp = (arrays / "file17.npy").stat()
    np.save(arrays / "good.npy", patterned(1))
    (arrays / "good.npy").replace(arrays / "file17.npy")
    os.utime(arrays / "file17.npy", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    mended = archive.build(arrays, store, scheduler=scheduler)  # another size: it has changed
    assert (mended.added, mended.boxes, mended.problems) == (1, before + 4, [])


@pytest.mark.slow
def test_a_failed_file_is_read_again_only_when_asked(arrays, tmp_path, scheduler):
    store = tmp_path / "store"
    archive.build(arrays, store, scheduler=scheduler)
    rows = len(list(read_rows(store)))
    archive.build(arrays, store, retry=True, scheduler=scheduler)
    assert len(list(read_rows(store))) == rows + 1


def test_a_file_that_changed_is_told(arrays, tmp_path, scheduler):
    store = tmp_path / "store"
    before = archive.build(arrays, store, scheduler=scheduler)
    np.save(arrays / "file03.npy", patterned(9))
    after = archive.build(arrays, store, scheduler=scheduler)
    assert after.boxes == before.boxes
    assert "file03.npy has changed since" in after.problems[-1]


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_bits(tmp_path, small_parts):
    count = PART * 5 + 10
    for workers in (1, 2):
        archive.build("simulated", tmp_path / str(workers), count=count, seed=3, workers=workers)
    one, two = contents(tmp_path / "1"), contents(tmp_path / "2")
    assert one == two
    whole = load("simulated", split="train", seed=3, count=PART)
    npt.assert_array_equal(Store(tmp_path / "1").images(0, PART), whole["reflectivity"].values)
    assert Store(tmp_path / "1").attrs["simulated"] == 1


@pytest.mark.slow
def test_a_store_that_grows_is_the_one_that_is_built_at_once(tmp_path, scheduler):
    """Files of boxes end within inputs, and a build goes on within a file of boxes."""
    folder = tmp_path / "in"
    folder.mkdir()
    sizes = [700, 1, 1500, 0, 2047, 900, 5]
    images = patterned(sum(sizes))
    edges = np.cumsum([0, *sizes])
    for number, n in enumerate(sizes):
        np.save(folder / f"{number}.npy", images[edges[number] : edges[number] + n])
        if number in (1, 4):
            archive.build(folder, tmp_path / "grown", scheduler=scheduler)
    archive.build(folder, tmp_path / "grown", scheduler=scheduler)
    archive.build(folder, tmp_path / "at once", scheduler=scheduler)
    npt.assert_array_equal(boxes_of(tmp_path / "at once")[0], images)
    one, other = contents(tmp_path / "grown"), contents(tmp_path / "at once")
    assert one == other


def test_what_a_killed_run_left_is_swept_away(arrays, tmp_path, scheduler):
    left = tmp_path / "store" / ".writing-0123"
    left.mkdir(parents=True)
    (left / "abc").write_bytes(b"half a file")
    archive.build(arrays, tmp_path / "store", scheduler=scheduler)
    assert [path.name for path in (tmp_path / "store").glob(".writing*")] == []


def test_workers_that_cannot_write_the_store_give_what_they_would_write(
    arrays, tmp_path, scheduler, monkeypatch
):
    from stormlens.archive import _shard_files

    archive.build(arrays, tmp_path / "a", scheduler=scheduler)
    elsewhere = _shard_files.write

    def far(held, spans, before, folder):
        written = elsewhere(held, spans, before, "/nowhere")
        assert isinstance(written, bytes)
        return written

    monkeypatch.setattr(_shard_files, "write", far)
    archive.build(arrays, tmp_path / "b", scheduler=scheduler)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


COUNT = PART * 20


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, scheduler):
    """A store of so many simulated boxes, built while nobody was killed."""
    folder = tmp_path_factory.mktemp("undisturbed") / "store"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_plan, "SIMULATED_PART", PART)
        archive.build("simulated", folder, count=COUNT, scheduler=scheduler)
    return folder


@pytest.mark.slow
def test_killed_workers_lose_and_double_nothing(
    tmp_path, cluster, scheduler, small_parts, undisturbed
):
    with killing(cluster, seed=1, kills=4, seconds=(0.1, 0.7)) as killed:
        outcome = archive.build("simulated", tmp_path / "a", count=COUNT, scheduler=scheduler)
    assert killed
    assert (outcome.boxes, outcome.problems) == (COUNT, [])
    assert contents(tmp_path / "a") == contents(undisturbed)


@pytest.mark.slow
def test_a_file_that_kills_its_readers_is_told_and_no_other_is_lost(arrays, tmp_path, scheduler):
    class Deadly(WorkerPlugin):
        name = "deadly"

        def setup(self, worker):
            from stormlens.archive import _extract

            self.before = before = _extract.npy_array

            def read(content, name):
                if "file09" in name:
                    os._exit(1)
                return before(content, name)

            _extract.npy_array = read

        def teardown(self, worker):
            from stormlens.archive import _extract

            _extract.npy_array = self.before

    with Client(scheduler, set_as_default=False) as client:
        client.register_plugin(Deadly())
        outcome = archive.build(arrays, tmp_path / "store", scheduler=scheduler)
        client.unregister_worker_plugin("deadly")
    images, names = expected_of(arrays)
    kept = np.array([not name.startswith("file09") for name in names])
    assert boxes_of(tmp_path / "store")[1] == [n for n in names if not n.startswith("file09")]
    npt.assert_array_equal(boxes_of(tmp_path / "store")[0], images[kept])
    (deadly, corrupt) = outcome.problems
    assert "file09.npy ended every process that read it" in deadly
    assert "file17.npy" in corrupt


BUILD = """
import sys
from stormlens import archive
from stormlens.archive import _plan, _writer
if __name__ == "__main__":
    _plan.SIMULATED_PART, _writer._FLUSH_SECONDS = 64, 0.2
    archive.build("simulated", sys.argv[1], count=int(sys.argv[2]), scheduler=sys.argv[3])
"""


@pytest.mark.slow
def test_a_killed_build_goes_on_where_it_was(tmp_path, scheduler, small_parts, undisturbed):
    (tmp_path / "build.py").write_text(BUILD)
    command = [sys.executable, str(tmp_path / "build.py"), str(tmp_path / "a"), str(COUNT)]
    with subprocess.Popen([*command, scheduler]) as process:
        while not (tmp_path / "a" / NAME).exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    before = Store(tmp_path / "a").boxes
    assert 0 < before < COUNT
    outcome = archive.build("simulated", tmp_path / "a", count=COUNT, scheduler=scheduler)
    assert (outcome.added, outcome.boxes) == (COUNT - before, COUNT)
    assert (tmp_path / "a" / NAME).read_bytes() == (undisturbed / NAME).read_bytes()
    npt.assert_array_equal(boxes_of(tmp_path / "a")[0], boxes_of(undisturbed)[0])
    assert boxes_of(tmp_path / "a")[1] == boxes_of(undisturbed)[1]


def test_a_build_that_ends_between_catalogue_and_summary_is_finished(arrays, tmp_path, scheduler):
    store = tmp_path / "store"
    archive.build(arrays, store, scheduler=scheduler)
    held = Store(store, writable=True)
    held.truncate(held.boxes)  # forgets the summary
    assert not held.finished
    archive.build(arrays, store, scheduler="tcp://127.0.0.1:1")
    assert Store(store).finished


@pytest.mark.slow
def test_tar_files_of_svrimg_images_with_their_places(tmp_path, scheduler):
    names = unids(300)
    images = patterned(300)
    members = [(f"{n}.png", png_of(box)) for n, box in zip(names, images, strict=True)]
    members[50] = (members[50][0], b"\x89PNG\r\n\x1a\n cut")
    write_tar(tmp_path / "in" / "2011.tar.gz", members)
    index = pd.DataFrame(
        {"xmin": 826, "ymin": 262, "latitude": 33.5, "longitude": -88.25},
        index=pd.Index(names[:200], name="unid"),
    )
    outcome = archive.build(tmp_path / "in", tmp_path / "store", index=index, scheduler=scheduler)
    assert outcome.boxes == 299
    assert names[50] in outcome.problems[0]
    found = boxes_of(tmp_path / "store")
    kept = np.delete(np.arange(300), 50)
    npt.assert_array_equal(found[0], images[kept])
    assert found[1] == [names[i] for i in kept]
    known = Store(tmp_path / "store").coordinates(0, 299)
    npt.assert_array_equal(known["xmin"][:199], 826)
    npt.assert_array_equal(known["latitude"][:199], 33.5)
    assert np.isnan(known["latitude"][199:]).all()
    assert known["time"][0] == np.datetime64("2011-04-01T00:30")
    again = archive.build(tmp_path / "in", tmp_path / "store", scheduler="tcp://127.0.0.1:1")
    assert again.added == 0


def test_an_object_store_is_a_source(scheduler, tmp_path):
    import fsspec
    from distributed import LocalCluster

    files = fsspec.filesystem("memory")
    for number in range(5):
        np.save(tmp_path / "a.npy", patterned(2, number))
        files.pipe(f"/archive/day/{number}.npy", (tmp_path / "a.npy").read_bytes())
    files.pipe("/archive/day/x_MDM", b"no volume")
    # Threads of this process, which alone sees its memory.
    with LocalCluster(
        n_workers=1,
        processes=False,
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
    ) as threads:
        outcome = archive.build(
            "memory://archive", tmp_path / "s", scheduler=threads.scheduler_address
        )
    files.rm("/archive", recursive=True)
    assert (outcome.boxes, outcome.problems) == (10, [])
    first = next(read_rows(tmp_path / "s"))
    assert first.input == "memory:///archive/day/0.npy"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cutting": Cutting(threshold=35)}, "built with threshold 40, not 35"),
        ({"cutting": Cutting("grid")}, "built with boxes storms, not grid"),
        ({"source": "simulated", "count": 5}, "built with"),
    ],
)
def test_a_store_of_other_settings_is_refused(arrays, tmp_path, scheduler, change, sentence):
    archive.build(arrays, tmp_path / "store", scheduler=scheduler)
    with pytest.raises(InputError, match=sentence):
        archive.build(
            **{"source": arrays, "store": tmp_path / "store", "scheduler": scheduler, **change}
        )


def test_a_folder_of_other_things_is_left_alone(arrays, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"holds thesis\.tex and is no store"):
        archive.build(arrays, tmp_path / "mine")


def test_a_store_is_built_by_one_process_at_a_time(arrays, tmp_path, scheduler, monkeypatch):
    from stormlens.archive import _build
    from stormlens.storage import file_lock

    monkeypatch.setattr(_build, "_LOCK_SECONDS", 0.1)
    with (
        file_lock(tmp_path / "store" / ".lock"),
        pytest.raises(InputError, match="locked by another process"),
    ):
        archive.build(arrays, tmp_path / "store", scheduler=scheduler)


@pytest.mark.slow
def test_files_wait_no_longer_than_they_must(arrays, tmp_path, scheduler, monkeypatch):
    """Rows are written though their boxes fill no block, so that little is lost with a client."""
    from stormlens.archive import _writer

    monkeypatch.setattr(_writer, "_FLUSH_SECONDS", 0.0)
    archive.build(arrays, tmp_path / "a", scheduler=scheduler)
    monkeypatch.setattr(_writer, "_FLUSH_SECONDS", 1e9)
    archive.build(arrays, tmp_path / "b", scheduler=scheduler)
    assert boxes_of(tmp_path / "a")[1] == boxes_of(tmp_path / "b")[1]
    assert (tmp_path / "a" / NAME).read_bytes() == (tmp_path / "b" / NAME).read_bytes()


def test_real_radar_files(shared_data, tmp_path, scheduler):
    """NEXRAD volumes and MRMS mosaics of years that their names say, and one cut short."""
    folder = tmp_path / "in"
    folder.mkdir()
    for path in (shared_data / "radar").iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    mosaic = (folder / "MRMS_PrecipRate_00.00_20190610-000000.grib2").read_bytes()
    (folder / "cut.grib2").write_bytes(mosaic[:5000])
    outcome = archive.build(folder, tmp_path / "store", scheduler=scheduler)
    assert outcome.boxes > 5
    assert ["cut.grib2" in problem for problem in outcome.problems] == [True]
    known = Store(tmp_path / "store").coordinates(0, outcome.boxes)
    assert np.isfinite(known["latitude"]).all()
    assert ((known["coverage"] > 0) & (known["coverage"] <= 1)).all()
    years = set(known["time"].astype("M8[Y]").astype(str))
    assert years >= {"2005", "2019"}
    names = " ".join(path.name for path in folder.iterdir())
    assert all(year in names for year in years)
    assert (tmp_path / "store" / GROUP).is_dir()
