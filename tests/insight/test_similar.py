"""Neighbours are scikit-learn's, the map is a singular value decomposition's."""

import sys
from types import SimpleNamespace

import numpy as np
import numpy.testing as npt
import pytest
from sklearn.neighbors import NearestNeighbors

from stormlens import insight
from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.models import Classifier, build

pytestmark = pytest.mark.usefixtures("fixed_start")


def boxes(n, seed=0, **options):
    images = np.random.default_rng(seed).integers(0, 75, (n, 24, 24)).astype(np.uint8)
    return make_dataset(images, np.arange(n) % 4, source="test", **options)


@pytest.fixture(scope="module")
def classifier():
    return Classifier(build("chapter-relu", input_shape=(24, 24, 1), seed=1), "chapter-relu")


def test_neighbours_are_scikit_learns(classifier):
    query, dataset = boxes(3, seed=1), boxes(20, latitude=np.arange(20), simulated=True)
    found = insight.neighbours(classifier, query, dataset, k=4)
    oracle = NearestNeighbors(n_neighbors=4, metric="cosine")
    oracle.fit(insight.features(classifier, dataset).values.astype(float))
    distance, index = oracle.kneighbors(insight.features(classifier, query).values.astype(float))
    npt.assert_array_equal(found["index"], index)
    npt.assert_allclose(found["distance"], distance, atol=1e-12)
    npt.assert_array_equal(found["neighbour_latitude"], dataset["latitude"].values[index])
    npt.assert_array_equal(found["neighbour_unid"], dataset["unid"].values[index])
    assert found["rank"].values.tolist() == [1, 2, 3, 4]
    assert found.attrs["simulated"] == 1


def test_a_box_is_not_its_own_neighbour(classifier):
    dataset = boxes(6)
    found = insight.neighbours(classifier, dataset, dataset, k=5)
    own = np.arange(6)[:, None]
    assert (found["index"].values != own).all()
    # Made-up identifiers agree between datasets; the images tell the boxes apart.
    other = boxes(6, seed=5)
    found = insight.neighbours(classifier, other, dataset, k=6)
    assert (np.sort(found["index"].values, axis=1) == np.arange(6)).all()
    with pytest.raises(InputError, match="k is 6; each box has 1 to 5 other boxes"):
        insight.neighbours(classifier, dataset, dataset, k=6)
    with pytest.raises(InputError, match="k is 0"):
        insight.neighbours(classifier, dataset, dataset, k=0)


def test_the_map_is_of_principal_components(classifier):
    dataset = boxes(15)
    placed = insight.embedding(classifier, dataset)
    values = insight.features(classifier, dataset).values.astype(float)
    values -= values.mean(0)
    _, sizes, axes = np.linalg.svd(values, full_matrices=False)
    # A component's sign is a matter of convention.
    npt.assert_allclose(np.abs(placed["position"]), np.abs(values @ axes[:2].T), atol=1e-4)
    npt.assert_allclose(placed["explained"], (sizes**2 / (sizes**2).sum())[:2], rtol=1e-4)
    npt.assert_array_equal(placed["mode"], dataset["mode"])
    assert placed["unid"].dims == ("storm",)
    assert placed.attrs["method"] == "pca"


def test_umap_is_asked_with_cosine_and_the_seed(classifier, monkeypatch):
    asked = {}

    class Reducer:
        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, values):
            return values[:, :2]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Reducer))
    placed = insight.embedding(classifier, boxes(8), "umap", seed=7)
    assert asked == {"n_neighbors": 7, "metric": "cosine", "random_state": 7, "n_jobs": 1}
    assert placed["position"].shape == (8, 2)
    assert "explained" not in placed


def test_maps_that_cannot_be_made_say_why(classifier, monkeypatch):
    with pytest.raises(InputError, match=r"'pac'\. Did you mean 'pca'"):
        insight.embedding(classifier, boxes(8), "pac")
    with pytest.raises(InputError, match="at least 3 boxes, not 2"):
        insight.embedding(classifier, boxes(2))
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(InputError, match=r'pip install -e "\.\[umap\]"'):
        insight.embedding(classifier, boxes(8), "umap")
