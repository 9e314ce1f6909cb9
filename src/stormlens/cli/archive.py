"""``stormlens archive``: a store of boxes, their labels, and the climatology of an archive."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stormlens.cli._classifier import ONE, check_no_run, folder_of, trained_note
from stormlens.cli._group import Interrupted, PanelCommand, command_line, say
from stormlens.cli._options import AsJson, OtherRun, QualityControl, Rain, Sampling
from stormlens.cli._output import print_json, print_lines, print_table
from stormlens.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from stormlens.archive import Outcome

PASSED_OVER = 3
"""Exit code of a run that finished, but could not read everything."""

_BOXES = "Where boxes are cut from radar files"
_OTHER = "SVRIMG images, simulated boxes"
_WORK = "Who does the work"
_SAID = 10  # sentences about what was passed over

app = typer.Typer(
    help="Build a store of boxes from many files, label all of them, and sum them up.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="""\b
Example:
  stormlens archive build volumes/ store
  stormlens archive classify store --out labels
  stormlens archive summary labels
""",
)

_Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        help="Processes on this machine.  [1 or more; default one a core]",
        rich_help_panel=_WORK,
        show_default=False,
    ),
]
_Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Use a Dask scheduler's workers: tcp://10.0.0.1:8786, or its JSON file.  "
        "[default: processes on this machine]",
        rich_help_panel=_WORK,
        show_default=False,
    ),
]
_Retry = Annotated[bool, typer.Option("--retry", help="Try again what failed before.")]


@app.command(
    "build",
    cls=PanelCommand,
    epilog="""\b
Examples:
  stormlens archive build volumes/2011/ store
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
def build(
    ctx: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="File, folder, URL, or simulated.", show_default=False
        ),
    ],
    store: Annotated[
        Path, typer.Argument(metavar="STORE", help="Folder to make or add to.", show_default=False)
    ],
    boxes: Annotated[
        str,
        typer.Option(
            "--boxes",
            metavar="WAY",
            help="Where to cut boxes: storms or grid.  [default: storms]",
            rich_help_panel=_BOXES,
            show_default=False,
        ),
    ] = "storms",
    threshold: Annotated[
        int,
        typer.Option(
            "--threshold",
            metavar="DBZ",
            help="Storms: lowest reflectivity of a region.  [1 to 80; default 40]",
            rich_help_panel=_BOXES,
            show_default=False,
        ),
    ] = 40,
    min_area: Annotated[
        float,
        typer.Option(
            "--min-area",
            metavar="KM2",
            help="Storms: smallest region.  [0 or more; default 100]",
            rich_help_panel=_BOXES,
            show_default=False,
        ),
    ] = 100.0,
    stride: Annotated[
        int,
        typer.Option(
            "--stride",
            metavar="CELLS",
            help="Grid: cells of 3.75 km from box to box.  [1 or more; default 68]",
            rich_help_panel=_BOXES,
            show_default=False,
        ),
    ] = 68,
    reports: Annotated[
        Path | None,
        typer.Option(
            "--reports",
            metavar="FILE.csv",
            help="Cut around reports instead: columns latitude, longitude, time (UTC).",
            rich_help_panel=_BOXES,
            show_default=False,
        ),
    ] = None,
    within: Annotated[
        float,
        typer.Option(
            "--within",
            metavar="MINUTES",
            help="Reports: how far from the file's time.  [0 or more; default 30]",
            rich_help_panel=_BOXES,
            show_default=False,
        ),
    ] = 30.0,
    sampling: Sampling = "nearest",
    rain: Rain = "marshall-palmer",
    quality_control: QualityControl = False,
    index: Annotated[
        list[Path] | None,
        typer.Option(
            "--index",
            metavar="FILE.csv",
            help="Where SVRIMG images belong; may be repeated.",
            rich_help_panel=_OTHER,
            show_default=False,
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            metavar="N",
            help="Boxes of the source simulated.  [1 or more]",
            rich_help_panel=_OTHER,
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            metavar="N",
            help="Of the source simulated.  [0 or more; default 0]",
            rich_help_panel=_OTHER,
            show_default=False,
        ),
    ] = 0,
    retry: _Retry = False,
    workers: _Workers = None,
    scheduler: _Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Turn radar files or SVRIMG tar files into a store of storm boxes."""
    from stormlens import archive
    from stormlens.boxes import read_reports

    cutting = archive.Cutting(
        "reports" if reports is not None else boxes,
        threshold=threshold,
        minimum_area=min_area,
        stride=stride,
        reports=None if reports is None else read_reports(reports),
        within=within,
        sampling=sampling,
        rain=rain,
        quality_control=quality_control,
    )
    with _resumable(ctx):
        outcome = archive.build(
            source,
            store,
            cutting=cutting,
            index=_index(index or []),
            count=count,
            seed=seed,
            retry=retry,
            workers=workers,
            scheduler=scheduler,
            progress=True,
        )
    _finish(outcome, "built", store, as_json)


@app.command(
    "classify",
    cls=PanelCommand,
    context_settings=ONE,
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
def classify(
    ctx: typer.Context,
    store: Annotated[
        Path, typer.Argument(metavar="STORE", help="Folder that build left.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="OUT", help="Folder for the labels.", show_default=False),
    ],
    run: OtherRun = None,
    retry: _Retry = False,
    workers: _Workers = None,
    scheduler: _Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """
    Label every box of a store.

    The mode of a box that radars see in part, or that holds no echo, is decided as `stormlens
    classify` does: under half seen is Missing, seen without echo is Clear.
    """
    from stormlens import archive

    check_no_run(store, "STORE", ctx.args)
    note = trained_note(run)
    with _resumable(ctx):
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


@app.command(
    "summary",
    cls=PanelCommand,
    epilog="""\b
Examples:
  stormlens archive summary labels
  stormlens archive summary labels --out climate --json

\b
Leaves index.html, summary.json, PNG pictures and CSV tables by month, hour
(UTC and local solar), year, region, and cell of 2.5 degrees.
""",
)
def summary(
    labels: Annotated[
        Path,
        typer.Argument(metavar="LABELS", help="Folder that classify left.", show_default=False),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="OUT",
            help="Folder to write.  [default: summary in LABELS]",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
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


def _index(paths: list[Path]) -> "pd.DataFrame | None":
    if not paths:
        return None
    import pandas as pd

    from stormlens.datasets.svrimg import read_index

    for path in paths:
        if not path.is_file():
            raise InputError(f"{path} is no file; give an SVRIMG index table, a CSV file.")
    return pd.concat([read_index(path) for path in paths])


@contextmanager
def _resumable(ctx: typer.Context) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        sentence = f"Stopped; what is done is kept. Go on with: {command_line(ctx)}"
        raise Interrupted(sentence) from None


def _finish(outcome: "Outcome", verb: str, where: Path, as_json: bool) -> None:
    """Print what a run did, say what it passed over, and set the exit code."""
    kind = "SIMULATED boxes" if outcome.simulated else "boxes"
    if as_json:
        print_json(
            {
                "boxes": outcome.boxes,
                "added": outcome.added,
                "seconds": round(outcome.seconds, 3),
                "simulated": outcome.simulated,
                "problems": outcome.problems,
            }
        )
    elif outcome.added:
        rate = outcome.added / outcome.seconds
        print_lines(
            f"{outcome.added:,} {kind} {verb} in {outcome.seconds:,.1f} s ({rate:,.0f} a second), "
            f"{outcome.boxes:,} in all: {where}"
        )
    else:
        print_lines(f"Nothing to do: {outcome.boxes:,} {kind} are in {where}")
    if not outcome.problems:
        return
    for sentence in outcome.problems[:_SAID]:
        say(f"Passed over: {sentence}")
    more = len(outcome.problems) - _SAID
    if more > 0:
        say(f"Passed over: {more:,} more; --json tells all.")
    raise typer.Exit(PASSED_OVER)
