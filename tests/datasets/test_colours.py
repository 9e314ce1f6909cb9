"""Colour tables against their sources, and pictures that are none of them."""

import hashlib

import cmweather.cm as cmweather_tables
import numpy as np
import numpy.testing as npt
import pytest

from stormlens.datasets._colours import TABLES, _table, check_own_palette, dbz_of_colours
from stormlens.errors import InputError
from stormlens.plots import NWS_COLOURS

# SHA-256 of red, green and blue of the indices 1 to 255 of pyIEM's composite_n0q.txt, one behind
# the other, which run from -32 dBZ by 0.5.
PYIEM_N0Q = "26dd8ac5824da1936d011d9a37ad44743162711e1c322bac10d33e9716eb9e6e"

# pyIEM's composite_n0r.txt, indices 7 to 21; the six before it, -30 to -5 dBZ, are black.
PYIEM_N0R = """
0 0 236 236, 5 1 160 246, 10 0 0 246, 15 0 255 0, 20 0 200 0, 25 0 144 0, 30 255 255 0,
35 231 192 0, 40 255 144 0, 45 255 0 0, 50 214 0 0, 55 192 0 0, 60 255 0 255, 65 153 85 201,
70 255 255 255
"""


def picture(*colours, opacity=255):
    """A row of pixels of hexadecimal colours."""
    rgb = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours]
    return np.array([[[*channels, opacity] for channels in rgb]], np.uint8)


def test_n0q_is_pyiems():
    dbz, colours = _table("iem-n0q")
    npt.assert_array_equal(dbz, -32 + 0.5 * np.arange(255))
    assert hashlib.sha256(colours.astype(np.uint8).tobytes()).hexdigest() == PYIEM_N0Q


def test_n0r_is_pyiems():
    dbz, colours = _table("iem-n0r")
    listed = [list(map(int, row.split())) for row in PYIEM_N0R.split(",")]
    assert np.column_stack([dbz.astype(int), colours]).tolist() == listed


def test_nws_is_that_of_its_pages_and_of_cmweather():
    """Both start at 5 dBZ and go by 5; from 75 on they differ, and white stands for it here."""
    dbz, colours = _table("nws")
    npt.assert_array_equal(dbz, np.repeat(np.arange(5, 76, 5), 2))
    hexadecimal = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colours]
    assert hexadecimal[0:28:2] == list(NWS_COLOURS[1:15])
    assert hexadecimal[29] == NWS_COLOURS[15]
    steps = cmweather_tables.NWSRef.resampled(15)(np.arange(14), bytes=True)[:, :3]
    npt.assert_allclose(colours[1:28:2], steps, atol=1)


@pytest.mark.parametrize("table", TABLES)
def test_every_colour_gives_its_value_back(table):
    dbz, colours = _table(table)
    row = np.dstack([colours[None], np.full((1, len(colours), 1), 255)]).astype(np.uint8)
    # As the picture's smallest part, or white cores would be paper.
    plane = np.concatenate([row, np.zeros((150, *row.shape[1:]), np.uint8)])
    found = dbz_of_colours(plane, table, "a picture")
    npt.assert_array_equal(found[0], np.maximum(dbz, 0))
    npt.assert_array_equal(found[1:], 0)


def test_a_colour_a_little_off_is_its_nearest():
    off = dbz_of_colours(picture("#06ebe5", "#fb02ff", "#fbf605"), "nws", "a picture")
    npt.assert_array_equal(off, [[5, 65, 35]])


@pytest.mark.parametrize("table", TABLES)
def test_black_and_transparent_are_no_echo(table):
    colours = picture("#000000", "#000000", "#000001")
    npt.assert_array_equal(dbz_of_colours(colours, table, "a picture"), 0)
    clear = picture("#02fd02", "#123456", opacity=0)
    npt.assert_array_equal(dbz_of_colours(clear, table, "a picture"), 0)


def test_white_paper_is_no_echo_by_the_nws_table_and_a_core_by_iems():
    paper = np.full((20, 20, 4), 255, np.uint8)
    paper[3, 4:6] = (255, 0, 0, 255)
    found = dbz_of_colours(paper, "nws", "a picture")
    assert (found[3, 4], found[3, 3], np.count_nonzero(found)) == (50, 0, 2)
    for table, value in (("iem-n0q", 59), ("iem-n0r", 70)):
        with pytest.raises(
            InputError, match=f"100% of it is white, in which {table} draws {value}"
        ):
            dbz_of_colours(paper, table, "a picture")
        core = np.zeros((20, 20, 4), np.uint8)
        core[3, 4] = 255
        assert dbz_of_colours(core, table, "a picture")[3, 4] == value


@pytest.mark.parametrize(
    ("colours", "words"),
    [
        # a border's line, black on white paper and white on black
        (["#ffffff"] * 5 + ["#000000"], r"1 of 6 pixels .* no colour of nws.*#000000.*column 5"),
        (["#000000"] * 5 + ["#ffffff"], r"1 of 6 pixels .*#ffffff"),
        # between two steps, as smoothing leaves them
        (["#ffffff", "#02e202"], r"#02e202\) at row 0, column 1 of the picture"),
        # a grey map
        (["#ffffff", "#c0c0c0", "#c0c0c0"], "2 of 3 pixels"),
    ],
)
def test_colours_of_no_table_are_refused(colours, words):
    with pytest.raises(InputError, match=words):
        dbz_of_colours(picture(*colours), "nws", "a picture")


def test_a_line_in_a_picture_with_transparent_pixels_is_refused():
    line = picture("#02fd02", "#000000", "#ffffff")
    line = np.concatenate([line, np.zeros_like(line)])
    with pytest.raises(InputError, match="2 of 6 pixels"):
        dbz_of_colours(line, "nws", "a picture")


def test_a_photograph_is_refused_before_its_colours_are_compared():
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 4), dtype=np.uint8)
    noise[..., 3] = 255
    with pytest.raises(InputError, match="a photograph or was smoothed"):
        dbz_of_colours(noise, "iem-n0q", "a picture")


def test_an_unknown_table_gets_the_nearest_name():
    with pytest.raises(InputError, match="Did you mean 'iem-n0q'"):
        dbz_of_colours(picture("#000000"), "n0q", "a picture")


def some_box(high=75):
    return np.random.default_rng(1).integers(0, high, (136, 136), dtype=np.uint8)


def web_palettes():
    """Palettes as web radars write them, and an index of theirs with a colour of echo."""
    n0q = np.zeros((256, 3), np.uint8)
    n0q[1:] = _table("iem-n0q").colours
    n0r = np.zeros((256, 3), np.uint8)
    n0r[7:22] = _table("iem-n0r").colours
    ridge = np.zeros((256, 3), np.uint8)
    ridge[1:16] = _table("nws").colours[::2]
    return {"iem-n0q": (n0q, 65, 74), "iem-n0r": (n0r, 7, 20), "nws": (ridge, 1, 15)}


@pytest.mark.parametrize("name", TABLES)
def test_a_web_radars_palette_is_told_from_the_archives(name):
    palette, low, high = web_palettes()[name]
    indices = np.zeros((136, 136), np.uint8)
    indices[30:60, 40:70] = np.random.default_rng(0).integers(low, high, (30, 30))
    with pytest.raises(InputError, match=rf"no dBZ: index .* colour of .*`--colors {name}`"):
        check_own_palette(palette, indices, "a picture")
    # with a line and letters over a part of it
    indices[45, 40:50] = 200
    palette[200] = 90, 91, 92
    with pytest.raises(InputError, match="no dBZ"):
        check_own_palette(palette, indices, "a picture")


def by_dbz(colour_of):
    return np.array([colour_of(dbz) for dbz in range(256)], np.uint8)


HONEST = {
    "grey": by_dbz(lambda dbz: (dbz, dbz, dbz)),
    "black": np.zeros((256, 3), np.uint8),
    "random": np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8),
    "short": np.random.default_rng(0).integers(0, 256, (75, 3), dtype=np.uint8),
    "none": np.zeros((0, 3), np.uint8),
    "nws": by_dbz(lambda dbz: _table("nws").colours[min(max(dbz // 5 - 1, 0), 14) * 2]),
    "metpy": by_dbz(lambda dbz: _table("nws").colours[min(max(dbz // 5 - 1, 0), 14) * 2 + 1]),
    "a class off": by_dbz(lambda dbz: _table("nws").colours[min(dbz // 5, 14) * 2]),
    "n0r": by_dbz(lambda dbz: _table("iem-n0r").colours[min(dbz // 5, 14)]),
    "n0q": by_dbz(lambda dbz: _table("iem-n0q").colours[min(64 + 2 * dbz, 254)]),
}


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("high", [75, 36, 12, 2])
def test_palettes_whose_indices_may_be_dbz_are_taken(name, high):
    """Whatever colours the archive has: where they say anything, they say what the index says."""
    check_own_palette(HONEST[name], some_box(high), "a picture")
