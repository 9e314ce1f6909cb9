"""Augmentation to play with: every range as a slider, nine draws, and the recipe's TOML to copy."""

import json
from dataclasses import replace
from functools import cache
from html import escape
from typing import Any, ClassVar

import numpy as np
import panel as pn
import param
import xarray as xr
from bokeh.models import ColumnDataSource, LinearColorMapper
from panel.viewable import Viewable

from stormlens.augment import Augmentation
from stormlens.datasets import is_simulated
from stormlens.errors import InputError, unknown
from stormlens.learn._augmentation_advice import Advice, advice, beyond_the_edge
from stormlens.learn._base import (
    INK,
    MUTED,
    STYLE,
    TINT,
    Component,
    add_colour_bar,
    column,
    html,
    plot,
    radar_plot,
    slider,
)
from stormlens.learn._shown import chosen_storms, storm_words
from stormlens.models import keep_compiled
from stormlens.ops import FILL_MODES
from stormlens.stormbox import MAX_DBZ, PIXEL_KM
from stormlens.training import load_recipe

_ACROSS = 3
_DRAWS = _ACROSS**2
_GAP = 5  # pixels between previews
_BESIDE = 318  # width of the column beside the previews
_SETTINGS = list(Augmentation().to_dict())

PRESETS: dict[str, str | None] = {
    "chapter": "chapter-augmented",
    "SVRIMG notebook": "svrimg-3conv",
    "none": None,
}
"""Recipes whose augmentation a button sets, by the button's name."""
_FIRST = "chapter"

_COPY = """
const text = source.data["toml"][0]
const told = (word) => {
  button.label = word
  setTimeout(() => { button.label = "Copy" }, 1500)
}
const by_hand = () => {  // where a page may not use the clipboard, as in some notebooks
  const area = document.createElement("textarea")
  area.value = text
  document.body.append(area)
  area.select()
  told(document.execCommand("copy") ? "Copied" : "Select and copy by hand")
  area.remove()
}
if (navigator.clipboard) {
  navigator.clipboard.writeText(text).then(() => told("Copied"), by_hand)
} else {
  by_hand()
}
"""

_LOOK = f"""
pre {{ margin: .2rem 0; padding: .5rem .7rem; background: {TINT}; border-radius: .4rem;
  font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; user-select: all;
  white-space: pre-wrap; }}
.plain {{ margin: .3rem 0; padding: .4rem .7rem; background: {TINT}; border-left: 4px solid {MUTED};
  border-radius: .2rem; }}
.plain, .note {{ font-size: 13.5px; line-height: 1.4; }}
"""


class AugmentationStudio(Component):
    """
    Nine random transforms of a storm, and what to think of their ranges.

    Attributes
    ----------
    rotation_range, shear_range : float
        Degrees either way, 0 to 180 and 0 to 45.
    width_shift_range, height_shift_range : float
        Fractions of the box either way, 0 to 0.5.
    zoom_range : tuple of float
        Lowest and highest factor, 0.5 to 2; under 1 enlarges.
    horizontal_flip, vertical_flip : bool
        Whether half of the draws are mirrored.
    fill_mode : {"reflect", "nearest", "constant", "wrap"}
        What lies beyond the edge.
    cval : float
        dBZ beyond the edge for ``constant``, 0 to 80.
    storm, seed : int
        Which box is shown, and what its draws follow from.
    augmentation : stormlens.augment.Augmentation
        These settings.
    augmented : ndarray of float32, shape (9, y, x)
        The draws in dBZ: ``augmentation.apply(jax.random.key(seed), ...)`` of nine times the box.
    places : ndarray of float, shape (9, 2)
        Row and column that the storm report has in each.
    advice : list
        What is said of the settings, in sentences.
    toml : str
        The recipe's table ``[augmentation]``.

    Parameters
    ----------
    dataset : xarray.Dataset, optional
        Boxes to choose from; simulated ones unless told.
    **parameters
        Any of the ranges; those of the chapter where none is told.

    Raises
    ------
    InputError
        If it is no container, holds no such storm, or the seed is negative.
    """

    slug: ClassVar[str] = "augmentation-studio"
    title: ClassVar[str] = "Augmentation studio"
    lead: ClassVar[str] = (
        "Find ranges that give diverse storms which could all be real. Cross: the storm report; "
        "circle: the centre."
    )

    rotation_range = param.Number(0.0, bounds=(0, 180), step=0.1)
    width_shift_range = param.Number(0.0, bounds=(0, 0.5), step=0.01)
    height_shift_range = param.Number(0.0, bounds=(0, 0.5), step=0.01)
    shear_range = param.Number(0.0, bounds=(0, 45), step=0.1)
    zoom_range = param.Range((1.0, 1.0), bounds=(0.5, 2.0), step=0.01)
    horizontal_flip = param.Boolean(False)
    vertical_flip = param.Boolean(False)
    fill_mode: Any = param.Selector(default="reflect", objects=list(FILL_MODES))
    cval = param.Number(0.0, bounds=(0, MAX_DBZ), step=1)
    storm = param.Integer(0, bounds=(0, None))
    seed = param.Integer(0, bounds=(0, None))

    def __init__(
        self,
        dataset: xr.Dataset | None = None,
        storm: int = 0,
        seed: int = 0,
        **parameters: Any,
    ) -> None:
        self.dataset = chosen_storms(dataset)
        _check_numbers(storm, self.dataset.sizes["storm"], seed)
        ranges = parameters or _preset(_FIRST)
        super().__init__(storm=storm, seed=seed, **ranges)
        self.param.storm.bounds = (0, self.dataset.sizes["storm"] - 1)
        rows, columns = self.dataset["reflectivity"].shape[1:]
        self.shape: tuple[int, int] = (rows, columns)
        self.original = ColumnDataSource({"image": []})
        self.previews = ColumnDataSource({"image": [None] * _DRAWS, **_corners(self.shape)})
        self.reports = ColumnDataSource({"x": [], "y": []})
        self.recipe = ColumnDataSource({"toml": [""]})
        self.words, self.heading, self.table = (html() for _ in range(3))
        self.words.stylesheets = self.table.stylesheets = [STYLE, _LOOK]
        self._draw()
        keep_compiled()
        for fill_mode in FILL_MODES:  # compiled now, so that no choice waits for it later
            _warp(fill_mode)(self._box(), np.zeros((_DRAWS, 2, 3), np.float32), 0.0)
        self._new_storm()
        self._answer(self._new_storm, "storm")
        self._answer(self._update, *_SETTINGS, "seed")

    def choose(self, preset: str) -> None:
        """
        Set all ranges as a known recipe does.

        Parameters
        ----------
        preset : str
            One of `PRESETS`.

        Raises
        ------
        InputError
            If there is none of that name.
        """
        self.param.update(**_preset(preset))

    def draw_again(self, *events: object) -> None:
        """Nine new draws: the next seed."""
        self.seed += 1

    def _box(self) -> np.ndarray:
        return self.dataset["reflectivity"].values[self.storm]

    def _new_storm(self, *events: object) -> None:
        self.original.data = {"image": [self._box()]}
        self.heading.object = f"<h3>{storm_words(self.dataset, self.storm)}</h3>"
        self._update()

    def _update(self, *events: object) -> None:
        import jax

        values = {name: _tidy(getattr(self, name)) for name in _SETTINGS}
        self.augmentation = Augmentation(**values)
        # Op by op, and so with ranges that nothing is compiled for.
        matrices = self.augmentation.matrices(jax.random.key(self.seed), _DRAWS, *self.shape)
        warped = _warp(self.augmentation.fill_mode)(self._box(), matrices, self.augmentation.cval)
        self.augmented = np.asarray(warped)
        self.places = _report_places(np.asarray(matrices), self.shape)
        self.advice = advice(self.augmentation, beyond_the_edge(np.asarray(matrices), *self.shape))
        self.toml = to_toml(self.augmentation)
        self._show()

    def _show(self) -> None:
        # Whole dBZ, as a box holds them: a quarter of the bytes, and no colour differs.
        shown = np.clip(np.rint(self.augmented), 0, MAX_DBZ).astype(np.uint8)
        self.previews.data = {**self.previews.data, "image": list(shown)}
        self.reports.data = _on_previews(self.places, self.shape)
        self.recipe.data = {"toml": [self.toml]}
        made_up = " (simulated)" if is_simulated(self.dataset) else ""
        self._preview.title.text = f"Nine draws, seed {self.seed}{made_up}"
        self.table.object = f"<pre>{escape(self.toml)}</pre>"
        self.words.object = _advice_words(self.advice, _at_rest(self.augmentation))

    def _draw(self) -> None:
        rows, columns = self.shape
        mapper = _whole_dbz()
        self._map: Any = radar_plot(256, "", rows, columns)
        self._map.image(
            "image",
            source=self.original,
            x=0,
            y=0,
            dw=columns * PIXEL_KM,
            dh=rows * PIXEL_KM,
            color_mapper=mapper,
        )
        add_colour_bar(self._map, mapper, "dBZ")
        wide, tall = (_ACROSS * (side + _GAP) - _GAP for side in (columns, rows))
        self._preview: Any = plot(
            470, 492, "", x_range=(-1, wide + 1), y_range=(-1, tall + 1), match_aspect=True
        )
        self._preview.axis.visible = self._preview.grid.visible = False
        self._preview.image(
            "image", source=self.previews, x="x", y="y", dw=columns, dh=rows, color_mapper=mapper
        )
        corners = _corners(self.shape)
        frames = {edge: np.array(corners[axis]) for edge, axis in (("left", "x"), ("bottom", "y"))}
        self._preview.quad(
            **frames,
            right=frames["left"] + columns,
            top=frames["bottom"] + rows,
            fill_alpha=0,
            line_color=MUTED,
            line_width=0.7,
        )
        self._preview.scatter(
            frames["left"] + columns / 2,
            frames["bottom"] + rows / 2,
            marker="circle",
            size=13,
            fill_alpha=0,
            line_color=INK,
            line_width=1,
        )
        for colour, width in (("white", 5), (INK, 2)):
            self._preview.scatter(
                "x",
                "y",
                source=self.reports,
                marker="cross",
                size=13,
                line_color=colour,
                line_width=width,
            )

    def _layout(self) -> Viewable:
        copy = pn.widgets.Button(label="Copy", width=150, margin=(8, 8))
        copy.js_on_click(args={"source": self.recipe, "button": copy}, code=_COPY)
        recipe = pn.Row(html("<h3>In the recipe</h3>", width=286), copy)
        middle = pn.Column(pn.pane.Bokeh(self._preview), recipe, self.table)
        beside = pn.Column(self.heading, pn.pane.Bokeh(self._map), self.words, width=_BESIDE)
        return pn.FlexBox(self._controls(), middle, beside)

    def _controls(self) -> Viewable:
        presets = [self._preset_button(name) for name in PRESETS]
        again = pn.widgets.Button(label="New draws", color="primary", sizing_mode="stretch_width")
        again.on_click(self.draw_again)
        wide = {"sizing_mode": "stretch_width"}
        return column(
            slider(self.param.storm, label="storm"),
            again,
            html("<span class='muted'>Set all ranges as in</span>"),
            pn.Row(*presets, margin=0),
            slider(self.param.rotation_range, label="rotation, degrees"),
            slider(self.param.width_shift_range, label="width shift, share of the box"),
            slider(self.param.height_shift_range, label="height shift, share of the box"),
            slider(self.param.shear_range, label="shear, degrees"),
            slider(self.param.zoom_range, label="zoom, lowest and highest"),
            pn.Row(
                pn.widgets.Checkbox.from_param(self.param.horizontal_flip, label="horizontal flip"),
                pn.widgets.Checkbox.from_param(self.param.vertical_flip, label="vertical flip"),
                margin=0,
            ),
            pn.widgets.Select.from_param(self.param.fill_mode, label="fill mode", **wide),
            slider(self.param.cval, label="cval, dBZ beyond the edge"),
            width=260,
        )

    def _preset_button(self, name: str) -> Viewable:
        button = pn.widgets.Button(
            label=name, margin=(4, 3), stylesheets=[":host .bk-btn { padding: 6px 8px; }"]
        )
        button.on_click(lambda event: self.choose(name))
        return button


def to_toml(augmentation: Augmentation) -> str:
    """
    Augmentation as the table of a recipe.

    Parameters
    ----------
    augmentation : Augmentation
        The settings.

    Returns
    -------
    text : str
        ``[augmentation]`` and a line for each setting, for `Recipe.from_toml`.

    Examples
    --------
    >>> print(to_toml(Augmentation(zoom_range=(0.9, 1.0))).splitlines()[5])
    zoom_range = [0.9, 1.0]
    """
    # Numbers, texts, lists and truth values are written alike in JSON and TOML.
    lines = [f"{name} = {json.dumps(value)}" for name, value in augmentation.to_dict().items()]
    return "\n".join(["[augmentation]", *lines]) + "\n"


@cache
def _warp(fill_mode: str) -> Any:
    """One compiled warp of a box by some maps; what lies beyond the edge is no constant of it."""
    import jax
    import jax.numpy as jnp

    from stormlens.ops import warp

    @jax.jit
    def all_draws(box: Any, matrices: Any, cval: Any) -> Any:
        images = jnp.broadcast_to(box, (len(matrices), *box.shape))
        warped = warp(images, matrices, fill_mode, float("nan"))
        return jnp.where(jnp.isnan(warped), cval, warped)

    return all_draws


def _preset(name: str) -> dict[str, Any]:
    """All settings of a preset."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    recipe = PRESETS[name]
    held = load_recipe(recipe).augmentation if recipe else None
    values = (held or Augmentation()).to_dict()
    return {**values, "zoom_range": tuple(values["zoom_range"])}


def _check_numbers(storm: int, storms: int, seed: int) -> None:
    if not 0 <= storm < storms:
        raise InputError(f"There is no storm {storm}; they go from 0 to {storms - 1}.")
    if seed < 0:
        raise InputError(f"The seed is {seed}; give a whole number of 0 or more.")


def _tidy(value: Any) -> Any:
    """A slider's number as a float, without the dust of adding up its steps."""
    if isinstance(value, bool | str):
        return value
    return tuple(map(_tidy, value)) if isinstance(value, tuple) else round(float(value), 6)


def _report_places(matrices: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Row and column of the report in each image: where the map gives the centre of the box."""
    centre = (np.array(shape) - 1) / 2
    linear, offset = matrices[:, :, :2].astype(float), matrices[:, :, 2]
    return np.linalg.solve(linear, (centre - offset)[..., None])[..., 0]


def _corners(shape: tuple[int, int]) -> dict[str, list[float]]:
    """Lower left corner of each preview; the first stands at the top left."""
    rows, columns = shape
    places = [divmod(i, _ACROSS) for i in range(_DRAWS)]
    return {
        "x": [across * (columns + _GAP) for _, across in places],
        "y": [(_ACROSS - 1 - down) * (rows + _GAP) for down, _ in places],
    }


def _on_previews(places: np.ndarray, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    """Reports as points of the plot; those that left their image are not shown."""
    corners = _corners(shape)
    inside = ((places > -0.5) & (places < np.array(shape) - 0.5)).all(axis=1)
    return {
        "x": (np.array(corners["x"]) + places[:, 1] + 0.5)[inside],
        "y": (np.array(corners["y"]) + places[:, 0] + 0.5)[inside],
    }


def _whole_dbz() -> LinearColorMapper:
    """Colours of whole dBZ, with 0 blank, for boxes that are sent as bytes."""
    from stormlens.plots import reflectivity_palette

    return LinearColorMapper(
        palette=reflectivity_palette()[1:],
        low=0.5,
        high=MAX_DBZ + 0.5,
        low_color="rgba(0, 0, 0, 0)",
    )


def _at_rest(held: Augmentation) -> bool:
    """Whether nothing moves; what lies beyond the edge is then never seen."""
    return replace(held, fill_mode="reflect", cval=0.0) == Augmentation()


def _advice_words(held: list[Advice], at_rest: bool) -> str:
    if at_rest:
        return "<p class='plain'>All ranges are at rest: nine times the same storm.</p>"
    if not any(part.warning for part in held):
        fine = Advice(False, "sound", "The report stays at the centre, and storms keep their look.")
        held = [fine, *held]
    return "".join(
        f"<p class='{'note' if part.warning else 'plain'}'><b>{part.subject.capitalize()}.</b> "
        f"{escape(part.text)}</p>"
        for part in held
    )
