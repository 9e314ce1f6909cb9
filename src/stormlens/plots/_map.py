"""
A mosaic as a map, with classified boxes on it.

Axes are the mosaic's own, so a box is a square. Clear air is white; places that no
radar sees are grey, since nothing is known of them.
"""

from collections import Counter
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import PcolorImage
from matplotlib.patches import Patch, Rectangle
from matplotlib.transforms import ScaledTranslation

from stormlens.datasets import BORDERS_CREDIT
from stormlens.models import apply_context, name_modes
from stormlens.plots._geography import Plane, draw_geography
from stormlens.plots._labels import Span, place_labels
from stormlens.plots._picture import describe
from stormlens.plots._radar import _colour_bar, _Scale, _scale
from stormlens.plots._style import INK, MUTED, SIMULATED_BADGE, UNNAMED_COLOURS, class_colours
from stormlens.stormbox import MAX_DBZ, NATIONAL, PIXEL_KM, SIZE, Grid, Mosaic, Predictions

if TYPE_CHECKING:
    import xarray as xr

UNSEEN = "#c9d0d7"
"""Where no radar sees."""

_AROUND_BOXES = 45  # cells of the map around boxes
_AROUND_COVERAGE = 10
_SIDE = SIZE * PIXEL_KM
# Inches. Places are set by hand: Matplotlib's layout would draw the picture twice.
_WIDTH, _LARGEST, _LEAST = 7.33, 9.0, 2.6  # of the map, and of the colour bar's height
_LEFT, _TOP = 0.43, 0.42
_BAR_FROM, _BAR, _RIGHT = 0.14, 0.21, 0.5
_LEGEND_FROM, _ROW, _CREDITS_FROM, _FOOT = 0.32, 0.19, 0.42, 0.68
_LEGEND_COLUMNS = 5
_CREDITS_WIDTH = 130  # characters
_CROWD = 25  # boxes that are too many for bold outlines and large names


def mosaic_map(
    mosaic: "Mosaic | xr.Dataset",
    predictions: "Predictions | xr.Dataset | None" = None,
    ax: Axes | None = None,
    *,
    colours: str = "accessible",
) -> Axes:
    """
    Draw a mosaic as a map, with the modes of classified boxes.

    Parameters
    ----------
    mosaic : Mosaic or xarray.Dataset
        As `stormlens.readers.read_mosaic` or `read` gives it.
    predictions : Predictions or xarray.Dataset, optional
        Of `stormlens.models.Classifier.predict`, for boxes that `stormlens.boxes` cut from
        this mosaic. Each is outlined in the colour of its mode, which
        `stormlens.models.name_modes` decides, and named with the probability of that mode,
        after coverage is applied, if there is space.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default the axes of a new figure.
    colours : {"accessible", "nws"}, optional
        Colour table.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Axes in km from the centre of the south-western cell. They show the boxes and their
        surroundings or, without boxes, what radars see. Borders as for `borders`.

    Raises
    ------
    InputError
        If there is no such colour table, or fetched borders are damaged.
    """
    if not isinstance(mosaic, Mosaic):
        mosaic = Mosaic.from_xarray(mosaic)
    if predictions is not None and not isinstance(predictions, Predictions):
        predictions = Predictions.from_xarray(predictions)
    if predictions is not None:
        predictions = apply_context(predictions) if len(predictions) else None
    names = [] if predictions is None else name_modes(predictions).tolist()
    window, handles = _window(mosaic, predictions), _legend(predictions, names)
    scale = _scale(colours, "dBZ")
    bar: dict[str, Any] = {"ax": ax, "pad": 0.02, "aspect": 30}
    if ax is None:
        ax, bar_ax = _new_map(window, len(handles))
        bar = {"cax": bar_ax}
    _draw_mosaic(ax, mosaic, scale)
    ax.set(xlim=(window.west, window.east), ylim=(window.south, window.north))
    has_borders = draw_geography(ax, Plane(grid=mosaic.grid))
    ax.spines[:].set_color(MUTED)
    if predictions is not None:
        _draw_boxes(ax, predictions, names, window, mosaic.grid)
    _colour_bar(ax.figure, ScalarMappable(scale.norm, scale.cmap), scale, **bar)
    ax.set_title(_title(mosaic), fontsize=11, color=INK, loc="left")
    _foot(ax, handles, _made_up(mosaic, predictions), _credits(mosaic, has_borders))
    describe(ax, _words(mosaic, names))
    return ax


def _window(mosaic: Mosaic, predictions: Predictions | None) -> Span:
    """The map's edges: around the boxes, else around what radars see, else the grid."""
    if predictions is not None:
        spans = _outlines(predictions, mosaic.grid)
        west, south = (min(span[i] for span in spans) for i in (0, 1))
        east, north = (max(span[i] for span in spans) for i in (2, 3))
        around = _AROUND_BOXES * PIXEL_KM
        return Span(west - around, south - around, east + around, north + around)
    seen = mosaic.coverage
    if not seen.any():
        seen = np.ones(mosaic.grid.shape, bool)
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    around = _AROUND_COVERAGE
    cells = (columns[0] - around, rows[0] - around, columns[-1] + around, rows[-1] + around)
    return Span(*(float(cell) * PIXEL_KM for cell in cells))


def _outlines(predictions: Predictions, grid: Grid) -> list[Span]:
    """Outer edges of boxes, km from the centre of the grid's south-western cell."""
    plane = Plane(grid=grid)
    storm = predictions.storm
    if "xmin" in storm:
        corners = [(storm[name] - 0.5) * PIXEL_KM for name in ("xmin", "ymin")]
    else:
        corners = [axis - _SIDE / 2 for axis in plane.km(storm["longitude"], storm["latitude"])]
    return [
        Span(float(west), float(south), float(west) + _SIDE, float(south) + _SIDE)
        for west, south in zip(*corners, strict=True)
    ]


def _new_map(window: Span, n_handles: int) -> tuple[Axes, Axes]:
    """The axes of a new figure for the map and its colour bar, with space below for the legend."""
    shape = (window.north - window.south) / (window.east - window.west)
    width = min(_WIDTH, _LARGEST / shape)
    tall = max(width * shape, _LEAST)
    below = _FOOT + _ROW * _rows(n_handles)
    across, up = _LEFT + _WIDTH + _BAR_FROM + _BAR + _RIGHT, below + tall + _TOP
    figure = Figure(figsize=(across, up))
    ax = figure.add_axes((_LEFT / across, below / up, width / across, tall / up))
    bar_from = (_LEFT + width + _BAR_FROM) / across
    return ax, figure.add_axes((bar_from, below / up, _BAR / across, tall / up))


def _rows(n_handles: int) -> int:
    return -(-n_handles // _LEGEND_COLUMNS)


def _draw_mosaic(ax: Axes, mosaic: Mosaic, scale: _Scale) -> None:
    palette = scale.cmap(scale.norm(np.arange(MAX_DBZ + 1)), bytes=True)
    palette[0] = 255  # clear air
    shown = palette[np.clip(mosaic.reflectivity, 0, MAX_DBZ).astype(np.uint8)]
    unseen = np.multiply(to_rgba(UNSEEN), 255).round()
    shown[(mosaic.reflectivity == 0) & ~mosaic.coverage] = unseen
    ax.set_facecolor(UNSEEN)
    # Not by `imshow`, which would resample the national mosaic in floating point.
    y, x = (PIXEL_KM * (np.arange(n + 1) - 0.5) for n in mosaic.grid.shape)
    image = PcolorImage(ax, x, y, shown)
    image.set_extent((x[0], x[-1], y[0], y[-1]))  # needed by `bbox_inches="tight"`
    image.set_clip_path(ax.patch)
    ax.add_image(image)
    ax.set_aspect("equal")


def _draw_boxes(
    ax: Axes, predictions: Predictions, names: list[str], window: Span, grid: Grid
) -> None:
    spans = _outlines(predictions, grid)
    colours = _colours(predictions, names)
    crowded = len(spans) > _CROWD
    points = 6.5 if crowded else 8.0
    km_a_point = (window.east - window.west) / (_WIDTH * 72)
    texts = [_label(predictions, i, name) for i, name in enumerate(names)]
    sizes = [
        ((0.57 * points * len(text) + 4) * km_a_point, (1.3 * points + 4) * km_a_point)
        for text in texts
    ]
    width = 1.0 if crowded else 2.0
    for span, name in zip(spans, names, strict=True):
        for colour, line, above in (("white", 1.8 * width, 5), (colours[name], width, 6)):
            corner = (span.west, span.south)
            ax.add_patch(
                Rectangle(corner, _SIDE, _SIDE, fill=False, ec=colour, lw=line, zorder=above)
            )
    for place, text, name in zip(place_labels(spans, sizes, window), texts, names, strict=True):
        if place is None:
            continue
        ax.text(
            (place.west + place.east) / 2,
            (place.south + place.north) / 2,
            text,
            ha="center",
            va="center",
            fontsize=points,
            fontweight="bold",
            color=colours[name],
            bbox={"boxstyle": "square,pad=0.2", "fc": "white", "ec": colours[name], "lw": 0.8},
            zorder=7,
            clip_on=True,
        )


def _colours(predictions: Predictions, names: list[str]) -> dict[str, str]:
    return {**dict.fromkeys(names, INK), **UNNAMED_COLOURS, **class_colours(predictions.modes)}


def _label(predictions: Predictions, storm: int, name: str) -> str:
    """A mode with its probability, or with the share that radars see if that decided it."""
    modes, row = predictions.modes, predictions.probability[storm]
    if name not in modes:
        return name
    if name == "Missing" and modes[int(row.argmax())] != name:
        return f"{name}, {predictions.storm['coverage'][storm]:.0%} seen"
    return f"{name} {row[modes.index(name)]:.2f}"


def _title(mosaic: Mosaic) -> str:
    moment, parts = mosaic.time, [mosaic.source]
    if not np.isnat(moment):
        parts.append(f"{str(moment.astype('datetime64[m]')).replace('T', ' ')} UTC")
    return " \N{MIDDLE DOT} ".join(parts)


def _legend(predictions: Predictions | None, names: list[str]) -> list[Patch]:
    """Legend entries of white, grey and the outlines."""
    handles = [
        Patch(fc="white", ec=MUTED, lw=0.8, label="clear air"),
        Patch(fc=UNSEEN, ec=MUTED, lw=0.8, label="no radar coverage"),
    ]
    if predictions is not None:
        colours = _colours(predictions, names)
        handles += [
            Patch(fc="none", ec=colours[name], lw=2, label=f"{name} ({n})")
            for name, n in sorted(Counter(names).items(), key=lambda item: -item[1])
        ]
    return handles


def _foot(ax: Axes, handles: list[Patch], made_up: list[str], credits: list[str]) -> None:
    """Draw what is below the map: the legend, sources, and what is simulated."""
    inch = ax.figure.dpi_scale_trans
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.0, 0.0),
        bbox_transform=ax.transAxes + ScaledTranslation(0, -_LEGEND_FROM, inch),
        ncols=_LEGEND_COLUMNS,
        frameon=False,
        fontsize=8,
        borderaxespad=0.0,
        handlelength=1.4,
    )
    badge = {"bbox": SIMULATED_BADGE, "color": INK} if made_up else {"color": MUTED}
    below = -_CREDITS_FROM - _ROW * _rows(len(handles))
    ax.text(
        0.0,
        0.0,
        fill(" \N{MIDDLE DOT} ".join([*made_up, *credits]), _CREDITS_WIDTH),
        transform=ax.transAxes + ScaledTranslation(0.05, below, inch),
        va="top",
        fontsize=7.5,
        gid="credits",
        **badge,
    )


def _made_up(mosaic: Mosaic, predictions: Predictions | None) -> list[str]:
    parts = ["SIMULATED reflectivity, not observed"] if mosaic.simulated else []
    if predictions is not None and predictions.simulated_training:
        parts.append("classifier trained on SIMULATED storms")
    return parts


def _credits(mosaic: Mosaic, has_borders: bool) -> list[str]:
    return [
        *filter(None, (mosaic.product, mosaic.derived)),
        *([BORDERS_CREDIT] if has_borders else []),
    ]


def _words(mosaic: Mosaic, names: list[str]) -> str:
    seen = mosaic.coverage
    values = mosaic.reflectivity
    share = np.mean(values[seen] >= 5) if seen.any() else 0.0
    grid = "national grid" if mosaic.grid == NATIONAL else f"grid {mosaic.grid.name}"
    made_up = "Simulated mosaic" if mosaic.simulated else "Mosaic"
    words = (
        f"{made_up}, {_title(mosaic)}: radars see {seen.mean():.0%} of the {grid}, with "
        f"echo over {share:.0%} of that, highest {values.max()} dBZ."
    )
    if not names:
        return words
    counts = ", ".join(f"{name} {n}" for name, n in Counter(names).most_common())
    return f"{words} {len(names)} {'box' if len(names) == 1 else 'boxes'}: {counts}."
