"""``stormlens classify``: the storm mode of boxes, ready cut or cut from radar files."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stormlens.cli._classified import finish, told_apart
from stormlens.cli._classifier import check_no_run, load_classifier, trained_note
from stormlens.cli._group import PanelCommand, say
from stormlens.cli._options import (
    DAY_HELP,
    REPORTS_HELP,
    check_pictures,
    picture_options,
    reading_options,
    run_option,
    verbose_option,
)
from stormlens.cli._output import check_outputs
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._radar import (
    Cutting,
    boxes_too,
    check_source,
    cutting_of,
    holds_boxes,
    read_mosaic,
)
from stormlens.errors import InputError

if TYPE_CHECKING:
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

_CUTTING, _OUTPUT = "Boxes of radar files", "Output"


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument(
    "files", type=PATH, nargs=-1, required=True, metavar="FILE...", help="Boxes or radar files."
)
@option("--boxes", metavar="HOW", help="storms or grid.  [default: storms]", panel=_CUTTING)
@option(
    "--at",
    multiple=True,
    metavar="LAT,LON",
    help="Around this point instead; may be repeated.",
    panel=_CUTTING,
)
@option(
    "--reports",
    type=PATH,
    metavar="FILE.csv",
    help=REPORTS_HELP,
    panel=_CUTTING,
)
@option("--day", metavar="YYYY-MM-DD", help=DAY_HELP, panel=_CUTTING)
@option(
    "--within",
    type=float,
    metavar="MINUTES",
    help="Of a report from the file.  [0 or more; default 30]",
    panel=_CUTTING,
)
@option(
    "--threshold",
    type=int,
    metavar="DBZ",
    help="A storm's core.  [1 to 80; default 40]",
    panel=_CUTTING,
)
@option(
    "--min-area",
    "minimum_area",
    type=float,
    metavar="KM2",
    help="Of a core.  [0 or more; default 100]",
    panel=_CUTTING,
)
@option(
    "--stride",
    type=int,
    metavar="CELLS",
    help="Of the grid, 3.75 km each.  [default 68]",
    panel=_CUTTING,
)
@run_option
@verbose_option
@picture_options
@reading_options
@option("--json", "as_json", is_flag=True, help="Print one JSON document instead.", panel=_OUTPUT)
@option("--csv", "as_csv", is_flag=True, help="Print CSV instead.", panel=_OUTPUT)
@option(
    "--out",
    type=PATH,
    metavar="FILE.nc",
    help="Also write the probabilities as NetCDF.",
    panel=_OUTPUT,
)
@option(
    "--geojson",
    type=PATH,
    metavar="FILE",
    help="Also write the boxes and modes as GeoJSON.",
    panel=_OUTPUT,
)
@option(
    "--map",
    "map_",
    type=PATH,
    metavar="FILE.png",
    help="Also draw one radar file with its boxes.",
    panel=_OUTPUT,
)
def command(
    files: tuple[Path, ...],
    boxes: str | None,
    at: tuple[str, ...],
    reports: Path | None,
    day: str | None,
    within: float | None,
    threshold: int | None,
    minimum_area: float | None,
    stride: int | None,
    run: Path | None,
    verbose: bool,
    pictures: dict[str, Any],
    options: "Options",
    as_json: bool,
    as_csv: bool,
    out: Path | None,
    geojson: Path | None,
    map_: Path | None,
) -> None:
    """
    Name the storm mode of boxes, or of the storms in radar files.

    One row a box. The classifier that comes with Stormlens answers, which SIMULATED storms
    trained, or that of --run.
    """
    from stormlens.readers import Options, volumes_of

    check_no_run(files[0], "FILE...")
    if as_json and as_csv:
        raise InputError("Choose --json or --csv, not both.")
    check_outputs(files, {"--out": out, "--geojson": geojson, "--map": map_})
    boxes_ = [file for file in files if holds_boxes(file)]
    radar = volumes_of(file for file in files if file not in boxes_)
    if map_ is not None and map_.suffix.lower() != ".png":
        raise InputError(f"--map {map_} is written as PNG; give a name that ends in .png.")
    if map_ is not None and len(radar) != 1:
        raise InputError(f"--map {map_} draws one radar file; {len(radar)} are given.")
    cutting = cutting_of(boxes, at, reports, day, within, threshold, minimum_area, stride)
    if not radar and (cutting, options) != (Cutting(), Options()):
        raise InputError("None of the files is a radar file, and boxes are read as they are.")
    check_pictures(pictures, boxes_)
    there = _that_are_there(boxes_, radar)
    # The classifier takes longest to load, and comes after all that may turn out to be wrong.
    note, classifier = trained_note(run), load_classifier(run)
    if radar:
        _check_size(classifier, run)
    parts = _of_boxes(classifier, boxes_, pictures)
    read = _of_radar(classifier, there, cutting, options, map_)
    if verbose:
        say(f"Note: Computed by {classifier.network.computed_by}.")
    # Where every radar file is bad, nothing is done: most likely a name or an option is wrong.
    if read or not radar:
        finish(told_apart([*parts, *read]), note, out, geojson, map_, as_json, as_csv)
    if len(read) < len(radar):
        raise click.exceptions.Exit(2)


def _that_are_there(boxes: list[Path], radar: list["Path | Chunks"]) -> list["Path | Chunks"]:
    """Radar files that may be read; the others get their sentence, and all of them end it here."""
    from stormlens import datasets

    for images in boxes:
        datasets.check_images(images)
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
    from stormlens.models import heed_context

    if not files:
        return []
    boxes = datasets.read_boxes(files, shape=classifier.image_shape, **pictures)
    return [heed_context(classifier.predict(boxes))]


def _of_radar(
    classifier: "Classifier",
    files: list["Path | Chunks"],
    cutting: Cutting,
    options: "Options",
    map_: Path | None,
) -> list["Predictions"]:
    """Predictions for each file that can be read; the others get their sentence."""
    parts = []
    for file in files:
        try:
            parts.append(_of_one(classifier, file, cutting, options, map_))
        except InputError as error:
            say(f"Error: {error}{boxes_too(file, error)}")
    return parts


def _of_one(
    classifier: "Classifier",
    file: "Path | Chunks",
    cutting: Cutting,
    options: "Options",
    map_: Path | None,
) -> "Predictions":
    from stormlens.models import heed_context

    mosaic = read_mosaic(file, options)
    boxes = cutting.boxes(mosaic)
    if not len(boxes):
        say(f"Note: {cutting.none_found(str(file))}")
    predictions = heed_context(classifier.predict(boxes))
    if map_ is not None:
        _draw(mosaic, predictions, map_)
    return predictions


def _draw(mosaic: "Mosaic", predictions: "Predictions", path: Path) -> None:
    from stormlens import plots
    from stormlens.storage import atomic_path

    canvas = plots.mosaic_map(mosaic, predictions).figure.canvas
    with atomic_path(path) as temporary:
        canvas.print_figure(temporary, dpi=150, format="png")
