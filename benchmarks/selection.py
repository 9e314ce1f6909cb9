"""
Recipes and networks side by side on families of simulated boxes that none was trained on.

    python benchmarks/selection.py [--boxes 6000] [--epochs 5] [--seeds 0 1] [--only NAME...]

Each differs from the recipe `storm-residual`, shortened, in one thing. Prints a Markdown table,
the best worst family first. Networks that are not in the registry are not computed natively: a
step of theirs takes a second or two, so name the others with --only where time is short.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from stormlens.augment import Augmentation
from stormlens.experiment import Candidate, select
from stormlens.models import build, import_keras
from stormlens.training import Recipe, load_recipe

keras = import_keras()


def main() -> None:
    """Train all candidates and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boxes", type=int, default=6000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--only", nargs="+", metavar="NAME")
    options = parser.parse_args()
    base = load_recipe("storm-residual").with_changes(epochs=options.epochs)
    chosen = []
    with tempfile.TemporaryDirectory() as folder:
        for recipe in candidates(base, Path(folder)):
            if options.only and recipe.name not in options.only:
                continue
            began = time.perf_counter()
            chosen += select([recipe], seeds=options.seeds, boxes=options.boxes, progress=False)
            minutes = (time.perf_counter() - began) / 60
            print(f"{row(chosen[-1])} {minutes:.1f} min", flush=True)
    print("\n| recipe | worst family | all held-out boxes | log loss | calibration error |")
    print("| --- | --- | ---: | ---: | ---: |")
    for candidate in sorted(chosen, key=lambda candidate: -candidate.worst):
        print(row(candidate))


def candidates(base: Recipe, folder: Path) -> list[Recipe]:
    """The recipe, and others that differ in one thing each; networks are saved in `folder`."""
    moves = base.augmentation or Augmentation()
    radar = {"offset_range": 3.0, "scale_range": (0.95, 1.05), "cutoff_range": 15.0}
    changes: dict[str, dict[str, Any]] = {
        "as shipped, shortened": {},
        "network svrimg-3conv": {"model": "svrimg-3conv"},
        "constant rate": {"schedule": "constant"},
        "last weights, not their average": {"average": 0.0},
        "labels not smoothed": {"label_smoothing": 0.0},
        "no weight decay": {"weight_decay": 0.0},
        "mixup 0.2": {"mixup": 0.2},
        "turned by any angle": {"augmentation": replace(moves, rotation_range=180.0)},
        "offset, scale and cut-off": {"augmentation": replace(moves, **radar)},
        "drop-out of radars": {"augmentation": replace(moves, dropout_range=0.3)},
        "no augmentation": {"augmentation": Augmentation()},
    }
    networks = {
        "group norm": normalised,
        "pools without aliasing": blurred,
        "coordinates as channels": located,
    }
    for name, change in networks.items():
        path = folder / f"{name}.keras"
        changed(change).save(path)
        changes[name] = {"model": str(path)}
    return [replace(base, name=name, **change) for name, change in changes.items()]


def changed(change: Callable[[Any], list[Any]]) -> Any:
    """The shipped network, untrained, with each layer replaced by what `change` makes of it."""
    layers = [keras.Input((136, 136, 1))]
    for layer in build("storm-residual").layers:
        layers += change(type(layer).from_config(layer.get_config()))
    return keras.Sequential(layers)


def normalised(layer: Any) -> list[Any]:
    """Eight groups of channels normalised behind each convolution (Wu and He 2018, ECCV)."""
    if not isinstance(layer, keras.layers.Conv2D):
        return [layer]
    linear = keras.layers.Conv2D.from_config({**layer.get_config(), "activation": "linear"})
    return [linear, keras.layers.GroupNormalization(8), keras.layers.ReLU()]


def blurred(layer: Any) -> list[Any]:
    """Maxima at every pixel, averaged before pixels are left out (Zhang 2019, ICML)."""
    if not isinstance(layer, keras.layers.MaxPooling2D):
        return [layer]
    return [keras.layers.MaxPooling2D(2, strides=1), keras.layers.AveragePooling2D(2)]


@keras.saving.register_keras_serializable(package="selection")
class Coordinates(keras.layers.Layer):  # type: ignore[name-defined]
    """Two channels more, which say where a pixel lies (Liu et al. 2018, NeurIPS)."""

    def call(self, inputs: Any) -> Any:
        """Append columns and rows, -1 to 1, to (N, H, W, channels) values."""
        rows, columns = inputs.shape[1:3]
        y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
        where = np.stack([x, y], -1)[None].astype(np.float32)
        ones = keras.ops.ones_like(inputs)
        return keras.ops.concatenate([inputs, ones * where], -1)


def located(layer: Any) -> list[Any]:
    """Coordinates before the first convolution."""
    first = isinstance(layer, keras.layers.Conv2D) and layer.filters == 16
    return [Coordinates(), layer] if first else [layer]


def row(candidate: Candidate) -> str:
    """A line of the table: means over the seeds, and the worst family of any seed."""
    held = list(candidate.appraisals.values())
    worst = min((appraisal.worst for appraisal in held), key=lambda family: family["accuracy"])
    means = [
        np.mean([appraisal.overall[name] for appraisal in held])
        for name in ("accuracy", "log_loss", "calibration_error")
    ]
    figures = " | ".join(f"{mean:.3f}" for mean in means)
    return f"| {candidate.recipe.name} | {worst['accuracy']:.3f} ({worst['family']}) | {figures} |"


if __name__ == "__main__":
    main()
