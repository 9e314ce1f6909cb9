"""``stormlens slide``: the probability of each mode everywhere over a radar file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stormlens.cli._classifier import ONE, check_no_run, load_classifier, trained_note
from stormlens.cli._group import PanelCommand, say
from stormlens.cli._options import (
    reading_options,
    run_option,
    verbose_option,
)
from stormlens.cli._output import check_outputs, print_table
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._radar import read_mosaic
from stormlens.errors import InputError

if TYPE_CHECKING:
    from stormlens.models import Network
    from stormlens.readers import Options
    from stormlens.stormbox import Field

NAME = "slide"
_BOX_BY_BOX = "box by box"
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
mosaic takes seconds. Any other is asked box by box, as the one that comes
with Stormlens is: a national mosaic has 15,168 boxes at stride 8, and 241,424
at stride 2. Each is looked at in eight orientations, those without echo once
for all. A line on stderr then says why.
Table and map heed coverage: a box that radars see whole is not Missing. --out
keeps the network's own probabilities, with coverage and echo beside them.
The table is of boxes with echo of which radars see half or more: the mean and
highest probability of each mode, and the share of boxes where it is the
likeliest.
Unless told, boxes are 8 cells apart, or where they share their convolutions
the multiple of the network's pools nearest to it: 9 for svrimg-3conv, whose
pools have side 3, is several times as fast as 8.
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG, context_settings=ONE)
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
    help="From box to box, 3.75 km each.  [1 or more; default 8 or nearly so]",
)
@option("--out", type=PATH, metavar="FILE.nc", help="Write the field as NetCDF.")
@option("--map", "map_", type=PATH, metavar="FILE.png", help="Draw a map of each mode.")
@reading_options
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[Path, ...],
    run: Path | None,
    verbose: bool,
    stride: int | None,
    out: Path | None,
    map_: Path | None,
    options: "Options",
) -> None:
    """
    Give the probability of each mode everywhere over a radar file.

    A box slides over the whole mosaic; each place gets the probabilities of its box.
    """
    from stormlens.models import heed_context, slide
    from stormlens.readers import volumes_of

    file, *more = volumes_of(files)
    check_no_run(files[0], "FILE", more)
    note = trained_note(run)
    if map_ is not None and map_.suffix.lower() != ".png":
        raise InputError(f"--map {map_} is written as PNG; give a name that ends in .png.")
    check_outputs(files, {"--out": out, "--map": map_})
    mosaic = read_mosaic(file, options)
    classifier = load_classifier(run)
    field = slide(classifier, mosaic, stride=stride, progress=True)
    by = field.computed
    is_boxed = by.startswith(_BOX_BY_BOX)
    if is_boxed:
        say(f"Note: The field was computed {by}.")
    elif stride is None:
        say(
            f"Note: Boxes are {field.stride} cells apart, a multiple of the network's "
            "pools, with which they share most of their convolutions; --stride sets another."
        )
    if verbose:
        say(f"Note: Computed by {_computed_by(classifier.network, by)}.")
    if note:
        say(f"Note: {note}")
    if out is not None:
        _write(field, out)
    field = heed_context(field)
    if map_ is not None:
        _draw(field, map_)
    for path in filter(None, (out, map_)):
        say(f"Written: {path}")
    _print(field)


def _computed_by(network: "Network", by: str) -> str:
    if by.startswith(_BOX_BY_BOX):
        return network.computed_by
    if not network.is_engines:
        return f"{by} on JAX"
    from stormlens.engine import instruction_set

    return f"{by} on the engine ({instruction_set()})"


def _write(field: "Field", path: Path) -> None:
    from stormlens.storage import write_bytes

    # Made in memory first: HDF5 crashes the process where the disk fills up under it.
    write_bytes(path, bytes(field.to_xarray().to_netcdf(engine="h5netcdf")))


def _draw(field: "Field", path: Path) -> None:
    from stormlens import plots
    from stormlens.storage import atomic_path

    canvas = plots.probability_field(field).canvas
    with atomic_path(path) as temporary:
        canvas.print_figure(temporary, dpi=150, format="png")


def _print(field: "Field") -> None:
    import numpy as np

    values = field.probability[(field.seen >= 0.5) & (field.echo > 0)]
    if not len(values):
        say("Note: There is no box with echo of which radars see half.")
        return
    likeliest = np.bincount(values.argmax(axis=1), minlength=len(field.modes)) / len(values)
    rows = [
        (mode, f"{values[:, i].mean():.3f}", f"{values[:, i].max():.3f}", f"{likeliest[i]:.3f}")
        for i, mode in enumerate(field.modes)
    ]
    print_table(
        ("mode", "mean", "highest", "likeliest"), rows, right=("mean", "highest", "likeliest")
    )
