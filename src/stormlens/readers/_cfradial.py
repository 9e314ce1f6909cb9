"""
CfRadial 1 and 2: volumes of one radar in NetCDF, opened by xradar.

CfRadial has one mark for a gate without a value, be it below the threshold of
detection or not measured; it is read as clear air within the radar's reach.

Format: NCAR/EOL, CfRadial Data File Format, versions 1.5 and 2.1.
"""

import io
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormlens.errors import needs_packages
from stormlens.readers._format import Format
from stormlens.readers._netcdf import CLASSIC
from stormlens.readers._options import Options
from stormlens.readers._volume import on_disk, read_volume
from stormlens.storage import HDF5_SIGNATURE, as_sentences, opened_hdf5
from stormlens.stormbox import Mosaic

if TYPE_CHECKING:
    import xarray as xr

_KIND = "CfRadial"
_FIRST, _SECOND = b"sweep_start_ray_index", b"sweep_group_name"
"""Variables that versions 1 and 2 have."""


def _is_cfradial(content: bytes) -> bool:
    if not content.startswith((HDF5_SIGNATURE, CLASSIC)):
        return False
    return _FIRST in content or _SECOND in content


def read_cfradial(content: bytes, name: str, options: Options) -> Mosaic:
    """
    Column maximum of a CfRadial volume.

    Parameters
    ----------
    content : bytes
        CfRadial 1 in NetCDF-3 or 4, or CfRadial 2.
    name : str
        What errors call the file.
    options : Options
        Sampling and quality control.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        If the file is damaged, holds no sweep or no reflectivity, or its radar does not reach
        the national grid.
    """
    classic = content.startswith(CLASSIC)
    with nullcontext() if classic else opened_hdf5(content, name, _KIND):
        pass  # looked over; xradar opens it again
    place: Any = nullcontext(io.BytesIO(content)) if classic else on_disk(content)
    with as_sentences(name, _KIND), place as file:
        is_first = _FIRST in content
        with closing(_tree(file, is_first, "scipy" if classic else "h5netcdf")) as tree:
            return read_volume(tree, name, options, kind="CfRadial volume", fill_is_clear=True)


CFRADIAL = Format("cfradial", "CfRadial 1 and 2", _is_cfradial, read_cfradial)


def _tree(file: Path | io.BytesIO, is_first: bool, engine: str) -> "xr.DataTree":
    """A file of version 1, where `is_first`, or 2."""
    try:
        from xradar.io import open_cfradial1_datatree
        from xradar.io.backends.cfradial2 import open_cfradial2_datatree
    except ImportError as error:
        raise needs_packages("Radar volumes need xradar") from error
    opener: Any = open_cfradial1_datatree if is_first else open_cfradial2_datatree
    return opener(file, engine=engine, mask_and_scale=False)
