"""
Radar pictures of storm boxes, one or many: north up, km axes, reflectivity in dBZ.

Row 0 of a box is its southern edge, so it is drawn at the bottom. Pixels of 0
have no echo and show the background. Images that are no reflectivity (digits)
are drawn in grey, without axes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import (
    BoundaryNorm,
    Colormap,
    LinearSegmentedColormap,
    ListedColormap,
    Normalize,
    to_hex,
)
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from numpy.typing import ArrayLike

from stormlens.datasets import class_names, is_simulated
from stormlens.errors import InputError, unknown
from stormlens.plots._picture import describe
from stormlens.plots._style import (
    INK,
    MUTED,
    SIMULATED_BADGE,
    class_colours,
    mark_simulated,
    new_axes,
)
from stormlens.stormbox import MAX_DBZ, PIXEL_KM, is_dataset

if TYPE_CHECKING:
    import xarray as xr

NWS_COLOURS: tuple[str, ...] = (
    "#ffffff",  # 0 to 5 dBZ
    "#04e9e7",
    "#019ff4",
    "#0300f4",
    "#02fd02",  # 20
    "#01c501",
    "#008e00",
    "#fdf802",
    "#e5bc00",  # 40
    "#fd9500",
    "#fd0000",
    "#d40000",
    "#bc0000",  # 60
    "#f800fd",
    "#9854c6",
    "#4b0082",  # 75 to 80
    "#000000",  # 80
)
"""The National Weather Service's table: colour i from 5 i dBZ up to 5 (i + 1)."""

COLOURS: tuple[str, ...] = ("accessible", "nws")
"""Names of the colour tables."""


class _Scale(NamedTuple):
    cmap: Colormap
    norm: Normalize
    extend: str


def _scale(colours: str, units: str) -> _Scale:
    """
    Colour map and bounds of a colour table.

    HomeyerRainbow keeps dBZ steps apart for red-green-blind readers: any two values 10 dBZ apart
    have a CIELAB distance of about 7 or more (vision as in Machado et al. 2009). In the NWS table
    it falls to 2.
    """
    if colours not in COLOURS:
        raise unknown("colour table", colours, COLOURS)
    if units != "dBZ":
        return _Scale(_without_echo(colormaps["Greys"]), Normalize(0, None), "neither")
    if colours == "accessible":
        return _Scale(_without_echo(_homeyer_rainbow()), Normalize(0, MAX_DBZ), "neither")
    cmap = ListedColormap(NWS_COLOURS[:-1]).with_extremes(over=NWS_COLOURS[-1], bad="none")
    return _Scale(cmap, BoundaryNorm(np.arange(0, MAX_DBZ + 1, 5), cmap.N), "max")


def _homeyer_rainbow() -> Colormap:
    """
    HomeyerRainbow by its formula: a path in luma and chroma, in 15 straight pieces.

    It is computed as in cmweather (Cameron Homeyer and Bobby Jackson), which takes longer to
    import than a picture to draw.
    """
    luma = np.concatenate([np.linspace(0.3, 0.85, 6), np.linspace(0.9, 0.0, 9)])
    blueness = 0.40 * np.sin(np.linspace(0.8 * np.pi, 1.8 * np.pi, 15))
    redness = 0.55 * np.sin(np.linspace(-0.33 * np.pi, 0.33 * np.pi, 15)) + 0.1
    colours = {
        "red": luma + 1.13983 * redness,
        "green": luma - 0.39465 * blueness - 0.58060 * redness,
        "blue": luma + 2.03211 * blueness,
    }
    places = np.linspace(0, 1, 15)
    pieces: Any = {name: np.stack([places, v, v], axis=1) for name, v in colours.items()}
    return LinearSegmentedColormap("HomeyerRainbow", pieces)


def reflectivity_palette(colours: str = "accessible") -> list[str]:
    """
    The colour of each dBZ, for pictures not drawn by matplotlib.

    Parameters
    ----------
    colours : {"accessible", "nws"}, optional
        Colour table.

    Returns
    -------
    palette : list of str, length 81
        Hexadecimal colours of 0 to 80 dBZ; 0 is no echo, and drawn blank.

    Raises
    ------
    InputError
        If there is no such colour table.
    """
    scale = _scale(colours, "dBZ")
    return [to_hex(scale.cmap(scale.norm(dbz))) for dbz in range(MAX_DBZ + 1)]


def _without_echo(cmap: Colormap) -> Colormap:
    return cmap.with_extremes(bad="none")


def storm_box(
    box: "xr.Dataset | xr.DataArray | ArrayLike",
    ax: Axes | None = None,
    *,
    colours: str = "accessible",
    colorbar: bool = True,
    title: str | None = None,
    axes: bool = True,
    report_mark: bool = False,
    simulated: bool | None = None,
) -> Axes:
    """
    Draw one storm box as a radar picture.

    Parameters
    ----------
    box : xarray.Dataset, DataArray or array_like, shape (y, x)
        Whole dBZ, row 0 south, 0 no echo; or one storm of the container.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    colours : {"accessible", "nws"}, optional
        Colour table: safe for colour-blind readers, or the National Weather Service's.
    colorbar : bool, optional
        Whether there is a colour bar in dBZ.
    title : str, optional
        Above the box; by default mode and time of a container's storm.
    axes : bool, optional
        Whether km axes and a north arrow frame the box; without, it fills `ax`.
    report_mark : bool, optional
        Whether a cross marks the storm report at the box's centre.
    simulated : bool, optional
        Whether the picture says 'simulated'; by default taken from the container.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Axes in km from the south-west corner; ``ax.figure`` is the figure.

    Raises
    ------
    InputError
        If `box` is not one image, or there is no such colour table.
    """
    values, units = _image(box)
    ax = new_axes(6.0, 5.2) if ax is None else ax
    scale = _scale(colours, units)
    image = _draw(ax, values, scale)
    if units == "dBZ" and axes:
        _km_axes(ax, values.shape)
        _north_arrow(ax)
    else:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(MUTED)
    if report_mark:
        centre = np.array(values.shape[::-1]) * PIXEL_KM / 2
        ax.plot(*centre, "+", color=INK, markersize=11, markeredgewidth=1.8, label="storm report")
    if colorbar and units == "dBZ":
        _colour_bar(ax.figure, image, scale, ax=ax, shrink=0.9, pad=0.02)
    text = _default_title(box) if title is None else title
    if text:
        ax.set_title(text, fontsize=11, color=INK)
    made_up = _says_simulated(box) if simulated is None else simulated
    if made_up:
        mark_simulated(ax)
    describe(ax, _box_words(values, units, text, made_up))
    return ax


def _box_words(values: np.ndarray, units: str, title: str, simulated: bool) -> str:
    what = "Simulated storm box" if simulated else "Storm box"
    if units != "dBZ":
        what = "Image"
    name = f"{what}, {title}" if title else what
    if units != "dBZ":
        return f"{name}: {values.shape[0]} by {values.shape[1]} pixels."
    return (
        f"{name}: echo over {np.mean(values >= 5):.0%} of the box, 40 dBZ or more over "
        f"{np.mean(values >= 40):.1%}, highest {values.max()} dBZ."
    )


def contact_sheet(
    dataset: "xr.Dataset",
    *,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    colours: str = "accessible",
    simulated: bool | None = None,
) -> Figure:
    """
    Draw many boxes side by side, with one colour bar for all.

    Parameters
    ----------
    dataset : xarray.Dataset
        The container; each of its storms is drawn, so choose some first.
    titles : sequence of str, optional
        One above each box; by default the name of its mode, where known.
    columns : int, optional
        Boxes in a row; by default up to four.
    colours : {"accessible", "nws"}, optional
        Colour table.
    simulated : bool, optional
        Whether the picture says 'simulated'; by default taken from the container.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    InputError
        If there is no box, `titles` are too few or many, `columns` is below 1,
        or there is no such colour table.
    """
    n = dataset.sizes["storm"]
    if n == 0:
        raise InputError("There is no box to draw; choose at least one.")
    if titles is not None and len(titles) != n:
        raise InputError(f"{len(titles)} titles for {n} boxes; give one for each box.")
    columns = min(n, 4) if columns is None else columns
    if columns < 1:
        raise InputError(f"A contact sheet needs at least 1 column, not {columns}.")
    units = str(dataset["reflectivity"].attrs.get("units", "dBZ"))
    scale = _scale(colours, units)
    modes = _mode_names(dataset)
    shown = modes if titles is None else list(titles)
    lines = max(1 + text.count("\n") for text in shown)
    figure, axes, bar_axes = _sheet(n, columns, lines, units)
    names = class_colours(class_names(dataset)) if "mode" in dataset else {}
    for i, ax in enumerate(axes):
        image = _draw(ax, dataset["reflectivity"].values[i], scale)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color(MUTED)
        ax.set_title(shown[i], fontsize=9, color=INK, pad=4)
        if modes[i]:  # a bar in the mode's colour along the northern edge
            ax.plot(
                [0, 1], [1, 1], transform=ax.transAxes, color=names[modes[i]], lw=4, clip_on=False
            )
    if bar_axes is not None:
        _colour_bar(figure, image, scale, cax=bar_axes, orientation="horizontal")
    _note(figure, dataset, units, columns, simulated)
    names_shown = "; ".join(text.replace("\n", ", ") for text in shown if text)
    describe(figure, f"{n} images side by side{': ' if names_shown else ''}{names_shown}.")
    return figure


def colour_bar(ax: Axes | None = None, *, colours: str = "accessible") -> Axes:
    """
    Draw the reflectivity colour bar alone, for pictures that share it.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional
        Wide, flat axes to fill; by default those of a new figure.
    colours : {"accessible", "nws"}, optional
        Colour table.

    Returns
    -------
    ax : matplotlib.axes.Axes

    Raises
    ------
    InputError
        If there is no such colour table.
    """
    if ax is None:
        ax = Figure(figsize=(4.6, 0.62)).add_axes((0.04, 0.74, 0.92, 0.22))
    scale = _scale(colours, "dBZ")
    mappable = ScalarMappable(norm=scale.norm, cmap=scale.cmap)
    _colour_bar(ax.figure, mappable, scale, cax=ax, orientation="horizontal")
    describe(ax, f"Colour bar: reflectivity from 0 to {MAX_DBZ} dBZ; blank is no echo.")
    return ax


def _sheet(n: int, columns: int, lines: int, units: str) -> tuple[Figure, list[Axes], Axes | None]:
    """Square axes in rows under titles of so many lines, and axes for a colour bar."""
    cell, gap, title = 1.65, 0.12, 0.1 + 0.15 * lines
    rows, foot = -(-n // columns), 0.3
    if units == "dBZ":
        foot = 0.95 if columns > 2 else 1.15
    grid = columns * (cell + gap) - gap
    width = max(grid + 2 * gap, 2.7)
    height = rows * (cell + title + gap) + foot
    figure = Figure(figsize=(width, height))
    axes = []
    for i in range(n):
        row, column = divmod(i, columns)
        left = (width - grid) / 2 + column * (cell + gap)
        bottom = height - (row + 1) * (cell + title + gap) + gap
        place = (left / width, bottom / height, cell / width, cell / height)
        axes.append(figure.add_axes(place))
    if units != "dBZ":
        return figure, axes, None
    length = min(width - 0.5, 5.0)
    place = ((width - length) / 2 / width, (foot - 0.17) / height, length / width, 0.12 / height)
    return figure, axes, figure.add_axes(place)


def _note(
    figure: Figure, dataset: "xr.Dataset", units: str, columns: int, simulated: bool | None
) -> None:
    made_up = is_simulated(dataset) if simulated is None else simulated
    parts = ["simulated, not observed"] if made_up else []
    if units == "dBZ":
        parts.append(f"boxes {dataset.sizes['x'] * PIXEL_KM:.0f} km wide, north up")
    text = (" \N{MIDDLE DOT} " if columns > 2 else "\n").join(parts)
    if text:
        badge = {"bbox": SIMULATED_BADGE, "color": INK} if made_up else {"color": MUTED}
        figure.supxlabel(text, y=0.08 / figure.get_figheight(), fontsize=8, **badge)


def _mode_names(dataset: "xr.Dataset") -> list[str]:
    if "mode" not in dataset:
        return [""] * dataset.sizes["storm"]
    names = class_names(dataset)
    return [names[code] for code in dataset["mode"].values]


def _image(box: "xr.Dataset | xr.DataArray | ArrayLike") -> tuple[np.ndarray, str]:
    """Pixels (y, x) and their unit."""
    field = box["reflectivity"] if is_dataset(box) else box
    units = str(getattr(field, "attrs", {}).get("units", "dBZ"))
    values = np.asarray(field)
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[-1]):
        values = values[0] if values.shape[0] == 1 else values[..., 0]
    if values.ndim != 2 or values.size == 0:
        msg = f"A picture shows one box of shape (y, x); this has shape {values.shape}."
        raise InputError(msg + " Choose one with .isel(storm=0), or draw a contact sheet.")
    return values, units


def _draw(ax: Axes, values: np.ndarray, scale: _Scale) -> AxesImage:
    rows, columns = values.shape
    ax.set_facecolor("white")
    return ax.imshow(
        np.ma.masked_equal(values, 0),
        origin="lower",
        extent=(0, columns * PIXEL_KM, 0, rows * PIXEL_KM),
        cmap=scale.cmap,
        norm=scale.norm,
        interpolation="nearest",
    )


def _km_axes(ax: Axes, shape: tuple[int, ...]) -> None:
    """Kilometres from the south-west corner, ticks every 128; a storm box has 510 of the 512."""
    height, width = (-(-size * PIXEL_KM // 128) * 128 for size in shape[:2])
    ax.set(xlim=(0, width), ylim=(0, height), xlabel="km", ylabel="km")
    ax.set_xticks(np.arange(0, width + 1, 128))
    ax.set_yticks(np.arange(0, height + 1, 128))
    ax.tick_params(labelsize=9, colors=INK)
    ax.grid(color=INK, alpha=0.15, linewidth=0.6)


def _north_arrow(ax: Axes) -> None:
    ax.annotate(
        "N",
        xy=(0.955, 0.98),
        xytext=(0.955, 0.875),
        xycoords="axes fraction",
        ha="center",
        va="center",
        fontsize=9,
        fontweight="bold",
        color=INK,
        arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.4, "shrinkA": 5, "shrinkB": 0},
        bbox={
            "boxstyle": "circle,pad=0.15",
            "facecolor": "white",
            "edgecolor": "none",
            "alpha": 0.8,
        },
        zorder=15,
    )


def _colour_bar(
    figure: Figure | SubFigure, image: ScalarMappable, scale: _Scale, **placed: Any
) -> None:
    ticks = np.arange(0, MAX_DBZ + 1, 10)
    bar = figure.colorbar(image, ticks=ticks, extend=scale.extend, **placed)
    bar.set_label("Reflectivity (dBZ), blank: no echo", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=9, colors=INK)
    bar.outline.set_edgecolor(MUTED)


def _default_title(box: object) -> str:
    if not is_dataset(box) or box["reflectivity"].ndim != 2:
        return ""
    parts = []
    if "mode" in box:
        parts.append(class_names(box)[int(box["mode"])])
    if "time" in box and not np.isnat(box["time"].values):
        moment = str(box["time"].values.astype("datetime64[m]")).replace("T", " ")
        parts.append(f"{moment} UTC")
    return " \N{MIDDLE DOT} ".join(parts)


def _says_simulated(box: object) -> bool:
    return bool(getattr(box, "attrs", {}).get("simulated", 0))
