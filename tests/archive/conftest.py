"""A cluster, a classifier that takes no time, and stores that the tests of archives share."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stormlens.archive import _catalogue as catalogue
from stormlens.archive._layout import BLOCK, as_arrays, create
from stormlens.archive._shard import encode
from stormlens.archive._store import Store
from stormlens.archive._workers import _SETTINGS, replenished
from stormlens.datasets import make_dataset
from stormlens.models import Classifier
from stormlens.models._keras import import_keras
from stormlens.stormbox import SIZE, Boxes


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """Two worker processes that are replaced when they die."""
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set(_SETTINGS),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            silence_logs=logging.CRITICAL,
            # Some tests kill workers, which may leave half a program that JAX compiled.
            env={"JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("compiled"))},
        ) as made,
        replenished(made),
    ):
        yield made


@pytest.fixture(scope="session")
def scheduler(cluster) -> str:
    """Its address."""
    return cluster.scheduler_address


@pytest.fixture(scope="session")
def model_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a small untrained network."""
    keras = import_keras()
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            layers.AveragePooling2D(17),
            layers.Flatten(),
            layers.Dense(6, activation="softmax"),
        ]
    )
    return Classifier(model, None, provenance={"training_simulated": True}).save(
        tmp_path_factory.mktemp("model") / "run"
    )


def patterned(n: int, first: int = 0) -> np.ndarray:
    """Boxes that differ: a square of echo whose place and strength follow from the number."""
    numbers = np.arange(first, first + n)
    images = np.zeros((n, SIZE, SIZE), np.uint8)
    for image, number in zip(images, numbers, strict=True):
        row, column = number % 7, number // 7 % 7
        image[17 * row : 17 * row + 30, 17 * column : 17 * column + 30] = 5 + number % 60
    return images


def write(store: Store, first: int, arrays: dict[str, np.ndarray]) -> None:
    """Put boxes behind those that are there, file by file."""
    images, stop = arrays["reflectivity"], first + len(arrays["reflectivity"])
    for number in range(first // BLOCK, -(-stop // BLOCK)):
        begin, end = number * BLOCK, min((number + 1) * BLOCK, stop)
        before = store.images(begin, max(begin, first))
        new = images[max(begin, first) - first : end - first]
        store.put(number, encode(np.concatenate([before, new])))
    store.extend(first, arrays)


def fill(path: Path, n: int, *, in_one: int = 1024, **attrs: object) -> Path:
    """A store of patterned boxes, or more of them at the end of one, each file `in_one` boxes."""
    path.mkdir(parents=True, exist_ok=True)
    if not (path / "boxes.zarr").exists():
        create(path, {"simulated": 0, "settings": {}, **attrs})
    store = Store(path, writable=True)
    known = catalogue.Known(path)
    start = known.boxes
    store.truncate(start)
    for first in range(start, start + n, in_one):
        boxes = min(in_one, start + n - first)
        numbers = np.arange(first, first + boxes)
        dataset = make_dataset(
            patterned(boxes, first),
            unid=[f"box-{number}" for number in numbers],
            time=np.datetime64("2011-04-27", "s") + np.timedelta64(60, "s") * numbers,
            latitude=30 + numbers % 15,
            longitude=-100 + numbers % 25,
            source="patterns",
        )
        row = len(list(catalogue.read_rows(path)))
        arrays = {**as_arrays(Boxes.from_xarray(dataset)), "source": np.full(boxes, row, np.int32)}
        write(store, first, arrays)
        catalogue.append(path, [catalogue.Row(f"file-{row}", 1, "", first, boxes)])
    store.finish()
    return path


@pytest.fixture(scope="session")
def store_of(tmp_path_factory: pytest.TempPathFactory):
    """Make a store of so many boxes."""

    def make(n: int, **attrs: object) -> Path:
        return fill(tmp_path_factory.mktemp("store") / "store", n, **attrs)

    return make
