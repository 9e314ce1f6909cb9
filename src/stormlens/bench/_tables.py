"""Results as cells of text, for the terminal and for Markdown alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from stormlens.bench._results import Measurement, Results

TITLES = {
    "train": "Training: seconds an epoch",
    "augment": "Augmentation: seconds a pass",
    "predict": "Prediction: seconds a pass",
}
"""Heading of each task."""

ROOFLINE = "Roofline: seconds an epoch that no program can beat"
"""Heading of the table of bounds."""


@dataclass(frozen=True)
class Table:
    """
    Cells under a heading.

    Attributes
    ----------
    title : str
        Heading.
    columns : tuple of str
        Headings of columns; all but the first two, or the first, hold numbers.
    rows : sequence of tuple of str
        A cell a column.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns that are set to the right."""
        return tuple(name for name in self.columns if name not in ("network", "contender"))


def tables(results: Results) -> list[Table]:
    """
    One table a task, and the roofline where networks were trained.

    Parameters
    ----------
    results : Results

    Returns
    -------
    tables : list of Table
    """
    by_task: dict[str, list[Measurement]] = {}
    for entry in results.measurements:
        by_task.setdefault(entry.task, []).append(entry)
    made = [_task_table(task, entries) for task, entries in by_task.items()]
    return [*made, _roofline_table(results)] if results.bounds else made


def _task_table(task: str, entries: list[Measurement]) -> Table:
    columns = ["contender", "median", "range", "images/s", "ratio", "first", "peak memory"]
    if task != "augment":
        columns.insert(0, "network")
    if task == "predict":
        columns.append("difference")
    rows = [tuple(cells(entry)[name] for name in columns) for entry in entries]
    return Table(TITLES[task], tuple(columns), rows)


def cells(entry: Measurement) -> dict[str, str]:
    """
    One measurement as text, by column.

    Parameters
    ----------
    entry : Measurement

    Returns
    -------
    cells : dict of str to str
        A dash where something is not known.
    """
    low, high = min(entry.seconds), max(entry.seconds)
    peak, difference = entry.peak_bytes, entry.difference
    return {
        "network": entry.model,
        "contender": entry.contender,
        "median": f"{entry.median:.3g}",
        "range": f"{low:.3g} to {high:.3g}",
        "images/s": f"{entry.rate:,.0f}",
        "ratio": "-" if math.isnan(entry.ratio) else f"{entry.ratio:.2f}",
        "first": f"{entry.first:.3g}",
        "peak memory": "-" if peak is None else f"{peak / 2**20:,.0f} MiB",
        "difference": "-" if difference is None else f"{difference:.0e}",
    }


def _roofline_table(results: Results) -> Table:
    columns = ("network", "GFLOP", "GB", "roofline", "Stormlens / roofline")
    rows = [
        (
            bound.model,
            f"{bound.gflop:.1f}",
            f"{bound.gbyte:.2f}",
            f"{bound.seconds:.3g}",
            "-" if bound.ratio is None else f"{bound.ratio:.1f}",
        )
        for bound in results.bounds
    ]
    return Table(ROOFLINE, columns, rows)


def machine_sentence(results: Results) -> str:
    """
    The machine's best rates in words.

    Parameters
    ----------
    results : Results

    Returns
    -------
    sentence : str
    """
    machine = results.machine
    return (
        f"Measured in the same rounds: matrix products {machine.gflops:.0f} GFLOP/s, copies "
        f"{machine.gbytes:.1f} GB/s (bytes read and written)."
    )


def method_sentences(results: Results) -> str:
    """
    What the figures mean.

    Parameters
    ----------
    results : Results

    Returns
    -------
    text : str
    """
    return (
        f"{results.images:,} SIMULATED storm boxes, the same for all; {_passes(results.epochs)} "
        "in turn after a first one that may compile. "
        "Median and range are seconds a pass, ratio is the median over Stormlens's, and "
        "difference the largest from Stormlens's class probabilities."
    )


def _passes(epochs: int) -> str:
    return "1 pass" if epochs == 1 else f"{epochs} passes"
