"""``stormlens archive``: a store of boxes, their labels, and the climatology of an archive."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stormlens.cli._classifier import check_no_run, check_single, folder_of, trained_note
from stormlens.cli._group import CommandGroup
from stormlens.cli._notes import say
from stormlens.cli._options import json_option, run_option
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._printing import print_json, print_lines, print_table
from stormlens.cli._radar_options import cutting_options, reading_options
from stormlens.cli._resuming import command_line, resumable
from stormlens.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from stormlens.archive import Outcome
    from stormlens.boxes import Cutting
    from stormlens.readers import Options

PASSED_OVER = 3
"""Exit code of a run that finished, but could not read everything."""

_OTHER = "SVRIMG images, simulated boxes"
_WORK = "Who does the work"
_KEPT = "what is done is kept"
_MOST_SENTENCES = 10  # about what was passed over; --json has all


@click.group(
    cls=CommandGroup,
    epilog="""\b
Examples:
  stormlens data sample sample
  stormlens archive build sample/volumes/ store
  stormlens archive classify store --out labels
  stormlens archive summary labels
""",
)
def command() -> None:
    """Build a store of boxes from many files, label all of them, and sum them up."""


_workers_option = option(
    "--workers",
    type=int,
    metavar="N",
    help="Processes on this machine.  [1 or more; default one a core]",
    panel=_WORK,
)
_scheduler_option = option(
    "--scheduler",
    metavar="ADDRESS",
    help="Use a Dask scheduler's workers: tcp://10.0.0.1:8786, or its JSON file.  "
    "[default: processes on this machine]",
    panel=_WORK,
)
_retry_option = option("--retry", is_flag=True, help="Try again what failed before.")


@command.command(
    "build",
    epilog="""\b
Examples:
  stormlens archive build sample/volumes/ store
  stormlens archive build s3://bucket/2011/04/27/ store --boxes grid
  stormlens archive build tars/ store --index svrimg_index.csv
  stormlens archive build simulated store --count 10000

\b
SOURCE is a radar file, a folder of them, a tar file of SVRIMG images or a
folder of those, or a URL that fsspec knows (s3:// needs the package s3fs).
PNG and NPY files are taken as boxes. Run it again to go on where it was
stopped, or to add files that are new.
Exit code 3: finished, but some of the source could not be read.
""",
)
@argument("source", metavar="SOURCE", help="File, folder, URL, or simulated.")
@argument("store", type=PATH, metavar="STORE", help="Folder to make or add to.")
@cutting_options
@reading_options
@option(
    "--index",
    type=PATH,
    multiple=True,
    metavar="FILE.csv",
    help="Where SVRIMG images belong; may be repeated.",
    panel=_OTHER,
)
@option(
    "--count",
    type=int,
    metavar="N",
    help="Boxes of the source simulated.  [1 or more]",
    panel=_OTHER,
)
@option(
    "--seed",
    type=int,
    metavar="N",
    default=0,
    help="Of the source simulated.  [0 or more; default 0]",
    panel=_OTHER,
)
@_retry_option
@_workers_option
@_scheduler_option
@json_option
@click.pass_context
def build(
    ctx: click.Context,
    source: str,
    store: Path,
    cutting: "Cutting",
    options: "Options",
    index: tuple[Path, ...],
    count: int | None,
    seed: int,
    retry: bool,
    workers: int | None,
    scheduler: str | None,
    as_json: bool,
) -> None:
    """Turn radar files or SVRIMG tar files into a store of storm boxes."""
    from stormlens import archive

    with resumable(_KEPT, command_line(ctx)):
        outcome = archive.build(
            source,
            store,
            cutting=cutting,
            options=options,
            index=_index(index),
            count=count,
            seed=seed,
            retry=retry,
            workers=workers,
            scheduler=scheduler,
            progress=True,
        )
    _finish(outcome, "built", store, as_json)


@command.command(
    "classify",
    context_settings={"allow_extra_args": True},  # a second folder is refused by name, below
    epilog="""\b
Examples:
  stormlens archive classify store --out labels
  stormlens archive classify store --out labels --run runs/first
  stormlens archive classify store --out labels --workers 16
  stormlens archive classify store --out labels \\
      --scheduler tcp://10.0.0.1:8786

\b
OUT then holds classify.json and table/part-*.parquet: box, id, time,
latitude, longitude, coverage, echo, xmin, ymin, source, mode, p_MODE for
every mode, model. Run it again to go on where it was stopped.
Exit code 3: finished, but some of the store could not be read.
""",
)
@argument("store", type=PATH, metavar="STORE", help="Folder that build left.")
@option("--out", type=PATH, required=True, metavar="OUT", help="Folder for the labels.")
@run_option
@_retry_option
@_workers_option
@_scheduler_option
@json_option
@click.pass_context
def classify(
    ctx: click.Context,
    store: Path,
    out: Path,
    run: Path | None,
    retry: bool,
    workers: int | None,
    scheduler: str | None,
    as_json: bool,
) -> None:
    """
    Label every box of a store.

    The mode of a box that radars see in part, or that holds no echo, is decided as `stormlens
    classify` does: under half seen is Missing, seen without echo is Clear.
    """
    from stormlens import archive

    check_no_run(store, "STORE")
    check_single([store, *ctx.args], "STORE")
    note = trained_note(run)
    with resumable(_KEPT, command_line(ctx)):
        outcome = archive.classify(
            folder_of(run),
            store,
            out,
            retry=retry,
            workers=workers,
            scheduler=scheduler,
            progress=True,
        )
    if note:
        say(f"Note: {note}")
    _finish(outcome, "labelled", out, as_json)


@command.command(
    "summary",
    epilog="""\b
Examples:
  stormlens archive summary labels
  stormlens archive summary labels --out climate --json

\b
Leaves index.html, summary.json, PNG pictures and CSV tables by month, hour
(UTC and local solar), year, region, and cell of 2.5 degrees.
""",
)
@argument("labels", type=PATH, metavar="LABELS", help="Folder that classify left.")
@option("--out", type=PATH, metavar="OUT", help="Folder to write.  [default: summary in LABELS]")
@json_option
def summary(labels: Path, out: Path | None, as_json: bool) -> None:
    """Count boxes by mode, month, hour, year and region, with maps."""
    from stormlens import archive, report

    climatology = archive.summarise(labels)
    page = report.write_climatology(out or labels / "summary", climatology)
    if as_json:
        print_json(report.climatology_dict(climatology))
        return
    total = int(climatology["count"].sum())
    if climatology.attrs["simulated"] or climatology.attrs["simulated_training"]:
        say("Note: SIMULATED boxes are counted, or trained the classifier.")
    print_table(
        ("mode", "boxes", "share"),
        [
            (mode, f"{count:,}", f"{count / total:.3f}")
            for mode, count in zip(
                climatology["mode"].values, climatology["count"].values.tolist(), strict=True
            )
        ],
        right=("boxes", "share"),
    )
    print_lines("", f"Written: {page}")


def _index(paths: tuple[Path, ...]) -> "pd.DataFrame | None":
    if not paths:
        return None
    import pandas as pd

    from stormlens.datasets.svrimg import read_index

    for path in paths:
        if not path.is_file():
            raise InputError(f"{path} is no file; give an SVRIMG index table, a CSV file.")
    return pd.concat([read_index(path) for path in paths])


def _finish(outcome: "Outcome", verb: str, where: Path, as_json: bool) -> None:
    """Print what a run did, say what it passed over, and set the exit code."""
    if as_json:
        print_json(
            {
                "boxes": outcome.boxes,
                "added": outcome.added,
                "seconds": round(outcome.seconds, 3),
                "simulated": outcome.simulated,
                "problems": outcome.problems,
                "lacking": outcome.lacking,
            }
        )
    else:
        print_lines(_in_words(outcome, verb, where))
    if outcome.lacking:
        n = len(outcome.lacking)
        files = "1 radar file is" if n == 1 else f"{n:,} radar files are"
        say(
            f"Note: {files} not whole, and what is there was read; --strict passes over them. "
            f"The first: {outcome.lacking[0].removesuffix('.')}."
        )
    if outcome.problems:
        _say_passed_over(outcome.problems)
        raise click.exceptions.Exit(PASSED_OVER)


def _in_words(outcome: "Outcome", verb: str, where: Path) -> str:
    kind = "SIMULATED boxes" if outcome.simulated else "boxes"
    if not outcome.added:
        return f"Nothing to do: {outcome.boxes:,} {kind} are in {where}"
    rate = outcome.added / outcome.seconds
    return (
        f"{outcome.added:,} {kind} {verb} in {outcome.seconds:,.1f} s ({rate:,.0f} a second), "
        f"{outcome.boxes:,} in all: {where}"
    )


def _say_passed_over(problems: list[str]) -> None:
    for sentence in problems[:_MOST_SENTENCES]:
        say(f"Passed over: {sentence}")
    more = len(problems) - _MOST_SENTENCES
    if more > 0:
        say(f"Passed over: {more:,} more; --json lists all.")
