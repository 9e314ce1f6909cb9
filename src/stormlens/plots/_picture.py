"""Words for those who cannot see a picture, and a picture that carries them into a notebook."""

import base64
import html
import io
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from stormlens.errors import InputError

_DPI = 110  # as wide as a notebook's column at 8 inches


def describe(picture: Axes | FigureBase, words: str) -> None:
    """Keep an alternative text with a figure or its axes, where `alt_text` finds it."""
    picture.set_label(words)


def alt_text(picture: Axes | FigureBase) -> str:
    """
    What a picture of this package shows, in words, for those who cannot see it.

    Parameters
    ----------
    picture : matplotlib.axes.Axes or Figure
        As a function of `stormlens.plots` gave it back.

    Returns
    -------
    words : str
        A sentence or more; empty where nobody described the picture.
    """
    own = str(picture.get_label())
    if own or not isinstance(picture, Figure):
        return own
    parts = [str(ax.get_label()) for ax in picture.axes]
    return " ".join(part for part in parts if part and not part.startswith("<"))


@dataclass(frozen=True)
class Picture:
    """
    A drawn picture that a notebook shows, with its words for those who cannot see it.

    Attributes
    ----------
    png : bytes
        The image.
    alt : str
        Its alternative text.
    width : int
        How wide it stands on a page, in CSS pixels.
    """

    png: bytes
    alt: str
    width: int

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        # HTML first: notebook pages pass an image's width on, but not its words.
        return {"text/html": self.to_html(), "image/png": self.png, "text/plain": self.alt}

    def to_html(self) -> str:
        """
        An HTML image that needs no other file.

        Returns
        -------
        html : str
            An ``img`` element with its alternative text.
        """
        source = base64.b64encode(self.png).decode("ascii")
        return (
            f'<img src="data:image/png;base64,{source}" alt="{html.escape(self.alt)}" '
            f'width="{self.width}" style="max-width: 100%; height: auto">'
        )


def show(picture: Axes | FigureBase, *, alt: str | None = None) -> Picture:
    """
    A picture for a notebook, sharp on any screen, with its alternative text.

    Parameters
    ----------
    picture : matplotlib.axes.Axes or Figure
        As a function of `stormlens.plots` gave it back.
    alt : str, optional
        Words for those who cannot see it; by default the picture's own.

    Returns
    -------
    shown : Picture
        Last in a notebook's cell, it is displayed.

    Raises
    ------
    InputError
        If the picture has no words of its own and none are given.
    """
    words = alt_text(picture) if alt is None else alt
    if not words:
        raise InputError("This picture has no alternative text; give one as alt='...'.")
    figure = picture.get_figure(root=True)
    if not isinstance(figure, Figure):
        raise InputError("These axes belong to no figure; draw on the axes of a figure.")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=1.5 * _DPI)
    width = round(figure.get_figwidth() * _DPI)
    return Picture(file.getvalue(), words, width)
