"""Boxes as GeoJSON: rings as RFC 7946 wants them, and what each says of itself."""

import json

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr

from stormlens import boxes
from stormlens.boxes._geojson import _cut_at_antimeridian, _poleward
from stormlens.errors import InputError
from stormlens.stormbox import NATIONAL, SIZE, Grid, Mosaic, Predictions


def predictions_of(cut, simulated_training=1):
    probability = np.zeros((cut.sizes["storm"], 2), np.float32)
    probability[:] = 0.3, 0.7
    return xr.Dataset(
        {"probability": (("storm", "mode"), probability)},
        coords={
            **{n: c for n, c in cut.coords.items() if c.dims == ("storm",)},
            "mode": ["A", "B"],
        },
        attrs={"simulated_training": simulated_training, "simulated": 0},
    )


def signed_area(ring):
    x, y = np.asarray(ring).T
    return np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2


def test_a_ring_is_closed_counterclockwise_and_on_the_boxs_edge():
    ring = boxes.outline(826, 262)
    npt.assert_array_equal(ring[0], ring[-1])
    assert signed_area(ring) > 0
    x, y = NATIONAL.cell(*ring.T)
    edges = [x - 825.5, x - 961.5, y - 261.5, y - 397.5]
    npt.assert_allclose(np.abs(edges).min(axis=0), 0, atol=1e-6)
    npt.assert_allclose(ring[0], np.stack(NATIONAL.lonlat(825.5, 261.5)))


def test_straight_lines_in_degrees_stay_near_the_boxs_edge():
    for corner in ((0, 0), (1262, 762), (632, 382)):
        ring = boxes.outline(*corner)
        middle = (ring[1:] + ring[:-1]) / 2
        x, y = NATIONAL.cell(*middle.T)
        offsets = np.stack([x - corner[0] + 0.5, y - corner[1] + 0.5])
        from_edge = np.abs([*offsets, *(offsets - SIZE)]).min(axis=0)
        assert from_edge.max() * 3.75 < 0.1  # km


def test_features_say_what_the_issue_of_a_map_needs(mosaic_of):
    cut = boxes.cut(mosaic_of(), [700, -40], [450, 200])
    collection = boxes.to_geojson(predictions_of(cut), ["B", "Missing"])
    assert json.loads(json.dumps(collection, allow_nan=False)) == collection
    assert collection["type"] == "FeatureCollection"
    first, second = collection["features"]
    assert first["geometry"]["type"] == "Polygon"
    npt.assert_allclose(
        first["geometry"]["coordinates"][0],
        boxes.outline(int(cut["xmin"][0]), int(cut["ymin"][0])),
        atol=1e-5,
    )
    assert first["id"] == first["properties"]["id"]
    assert first["properties"] == {
        "id": cut["unid"].values[0],
        "time": "2011-04-27T19:02:30Z",
        "mode": "B",
        "likeliest": "B",
        "probabilities": {"A": 0.3, "B": 0.7},
        "grid": "national",
        "coverage": 1.0,
        "trained_on_simulated": True,
        "simulated": False,
    }
    assert second["properties"]["mode"] == "Missing"
    assert second["properties"]["coverage"] == round(float(cut["coverage"][1]), 4) < 1


def test_what_a_classifier_knows_of_its_confidence_is_told(mosaic_of):
    predictions = predictions_of(boxes.cut(mosaic_of(), [700, 400], [450, 450]))
    predictions["plausible"] = (("storm", "mode"), [[True, True], [False, False]])
    predictions["novelty"] = ("storm", np.array([0.25, np.inf], np.float32))
    collection = boxes.to_geojson(predictions, ["unsure", "no storm box"])
    told = [feature["properties"] for feature in collection["features"]]
    assert [held["mode"] for held in told] == ["unsure", "no storm box"]
    assert [held["plausible"] for held in told] == [["A", "B"], []]
    assert [held["novelty"] for held in told] == [0.25, None]
    json.dumps(collection, allow_nan=False)


def test_what_is_unknown_is_null(mosaic_of):
    cut = boxes.cut(mosaic_of(time=None), [700], [450])
    plain = predictions_of(cut, 0).drop_vars(["xmin", "ymin", "coverage", "echo"])
    (feature,) = boxes.to_geojson(plain, ["A"])["features"]
    # The place alone says where the box is.
    npt.assert_allclose(
        feature["geometry"]["coordinates"][0],
        boxes.outline(int(cut["xmin"][0]), int(cut["ymin"][0])),
        atol=1e-5,
    )
    assert feature["properties"]["time"] is None
    assert feature["properties"]["coverage"] is None
    assert not feature["properties"]["trained_on_simulated"]
    nowhere = plain.assign_coords(latitude=("storm", [np.nan]))
    assert boxes.to_geojson(nowhere, ["A"])["features"][0]["geometry"] is None


def test_cells_that_are_known_place_a_box_whose_place_is_not(mosaic_of):
    cut = boxes.cut(mosaic_of(), [700], [450])
    known = predictions_of(cut).assign_coords(latitude=("storm", [np.nan]))
    (feature,) = boxes.to_geojson(known, ["A"])["features"]
    expected = boxes.outline(int(cut["xmin"][0]), int(cut["ymin"][0]))
    npt.assert_allclose(feature["geometry"]["coordinates"][0], expected, atol=1e-5)


def test_one_name_a_box(mosaic_of):
    predictions = predictions_of(boxes.cut(mosaic_of(), [700], [450]))
    with pytest.raises(InputError, match="2 names for 1 boxes"):
        boxes.to_geojson(predictions, ["A", "B"])


def test_plain_predictions_give_the_same_features(mosaic_of):
    predictions = predictions_of(boxes.cut(mosaic_of(time=None), [700, -40], [450, 200]))
    predictions["probability"].values[1] = [0.6, 0.4]
    plain = Predictions.from_xarray(predictions)
    collection = boxes.to_geojson(plain, ["A", "B"])
    assert collection == boxes.to_geojson(predictions, ["A", "B"])
    told = [feature["properties"] for feature in collection["features"]]
    assert [held["probabilities"] for held in told] == [{"A": 0.3, "B": 0.7}, {"A": 0.6, "B": 0.4}]
    assert [held["likeliest"] for held in told] == ["B", "A"]


def test_a_box_across_the_antimeridian_is_cut_there():
    """RFC 7946, section 3.1.9."""
    grid = Grid.around(-18.0, 179.9, (200, 200))
    blank = np.zeros(grid.shape, np.uint8)
    mosaic = Mosaic(blank, blank == 0, np.datetime64("2026-01-01", "ns"), "Fiji", grid=grid)
    cut = boxes.cut(mosaic, [200.0, 340.0, 60.0], [200.0, 200.0, 200.0])
    probability = np.full((3, 2), 0.5, np.float32)
    features = boxes.to_geojson(Predictions(probability, ("A", "B"), cut.storm, "m", "s"), "ABA")
    across, east, west = (feature["geometry"] for feature in features["features"])
    assert [held["type"] for held in (across, east, west)] == ["MultiPolygon", *2 * ["Polygon"]]
    assert features["features"][0]["properties"]["grid"] == grid.name
    rings = [np.array(polygon[0]) for polygon in across["coordinates"]]
    for ring in rings:
        assert signed_area(ring) > 0
        assert np.abs(ring[:, 0]).max() == 180
        assert (ring[0] == ring[-1]).all()
    assert rings[0][:, 0].min() > 170
    assert rings[1][:, 0].max() < -170
    # Together they are the box: the area of a ring whose longitudes run on is the sum of theirs.
    x, y = int(cut.storm["xmin"][0]), int(cut.storm["ymin"][0])
    whole = signed_area(boxes.outline(x, y, grid))
    npt.assert_allclose(sum(map(signed_area, rings)), whole, rtol=1e-4)
    assert np.array(east["coordinates"][0])[:, 0].max() < -170
    assert np.array(west["coordinates"][0])[:, 0].min() > 170


@pytest.mark.parametrize("edge", [180.0, -180.0])
def test_a_box_that_only_touches_the_antimeridian_stays_one(edge):
    inner = edge - np.sign(edge) * 10
    ring = np.array([[edge, 0.0], [inner, 0.0], [inner, 5.0], [edge, 5.0], [edge, 0.0]])
    parts = _cut_at_antimeridian(ring)
    assert len(parts) == 1
    npt.assert_array_equal(parts[0], ring)


@pytest.mark.parametrize("latitude", [89.0, -89.0])
def test_a_box_about_a_pole_is_what_lies_poleward_of_its_edge(latitude):
    grid = Grid.around(latitude, 10.0, (200, 200))
    blank = np.zeros(grid.shape, np.uint8)
    mosaic = Mosaic(blank, blank == 0, np.datetime64("NaT", "ns"), "pole", grid=grid)
    beyond = 200.0 + np.sign(latitude) * 30  # 112 km
    cut = boxes.cut(mosaic, [200.0, 200.0, 240.0], [200.0, beyond, beyond])
    probability = np.full((3, 2), 0.5, np.float32)
    collection = boxes.to_geojson(Predictions(probability, ("A", "B"), cut.storm, "m", "s"), "ABA")
    for feature in collection["features"]:
        assert feature["geometry"]["type"] == "Polygon"
        ring = np.array(feature["geometry"]["coordinates"][0])
        assert (ring[0] == ring[-1]).all()
        assert (np.abs(ring) <= (180, 90)).all()
        assert signed_area(ring) > 0
        # Lambert's cylinder keeps areas: this is the box's on the sphere, and all around a pole.
        plane = np.stack([np.deg2rad(ring[:, 0]), np.sin(np.deg2rad(ring[:, 1]))], axis=1)
        npt.assert_allclose(signed_area(plane) * 6370**2, (SIZE * 3.75) ** 2, rtol=0.02)


@pytest.mark.parametrize("pole", [1, -1])
@pytest.mark.parametrize("turned", [False, True])
def test_what_lies_about_a_pole_keeps_the_points_of_its_ring(pole, turned):
    """Longitudes run on for a turn; each point stays where it is on earth."""
    longitude = np.arange(-200.0, 161.0, 30.0)
    longitude = longitude[::-1] if turned else longitude
    ring = np.stack([longitude, pole * (85 + np.cos(np.deg2rad(longitude)))], axis=1)
    result = _poleward(ring.copy())
    assert (np.abs(result[:, 0]) <= 180).all()
    for x, y in ring:
        apart = (result[:, 0] - x + 180) % 360 - 180
        assert np.min(np.hypot(apart, result[:, 1] - y)) < 1e-9
