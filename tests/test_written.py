"""Whatever Stormlens gives as an xarray object can be written to NetCDF, and comes back."""

import io

import numpy as np
import pytest
import xarray as xr

from stormlens import boxes, insight, readers
from stormlens.archive._summary import _Counts, _dataset
from stormlens.datasets import load, make_dataset
from stormlens.models import Classifier, build, slide
from stormlens.stormbox import MODES


@pytest.fixture(scope="module")
def storms():
    """Small, for what is computed of them takes its time with their size."""
    return load("simulated", split="test", count=6, seed=3).isel(y=slice(40, 72), x=slice(40, 72))


@pytest.fixture(scope="module")
def mosaic():
    dbz = np.zeros((899, 1399))
    dbz[400:430, 600:640] = 45
    time = np.datetime64("2011-04-27T19:00")
    return readers.make_mosaic(dbz, dbz >= 0, time=time, source="one storm")


@pytest.fixture(scope="module")
def classifier():
    told = {"training_simulated": True}
    model = build("chapter-relu", input_shape=(32, 32, 1))
    return Classifier(model, "chapter-relu", MODES, 0.0, 80.0, told)


def climatology():
    counts = _Counts()
    counts.of["by_year"][3:5] = 2
    return _dataset({"QLCS": counts, "Cellular": counts})


GIVEN = {
    "mosaic": lambda made: made["mosaic"],
    "boxes of a mosaic": lambda made: boxes.find_storms(made["mosaic"]),
    "no boxes": lambda made: boxes.find_storms(made["mosaic"], threshold=80),
    "simulated boxes": lambda made: made["storms"],
    "wide boxes": lambda made: load("simulated-wide", split="test", count=4, seed=3),
    "digits": lambda made: load("digits", split="test").isel(storm=slice(5)),
    "unlabelled": lambda made: make_dataset(np.zeros((2, 5, 5)), source="none"),
    "predictions": lambda made: made["classifier"].predict(made["storms"]),
    "confident predictions": lambda made: Classifier.shipped().predict(
        load("simulated", split="test", count=2, seed=3)
    ),
    "field": lambda made: slide(Classifier.shipped(), made["mosaic"], stride=200),
    "climatology": lambda made: climatology(),
    "feature maps": lambda made: insight.feature_maps(
        made["classifier"], made["storms"].isel(storm=[0]), 1
    ),
    "activations": lambda made: insight.activations(made["classifier"], made["storms"], 1),
    "inside": lambda made: insight.inside(made["classifier"], made["storms"]),
    "kernels": lambda made: insight.kernels(made["classifier"]),
    "gradient": lambda made: insight.gradient(made["classifier"], made["storms"]),
    "grad-cam": lambda made: insight.grad_cam(made["classifier"], made["storms"]),
    "mean box": lambda made: insight.mean_box(made["storms"], "QLCS"),
    "mean boxes": lambda made: insight.mean_boxes(made["storms"]),
    "neighbours": lambda made: insight.neighbours(
        made["classifier"], made["storms"].isel(storm=[0]), made["storms"], k=2
    ),
    "embedding": lambda made: insight.embedding(made["classifier"], made["storms"]),
    "resemblance": lambda made: insight.layer_resemblance(made["classifier"]),
    "maximise": lambda made: insight.maximise(made["classifier"], 0, steps=2),
    "sanity": lambda made: insight.sanity_check(made["classifier"], made["storms"]),
    "faithfulness": lambda made: insight.faithfulness(
        made["classifier"],
        made["storms"],
        insight.gradient(made["classifier"], made["storms"]),
        steps=3,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GIVEN)
def test_it_is_written_and_comes_back(name, storms, mosaic, classifier):
    made = GIVEN[name]({"storms": storms, "mosaic": mosaic, "classifier": classifier})
    if isinstance(made, xr.DataArray):
        made = made.to_dataset(name=made.name or "values")
    with xr.open_dataset(io.BytesIO(made.to_netcdf(engine="h5netcdf")), engine="h5netcdf") as read:
        again = read.load()
    xr.testing.assert_equal(again, made)
    for item, held in [(made, again), *((made[key], again[key]) for key in made.variables)]:
        assert set(item.attrs) <= set(held.attrs) | {"units", "coordinates"}
        for key, value in item.attrs.items():
            np.testing.assert_array_equal(held.attrs.get(key, value), value)
