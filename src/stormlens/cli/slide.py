"""``stormlens slide``: the probability of each mode everywhere over a radar file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stormlens.cli._classifier import check_no_run, check_single, load_classifier, trained_note
from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import say
from stormlens.cli._options import run_option, verbose_option
from stormlens.cli._outputs import Outputs, output_options
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._printing import number, print_table
from stormlens.cli._radar import read_mosaic
from stormlens.cli._radar_options import reading_options

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stormlens.models import Network
    from stormlens.readers import Options
    from stormlens.stormbox import Field

NAME = "slide"
EPILOG = """\b
Examples:
  stormlens slide sample/mosaic.h5 --out field.nc --map field.png
  stormlens slide KTLX@2013-05-20T20:15 --stride 4 --map field.png
  stormlens slide sample/mosaic.h5 --run runs/first --map field.png

\b
`stormlens data sample sample` writes that folder.

\b
Each value is what classify gives for the box centred there, to 1e-4. Where
the network is a plain chain of convolutions, pools and dense layers, as
svrimg-3conv is, boxes that overlap share their convolutions, and a national
mosaic takes seconds. Any other answers box by box, as the one that comes
with Stormlens does: a national mosaic has 15,168 boxes at stride 8, and
241,424 at stride 2. Each is seen in eight orientations, those without echo
once for all. A line on stderr then says why.
Table and map take coverage into account: a box that radars see whole is not
Missing. --out has the network's own probabilities, with coverage and echo.
The table is of boxes with echo of which radars see half or more: the mean and
highest probability of each mode, and the share of boxes where it is the
likeliest.
By default boxes are 8 cells apart, or if they share their convolutions the
multiple of the network's pools nearest to 8: 9 for svrimg-3conv, whose pools
have side 3, is several times as fast as 8.
JSON: a list of {mode, mean, highest, likeliest}; CSV has the same columns.
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument(
    "files",
    type=PATH,
    nargs=-1,
    required=True,
    metavar="FILE",
    help="Radar file, or SITE@TIME, or the chunks of one real-time volume.",
)
@run_option
@verbose_option
@option(
    "--stride",
    type=int,
    metavar="CELLS",
    help="Cells of 3.75 km from box to box.  [1 or more; default 8 or nearly so]",
)
@reading_options
@output_options("as_json", "as_csv", "out", "map_")
def command(
    files: tuple[Path, ...],
    run: Path | None,
    verbose: bool,
    stride: int | None,
    options: "Options",
    outputs: Outputs,
) -> None:
    """
    Give the probability of each mode everywhere over a radar file.

    A box slides over the whole mosaic; each place gets the probabilities of its box.
    """
    from stormlens.models import apply_context, slide
    from stormlens.readers import volumes_of

    check_no_run(files[0], "FILE")
    volumes = volumes_of(files)
    check_single(volumes, "FILE")
    note = trained_note(run)
    outputs.check(files)
    mosaic = read_mosaic(volumes[0], options)
    classifier = load_classifier(run)
    field = slide(classifier, mosaic, stride=stride, progress=True)
    if field.is_box_by_box:
        say(f"Note: The field was computed {field.computed}.")
    elif stride is None:
        say(
            f"Note: Boxes are {field.stride} cells apart, a multiple of the network's "
            "pools, with which they share most of their convolutions; --stride sets another."
        )
    if verbose:
        say(f"Note: Computed by {_computed_by(classifier.network, field)}.")
    outputs.write(field.to_xarray)
    field = apply_context(field)
    outputs.draw(lambda: _map(field))
    outputs.say_written(note)
    _print(field, outputs)


def _computed_by(network: "Network", field: "Field") -> str:
    if field.is_box_by_box:
        return network.computed_by
    if not network.is_engines:
        return f"{field.computed} on JAX"
    from stormlens.engine import instruction_set

    return f"{field.computed} on the engine ({instruction_set()})"


def _map(field: "Field") -> "Figure":
    from stormlens import plots

    return plots.probability_field(field)


def _print(field: "Field", outputs: Outputs) -> None:
    columns = ("mode", "mean", "highest", "likeliest")
    rows = _summary(field)
    if not rows:
        say("Note: There is no box with echo of which radars see half.")
    outputs.print(
        [dict(zip(columns, row, strict=True)) for row in rows],
        lambda: [columns, *rows],
        lambda: _print_table(columns, rows),
    )


def _print_table(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    if rows:
        cells = [(mode, *(number(value) for value in values)) for mode, *values in rows]
        print_table(columns, cells, right=columns[1:])


def _summary(field: "Field") -> list[tuple[Any, ...]]:
    """Of each mode its mean and highest probability, and the share of boxes it is likeliest in."""
    import numpy as np

    values = field.probability[(field.seen >= 0.5) & (field.echo > 0)]
    if not len(values):
        return []
    counts = np.bincount(values.argmax(axis=1), minlength=len(field.modes))
    numbers = (values.mean(axis=0), values.max(axis=0), counts / len(values))
    return list(zip(field.modes, *(column.tolist() for column in numbers), strict=True))
