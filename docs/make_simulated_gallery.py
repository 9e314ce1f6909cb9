"""
Draw docs/images/simulated-gallery.png: eight simulated boxes of each mode, north up.

    python docs/make_simulated_gallery.py
"""

from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from stormlens.datasets._simulated import simulate
from stormlens.plots import colour_bar, storm_box
from stormlens.stormbox import MODES

COLUMNS = 8
SEED = 2022


def main() -> None:
    """Draw and save the gallery."""
    boxes = simulate(np.repeat(np.arange(len(MODES)), COLUMNS), seed=SEED)
    figure = Figure(figsize=(13, 11.3), facecolor="white")
    figure.text(0.045, 0.965, "Simulated storm boxes", fontsize=20, weight="bold", va="center")
    figure.text(
        0.045,
        0.94,
        "six modes, eight samples each; 510 x 510 km, north up",
        fontsize=11,
        va="center",
    )
    grid = figure.add_gridspec(
        len(MODES),
        COLUMNS,
        left=0.045,
        right=0.99,
        bottom=0.075,
        top=0.92,
        wspace=0.05,
        hspace=0.05,
    )
    for number, mode in enumerate(boxes["mode"].values):
        ax = figure.add_subplot(grid[number // COLUMNS, number % COLUMNS])
        storm_box(
            boxes["reflectivity"].values[number],
            ax,
            colorbar=False,
            title="",
            axes=False,
            simulated=False,
        )
        if number % COLUMNS == 0:
            ax.set_ylabel(MODES[mode], fontsize=13, weight="bold")
    colour_bar(figure.add_axes((0.25, 0.048, 0.5, 0.014)))
    path = Path(__file__).parent / "images" / "simulated-gallery.png"
    drawn = BytesIO()
    figure.savefig(drawn, dpi=110)
    Image.open(drawn).convert("RGB").quantize(200, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


if __name__ == "__main__":
    main()
