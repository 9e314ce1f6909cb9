"""``stormlens classify``: the storm mode of boxes, ready cut or cut from radar files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stormlens.cli._classified import finish, with_unique_ids
from stormlens.cli._classifier import check_no_run, load_classifier, trained_note
from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import say
from stormlens.cli._options import check_pictures, picture_options, run_option, verbose_option
from stormlens.cli._outputs import EVERY, Outputs, output_options
from stormlens.cli._parameters import PATH, argument
from stormlens.cli._radar import boxes_too, check_source, holds_boxes, read_mosaic
from stormlens.cli._radar_options import cutting_options, reading_options
from stormlens.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from stormlens.boxes import Cutting
    from stormlens.models import Classifier
    from stormlens.readers import Chunks, Options
    from stormlens.stormbox import Mosaic, Predictions

NAME = "classify"
EPILOG = """\b
Examples:
  stormlens classify sample/volumes/XSIM20000615_210000_V06 --map map.png
  stormlens classify sample/volumes/* --geojson storms.geojson
  stormlens classify sample/boxes.npy --csv > modes.csv
  stormlens classify sample/box.png --run runs/first
  stormlens classify KTLX@2013-05-20T20:15 --at 35.3,-97.5
  stormlens classify composite.png --colors iem-n0q

\b
`stormlens data sample sample` writes that folder.

\b
Boxes: SVRIMG PNG (palette indices are dBZ), NPY of one or many boxes, and
NetCDF in the container's format: 0 to 80 dBZ, row 0 south, of the size that
the classifier was trained on (a storm box is 136 x 136 pixels). Grey and
coloured PNG with --dbz-scale or --colors, north up.
Radar files: NEXRAD Level II, MRMS GRIB2, GridRad, ODIM, KNMI, CfRadial and
NetCDF mosaics; gzip and bzip2 too. Chunks of NOAA's real-time NEXRAD feed
(20260328-201457-001-S, -002-I, ...) are one volume together. SITE@TIME is the
NEXRAD volume nearest to that time (UTC), fetched from the public archive. One
that cannot be read gets its sentence, the others are done, and the exit code
is 2. A NEXRAD volume that lacks something is read as far as it goes, which a
line on stderr says, or refused with --strict.

\b
The mode is the most probable class. Where coverage is known, a box of which
radars see less than half is Missing; seen by half or more and without any
echo (5 dBZ) it is Clear; seen by 98 % or more it is never Missing: wherever
probabilities are printed, drawn or written, that mode has 0 there.
A classifier that knows its confidence says "unsure" where no mode, or more
than one, is plausible, and "no storm box" where nothing that it was trained
on looks alike (novelty above 1) or there is no echo. A mode is plausible from
a probability on, chosen so that the truth is plausible at the classifier's
level (in 9 of 10 boxes for the one that comes with Stormlens) in boxes like
those that it was calibrated on; in others it may be less often. Far inland,
north of 39 N and west of 88 W, Tropical is not plausible.
The table gives the probabilities of 0.05 or more, three at most.
JSON: a list of {id, mode, likeliest, probabilities: {mode name: value}}, with
plausible (a list of modes) and novelty where known, disagreement of an
ensemble's networks (mutual information, nats; 0 where all say the same), and
for radar files time, latitude, longitude and coverage. CSV has the same
columns.
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument(
    "files", type=PATH, nargs=-1, required=True, metavar="FILE...", help="Boxes or radar files."
)
@cutting_options
@run_option
@verbose_option
@picture_options
@reading_options
@output_options(*EVERY)
def command(
    files: tuple[Path, ...],
    cutting: "Cutting",
    run: Path | None,
    verbose: bool,
    pictures: dict[str, Any],
    options: "Options",
    outputs: Outputs,
) -> None:
    """
    Name the storm mode of boxes, or of the storms in radar files.

    One row a box. The classifier that comes with Stormlens answers, which SIMULATED storms
    trained, or that of --run.
    """
    from stormlens import datasets
    from stormlens.boxes import Cutting
    from stormlens.readers import Options, volumes_of

    check_no_run(files[0], "FILE...")
    outputs.check(files)
    boxes = [file for file in files if holds_boxes(file)]
    radar = volumes_of(file for file in files if file not in boxes)
    if outputs.map_ is not None and len(radar) != 1:
        raise InputError(f"--map {outputs.map_} draws one radar file; {len(radar)} are given.")
    if not radar and (cutting, options) != (Cutting(), Options()):
        raise InputError("None of the files is a radar file, and boxes are read as they are.")
    check_pictures(pictures, boxes)
    for images in boxes:
        datasets.check_images(images)
    there = _that_are_there(radar)
    # The classifier takes longest to load, and comes after all that may turn out to be wrong.
    note, classifier = trained_note(run), load_classifier(run)
    if radar:
        _check_size(classifier, run)
    parts = _of_boxes(classifier, boxes, pictures)
    read = _of_radar(classifier, there, cutting, options, outputs)
    if verbose:
        say(f"Note: Computed by {classifier.network.computed_by}.")
    # Where every radar file is bad, nothing is done: most likely a name or an option is wrong.
    if read or not radar:
        finish(with_unique_ids([*parts, *read]), note, outputs)
    if len(read) < len(radar):
        raise click.exceptions.Exit(2)


def _that_are_there(radar: list["Path | Chunks"]) -> list["Path | Chunks"]:
    """Those that exist; the others get their sentence, and where none exists all ends here."""
    there: list[Path | Chunks] = []
    for file in radar:
        try:
            check_source(file)
            there.append(file)
        except InputError as error:
            say(f"Error: {error}")
    if radar and not there:
        raise click.exceptions.Exit(2)
    return there


def _check_size(classifier: "Classifier", run: Path | None) -> None:
    from stormlens.stormbox import SIZE

    rows, columns = classifier.image_shape
    if (rows, columns) != (SIZE, SIZE):
        raise InputError(f"{run} takes {rows} x {columns} pixels; a storm box has {SIZE} x {SIZE}.")


def _of_boxes(
    classifier: "Classifier", files: list[Path], pictures: dict[str, Any]
) -> list["Predictions"]:
    from stormlens import datasets
    from stormlens.models import apply_context

    if not files:
        return []
    boxes = datasets.read_boxes(files, shape=classifier.image_shape, **pictures)
    return [apply_context(classifier.predict(boxes))]


def _of_radar(
    classifier: "Classifier",
    files: list["Path | Chunks"],
    cutting: "Cutting",
    options: "Options",
    outputs: Outputs,
) -> list["Predictions"]:
    """Predictions for each file that can be read; the others get their sentence."""
    parts = []
    for file in files:
        try:
            parts.append(_of_one(classifier, file, cutting, options, outputs))
        except InputError as error:
            say(f"Error: {error}{boxes_too(file, error)}")
    return parts


def _of_one(
    classifier: "Classifier",
    file: "Path | Chunks",
    cutting: "Cutting",
    options: "Options",
    outputs: Outputs,
) -> "Predictions":
    from stormlens.models import apply_context

    mosaic = read_mosaic(file, options)
    boxes = cutting.cut(mosaic)
    if not len(boxes):
        say(f"Note: {cutting.none_found(str(file))}")
    predictions = apply_context(classifier.predict(boxes))
    outputs.draw(lambda: _map(mosaic, predictions))
    return predictions


def _map(mosaic: "Mosaic", predictions: "Predictions") -> "Figure | SubFigure":
    from stormlens import plots

    return plots.mosaic_map(mosaic, predictions).figure
