"""Pages and pictures show the same thing in the same colour."""

import re

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from stormlens.learn._site import WEB
from stormlens.plots._radar import _homeyer_rainbow
from stormlens.plots._style import MODE_COLOURS
from stormlens.stormbox import MAX_DBZ, MODES

COLOURS = (WEB / "base" / "colours.js").read_text(encoding="utf-8")


def palette(name):
    listed = re.search(rf"const {name} = \[(.*?)\]", COLOURS, re.S)[1]
    return re.findall(r"#[0-9a-f]{6}", listed)


def test_storm_modes():
    shown = dict(re.findall(r"^  (\w+): \"(#[0-9a-f]{6})\",$", COLOURS, re.M))
    assert shown == {mode: MODE_COLOURS[mode] for mode in MODES}


def test_reflectivity():
    values = np.arange(MAX_DBZ + 1) / MAX_DBZ
    assert palette("REFLECTIVITY") == [to_hex(colour) for colour in _homeyer_rainbow()(values)]


def test_values_with_a_sign():
    places = np.linspace(0, 1, 33)
    assert palette("SIGNED") == [to_hex(colour) for colour in colormaps["RdBu_r"](places)]
