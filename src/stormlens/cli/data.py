"""``stormlens data``: list, fetch, describe, show and simulate boxes; sample files of all kinds."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stormlens.cli._group import CommandGroup
from stormlens.cli._notes import say
from stormlens.cli._options import data_options, data_seed_option, json_option, picture_options
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._printing import print_json, print_lines, print_prose, print_table
from stormlens.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from stormlens.datasets import SourceInfo


@click.group(
    cls=CommandGroup,
    epilog="""\b
Example:
  stormlens data list
""",
)
def command() -> None:
    """List, fetch, describe, show and simulate boxes; write sample files."""


_name_argument = argument(
    "name",
    metavar="NAME",
    help="Name from `stormlens data list`, a folder of classes, or a NetCDF file.",
)
_split_option = option(
    "--split", metavar="SPLIT", help="train, validation or test.  [default: all]"
)


@command.command(
    "list",
    epilog="""\b
Examples:
  stormlens data list
  stormlens data list --json
""",
)
@json_option
def list_(as_json: bool) -> None:
    """List the sources that have a name."""
    from dataclasses import asdict

    from stormlens import datasets

    sources = datasets.list_sources()
    if as_json:
        print_json([asdict(source) for source in sources])
        return
    print_table(
        ("name", "offline", "ready", "description"),
        [
            (source.name, _yes(source.offline), _yes(source.cached), source.description)
            for source in sources
        ],
        wrap=["description"],
    )
    print_lines("")
    print_prose(
        "offline: never needs a network; ready: needs none now. A folder with one sub-folder of "
        "PNG or NPY files a class, or a NetCDF file, serves in place of a name."
    )


@command.command(
    "fetch",
    epilog="""\b
Examples:
  stormlens data fetch svrimg
  stormlens data fetch svrimg --part index --part geography
  stormlens data fetch borders

\b
borders: Natural Earth's own, finer than those that maps have anyway.
STORMLENS_CACHE names the folder for downloads, STORMLENS_SVRIMG_URL a mirror
or a folder in place of the archive's server, STORMLENS_BORDERS_URL one in
place of Natural Earth's.
""",
)
@argument("name", metavar="NAME", help="svrimg or borders; the others need none.")
@option(
    "--part",
    multiple=True,
    metavar="PART",
    help="labels, splits, index, reports, geography or mosaic; may be repeated.  "
    "[default: labels and splits]",
)
@option("--refresh", is_flag=True, help="Download again, and accept files that changed.")
def fetch(name: str, part: tuple[str, ...], refresh: bool) -> None:
    """Download a source ahead of use; paths of its files are printed."""
    from stormlens import datasets

    files = datasets.fetch(name, part or None, refresh=refresh)
    if not files:
        say(f"Note: {name} needs no download.")
    print_lines(*map(str, files))


@command.command(
    "info",
    epilog="""\b
Examples:
  stormlens data info svrimg
  stormlens data info sample/my-boxes --json
""",
)
@_name_argument
@data_seed_option
@picture_options
@json_option
def info(name: str, data_seed: int | None, pictures: dict[str, Any], as_json: bool) -> None:
    """Describe labelled boxes: counts by split and class, years, origin."""
    from dataclasses import asdict

    from stormlens import datasets

    found = datasets.info(name, **data_options(name, data_seed, pictures))
    if as_json:
        print_json({**asdict(found), "total": found.total})
        return
    rows, columns = found.shape
    print_lines(f"{found.name}: {found.total:,} images of {rows} x {columns} pixels")
    if found.simulated:
        print_lines("SIMULATED: made by a simulator, not observed by a radar.")
    print_prose(f"Source: {found.source}")
    if found.citation:
        print_prose(f"Cite: {found.citation}")
    print_lines("")
    _print_counts(found)


def _print_counts(found: "SourceInfo") -> None:
    splits = list(found.counts)
    classes = list(next(iter(found.counts.values())))
    rows = [(name, *(found.counts[split][name] for split in splits)) for name in classes]
    rows.append(("all", *(sum(found.counts[split].values()) for split in splits)))
    if found.years:
        spans = [found.years.get(split) for split in splits]
        rows.append(("years", *("-" if s is None else f"{s[0]}-{s[1]}" for s in spans)))
    print_table(("class", *splits), rows, right=splits)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


@command.command(
    "show",
    epilog="""\b
Examples:
  stormlens data show simulated --split test --out sheet.png
  stormlens data show simulated --mode QLCS --count 24 --out lines.png
""",
)
@_name_argument
@option("--out", type=PATH, required=True, metavar="FILE.png", help="Picture to write.")
@_split_option
@option("--mode", metavar="MODE", help="Only this class.  [default: all]")
@option("--count", type=int, metavar="N", default=18, help="Boxes at most.  [1 to 200; default 18]")
@data_seed_option
@picture_options
def show(
    name: str,
    out: Path,
    split: str | None,
    mode: str | None,
    count: int,
    data_seed: int | None,
    pictures: dict[str, Any],
) -> None:
    """Draw a sheet of boxes, as many of each class as fit."""
    from stormlens import datasets, plots
    from stormlens.storage import atomic_path

    if not 1 <= count <= 200:
        raise InputError(f"--count is {count}; a sheet holds 1 to 200 boxes.")
    if out.suffix.lower() != ".png":
        raise InputError(f"{out} does not end in .png; a sheet is written as PNG.")
    boxes = datasets.load(name, split=split, **data_options(name, data_seed, pictures))
    chosen = boxes.isel(storm=_choose(boxes, mode, count))
    figure = plots.contact_sheet(chosen, columns=min(6, chosen.sizes["storm"]))
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=120, format="png")
    simulated = "SIMULATED boxes" if datasets.is_simulated(boxes) else "boxes"
    print_lines(f"{chosen.sizes['storm']} {simulated}: {out}")


@command.command(
    "simulate",
    epilog="""\b
Examples:
  stormlens data simulate --out storms.nc
  stormlens data simulate --out small.nc --count 60 --seed 7
  stormlens train default --data small.nc --out runs/small
""",
)
@option("--out", type=PATH, required=True, metavar="FILE.nc", help="NetCDF file to write.")
@option(
    "--count",
    type=int,
    metavar="N",
    help="Boxes of each split.  [1 or more; default the archive's 1331, 110, 300]",
)
@option(
    "--seed",
    type=int,
    metavar="N",
    default=0,
    help="The same seed gives the same boxes.  [0 or more; default 0]",
)
@_split_option
def simulate(
    out: Path,
    count: int | None,
    seed: int,
    split: str | None,
) -> None:
    """Simulate labelled storm boxes of all six modes, and say how fast."""
    from stormlens import datasets

    options = {"seed": seed, "progress": True}
    if count is not None:
        options["count"] = count
    began = time.perf_counter()
    boxes = datasets.load("simulated", split=split, **options)
    n, seconds = boxes.sizes["storm"], time.perf_counter() - began
    datasets.write_netcdf(boxes, out)
    print_lines(f"{n:,} SIMULATED boxes in {seconds:.1f} s ({n / seconds:,.0f} a second): {out}")


@command.command(
    "sample",
    epilog="""\b
Examples:
  stormlens data sample sample
  stormlens classify sample/box.png sample/boxes.npy
  stormlens classify sample/volumes/XSIM20000615_210000_V06 --map map.png
""",
)
@argument("folder", type=PATH, metavar="DIR", help="Folder to write, new or empty.")
@option(
    "--seed",
    type=int,
    metavar="N",
    default=0,
    help="The same seed gives the same storms.  [0 or more; default 0]",
)
def sample(folder: Path, seed: int) -> None:
    """Write SIMULATED files to try commands on: boxes, radar volumes, a mosaic, storm reports."""
    from stormlens import datasets

    files = datasets.write_samples(folder, seed)
    size = sum(file.stat().st_size for file in files)
    print_lines(f"{len(files)} files, {size / 1e6:.1f} MB, all of them SIMULATED. {files[0]}:", "")
    print_lines(*files[0].read_text(encoding="utf-8").splitlines())


def _choose(boxes: "xr.Dataset", mode: str | None, count: int) -> "np.ndarray":
    """Numbers of the boxes to show: evenly over each class, and as many of each."""
    import numpy as np

    from stormlens.datasets import class_names

    if "mode" not in boxes:
        if mode is not None:
            raise InputError("These boxes have no labels, so --mode cannot choose among them.")
        return _spread(np.arange(boxes.sizes["storm"]), count)
    classes, codes = class_names(boxes), boxes["mode"].values
    wanted = [_code(mode, classes)] if mode is not None else range(len(classes))
    groups = [group for code in wanted if len(group := np.flatnonzero(codes == code))]
    if not groups:
        raise InputError(f"There is no {mode} among these boxes; choose another split.")
    taken = _shares([len(group) for group in groups], count)
    chosen = [_spread(group, n) for group, n in zip(groups, taken, strict=True)]
    return np.concatenate(chosen)


def _shares(sizes: list[int], count: int) -> list[int]:
    """How many of each group, one at a time in turn, until `count` or nothing is left."""
    taken = [0] * len(sizes)
    while sum(taken) < min(count, sum(sizes)):
        free = [i for i, size in enumerate(sizes) if taken[i] < size]
        taken[min(free, key=lambda i: taken[i])] += 1
    return taken


def _spread(numbers: "np.ndarray", count: int) -> "np.ndarray":
    """At most `count` of the numbers, evenly over their length."""
    import numpy as np

    count = min(count, len(numbers))
    return numbers[np.arange(count) * len(numbers) // max(count, 1)]


def _code(mode: str, classes: tuple[str, ...]) -> int:
    from stormlens.errors import unknown

    folded = [name.casefold() for name in classes]
    if mode.casefold() not in folded:
        raise unknown("class", mode, classes)
    return folded.index(mode.casefold())
