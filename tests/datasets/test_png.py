"""Grey and coloured pictures become dBZ, and palettes that lost theirs are refused."""

import io
import struct

import numpy as np
import numpy.testing as npt
import pytest
from matplotlib import colors, pyplot
from PIL import Image, PngImagePlugin

from stormlens.datasets import read_boxes, read_images
from stormlens.datasets._png import Pictures
from stormlens.errors import InputError
from stormlens.plots import NWS_COLOURS

SHAPE = (136, 136)


def some_box(high=81):
    return np.random.default_rng(0).integers(0, high, SHAPE, dtype=np.uint8)


def save(path, image, **settings):
    image.save(path, "PNG", **settings)
    return path


def palette_image(box, entries=256):
    image = Image.frombytes("P", box.shape[::-1], box.tobytes())
    image.putpalette([value for i in range(entries) for value in (i, 255 - i, i // 2)])
    return image


def bits_of(path):
    """Bits a sample, as the header says (PNG 1.2, section 4.1.1)."""
    return path.read_bytes()[24]


def read(path, **pictures):
    return read_boxes(path, **pictures).reflectivity[0]


@pytest.mark.parametrize("entries", [2, 4, 16])
def test_palettes_of_less_than_8_bits_are_refused(tmp_path, entries):
    """Pillow 13 writes 74 dBZ as 10 where a palette has 16 entries, without a word."""
    path = save(tmp_path / "a.png", palette_image(some_box(75), entries))
    bits = bits_of(path)
    assert 2**bits == entries
    with pytest.raises(InputError, match=rf"indices of {bits} bits?, which end at {entries - 1}"):
        read(path)


def test_the_way_onward_from_few_bits_leads_there(tmp_path):
    box = some_box(75)
    npt.assert_array_equal(read(save(tmp_path / "a.png", palette_image(box, 256))), box)


def test_8_bits_of_few_colours_are_the_archives(tmp_path):
    """A palette of 17 to 255 entries is written in 8 bits."""
    box = some_box(75)
    npt.assert_array_equal(read(save(tmp_path / "a.png", palette_image(box, 75))), box)


@pytest.mark.parametrize("first_row", [None, "north", "south"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_grey_by_its_scale_with_north_up(tmp_path, mode, first_row):
    """dBZ = scale * grey + offset, truncated as the archive does; below 0 is no echo."""
    grey = np.random.default_rng(1).integers(0, 225, SHAPE, dtype=np.uint8)
    if mode == "I;16":
        image, scale = Image.fromarray(grey.astype(np.uint16) * 200), (0.5 / 200, -32)
    else:
        image, scale = Image.fromarray(grey).convert(mode), (0.5, -32)
    path = save(tmp_path / "a.png", image)
    expected = np.clip(0.5 * grey - 32, 0, None).astype(np.uint8)
    expected = expected if first_row == "south" else expected[::-1]
    npt.assert_array_equal(read(path, dbz_scale=scale, first_row=first_row), expected)
    assert expected.max() == 80


def test_transparent_grey_is_no_echo(tmp_path):
    pair = np.full((*SHAPE, 2), 100, np.uint8)
    pair[3, :, 1] = 0
    path = save(tmp_path / "la.png", Image.fromarray(pair, "LA"))
    found = read(path, dbz_scale=(0.5, 0), first_row="south")
    assert (found[3].max(), found[4].min()) == (0, 50)
    deep = np.full(SHAPE, 1000, np.uint16)
    deep[3] = 7
    path = save(tmp_path / "deep.png", Image.fromarray(deep), transparency=7)
    found = read(path, dbz_scale=(0.01, 40), first_row="south")
    assert (found[3].max(), found[4].min()) == (0, 50)


@pytest.mark.parametrize("first_row", [None, "north", "south"])
@pytest.mark.parametrize("mode", ["RGBA", "RGB", "P"])
def test_a_picture_that_matplotlib_drew_by_the_nws_table(tmp_path, mode, first_row):
    """A class stands for its lowest value; matplotlib puts row 0 at the top."""
    box = some_box()
    box[:100] = 0  # or white cores, of 75 dBZ, would be paper
    table = colors.ListedColormap([*NWS_COLOURS[:15], "#fdfdfd"])
    drawn = table(colors.BoundaryNorm(np.arange(0, 81, 5), 16)(np.minimum(box, 74)), bytes=True)
    path = save(tmp_path / "a.png", Image.fromarray(drawn).convert(mode, palette=1, colors=256))
    expected = np.minimum(box, 74) // 5 * 5
    expected = expected if first_row == "south" else expected[::-1]
    npt.assert_array_equal(read(path, colors="nws", first_row=first_row), expected)
    pyplot.imsave(path, drawn)
    npt.assert_array_equal(read(path, colors="nws", first_row=first_row), expected)


def test_colours_of_few_bits_are_colours_all_the_same(tmp_path):
    """Their indices mean nothing, so that 4 bits do no harm."""
    image = Image.frombytes("P", SHAPE, np.full(SHAPE, 2, np.uint8).tobytes())
    image.putpalette([0, 0, 0, 255, 0, 0, 1, 197, 1])
    path = save(tmp_path / "a.png", image)
    assert bits_of(path) == 2
    npt.assert_array_equal(read(path, colors="nws"), 25)


def test_where_the_first_row_of_the_archives_png_and_of_npy_lies(tmp_path):
    box = some_box()
    save(tmp_path / "a.png", palette_image(box))
    np.save(tmp_path / "a.npy", np.stack([box, box // 2])[..., np.newaxis])
    for row, way in ((None, 1), ("south", 1), ("north", -1)):
        npt.assert_array_equal(read(tmp_path / "a.png", first_row=row), box[::way])
        found = read_images(tmp_path / "a.npy", first_row=row).reflectivity
        npt.assert_array_equal(found, np.stack([box[::way], box[::way] // 2]))


def test_the_kinds_of_file_go_together(tmp_path):
    """Colours are for PNG; NPY beside it is read as ever."""
    np.save(tmp_path / "a.npy", some_box())
    save(tmp_path / "b.png", Image.new("RGB", SHAPE, "#01c501"))
    found = read_images([tmp_path / "a.npy", tmp_path / "b.png"], colors="nws").reflectivity
    npt.assert_array_equal(found, [some_box(), np.full(SHAPE, 25)])


def deep_pair():
    """16-bit grey with transparency, which Pillow reads as 8 bits."""
    content = io.BytesIO()
    Image.new("LA", (8, 8)).save(content, "PNG")
    chunk = PngImagePlugin._crc32
    data = bytearray(content.getvalue())
    data[24] = 16
    data[29:33] = struct.pack(">I", chunk(bytes(data[12:29])))
    return bytes(data)


@pytest.mark.parametrize(
    ("image", "pictures", "words"),
    [
        (Image.new("L", SHAPE), {}, r"is a grey image; .* or say what its grey is \(`--dbz-scale"),
        (Image.new("I;16", SHAPE), {}, r"16-bit grey image; .*--dbz-scale"),
        (Image.new("RGB", SHAPE), {}, r"an RGB image; .* say which colour table .*`--colors NAME`"),
        (Image.new("I;16", SHAPE), {"colors": "nws"}, "16-bit grey image, not coloured"),
        (Image.new("L", SHAPE, 100), {"colors": "nws"}, "no colour of nws"),
        (Image.new("1", SHAPE), {"dbz_scale": (1, 0)}, "black-and-white image of 1 bit a sample"),
        (Image.new("RGB", SHAPE, "red"), {"dbz_scale": (1, 0)}, "RGB image, not a grey one"),
        (palette_image(some_box()), {"dbz_scale": (1, 0)}, "a palette image, not a grey one"),
        (Image.new("L", SHAPE, 255), {"dbz_scale": (0.5, -32)}, r"has 95\.5 at row 0, column 0"),
    ],
)
def test_pictures_that_are_not_what_was_said(tmp_path, image, pictures, words):
    path = save(tmp_path / "a.png", image)
    with pytest.raises(InputError, match=words) as caught:
        read(path, **pictures)
    assert str(path) in str(caught.value)


def test_deep_grey_with_transparency_would_lose_half_its_bits(tmp_path):
    (tmp_path / "a.png").write_bytes(deep_pair())
    with pytest.raises(InputError, match=r"of 16 bits a sample|damaged"):
        read(tmp_path / "a.png", dbz_scale=(1, 0))


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ({"colors": "nsw"}, "Did you mean 'nws'"),
        ({"first_row": "up"}, "Unknown side of the first row 'up'"),
        ({"dbz_scale": (0, 1)}, "two numbers of which the first is not 0"),
        ({"dbz_scale": (1, np.nan)}, "two numbers"),
        ({"dbz_scale": 1}, "two numbers"),
        ({"dbz_scale": (1, 2, 3)}, "two numbers"),
        ({"dbz_scale": "ab"}, "two numbers"),
        ({"dbz_scale": (1, 0), "colors": "nws"}, "give one of them"),
    ],
)
def test_what_pictures_cannot_be(pictures, words):
    with pytest.raises(InputError, match=words):
        Pictures(**pictures)
