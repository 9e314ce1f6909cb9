"""
A classifier on real storms: labelled boxes, and radar files of which the story is known.

    python benchmarks/real_storms.py [--run RUN] [--shared FOLDER] [--write]

Nothing here trains or calibrates anything; but whoever looks at it and then widens the simulator
has seen these storms, so that they prove less than others would. `--write` puts
the labelled boxes' scores into the run's appraisal.json. The files (SVRIMG's, MIT licence; NOAA's,
public domain) are not part of this project: FOLDER holds `svrimg/` and `radar/`.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

from stormlens import datasets
from stormlens.boxes import find_storms
from stormlens.experiment import add_real
from stormlens.models import Classifier, apply_context, name_modes, shipped_folder
from stormlens.readers import read
from stormlens.stormbox import MODES

SVRIMG = "SVRIMG, Haberlie, Ashley and Karpinski 2020"

# File, place of the storm that the story is about (latitude, longitude; None for all), its mode.
STORIES = (
    ("KLIX20050828_180149.gz", None, "Tropical"),
    ("MRMS_MergedReflectivityQCComposite_00.50_20220704-110040.grib2", (42.4, -93.9), "QLCS"),
)
OTHERS = (
    "KLBB20160601_150025_V06",
    "MRMS_PrecipRate_00.00_20190610-000000.grib2",
    "MRMS_PrecipRate_00.00_20190610-010000.grib2",
)


def main() -> None:
    """Print what the classifier says of every box, then how many are right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=shipped_folder())
    shared = Path(os.environ.get("STORMLENS_SHARED", "../shared/data"))
    parser.add_argument("--shared", type=Path, default=shared)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    classifier = Classifier.load(options.run)
    labelled = dict(labelled_boxes(options.shared))
    for name, boxes in labelled.items():
        show(classifier, name, boxes)
    for name in (*(story[0] for story in STORIES), *OTHERS):
        show(classifier, name, find_storms(read(options.shared / "radar" / name)))
    for name, boxes in labelled.items():
        predictions = classifier.predict(boxes)
        probability = apply_context(predictions)["probability"].values
        right = probability.argmax(1) == boxes["mode"].values
        print(f"{name}: {right.sum()} of {len(right)}")
    if options.write:
        add_real(options.run, classifier, labelled)


def labelled_boxes(shared: Path) -> Iterator[tuple[str, xr.Dataset]]:
    """Real boxes with their modes, by what a model card calls them."""
    with np.load(shared / "svrimg" / "sample_labelled.npz") as held:
        yield (
            "hand-labelled boxes of 2014 to 2017",
            datasets.make_dataset(held["images"], held["labels"], source=SVRIMG),
        )
    five = np.load(shared / "svrimg" / "five_images_20110404.npy")
    yield (
        "a squall line on 4 April 2011",
        datasets.make_dataset(five, [MODES.index("QLCS")] * len(five), source=SVRIMG),
    )
    for name, place, mode in STORIES:
        boxes = find_storms(read(shared / "radar" / name))
        if place is not None:
            apart = abs(boxes["latitude"] - place[0]) + abs(boxes["longitude"] - place[1])
            boxes = boxes.isel(storm=[int(apart.values.argmin())])
        seen = {key: ("storm", boxes[key].values) for key in ("coverage", "echo")}
        labelled = datasets.make_dataset(
            boxes["reflectivity"].values,
            [MODES.index(mode)] * boxes.sizes["storm"],
            source=f"NOAA, {name}",
        )
        yield f"{mode} of {name.split('.')[0]}", labelled.assign_coords(seen)


def show(classifier: Classifier, name: str, boxes: xr.Dataset) -> None:
    """A line a box: place, truth where it is known, verdict, the two likeliest modes, novelty."""
    predictions = classifier.predict(boxes)
    print(name)
    verdicts = name_modes(predictions)
    for box, verdict in enumerate(verdicts):
        held = predictions.isel(storm=box)
        order = np.argsort(-held["probability"].values)[:2]
        likely = ", ".join(
            f"{MODES[code]} {held['probability'].values[code]:.2f}" for code in order
        )
        truth = MODES[int(boxes["mode"][box])] if "mode" in boxes else ""
        place = f"{float(boxes['latitude'][box]):6.1f} {float(boxes['longitude'][box]):7.1f}"
        novelty = f"{float(held['novelty']):.2f}" if "novelty" in held else "-"
        print(f"  {place}  {truth:9s} {verdict:14s} {likely:32s} novelty {novelty}")


if __name__ == "__main__":
    main()
