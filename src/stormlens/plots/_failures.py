"""Boxes that a classifier got wrong, each under its truth, the answer, and its families."""

import textwrap

import xarray as xr
from matplotlib.figure import Figure

from stormlens.datasets import class_names
from stormlens.plots._picture import describe
from stormlens.plots._radar import contact_sheet

_WIDTH = 26  # letters above a box


def failures(boxes: xr.Dataset, *, columns: int = 4, colours: str = "accessible") -> Figure:
    """
    Draw boxes that a classifier got wrong.

    Parameters
    ----------
    boxes : xarray.Dataset
        The container, with `mode` the truth and the storm coordinates `answer`, `probability`
        (0 to 1), `storm_family`, `network` and `product`, as
        `stormlens.report.Appraisal.failing_boxes` gives it.
    columns : int, optional
        Boxes in a row.
    colours : {"accessible", "nws"}, optional
        Colour table.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Above each box its truth, the answer with its probability, and the families that it was
        made of.

    Raises
    ------
    InputError
        If there is no box, `columns` is below 1, or there is no such colour table.
    """
    n = boxes.sizes["storm"]
    described = [_words(boxes.isel(storm=i)) for i in range(n)]
    words = [[truth, answer, *textwrap.wrap(made, _WIDTH)] for truth, answer, made in described]
    tallest = max((len(lines) for lines in words), default=0)
    # Titles are aligned at the bottom: with equally many lines they begin at one height.
    titles = ["\n".join([*lines, *[""] * (tallest - len(lines))]) for lines in words]
    figure = contact_sheet(boxes, titles=titles, columns=min(columns, n), colours=colours)
    what = "SIMULATED boxes" if boxes.attrs.get("simulated", 0) else "boxes"
    each = "; ".join(", ".join(parts) for parts in described)
    describe(figure, f"{n} {what} that the classifier got wrong. {each}.")
    return figure


def _words(box: xr.Dataset) -> tuple[str, str, str]:
    """Truth, answer, and the families that the box was drawn from."""
    truth = class_names(box)[int(box["mode"])]
    made = ", ".join(str(box[name].item()) for name in ("storm_family", "network", "product"))
    return (
        f"truth: {truth}",
        f"answer: {box['answer'].item()} {float(box['probability']):.2f}",
        made,
    )
