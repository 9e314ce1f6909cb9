"""
Draw the simulator's pictures in docs/images: modes of the archive's mixture, and all families.

    python docs/make_simulated_gallery.py
"""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from stormlens.datasets import simulate, simulated_families
from stormlens.plots import colour_bar, storm_box
from stormlens.stormbox import MODES

COLUMNS = 8
SEED = 2022
_PLAIN = {"network": "clean mosaic", "product": "fine steps"}
IMAGES = Path(__file__).parent / "images"

Panel = tuple[NDArray[np.uint8], str, str]
"""A box, what stands above it, and what stands to its left."""


def main() -> None:
    """Draw and save all pictures."""
    draw_modes()
    draw_storms()
    draw_settings("network", "Simulated: what radars see of eight storms")
    draw_settings("product", "Simulated: what products show of eight storms")


def draw_modes() -> None:
    """Eight boxes of each mode from the archive's mixture."""
    boxes = simulate(np.repeat(np.arange(len(MODES)), COLUMNS), seed=SEED)
    panels = [
        (image, "", MODES[mode] if number % COLUMNS == 0 else "")
        for number, (image, mode) in enumerate(
            zip(boxes["reflectivity"].values, boxes["mode"].values, strict=True)
        )
    ]
    words = "six modes, eight samples each; 510 x 510 km, north up"
    draw(panels, "Simulated storm boxes", words, "simulated-gallery.png")


def draw_storms() -> None:
    """Two boxes of each storm family, as a clean mosaic shows it in whole dBZ."""
    panels: list[Panel] = []
    for family in simulated_families():
        if family.kind != "storm":
            continue
        boxes = _boxes(MODES.index(str(family.mode)), family.name, "clean mosaic")
        name = f"{family.name}*" if family.held_out else family.name
        panels += [(image, name, "") for image in boxes[:2]]
    words = "two of each storm family; * held out of the wide mixture; 510 x 510 km, north up"
    draw(panels, "Simulated storms by family", words, "simulated-storms.png")


def draw_settings(kind: str, title: str) -> None:
    """Each network or product on four cyclones and four lines."""
    panels: list[Panel] = []
    for family in simulated_families():
        if family.kind != kind:
            continue
        name = f"{family.name}*" if family.held_out else family.name
        for mode, storm in (("Tropical", "whole cyclone"), ("QLCS", "trailing stratiform")):
            boxes = _boxes(MODES.index(mode), storm, family.name)
            panels += [(image, name, "") for image in boxes]
    words = "* held out of the wide mixture; 510 x 510 km, north up"
    draw(panels, title, words, f"simulated-{kind}s.png")


def _boxes(code: int, storm: str, setting: str) -> NDArray[np.uint8]:
    """Four boxes of a storm family in one network or product, the other as plain as can be."""
    kept = {storm, setting}
    kinds = {family.kind for family in simulated_families() if family.name in kept}
    kept |= {name for kind, name in _PLAIN.items() if kind not in kinds}
    # The wide stream draws no family that is held out, but where it is called for.
    called_for = [f for f in simulated_families() if f.held_out and f.name in kept]
    settled = {family.kind for family in called_for}
    others = [
        family.name
        for family in simulated_families()
        if family.mode in (None, MODES[code])
        and family.name not in kept
        and family.kind not in settled
    ]
    boxes = simulate(
        [code] * 4,
        SEED,
        stream="simulated-wide",
        without=others,
        one_of=[family.name for family in called_for],
    )
    return boxes["reflectivity"].values


def draw(panels: Sequence[Panel], title: str, words: str, name: str) -> None:
    """Panels in rows of eight with one colour bar."""
    rows = -(-len(panels) // COLUMNS)
    height = 1.75 * rows + 1.3
    figure = Figure(figsize=(13, height), facecolor="white")
    figure.text(0.045, 1 - 0.4 / height, title, fontsize=20, weight="bold", va="center")
    figure.text(0.045, 1 - 0.68 / height, words, fontsize=11, va="center")
    grid = figure.add_gridspec(
        rows,
        COLUMNS,
        left=0.045,
        right=0.99,
        bottom=0.75 / height,
        top=1 - 0.98 / height,
        wspace=0.05,
        hspace=0.16 if any(above for _, above, _ in panels) else 0.05,
    )
    for number, (image, above, left) in enumerate(panels):
        ax = figure.add_subplot(grid[number // COLUMNS, number % COLUMNS])
        storm_box(image, ax, colorbar=False, title="", axes=False, simulated=False)
        ax.set_title(above, fontsize=8, pad=2)
        if left:
            ax.set_ylabel(left, fontsize=13, weight="bold")
    colour_bar(figure.add_axes((0.25, 0.48 / height, 0.5, 0.16 / height)))
    drawn = BytesIO()
    figure.savefig(drawn, dpi=95)
    Image.open(drawn).convert("RGB").quantize(200, dither=Image.Dither.NONE).save(
        IMAGES / name, optimize=True
    )


if __name__ == "__main__":
    main()
