"""
Pictures of storm boxes, trainings and scores: one function a picture.

Every function takes data and, where it draws one panel, the axes to draw on,
and returns the axes or the figure. None computes a score, touches pyplot's
global state or opens a window: save what comes back with ``figure.savefig``.
Boxes are drawn north up. Pictures of simulated data say so.
"""

from stormlens.plots._curves import chapter_comparison, history
from stormlens.plots._picture import Picture, alt_text, show
from stormlens.plots._radar import COLOURS, NWS_COLOURS, colour_bar, contact_sheet, storm_box
from stormlens.plots._scores import confusion, reliability
from stormlens.plots._speed import speed
from stormlens.plots._style import MODE_COLOURS, class_colours

__all__ = [
    "COLOURS",
    "MODE_COLOURS",
    "NWS_COLOURS",
    "Picture",
    "alt_text",
    "chapter_comparison",
    "class_colours",
    "colour_bar",
    "confusion",
    "contact_sheet",
    "history",
    "reliability",
    "show",
    "speed",
    "storm_box",
]
