"""
Readers that other packages add. They are called like our own, and their answers are checked.

Their code is trusted, like that of any installed package; its answers are not. A mosaic that does
not fit its grid would silently be cut into wrong boxes, here or in a worker.
"""

from typing import Any

import numpy as np

from stormlens.errors import InputError
from stormlens.plugins import Found, reason_of
from stormlens.readers._format import Format
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import SAMPLINGS, Options
from stormlens.stormbox import Grid, Mosaic, is_dataset


def plugin_fits(found: Found[Format], content: bytes, called: str) -> bool:
    """
    Whether a plugin says that a file is of its kind.

    Parameters
    ----------
    found : Found
        The plugin.
    content : bytes
        Unpacked.
    called : str
        What sentences call the file.

    Returns
    -------
    fits : bool

    Raises
    ------
    InputError
        If the plugin fails at it.
    """
    try:
        return bool(found.content.fits(content))
    except Exception as error:
        raise _failed(found, called, error) from error


def read_by_plugin(found: Found[Format], content: bytes, called: str, options: Options) -> Mosaic:
    """
    Read a file by a plugin, and check what it gives.

    Parameters
    ----------
    found : Found
        The plugin.
    content : bytes
        Unpacked.
    called : str
        What sentences call the file.
    options : Options
        How it is to be read.

    Returns
    -------
    mosaic : Mosaic
        Its values after the rules of `mosaic_of`.

    Raises
    ------
    InputError
        If the plugin raises it, fails in another way, or gives something that is no mosaic.
    """
    try:
        given: Any = found.content.read(content, called, options)
        mosaic = Mosaic.from_xarray(given) if is_dataset(given) else given
    except (InputError, MemoryError):  # memory: whoever set a limit knows what to do
        raise
    except Exception as error:
        raise _failed(found, called, error) from error
    wrong = _what_is_wrong(mosaic)
    if wrong:
        raise InputError(f"{called}: {found.plugin} gave {wrong}; report it to its authors.")
    return mosaic_of(
        mosaic.reflectivity,
        mosaic.coverage,
        time=mosaic.time,
        source=mosaic.source,
        grid=mosaic.grid,
        product=mosaic.product,
        derived=mosaic.derived,
        sampling=mosaic.sampling,
        simulated=mosaic.simulated,
        is_whole=mosaic.is_whole,
    )


def _what_is_wrong(mosaic: Any) -> str:
    """Why something is no valid mosaic; empty if it is one."""
    if not isinstance(mosaic, Mosaic):
        return f"a {type(mosaic).__name__}, not a Mosaic"
    if not _is_known(mosaic.grid):
        return "a mosaic on a grid that no name describes (see stormbox.Grid.around)"
    for name, kinds in (("reflectivity", "uif"), ("coverage", "b")):
        values = getattr(mosaic, name)
        if not isinstance(values, np.ndarray) or values.dtype.kind not in kinds:
            return f"{name} that is no array of {'numbers' if 'u' in kinds else 'bool'}"
        if values.shape != mosaic.grid.shape:
            rows, columns = mosaic.grid.shape
            return f"{name} of shape {values.shape} on a grid of {rows} x {columns} cells"
    texts = (mosaic.source, mosaic.product, mosaic.derived)
    if not all(isinstance(text, str) for text in texts) or mosaic.sampling not in SAMPLINGS:
        return "a mosaic whose source, product, derived or sampling is no such text"
    if not all(isinstance(flag, bool | np.bool_) for flag in (mosaic.simulated, mosaic.is_whole)):
        return "a mosaic whose simulated or is_whole is neither True nor False"
    return ""


def _is_known(grid: Any) -> bool:
    """Whether a grid's name gives the same grid again; `Grid.named` checks all bounds."""
    try:
        return isinstance(grid, Grid) and Grid.named(grid.name) == grid
    except (InputError, TypeError, ValueError):
        return False


def _failed(found: Found[Format], called: str, error: Exception) -> InputError:
    return InputError(
        f"{called}: {found.plugin} failed ({reason_of(error)}); report it to its authors."
    )
