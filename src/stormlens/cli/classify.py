"""``stormlens classify``: the storm mode of boxes in files."""

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stormlens.cli._group import say
from stormlens.cli._options import AsJson, Run
from stormlens.cli._output import number, print_json, print_table
from stormlens.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

NAME = "classify"
EPILOG = """\b
Examples:
  stormlens classify runs/first 201104041310z000282671.png
  stormlens classify runs/first boxes/*.png --csv > modes.csv
  stormlens classify runs/first boxes.npy --json --out modes.nc

\b
Reads SVRIMG PNG (palette indices are dBZ), NPY of one or many boxes, and
NetCDF in the container's format: 0 to 80 dBZ, row 0 south, of the size that
the classifier was trained on (a storm box is 136 x 136 pixels).
JSON: a list of {id, mode, probabilities: {mode name: value}}.
"""


def command(
    run: Run,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="PNG, NPY or NetCDF.", show_default=False),
    ],
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE.nc",
            help="Also write the probabilities to a NetCDF file.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """
    Name the storm mode of boxes in files.

    One row a box: id, mode, and the probability of every mode.
    """
    if as_json and as_csv:
        raise InputError("Choose --json or --csv, not both.")
    if out is not None and out.resolve() in {file.resolve() for file in files}:
        raise InputError(f"--out {out} is a file to be classified; give another name.")
    from stormlens import datasets
    from stormlens.models import Classifier

    classifier = Classifier.load(run)
    boxes = datasets.read_images(files, shape=classifier.image_shape)
    predictions = classifier.predict(boxes)
    note = "The classifier was trained on SIMULATED storms only."
    if out is not None:
        _write(predictions, out, note if classifier.trained_on_simulated else None)
    if classifier.trained_on_simulated:
        say(f"Note: {note}")
    if as_json:
        print_json([_entry(*box) for box in _boxes(predictions)])
    elif as_csv:
        _print_csv(predictions)
    else:
        modes = predictions["mode"].values.tolist()
        print_table(
            ("id", "mode", *modes),
            [(name, mode, *map(number, row.values())) for name, mode, row in _boxes(predictions)],
            right=modes,
        )


def _boxes(predictions: "xr.Dataset") -> list[tuple[str, str, dict[str, float]]]:
    """Of each box: id, mode, and probability by mode name."""
    modes = predictions["mode"].values.tolist()
    rows = predictions["probability"].values
    return [
        (str(name), modes[int(row.argmax())], dict(zip(modes, map(_short, row), strict=True)))
        for name, row in zip(predictions["unid"].values, rows, strict=True)
    ]


def _short(value: Any) -> float:
    """The float that a float32 prints as: no digits that were never computed."""
    return float(str(value))


def _entry(name: str, mode: str, probabilities: dict[str, float]) -> dict[str, Any]:
    return {"id": name, "mode": mode, "probabilities": probabilities}


def _print_csv(predictions: "xr.Dataset") -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["id", "mode", *predictions["mode"].values.tolist()])
    for name, mode, row in _boxes(predictions):
        writer.writerow([name, mode, *row.values()])


def _write(predictions: "xr.Dataset", path: Path, comment: str | None) -> None:
    from stormlens.storage import write_bytes

    if comment is not None:
        predictions = predictions.assign_attrs(comment=comment)
    # Made in memory first: HDF5 crashes the process where the disk fills up under it.
    write_bytes(path, bytes(predictions.to_netcdf(engine="h5netcdf")))
