"""Alternative texts of pictures, and a picture that shows its text in a notebook too."""

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
    """Store an alternative text in a figure or its axes, where `alt_text` finds it."""
    picture.set_label(words)


def alt_text(picture: Axes | FigureBase) -> str:
    """
    The alternative text of a picture of this package.

    Parameters
    ----------
    picture : matplotlib.axes.Axes or Figure
        As returned by a function of `stormlens.plots`.

    Returns
    -------
    words : str
        A sentence or more; empty for a picture without one.
    """
    own = str(picture.get_label())
    if own or not isinstance(picture, Figure):
        return own
    parts = [str(ax.get_label()) for ax in picture.axes]
    return " ".join(part for part in parts if part and not part.startswith("<"))


@dataclass(frozen=True)
class Picture:
    """
    A drawn picture for a notebook, with its alternative text.

    Attributes
    ----------
    png : bytes
        The image.
    alt : str
        Its alternative text.
    width : int
        On a page, in CSS pixels.
    """

    png: bytes
    alt: str
    width: int

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        # HTML first: notebook pages keep an image's width, but not its alternative text.
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
        As returned by a function of `stormlens.plots`.
    alt : str, optional
        Alternative text; by default the picture's own.

    Returns
    -------
    shown : Picture
        A notebook displays it as the last line of a cell.

    Raises
    ------
    InputError
        If the picture has no alternative text and none is given.
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
