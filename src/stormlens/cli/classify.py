"""``stormlens classify``: the storm mode of boxes, ready cut or cut from radar files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stormlens.cli._classified import finish, told_apart
from stormlens.cli._classifier import check_no_run, load_classifier, trained_note
from stormlens.cli._group import say
from stormlens.cli._options import OtherRun, QualityControl, Rain, Sampling
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
    from stormlens.readers import Options
    from stormlens.stormbox import Mosaic, Predictions

NAME = "classify"
EPILOG = """\b
Examples:
  stormlens classify KLIX20050828_180149.gz --map katrina.png
  stormlens classify KTLX@2013-05-20T20:15 --at 35.3,-97.5
  stormlens classify mrms/*.grib2.gz --geojson storms.geojson
  stormlens classify boxes/*.png --csv > modes.csv
  stormlens classify 201104041310z000282671.png --run runs/first

\b
Boxes: SVRIMG PNG (palette indices are dBZ), NPY of one or many boxes, and
NetCDF in the container's format: 0 to 80 dBZ, row 0 south, of the size that
the classifier was trained on (a storm box is 136 x 136 pixels).
Radar files: NEXRAD Level II, MRMS GRIB2, GridRad, ODIM HDF5, CfRadial and
NetCDF mosaics, gzip and bzip2 too. SITE@TIME is the NEXRAD volume nearest to
that time (UTC), fetched from the public archive. One that cannot be read
gets its sentence, the others are done, and the exit code is 2.

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
plausible (a list of modes) and novelty where known, and for radar files time,
latitude, longitude and coverage. CSV has the same columns.
"""

_CUTTING, _OUTPUT = "Boxes of radar files", "Output"


def _option(name: str, metavar: str, panel: str, words: str) -> Any:
    return typer.Option(
        name, metavar=metavar, help=words, rich_help_panel=panel, show_default=False
    )


def command(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Boxes or radar files.", show_default=False),
    ],
    boxes: Annotated[
        str | None,
        _option("--boxes", "HOW", _CUTTING, "storms or grid.  [default: storms]"),
    ] = None,
    at: Annotated[
        list[str] | None,
        _option("--at", "LAT,LON", _CUTTING, "Around this point instead; may be repeated."),
    ] = None,
    reports: Annotated[
        Path | None,
        _option(
            "--reports",
            "FILE.csv",
            _CUTTING,
            "Around storm reports instead: latitude, longitude, time (UTC).",
        ),
    ] = None,
    within: Annotated[
        float | None,
        _option(
            "--within", "MINUTES", _CUTTING, "Of a report from the file.  [0 or more; default 30]"
        ),
    ] = None,
    threshold: Annotated[
        int | None,
        _option("--threshold", "DBZ", _CUTTING, "A storm's core.  [1 to 80; default 40]"),
    ] = None,
    minimum_area: Annotated[
        float | None,
        _option("--min-area", "KM2", _CUTTING, "Of a core.  [0 or more; default 100]"),
    ] = None,
    stride: Annotated[
        int | None,
        _option("--stride", "CELLS", _CUTTING, "Of the grid, 3.75 km each.  [default 68]"),
    ] = None,
    run: OtherRun = None,
    sampling: Sampling = "nearest",
    rain: Rain = "marshall-palmer",
    quality_control: QualityControl = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON document instead.", rich_help_panel=_OUTPUT),
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV instead.", rich_help_panel=_OUTPUT)
    ] = False,
    out: Annotated[
        Path | None,
        _option("--out", "FILE.nc", _OUTPUT, "Also write the probabilities as NetCDF."),
    ] = None,
    geojson: Annotated[
        Path | None,
        _option("--geojson", "FILE", _OUTPUT, "Also write the boxes and modes as GeoJSON."),
    ] = None,
    map_: Annotated[
        Path | None,
        _option("--map", "FILE.png", _OUTPUT, "Also draw one radar file with its boxes."),
    ] = None,
) -> None:
    """
    Name the storm mode of boxes, or of the storms in radar files.

    One row a box. The classifier that comes with Stormlens answers, which SIMULATED storms
    trained, or that of --run.
    """
    from stormlens.readers import Options

    check_no_run(files[0], "FILE...")
    if as_json and as_csv:
        raise InputError("Choose --json or --csv, not both.")
    options = Options(sampling, rain, quality_control)
    _check_outputs(files, {"--out": out, "--geojson": geojson, "--map": map_})
    radar = [file for file in files if not holds_boxes(file)]
    boxes_ = [file for file in files if file not in radar]
    if map_ is not None and map_.suffix.lower() != ".png":
        raise InputError(f"--map {map_} is written as PNG; give a name that ends in .png.")
    if map_ is not None and len(radar) != 1:
        raise InputError(f"--map {map_} draws one radar file; {len(radar)} are given.")
    cutting = cutting_of(boxes, at, reports, within, threshold, minimum_area, stride)
    if not radar and (cutting, options) != (Cutting(), Options()):
        raise InputError("None of the files is a radar file, and boxes are read as they are.")
    there = _that_are_there(boxes_, radar)
    # The classifier takes longest to load, and comes after all that may turn out to be wrong.
    note, classifier = trained_note(run), load_classifier(run)
    if radar:
        _check_size(classifier, run)
    parts = _of_boxes(classifier, boxes_)
    read = _of_radar(classifier, there, cutting, options, map_)
    # Where every radar file is bad, nothing is done: most likely a name or an option is wrong.
    if read or not radar:
        finish(told_apart([*parts, *read]), note, out, geojson, as_json, as_csv)
    if len(read) < len(radar):
        raise typer.Exit(2)


def _check_outputs(files: list[Path], outputs: dict[str, Path | None]) -> None:
    from stormlens.storage import check_writable

    read = {file.resolve() for file in files}
    for name, path in outputs.items():
        if path is not None and path.resolve() in read:
            raise InputError(f"{name} {path} is a file to be classified; give another name.")
        if path is not None:
            check_writable(path)


def _that_are_there(boxes: list[Path], radar: list[Path]) -> list[Path]:
    """Radar files that may be read; the others get their sentence, and all of them end it here."""
    from stormlens import datasets

    for file in boxes:
        datasets.check_images(file)
    there = []
    for file in radar:
        try:
            check_source(file)
            there.append(file)
        except InputError as error:
            say(f"Error: {error}")
    if radar and not there:
        raise typer.Exit(2)
    return there


def _check_size(classifier: "Classifier", run: Path | None) -> None:
    from stormlens.stormbox import SIZE

    rows, columns = classifier.image_shape
    if (rows, columns) != (SIZE, SIZE):
        raise InputError(f"{run} takes {rows} x {columns} pixels; a storm box has {SIZE} x {SIZE}.")


def _of_boxes(classifier: "Classifier", files: list[Path]) -> list["Predictions"]:
    from stormlens import datasets
    from stormlens.models import heed_context

    if not files:
        return []
    boxes = datasets.read_boxes(files, shape=classifier.image_shape)
    return [heed_context(classifier.predict(boxes))]


def _of_radar(
    classifier: "Classifier",
    files: list[Path],
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
    classifier: "Classifier", file: Path, cutting: Cutting, options: "Options", map_: Path | None
) -> "Predictions":
    from stormlens.models import heed_context

    mosaic = read_mosaic(file, options)
    if mosaic.derived:
        say(f"Note: {file}: {mosaic.derived}.")
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
