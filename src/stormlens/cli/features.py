"""``stormlens features``: the numbers that a person can name of boxes, and what they mean."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import say
from stormlens.cli._options import check_pictures, json_option, picture_options
from stormlens.cli._outputs import check_one_form
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._printing import print_csv, print_json, print_table

if TYPE_CHECKING:
    import numpy as np

    from stormlens.stormbox import Boxes

NAME = "features"
_SHOWN = 4  # boxes that a terminal shows
EPILOG = """\b
Examples:
  stormlens features
  stormlens features sample/box.png
  stormlens features boxes.nc --csv > features.csv

\b
Without a file: what each feature means, its unit, and between which values
it lies for a storm box. The recipes features-logistic and features-boosted
learn from these numbers.
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument(
    "files",
    nargs=-1,
    type=PATH,
    metavar="[FILE]...",
    help="Storm boxes: PNG, NPY or NetCDF.",
)
@picture_options
@option("--csv", "as_csv", is_flag=True, help="Print CSV instead: a row a box.")
@json_option
def command(files: tuple[Path, ...], pictures: dict[str, Any], as_csv: bool, as_json: bool) -> None:
    """Measure the features of storm boxes, or say what they mean."""
    check_one_form(as_json, as_csv)
    if not files:
        _describe(as_csv, as_json)
        return
    from stormlens import datasets
    from stormlens.features import measure_images

    check_pictures(pictures, files)
    boxes = datasets.read_boxes(list(files), **pictures)
    if boxes.simulated:
        say("Note: The boxes are SIMULATED.")
    _print(boxes, measure_images(boxes.reflectivity), as_csv, as_json)


def _describe(as_csv: bool, as_json: bool) -> None:
    from stormlens.features import describe

    known = describe()
    headings = ("feature", "unit", "low", "high", "meaning")
    rows = [(each.name, each.unit, each.low, each.high, each.meaning) for each in known]
    if as_json:
        print_json([dict(zip(headings, row, strict=True)) for row in rows])
    elif as_csv:
        print_csv([headings, *rows])
    else:
        print_table(
            headings,
            [(name, unit, f"{low:g}", f"{high:.6g}", text) for name, unit, low, high, text in rows],
            right=["low", "high"],
            wrap=["meaning"],
        )


def _print(boxes: "Boxes", table: "np.ndarray", as_csv: bool, as_json: bool) -> None:
    from stormlens.features import describe

    known = describe()
    unids = [str(unid) for unid in boxes.storm["unid"]]
    names = [each.name for each in known]
    if as_json:
        rows = [
            {"unid": unid, **dict(zip(names, row, strict=True))}
            for unid, row in zip(unids, table.tolist(), strict=True)
        ]
        print_json({"simulated": boxes.simulated, "boxes": rows})
        return
    if as_csv:
        values = table.tolist()
        print_csv(
            [["unid", *names], *([unid, *row] for unid, row in zip(unids, values, strict=True))]
        )
        return
    shown = list(islice(unids, _SHOWN))
    print_table(
        ("feature", "unit", *shown),
        [
            (each.name, each.unit, *(_short(value) for value in table[:_SHOWN, number]))
            for number, each in enumerate(known)
        ],
        right=shown,
    )
    if len(unids) > _SHOWN:
        say(f"Note: The first {_SHOWN} of {len(unids):,} boxes; --csv prints all.")


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
