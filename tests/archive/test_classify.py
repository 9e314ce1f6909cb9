"""Classifying: every box once, as a serial pass gives it, whatever dies on the way."""

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import numpy.testing as npt
import pandas as pd
import pyarrow.parquet as pq
import pytest
from distributed import Client

from stormlens import archive
from stormlens.archive._classify import MANIFEST
from stormlens.archive._layout import BLOCK, GROUP
from stormlens.archive._shard import CHUNK
from stormlens.archive._table import TABLE, list_parts, read_part
from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.stormbox import MODES, Boxes

from .conftest import fill, patterned, write
from .killing import killing

BOXES = 2 * BLOCK + 500


@pytest.fixture(scope="session")
def store(store_of):
    return store_of(BOXES)


@pytest.fixture(scope="session")
def serial(model_run):
    """Probabilities of a plain pass over all boxes, in this process."""
    return Classifier.load(model_run).probabilities(patterned(BOXES))


@pytest.fixture(scope="session")
def labelled(model_run, store, scheduler, tmp_path_factory):
    """A classification that no test changes, and its outcome."""
    out = tmp_path_factory.mktemp("labels") / "out"
    return out, archive.classify(model_run, store, out, scheduler=scheduler)


def table_of(out):
    return pd.read_parquet(out / TABLE)


@pytest.mark.slow
def test_the_table_is_that_of_a_serial_pass(labelled, serial, model_run):
    out, outcome = labelled
    assert (outcome.boxes, outcome.added, outcome.problems) == (BOXES, BOXES, [])
    table = table_of(out)
    npt.assert_array_equal(table["box"], np.arange(BOXES))
    assert table["id"].tolist() == [f"box-{i}" for i in range(BOXES)]
    npt.assert_allclose(table[[f"p_{mode}" for mode in MODES]], serial, atol=1e-6)
    assert table["mode"].tolist() == [MODES[i] for i in serial.argmax(1)]
    assert table["time"][3] == pd.Timestamp("2011-04-27T00:03", tz="UTC")
    npt.assert_array_equal(table["latitude"], 30 + np.arange(BOXES) % 15)
    (fingerprint,) = table["model"].unique()
    assert fingerprint == json.loads((out / MANIFEST).read_text())["model"]
    assert len(fingerprint) == 64


def test_parts_say_what_they_hold(labelled):
    out, _ = labelled
    spans = [(first, stop) for first, stop, _ in list_parts(out / TABLE)]
    assert spans == [(0, BLOCK), (BLOCK, 2 * BLOCK), (2 * BLOCK, BOXES)]
    for first, stop, path in list_parts(out / TABLE):
        part = read_part(path)
        assert (part.first, part.stop, part.boxes) == (first, stop, stop - first)
        assert (part.simulated, part.simulated_training) == (False, True)
        assert pq.read_metadata(path).num_rows == stop - first


def test_a_rerun_does_nothing(labelled, model_run, store):
    out, _ = labelled
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    # No worker is asked for: there is none at this address.
    again = archive.classify(model_run, store, out, scheduler="tcp://127.0.0.1:1")
    assert (again.added, again.boxes) == (0, BOXES)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == before


def test_only_missing_parts_are_done(labelled, model_run, store, scheduler, tmp_path):
    out = shutil.copytree(labelled[0], tmp_path / "out")
    parts = [path for *_, path in list_parts(out / TABLE)]
    parts[1].unlink()
    (out / TABLE / ".part-000.abc.parquet").write_bytes(b"left by a worker that was killed")
    kept = parts[0].stat().st_mtime_ns
    again = archive.classify(model_run, store, out, scheduler=scheduler)
    assert again.added == BLOCK
    assert parts[0].stat().st_mtime_ns == kept
    assert [path.name for path in (out / TABLE).iterdir() if path.name.startswith(".")] == []
    pd.testing.assert_frame_equal(table_of(out), table_of(labelled[0]))


@pytest.mark.slow
def test_boxes_added_to_a_store_are_labelled_later(model_run, store_of, scheduler, tmp_path):
    growing = store_of(300)
    out = tmp_path / "out"
    archive.classify(model_run, growing, out, scheduler=scheduler)
    fill(growing, BLOCK)
    grown = archive.classify(model_run, growing, out, scheduler=scheduler)
    assert (grown.added, grown.boxes) == (BLOCK, 300 + BLOCK)
    table = table_of(out)
    npt.assert_array_equal(table["box"], np.arange(300 + BLOCK))
    assert table["id"].tolist() == [f"box-{i}" for i in range(300 + BLOCK)]


@pytest.mark.slow
def test_killed_workers_lose_and_double_nothing(
    model_run, store, scheduler, cluster, tmp_path, labelled
):
    with Client(scheduler, set_as_default=False) as client:
        client.restart()  # so that each has to load the classifier first
    with killing(cluster, seed=2, kills=3, seconds=(0.02, 0.5)) as killed:
        outcome = archive.classify(model_run, store, tmp_path / "out", scheduler=scheduler)
    assert killed
    assert (outcome.boxes, outcome.problems) == (BOXES, [])
    found, expected = table_of(tmp_path / "out"), table_of(labelled[0])
    assert found["box"].is_unique
    pd.testing.assert_frame_equal(found, expected)


CLASSIFY = """
import sys
from stormlens import archive
if __name__ == "__main__":
    archive.classify(*sys.argv[1:4], scheduler=sys.argv[4])
"""


@pytest.mark.slow(40)
def test_a_killed_run_goes_on_where_it_was(model_run, store, scheduler, tmp_path, labelled):
    out = tmp_path / "out"
    (tmp_path / "run.py").write_text(CLASSIFY)
    command = [sys.executable, tmp_path / "run.py", model_run, store, out, scheduler]
    with subprocess.Popen([*map(str, command)]) as process:
        while not list_parts(out / TABLE) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    outcome = archive.classify(model_run, store, out, scheduler=scheduler)
    assert outcome.boxes == BOXES
    pd.testing.assert_frame_equal(table_of(out), table_of(labelled[0]))


def test_a_corrupt_chunk_is_told_and_passed_over(model_run, store, scheduler, tmp_path):
    copy = shutil.copytree(store, tmp_path / "store")
    path = copy / GROUP / "reflectivity" / "c" / "1" / "0" / "0"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    out = tmp_path / "out"
    outcome = archive.classify(model_run, copy, out, scheduler=scheduler)
    assert outcome.boxes == BOXES - CHUNK
    (problem,) = outcome.problems
    assert "reflectivity of boxes" in problem
    lost = np.setdiff1d(np.arange(BOXES), table_of(out)["box"])
    assert (len(lost), lost[0] % CHUNK, lost[-1] - lost[0]) == (CHUNK, 0, CHUNK - 1)
    # A rerun does nothing and still tells; once the file is mended, --retry does that part.
    again = archive.classify(model_run, copy, out, scheduler="tcp://127.0.0.1:1")
    assert (again.added, again.problems) == (0, [problem])
    shutil.copy(store / path.relative_to(copy), path)
    mended = archive.classify(model_run, copy, out, retry=True, scheduler=scheduler)
    assert (mended.boxes, mended.problems) == (BOXES, [])


def test_a_lost_coordinate_is_told(model_run, store_of, scheduler, tmp_path):
    broken = store_of(50)
    (broken / GROUP / "time" / "c" / "0").unlink()
    outcome = archive.classify(model_run, broken, tmp_path / "out", scheduler=scheduler)
    assert outcome.boxes == 0
    assert "time of boxes 0 to 49" in outcome.problems[0]


def test_coverage_decides_where_it_is_known(model_run, scheduler, tmp_path):
    from stormlens.archive import _catalogue as catalogue
    from stormlens.archive._layout import as_arrays, create
    from stormlens.archive._store import Store
    from stormlens.datasets import make_dataset

    images = patterned(4)
    images[2] = 0
    coverage = np.array([0.2, 1.0, 0.9, np.nan], np.float32)
    boxes = make_dataset(images, source="four").assign_coords(coverage=("storm", coverage))
    path = tmp_path / "store"
    path.mkdir()
    create(path, {})
    arrays = {**as_arrays(Boxes.from_xarray(boxes)), "source": np.zeros(4, np.int32)}
    write(Store(path, writable=True), 0, arrays)
    catalogue.append(path, [catalogue.Row("four", 1, "", 0, 4)])
    archive.classify(model_run, path, tmp_path / "out", scheduler=scheduler)
    table = table_of(tmp_path / "out")
    assert table["mode"][0] == "Missing"
    assert table["mode"][1] != "Missing"
    assert table["mode"][2] == "Clear"
    assert table["time"].isna().all()


def test_workers_know_how_far_to_trust_a_classifier(model_run, scheduler, store_of, tmp_path):
    from dataclasses import replace

    from stormlens.archive._store import Store
    from stormlens.datasets import make_dataset
    from stormlens.models import Classifier, calibrate, name_modes
    from stormlens.stormbox import Boxes

    classifier = Classifier.load(model_run)
    known = make_dataset(patterned(60, first=400), np.arange(60) % 6, source="known")
    confidence = calibrate(classifier, known)
    run = replace(classifier, confidence=confidence).save(tmp_path / "run")
    path = store_of(50)
    archive.classify(run, path, tmp_path / "out", scheduler=scheduler)
    table = table_of(tmp_path / "out")
    held = Store(path).coordinates(0, 50)
    context = {name: held[name] for name in ("coverage", "echo", "latitude", "longitude")}
    boxes = Boxes(Store(path).images(0, 50), context, "store")
    expected = name_modes(Classifier.load(run).predict(boxes))
    assert table["mode"].astype(str).tolist() == expected.tolist()
    assert {"unsure", "no storm box"} & set(expected)


def test_labels_of_another_classifier_or_store_are_not_mixed(
    model_run, store, store_of, labelled, tmp_path
):
    out = labelled[0]
    other = shutil.copytree(model_run, tmp_path / "run")
    card = json.loads((other / "classifier.json").read_text())
    del card["card_sha256"]
    (other / "classifier.json").write_text(json.dumps({**card, "minimum": -1.0}))
    with pytest.raises(InputError, match="another classifier"):
        archive.classify(other, store, out)
    with pytest.raises(InputError, match="another store"):
        archive.classify(model_run, store_of(20, settings={"threshold": 35}), out)


def test_bad_input_is_told_before_any_work(model_run, store, store_of, tmp_path, scheduler):
    with pytest.raises(InputError, match="no run folder"):
        archive.classify(tmp_path, store, tmp_path / "out")
    with pytest.raises(InputError, match="is no store"):
        archive.classify(model_run, tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="holds no box"):
        archive.classify(model_run, store_of(0), tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"holds thesis\.tex"):
        archive.classify(model_run, store, tmp_path / "mine")
    damaged = shutil.copytree(model_run, tmp_path / "damaged")
    (damaged / "model.keras").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"damaged.*model\.keras"):
        archive.classify(damaged, store, tmp_path / "out", scheduler=scheduler)
    out = tmp_path / "out"
    assert not out.exists() or not list(out.iterdir())  # else a classifier that is whole is refused


def test_parts_that_overlap_are_refused(labelled, model_run, store, tmp_path):
    out = shutil.copytree(labelled[0], tmp_path / "out")
    first = list_parts(out / TABLE)[0][2]
    table = pq.read_table(first)
    told = json.loads(table.schema.metadata[b"stormlens"])
    changed = table.replace_schema_metadata({b"stormlens": json.dumps({**told, "stop": 3000})})
    pq.write_table(changed, first.with_name("part-000000000-000003000.parquet"))
    with pytest.raises(InputError, match="does not fit the others"):
        archive.classify(model_run, store, out)


def test_a_damaged_part_is_named(labelled, model_run, store, tmp_path):
    out = shutil.copytree(labelled[0], tmp_path / "out")
    path = list_parts(out / TABLE)[0][2]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=path.name):
        archive.classify(model_run, store, out)


def test_each_flipped_bit_of_a_part_is_found(labelled, tmp_path):
    """Any bit: of the columns, of Parquet's own notes, and of the checksum."""
    whole = list_parts(labelled[0] / TABLE)[0][2]
    part, content = read_part(whole), whole.read_bytes()
    path = tmp_path / whole.name
    rng = np.random.default_rng(0)
    notes = 8 * (len(content) - 1500)  # the last of the file, where they stand
    bits = [*rng.integers(0, 8 * len(content), 60), *rng.integers(notes, 8 * len(content), 60)]
    for bit in bits:
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=rf"{path.name} .*(checksum|damaged)"):
            read_part(path)
    path.write_bytes(content)
    assert read_part(path) == part
    pq.read_table(path, page_checksum_verification=True)  # others can check the columns
