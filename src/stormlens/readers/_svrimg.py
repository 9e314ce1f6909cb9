"""Images of the SVRIMG archive, put back in their place on the national grid."""

from pathlib import Path

import numpy as np

from stormlens.datasets import check_reflectivity, palette_indices, svrimg, time_of_name
from stormlens.errors import InputError
from stormlens.readers._format import Format
from stormlens.readers._mosaic import mosaic_of
from stormlens.readers._options import Options
from stormlens.readers._target import on_its_grid
from stormlens.stormbox import SIZE, Mosaic

_PNG = b"\x89PNG\r\n\x1a\n"


def _is_png(content: bytes) -> bool:
    return content.startswith(_PNG)


def read_svrimg(content: bytes, name: str, options: Options) -> Mosaic:
    """
    One storm box on the national grid.

    Parameters
    ----------
    content : bytes
        The archive's PNG: palette indices are dBZ, row 0 is the southern edge.
    name : str
        The file; its stem is the image's UNID.
    options : Options
        `index` says where the image belongs; there is nothing to sample.

    Returns
    -------
    mosaic : Mosaic
        Covered inside the box alone. `time` is the index's radar time, else the report's.

    Raises
    ------
    InputError
        If the image is damaged or no storm box, or no index is given that has it.
    """
    image = check_reflectivity(
        palette_indices(content, name)[np.newaxis], where=name, shape=(SIZE, SIZE)
    )[0]
    unid = Path(name).stem
    if options.index is None:
        raise InputError(
            f"{name} is an SVRIMG image, which does not say where it lies; give the image index "
            "with it (`stormlens.datasets.svrimg.index`)."
        )
    table = options.index
    missing = [column for column in ("xmin", "ymin") if column not in table]
    if missing:
        raise InputError(f"The image index lacks the column {missing[0]!r}; give the archive's.")
    if unid not in table.index:
        raise InputError(
            f"{name}: the index has no image {unid!r}; a file keeps its UNID as its name, and "
            "each hazard (tor, hail, wind) has an index of its own."
        )
    row = table.loc[[unid]].iloc[0]
    xmin, ymin = int(row["xmin"]), int(row["ymin"])
    grid = svrimg.paste_on_grid(image, xmin, ymin)
    coverage = np.zeros(grid.shape, bool)
    coverage[ymin : ymin + SIZE, xmin : xmin + SIZE] = True
    measured = row["radar_time"] if "radar_time" in table else time_of_name(unid)
    mosaic = mosaic_of(
        grid,
        coverage,
        time=np.datetime64(measured),
        source="SVRIMG image (Haberlie, Ashley and Karpinski 2020)",
        product="column maximum of GridRad, one storm box",
    )
    return on_its_grid(mosaic, name, options)


SVRIMG = Format("svrimg", "SVRIMG images (PNG, with the image index)", _is_png, read_svrimg)
