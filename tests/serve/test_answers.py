"""What the server tells is what `classify` tells, in each form, of each kind of file."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from serving import ARROW, npy, png

from stormlens.boxes import find_storms
from stormlens.cli.main import app
from stormlens.datasets import make_boxes, write_netcdf
from stormlens.models import Classifier, apply_context, describe
from stormlens.readers import read_mosaic


@pytest.fixture(scope="module")
def told(images):
    """What the classifier says of the images, asked directly."""
    boxes = make_boxes(images, source="a test")
    return describe(apply_context(Classifier.shipped().predict(boxes)))


def close(found, due):
    """Boxes that are alike, but for the last bits of probabilities."""
    assert len(found) == len(due)
    for one, other in zip(found, due, strict=True):
        assert {**one, "probabilities": 0} == {**other, "probabilities": 0}
        names = other["probabilities"]
        assert list(one["probabilities"]) == list(names)
        for name, value in names.items():
            assert one["probabilities"][name] == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("kind", [npy, lambda v: npy(v.astype(float)), lambda v: npy(v[..., None])])
def test_npy_is_answered_as_the_classifier_answers(server, images, told, kind):
    answer = server.classify(kind(images))
    assert answer.status_code == 200
    close(answer.json()["boxes"], told)


def test_several_png_one_behind_the_other_are_answered_in_their_order(server, images, told):
    answer = server.classify(b"".join(map(png, images)), Content_Type="image/png")
    close(answer.json()["boxes"], told)
    assert server.classify(png(images[2])).json()["boxes"][0]["mode"] == told[2]["mode"]


def test_netcdf_keeps_names_and_places(server, images, told, tmp_path):
    boxes = make_boxes(
        images,
        unid=[f"storm {i}" for i in range(6)],
        time=["2011-04-27T20:00"] * 6,
        latitude=[45.0] * 6,
        longitude=[-100.0] * 6,
        source="SIMULATED for a test",
        simulated=True,
    )
    path = write_netcdf(boxes.to_xarray(), tmp_path / "boxes.nc")
    answer = server.classify(path.read_bytes(), Content_Type="application/x-netcdf").json()
    due = describe(apply_context(Classifier.shipped().predict(boxes)))
    close(answer["boxes"], due)
    assert answer["simulated"] is True
    assert answer["source"] == "SIMULATED for a test"
    # No cyclone so far inland: the rule of `classify` holds here too.
    assert not any("Tropical" in box["plausible"] for box in answer["boxes"])


@pytest.mark.slow
def test_storms_of_a_radar_file_are_those_of_classify(server, sample, tmp_path):
    given = server.classify(sample.read_bytes()).json()
    done = CliRunner().invoke(app, ["classify", str(sample), "--json"])
    due = json.loads(done.stdout)
    assert len(due) > 0
    close(given["boxes"], due)
    assert {"time", "latitude", "longitude", "coverage"} <= set(given["boxes"][0])


def test_options_of_a_radar_file_are_heeded(server, sample):
    mosaic = read_mosaic(sample)
    for query, settings in (
        ("threshold=50&minimum_area=20", {"threshold": 50, "minimum_area": 20.0}),
        ("threshold=60", {"threshold": 60}),
    ):
        answer = server.classify(sample.read_bytes(), path=f"/v1/classify?{query}").json()
        due = find_storms(mosaic, **settings).storm["unid"]
        assert [box["id"] for box in answer["boxes"]] == due.tolist()
    radar = server.classify(sample.read_bytes(), path="/v1/classify?threshold=80")
    assert radar.json()["boxes"] == []
    assert "No storm" in radar.json()["notes"][0]
    point = server.classify(sample.read_bytes(), path="/v1/classify?at=35,-97&at=36,-97")
    assert len(point.json()["boxes"]) == 2


def test_pictures_are_read_as_told(server, images):
    upside_down = server.classify(npy(images[:, ::-1]), path="/v1/classify?first_row=north")
    close(upside_down.json()["boxes"], server.classify(npy(images)).json()["boxes"])


def test_arrow_tells_the_same(server, images):
    document = server.classify(npy(images)).json()
    answer = server.classify(npy(images), Accept=ARROW)
    assert answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(answer.content).read_all()
    rows = table.to_pylist()
    for row, box in zip(rows, document["boxes"], strict=True):
        assert row["id"] == box["id"]
        assert row["mode"] == box["mode"]
        assert row["plausible"] == box["plausible"]
        for mode, value in box["probabilities"].items():
            assert row["probabilities"][mode] == pytest.approx(value, abs=1e-6)
    held = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert "SIMULATED" in held["note"]
    assert json.loads(held["simulated_training"]) is True


def test_arrow_of_a_radar_file_has_times_and_of_no_storm_no_rows(server, sample):
    answer = server.classify(sample.read_bytes(), Accept=ARROW)
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.schema.field("time").type == pa.timestamp("s", tz="UTC")
    assert table["time"][0].as_py().year == 2000
    none = server.classify(sample.read_bytes(), path="/v1/classify?threshold=80", Accept=ARROW)
    assert pa.ipc.open_stream(none.content).read_all().num_rows == 0


def test_simulated_training_is_said_in_every_answer(server, images):
    for answer in (server.classify(npy(images[0])), server.client.get("/health")):
        assert answer.json()["simulated_training"] is True
        assert "SIMULATED" in answer.json()["note"]
    assert "SIMULATED" in server.client.get("/v1/card").text
    card = server.client.get("/v1/card", headers={"Accept": "application/json"}).json()
    assert "SIMULATED" in json.dumps(card)


def test_many_clients_at_once_get_their_own_answers(server, images, told):
    with ThreadPoolExecutor(16) as pool:
        numbers = [i % len(images) for i in range(96)]
        answers = list(pool.map(lambda i: server.classify(npy(images[i])).json(), numbers))
    for i, answer in zip(numbers, answers, strict=True):
        (box,) = answer["boxes"]
        close([box], [{**told[i], "id": "box-00000"}])


def test_counts_are_told_to_prometheus(server, images):
    before = server.counted("stormlens_boxes_total")
    passes = server.counted("stormlens_batch_boxes_count")
    server.classify(npy(images))
    server.classify(b"no file")
    assert server.counted("stormlens_boxes_total") == before + 6
    assert server.counted("stormlens_batch_boxes_count") == passes + 1
    assert server.counted('stormlens_requests_total{operation="/v1/classify",status="422"}') >= 1
    assert server.counted("stormlens_in_flight") == 0
    assert server.counted("stormlens_held_bytes") == 0
    assert server.counted("stormlens_connections") >= 1


def test_a_blank_box_has_a_verdict_too(server):
    (box,) = server.classify(npy(np.zeros((136, 136), np.uint8))).json()["boxes"]
    assert box["mode"] == "no storm box"
