"""
Reflectivity of PNG images: the archive's, grey pictures, and pictures by a colour table.

SVRIMG keeps dBZ as the palette *indices* of a PNG whose first row of pixels is the box's
southern edge, so a picture viewer shows it upside down. Pictures that somebody drew have north
up, and grey or colours that stand for dBZ; what they stand for must be said.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from stormlens.datasets._colours import check_own_palette, check_table, dbz_of_colours
from stormlens.errors import InputError, unknown
from stormlens.storage import read_file

if TYPE_CHECKING:
    from PIL.Image import Image

_LEAST = 45  # bytes of a signature, IHDR and IEND
MAX_SIDE = 4096
"""Longest side of an image read from a file, pixels."""

FIRST_ROWS = ("north", "south")
"""Where the first row of an image's pixels may lie."""

_MAX_BYTES = 2**26

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIMULATED = b"tEXtComment\0SIMULATED"
_BEGINNING = 4096  # bytes that contain all text before an image
_END = b"IEND\xaeB`\x82"
_KINDS = {
    "P": "a palette image",
    "RGB": "an RGB image",
    "RGBA": "an RGB image with transparency",
    "L": "a grey image",
    "LA": "a grey image with transparency",
    "I": "a 16-bit grey image",
    "I;16": "a 16-bit grey image",
    "I;16B": "a 16-bit grey image",
    "1": "a black-and-white image",
}
_DEEP_GREY = ("I", "I;16", "I;16B")
_GREY = ("L", "LA", "1", *_DEEP_GREY)


@dataclass(frozen=True)
class Pictures:
    """
    What the pixels of images are, where they are not as in the archive.

    Parameters
    ----------
    colors : {"nws", "iem-n0q", "iem-n0r"}, optional
        PNG files are drawn by this colour table.
    dbz_scale : (float, float), optional
        PNG files are grey, and ``dBZ = scale * grey + offset``; what is below 0 is no echo.
    first_row : {"north", "south"}, optional
        Where the first row of pixels, or of an NPY file, lies. By default south for the archive's
        PNG and for NPY, north for grey and coloured PNG.

    Raises
    ------
    InputError
        If a table or a side is unknown, the scale is no two numbers, or both ways are given.
    """

    colors: str | None = None
    dbz_scale: tuple[float, float] | None = None
    first_row: str | None = None

    def __post_init__(self) -> None:
        if self.colors is not None:
            check_table(self.colors)
        if self.dbz_scale is not None:
            object.__setattr__(self, "dbz_scale", _two_numbers(self.dbz_scale))
        if None not in (self.colors, self.dbz_scale):
            raise InputError("Grey is read by a scale and colours by a table; give one of them.")
        if self.first_row not in (None, *FIRST_ROWS):
            raise unknown("side of the first row", str(self.first_row), FIRST_ROWS)

    @property
    def are_drawn(self) -> bool:
        """Whether the grey or the colours of PNG files stand for dBZ, and not palette indices."""
        return self.colors is not None or self.dbz_scale is not None

    def turned(self, images: NDArray[Any], *, drawn: bool = False) -> NDArray[Any]:
        """
        Images with row 0 in the south.

        Parameters
        ----------
        images : ndarray, shape (..., y, x)
            As they lie in a file.
        drawn : bool, optional
            Whether they are a picture, which has north up by default.

        Returns
        -------
        images : ndarray, shape (..., y, x)
        """
        first = self.first_row or ("north" if drawn else "south")
        return np.ascontiguousarray(images[..., ::-1, :]) if first == "north" else images


def _two_numbers(value: Any) -> tuple[float, float]:
    try:
        scale, offset = (float(number) for number in value)
        if not (np.isfinite([scale, offset]).all() and scale):
            raise ValueError("a scale of 0, or no number")
    except (TypeError, ValueError) as error:
        raise InputError(
            f"The scale of grey is {value!r}; give scale and offset, two numbers of which the "
            "first is not 0: 0.5 and -32 for dBZ = 0.5 * grey - 32."
        ) from error
    return scale, offset


_ARCHIVE = Pictures()


def read_png(path: Path, pictures: Pictures = _ARCHIVE) -> np.ndarray:
    """
    Reflectivity of a PNG file.

    Parameters
    ----------
    path : Path
        The file.
    pictures : Pictures, optional
        What its pixels are; the archive's palette indices by default.

    Returns
    -------
    dbz : ndarray, shape (y, x)
        As `palette_indices` or `drawn_dbz` gives it: as the pixels lie in the file.

    Raises
    ------
    InputError
        As they do, and if the file cannot be read or is over 64 MiB.
    """
    content = read_file(path, _MAX_BYTES)
    if pictures.are_drawn:
        return drawn_dbz(content, str(path), pictures)
    return palette_indices(content, str(path))


def says_simulated(content: bytes) -> bool:
    """
    Whether a PNG says that it was simulated, as those of `stormlens data sample` do.

    Parameters
    ----------
    content : bytes
        The file's, or what it begins with.

    Returns
    -------
    simulated : bool
        Whether a chunk of text before the image (PNG specification, section 11.3.4.3) says so.
    """
    return content.startswith(PNG_SIGNATURE) and _SIMULATED in content[:_BEGINNING]


def file_says_simulated(path: Path) -> bool:
    """
    The same of a file, of any kind, that has been read already.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    simulated : bool
    """
    with path.open("rb") as file:
        return says_simulated(file.read(_BEGINNING))


def palette_indices(content: bytes, name: str) -> np.ndarray:
    """
    Palette indices of a PNG: the dBZ values of an SVRIMG image.

    Parameters
    ----------
    content : bytes
        PNG with a palette.
    name : str
        What errors call it.

    Returns
    -------
    indices : ndarray of uint8, shape (y, x)
        As they lie in the file: row 0 is the southern edge.

    Raises
    ------
    InputError
        If the content is no PNG, is cut short, is over 4096 pixels wide, has no palette or indices
        of less than 8 bits, or is drawn by the colour table of a web radar.
    """
    with _opened(content, name) as (image, bits):
        if image.mode != "P":
            raise InputError(
                f"{name} is {_kind(image)}; a storm box keeps its dBZ as palette indices. Use the "
                f"original PNG, or say {_way_onward(image)}."
            )
        if bits < 8:
            raise InputError(
                f"{name} has palette indices of {bits} bit{'s' if bits > 1 else ''}, which end at "
                f"{2**bits - 1}: higher dBZ are lost where they were written so. Write it again "
                "with a palette of 256 colours; Pillow saves fewer bits for a short one."
            )
        indices = np.asarray(image, np.uint8)
        palette = np.array(image.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
    check_own_palette(palette, indices, name)
    return indices


def drawn_dbz(content: bytes, name: str, pictures: Pictures) -> np.ndarray:
    """
    Reflectivity of a picture whose grey or colours stand for dBZ.

    Parameters
    ----------
    content : bytes
        PNG, grey or coloured.
    name : str
        What errors call it.
    pictures : Pictures
        What its pixels are.

    Returns
    -------
    dbz : ndarray of float, shape (y, x)
        0 or more, 0 for no echo; as the pixels lie in the file.

    Raises
    ------
    InputError
        If the content is no PNG, is cut short, is over 4096 pixels wide, or holds colours where
        grey is due, or colours of another table.
    """
    if pictures.dbz_scale is not None:
        grey, seen = _grey(content, name)
        scale, offset = pictures.dbz_scale
        return np.where(seen, np.maximum(scale * grey + offset, 0), 0)
    with _opened(content, name) as (image, _):
        if image.mode in _DEEP_GREY:
            raise InputError(f"{name} is {_kind(image)}, not coloured; say {_way_onward(image)}.")
        picture = np.asarray(image.convert("RGBA"))
    return dbz_of_colours(picture, str(pictures.colors), name)


@contextmanager
def _opened(content: bytes, name: str) -> "Iterator[tuple[Image, int]]":
    """A PNG and the bits of each of its samples; what fails within is a damaged file."""
    from PIL import Image

    if not content.startswith(PNG_SIGNATURE):
        raise InputError(f"{name} is not a PNG image; get the original file.")
    if _END not in content or len(content) < _LEAST:
        raise InputError(f"{name} is a PNG image cut short; get it again.")
    columns, rows, bits = struct.unpack(">IIB", content[16:25])
    if max(rows, columns) > MAX_SIDE:
        raise InputError(
            f"{name} is {rows} x {columns} pixels; images over {MAX_SIDE} are refused."
        )
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            yield image, bits
    except InputError:
        raise
    except Exception as error:
        # Pillow raises OSError, SyntaxError, ValueError, struct.error... on a damaged PNG.
        raise InputError(f"{name} is a damaged PNG image; get it again.") from error


def _grey(content: bytes, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Grey of each pixel as stored, and whether the pixel is not transparent."""
    with _opened(content, name) as (image, bits):
        if image.mode in _DEEP_GREY:
            deep = np.asarray(image)
            return deep, deep != image.info.get("transparency", -1)
        if image.mode in _GREY and bits != 8:
            raise InputError(
                f"{name} is {_kind(image)} of {bits} bit{'s' if bits > 1 else ''} a sample; grey "
                "with dBZ in it is read from 8 bits, and from 16 without transparency."
            )
        picture = np.asarray(image.convert("RGBA"))
        kind = _kind(image)
    red, green, blue, opacity = np.moveaxis(picture, -1, 0)
    seen = opacity > 0
    if bits > 8 or (seen & ((red != green) | (green != blue))).any():
        raise InputError(f"{name} is {kind}, not a grey one; say {_way_onward(None)}.")
    return red, seen


def _kind(image: "Image") -> str:
    return _KINDS.get(image.mode, f"an image of mode {image.mode}")


def _way_onward(image: "Image | None") -> str:
    if image is not None and image.mode in _GREY:
        return "what its grey is (`--dbz-scale SCALE,OFFSET`, in Python dbz_scale=)"
    return "which colour table it was drawn by (`--colors NAME`, in Python colors=)"
