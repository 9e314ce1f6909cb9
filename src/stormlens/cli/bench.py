"""``stormlens bench``: seconds on this machine, of Stormlens and its installed peers."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import say
from stormlens.cli._options import json_option
from stormlens.cli._parameters import PATH, option
from stormlens.cli._printing import print_json, print_lines, print_prose, print_table
from stormlens.cli._resuming import command_line
from stormlens.errors import install_line

if TYPE_CHECKING:
    from stormlens.bench import Results

NAME = "bench"
EPILOG = f"""\b
Examples:
  stormlens bench --task train --model chapter-relu
  stormlens bench --out benchmarks/RESULTS.md

\b
Peers: keras-tensorflow, keras-jax and pytorch (train, predict),
onnxruntime and openvino (predict), imagedatagenerator (augment).
Those that are not installed are named and left out; to install all,
in the clone of Stormlens: {install_line("bench")}
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@option(
    "--task",
    multiple=True,
    metavar="TASK",
    help="train, augment, predict or all; may be repeated.  [default: all]",
)
@option(
    "--model",
    multiple=True,
    metavar="NAME",
    help="Network of `stormlens models`; may be repeated.  [default: chapter-linear, "
    "chapter-relu and svrimg-3conv]",
)
@option(
    "--peer",
    multiple=True,
    metavar="NAME",
    help="Program to compare with; may be repeated.  [default: all]",
)
@option(
    "--epochs",
    type=int,
    metavar="N",
    default=3,
    help="Passes over the images that count, after a first one.  [1 or more; default 3]",
)
@option(
    "--images",
    type=int,
    metavar="N",
    default=1331,
    help="Simulated boxes of one pass.  [32 or more; default 1331]",
)
@option(
    "--out",
    type=PATH,
    metavar="FILE.md",
    help="Markdown file whose section between bench markers is renewed; bench.png is written "
    "next to it.  [default: nothing is written]",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    task: tuple[str, ...],
    model: tuple[str, ...],
    peer: tuple[str, ...],
    epochs: int,
    images: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """
    Measure Stormlens and its peers on this machine.

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


def _tasks(given: tuple[str, ...]) -> tuple[str, ...]:
    """In the order of `TASKS`; what is unknown stays, to be refused."""
    from stormlens.bench import TASKS

    wanted = _names(given)
    return TASKS if not wanted or "all" in wanted else wanted


def _names(given: tuple[str, ...]) -> tuple[str, ...]:
    """Each name once."""
    return tuple(dict.fromkeys(given))


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
