"""Pictures of the chapter's ideas: activations, pooling, convolution and kernels."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import ArrayLike, NDArray

from stormlens.concepts import (
    ACTIVATIONS,
    Step,
    Timing,
    fires,
    pool,
    pool_argmax,
    pool_windows,
)
from stormlens.errors import InputError, unknown
from stormlens.plots._panels import WIDTH, draw_numbers, draw_signed, panels
from stormlens.plots._picture import describe
from stormlens.plots._radar import _colour_bar, _draw, _scale
from stormlens.plots._style import INK, MUTED, TRAIN, VALIDATION, mark_simulated, new_axes, tidy

_GAP = 0.5  # pixels between windows drawn apart
_WINDOWS_ACROSS = 18  # pixels and gaps whose numbers can still be read side by side
_NUMBERS_ACROSS = 15  # weights in a row of a gallery, the same

_METHOD_STYLES = {
    "direct": ("#d55e00", "o-"),
    "gemm": ("#0072b2", "s-"),
    "fft": ("#009e73", "^-"),
    "winograd": ("#cc79a7", "D"),
}


def activation(
    name: str,
    z: float | None = None,
    ax: Axes | None = None,
    *,
    reach: float = 5.0,
) -> Axes:
    """
    Draw an activation, its slope, and one neuron's place on it.

    Parameters
    ----------
    name : str
        As in `stormlens.concepts.ACTIVATIONS`; softmax, which takes several sums, has no curve.
    z : float, optional
        A neuron's sum, marked with its answer.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    reach : float, optional
        The curve goes from -reach to reach, further where `z` lies outside.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no such activation with a curve.
    """
    curves = {key: entry for key, entry in ACTIVATIONS.items() if key != "softmax"}
    if name not in curves:
        raise unknown("activation with a curve", name, curves)
    ax = new_axes(4.2, 3.2) if ax is None else ax
    tidy(ax)
    reach = max(reach, 1.2 * abs(z or 0.0))
    sums = np.linspace(-reach, reach, 601)
    chosen = curves[name]
    ax.plot(sums, chosen.function(sums), color=TRAIN, linewidth=2, label="a = f(z)")
    ax.plot(sums, chosen.derivative(sums), "--", color=MUTED, linewidth=1.2, label="slope f '(z)")
    ax.axhline(0, color=INK, linewidth=0.6)
    ax.axvline(0, color=INK, linewidth=0.6)
    words = f"{name} from z = {-reach:g} to {reach:g}, and its slope"
    if z is not None:
        a, slope = float(chosen.function(z)), float(chosen.derivative(z))
        ax.plot([z], [a], "o", color=VALIDATION, markersize=9, zorder=5)
        ax.plot([z, z], [0, a], ":", color=VALIDATION, linewidth=1.4)
        words += f"; marked: z = {z:g}, a = {a:.3g}, slope {slope:.3g}"
    ax.set_title(f"{name.replace('_', ' ')}:  $f(z) = {chosen.formula}$", fontsize=10, color=INK)
    ax.set_xlabel("z", color=INK)
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    describe(ax, words + ".")
    return ax


def pooling(
    image: ArrayLike,
    window: int | tuple[int, int] = 2,
    stride: int | tuple[int, int] | None = None,
    how: str = "max",
) -> Figure:
    """
    Draw pooling in three steps: the image, its windows, and the number kept of each.

    Parameters
    ----------
    image : array_like, shape (y, x)
        At most 12 rows and columns, as each number is written; row 0 on top, as on paper.
    window, stride, how
        As for `stormlens.concepts.pool`.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        As `stormlens.concepts.pool`, or if image or windows hold more numbers than can be read.
    """
    values = np.asarray(image)
    kept = pool(values, window, stride, how)
    windows = pool_windows(values, window, stride)
    _check_readable(values, windows)
    places = None if how == "average" else pool_argmax(values, window, stride, how)
    figure = Figure(figsize=(WIDTH, 3.45), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1.15, 0.8))
    limit = float(np.abs(values).max()) or 1.0
    draw_numbers(left, values, limit, origin="upper")
    _draw_windows(middle, windows, limit, how)
    draw_numbers(right, kept, limit, origin="upper")
    for row, column in [] if places is None else places.reshape(-1, 2):
        _frame(left, row, column)
    titles = (
        f"image, {values.shape[0]} x {values.shape[1]}",
        f"{windows.shape[0] * windows.shape[1]} windows of {windows.shape[2]} x {windows.shape[3]}",
        f"{how} of each, {kept.shape[0]} x {kept.shape[1]}",
    )
    for ax, title in zip((left, middle, right), titles, strict=True):
        ax.set_title(title, fontsize=9, color=INK)
    describe(
        figure,
        f"{how.capitalize()} pooling of {titles[0]} in {titles[1]}. The first window holds "
        f"{', '.join(map(str, windows[0, 0].ravel().tolist()))} and becomes {kept[0, 0]:g}. "
        f"Result, row by row: {_rows(kept)}.",
    )
    return figure


def _check_readable(image: NDArray, windows: NDArray) -> None:
    if max(image.shape) > 12:
        size = " x ".join(map(str, image.shape))
        raise InputError(
            f"Numbers of an image of {size} cannot be read; draw 12 x 12 pixels or fewer."
        )
    rows, columns, height, width = windows.shape
    if max(rows * (height + _GAP), columns * (width + _GAP)) > _WINDOWS_ACROSS:
        raise InputError(
            f"Numbers of {rows * columns} windows of {height} x {width} cannot be read; draw fewer "
            "pixels, or take a larger stride."
        )


def _rows(values: NDArray) -> str:
    return "; ".join(" ".join(f"{value:g}" for value in row) for row in values)


def _frame(ax: Axes, row: float, column: float, height: float = 1, width: float = 1) -> None:
    """A frame around pixels, from the middle of the first."""
    ax.add_patch(
        Rectangle(
            (column - 0.5, row - 0.5), width, height, fill=False, edgecolor=INK, linewidth=1.8
        )
    )


def _draw_windows(ax: Axes, windows: NDArray, limit: float, how: str) -> None:
    """Windows apart from each other, each with a frame around the number it keeps."""
    rows, columns, height, width = windows.shape
    for row, column in np.ndindex(rows, columns):
        values = windows[row, column]
        top, left = row * (height + _GAP), column * (width + _GAP)
        draw_numbers(ax, values, limit, origin="upper", corner=(top, left))
        if how != "average":
            inside = pool_argmax(values, values.shape, how=how)[0, 0]
            _frame(ax, top + inside[0], left + inside[1])
    ax.set_xlim(-0.6, columns * (width + _GAP) - _GAP - 0.4)  # so that no frame is cut off
    ax.set_ylim(rows * (height + _GAP) - _GAP - 0.4, -0.6)
    ax.set_axis_off()


def patches_firing(
    patches: Mapping[str, ArrayLike],
    threshold: float = 40.0,
    weight: float = 1.0,
    bias: float = 0.0,
    *,
    colours: str = "accessible",
    simulated: bool = False,
) -> Figure:
    """
    Draw patches of a storm, and whether a neuron behind a max pool fires at each.

    Parameters
    ----------
    patches : mapping of str to array_like, shape (rows, columns)
        Reflectivity in dBZ by name; row 0 south.
    threshold, weight, bias
        As for `stormlens.concepts.fires`.
    colours : {"accessible", "nws"}, optional
        Colour table.
    simulated : bool, optional
        Whether the picture says 'simulated'.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no patch, one is empty, or there is no such colour table.
    """
    if not patches:
        raise InputError("There is no patch to draw; give at least one.")
    scale = _scale(colours, "dBZ")
    responses = {name: fires(patch, threshold, weight, bias) for name, patch in patches.items()}
    width = max(4.6, 2.5 * len(patches))
    figure = Figure(figsize=(width, 4.9), layout="constrained")
    top, bottom = figure.subplots(2, len(patches), squeeze=False)
    heights = [value for one in responses.values() for value in (one.pooled, one.z, one.a)]
    bounds = (min(-10.0, min(heights) - 12), max(heights) + 9)
    for ax, below, (name, patch) in zip(top, bottom, patches.items(), strict=True):
        image = _draw(ax, np.asarray(patch), scale)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(MUTED)
        response = responses[name]
        ax.set_title(f"{name}\nmax pool {response.pooled:g} dBZ", fontsize=9, color=INK)
        if simulated:
            mark_simulated(ax)
        bars = {"max pool": response.pooled, "z": response.z, "ReLU(z)": response.a}
        _bars(below, bars, bounds)
        below.set_title("fires" if response.a > 0 else "stays silent", fontsize=9, color=INK)
    _colour_bar(figure, image, scale, ax=list(top), shrink=0.9, pad=0.02)
    each = [
        f"{name}: max pool {one.pooled:g}, z {one.z:g}, a {one.a:g}"
        for name, one in responses.items()
    ]
    describe(figure, f"Patches and their response at threshold {threshold:g}. {'; '.join(each)}.")
    return figure


def _bars(ax: Axes, values: Mapping[str, float], bounds: tuple[float, float]) -> None:
    tidy(ax)
    bars = ax.bar(list(values), list(values.values()), color=[MUTED, TRAIN, VALIDATION], width=0.6)
    ax.bar_label(bars, fmt="%.4g", fontsize=8, color=INK, padding=2)
    ax.axhline(0, color=INK, linewidth=0.8)
    ax.set_ylim(*bounds)
    ax.grid(visible=False, axis="x")


def convolution_step(step: Step) -> Figure:
    """
    Draw one output pixel taken apart: window, kernel, products and their sum.

    Parameters
    ----------
    step : stormlens.concepts.Step
        As `stormlens.concepts.convolution_step` gives it; row 0 south, so at the bottom.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If the kernel has more than 7 rows or columns.
    """
    if max(step.kernel.shape) > 7:
        raise InputError(
            f"The numbers of a kernel of {step.kernel.shape[0]} x {step.kernel.shape[1]} cannot "
            "be read; draw one of 7 x 7 or smaller."
        )
    figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
    axes = figure.subplots(1, 3)
    parts = (("pixels", step.window), ("weights", step.kernel), ("products", step.products))
    for ax, (name, values), sign in zip(
        axes, parts, ("\N{MULTIPLICATION SIGN}", "=", ""), strict=True
    ):
        draw_numbers(ax, np.asarray(values, float), float(np.abs(values).max()) or 1.0)
        ax.set_title(name, fontsize=9, color=INK)
        ax.text(
            1.12,
            0.5,
            sign,
            transform=ax.transAxes,
            ha="center",
            va="center",
            fontsize=16,
            color=INK,
        )
    axes[-1].set_xlabel(f"sum: {step.total:.5g}", fontsize=12, color=INK)
    describe(
        figure,
        f"Pixels {_rows(np.asarray(step.window))}, times weights {_rows(step.kernel)}, give "
        f"products {_rows(step.products)}, whose sum is {step.total:.5g}. Rows from the south.",
    )
    return figure


def kernel(
    kernel: ArrayLike, ax: Axes | None = None, *, title: str = "", numbers: bool | None = None
) -> Axes:
    """
    Draw one kernel with its weights, red above zero and blue below.

    Parameters
    ----------
    kernel : array_like, shape (rows, columns)
        Weights; row 0 south, so at the bottom.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    title : str, optional
        Above the kernel.
    numbers : bool, optional
        Whether the weights are written in; by default up to 5 x 5.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If it is no plane of weights.
    """
    values = np.asarray(kernel, float)
    if values.ndim != 2 or not values.size:
        raise InputError(f"A kernel is a plane of weights, not of shape {values.shape}.")
    ax = new_axes(2.4, 2.4) if ax is None else ax
    draw = draw_numbers if (max(values.shape) <= 5 if numbers is None else numbers) else draw_signed
    draw(ax, values, float(np.abs(values).max()) or 1.0)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_color(MUTED)
    ax.set_title(title, fontsize=9, color=INK)
    name = f"Kernel {title}" if title else "A kernel"
    describe(ax, f"{name}, rows from the south: {_rows(values.round(3))}.")
    return ax


def kernel_gallery(kernels: Mapping[str, ArrayLike], *, columns: int = 5) -> Figure:
    """
    Draw named kernels, each on a scale of its own, with their weights where these can be read.

    Parameters
    ----------
    kernels : mapping of str to array_like, shape (rows, columns)
        As `stormlens.concepts.kernels` gives them.
    columns : int, optional
        Kernels in a row.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is none, one is no plane of weights, or `columns` is below 1.
    """
    if not kernels:
        raise InputError("There is no kernel to draw; give at least one.")
    figure, axes = panels(len(kernels), columns, 1.2)
    figure.set_figheight(figure.get_figheight() - 0.6)  # there is no colour bar
    across = min(columns, len(kernels))
    for ax, (name, weights) in zip(axes, kernels.items(), strict=True):
        readable = across * np.shape(weights)[-1] <= _NUMBERS_ACROSS
        kernel(weights, ax, title=textwrap.fill(name, 18), numbers=readable)
    describe(
        figure, f"{len(kernels)} kernels: {', '.join(kernels)}. Red is above zero, blue below."
    )
    return figure


def convolution_crossover(timings: Sequence[Timing], ax: Axes | None = None) -> Axes:
    """
    Draw the time of convolutions by kernel size, one curve a method.

    Parameters
    ----------
    timings : sequence of Timing
        As `stormlens.concepts.time_methods` gives them.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no timing.
    """
    if not timings:
        raise InputError("There is no timing to draw; measure with concepts.time_methods.")
    ax = new_axes(5.6, 3.6) if ax is None else ax
    tidy(ax)
    words = []
    for method in dict.fromkeys(timing.method for timing in timings):
        points = sorted((t.size, 1e3 * t.seconds) for t in timings if t.method == method)
        sizes, milliseconds = zip(*points, strict=True)
        colour, style = _METHOD_STYLES.get(method, (INK, "x-"))
        ax.plot(sizes, milliseconds, style, color=colour, label=method, markersize=5)
        first, last = f"{milliseconds[0]:.2g} ms at {sizes[0]}", f"{milliseconds[-1]:.2g} ms"
        words.append(f"{method} {first}" + (f", {last} at {sizes[-1]}" if len(sizes) > 1 else ""))
    every = sorted({timing.size for timing in timings})
    ax.set(xscale="log", yscale="log")
    ax.set_xticks(every, [str(size) for size in every])
    ax.set_xticks([], minor=True)
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.set_xlabel("Rows and columns of the kernel", color=INK)
    ax.set_ylabel("Milliseconds", color=INK)
    ax.legend(frameon=False, fontsize=9)
    describe(ax, f"Time of convolutions by kernel size: {'; '.join(words)}.")
    return ax
