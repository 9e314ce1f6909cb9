"""``stormlens bench``: this machine's seconds, Stormlens beside its installed peers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stormlens.cli._group import command_line, say
from stormlens.cli._options import AsJson
from stormlens.cli._output import print_json, print_lines, print_prose, print_table

if TYPE_CHECKING:
    from stormlens.bench import Results

NAME = "bench"
EPILOG = """\b
Examples:
  stormlens bench --task train --model chapter-relu
  stormlens bench --out benchmarks/RESULTS.md

\b
Peers: keras-tensorflow, keras-jax and pytorch (train, predict),
onnxruntime and openvino (predict), imagedatagenerator (augment).
Those that are not installed are named and left out; to install all:
pip install "stormlens[bench]"
"""


def command(
    ctx: typer.Context,
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            metavar="TASK",
            help="train, augment, predict or all; may be repeated.  [default: all]",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Network of `stormlens models`; may be repeated.  [default: chapter-linear, "
            "chapter-relu and svrimg-3conv]",
            show_default=False,
        ),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            "--peer",
            metavar="NAME",
            help="Program to set beside Stormlens; may be repeated.  [default: all]",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[
        int,
        typer.Option(
            "--epochs",
            metavar="N",
            help="Passes over the images that count, after a first one.  [1 or more; default 3]",
            show_default=False,
        ),
    ] = 3,
    images: Annotated[
        int,
        typer.Option(
            "--images",
            metavar="N",
            help="Simulated boxes of one pass.  [32 or more; default 1331]",
            show_default=False,
        ),
    ] = 1331,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE.md",
            help="Markdown file whose section between bench markers is renewed, with bench.png "
            "beside it.  [default: nothing is written]",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Measure Stormlens beside its peers on this machine.

    All work on the same simulated boxes, each in a process of its own, and take turns. The
    machine's own limits are measured in the same rounds.
    """
    from stormlens import bench

    settings = bench.Settings(
        tasks=_tasks(task),
        models=_names(model) or bench.Settings.models,
        peers=_names(peer) or bench.Settings.peers,
        epochs=epochs,
        images=images,
    )
    if out is not None:
        bench.read_document(out)  # what is wrong with it should be said before the work
    results = bench.run(settings, command=command_line(ctx), note=say)
    if out is not None:
        bench.write_results(out, results)
    if as_json:
        print_json(results.to_dict())
    else:
        _print_results(results, out)


def _tasks(given: list[str] | None) -> tuple[str, ...]:
    """In the order of `TASKS`; what is unknown stays, to be refused."""
    from stormlens.bench import TASKS

    wanted = _names(given)
    return TASKS if not wanted or "all" in wanted else wanted


def _names(given: list[str] | None) -> tuple[str, ...]:
    """Each name once."""
    return tuple(dict.fromkeys(given or []))


def _print_results(results: "Results", out: Path | None) -> None:
    from stormlens.bench import PICTURE, machine_sentence, method_sentences, tables

    for table in tables(results):
        print_lines(table.title)
        print_table(table.columns, table.rows, right=table.numbers)
        print_lines("")
    print_prose(method_sentences(results))
    print_prose(machine_sentence(results))
    for note in results.notes:
        print_prose(note)
    if out is not None:
        print_lines(f"Written: {out} and {out.with_name(PICTURE)}")
