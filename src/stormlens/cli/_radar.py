"""From the files that a user names to mosaics: which are radar files, and what is said of them."""

from pathlib import Path
from typing import TYPE_CHECKING

from stormlens.cli._notes import say
from stormlens.errors import InputError

if TYPE_CHECKING:
    from stormlens.readers import Chunks, Options
    from stormlens.stormbox import Mosaic

_BOX_SUFFIXES = (".png", ".npy")
_NO_KIND = "of no kind that is read"  # what the readers say of a file that none of them knows


def holds_boxes(path: Path) -> bool:
    """
    Whether a file holds storm boxes ready cut; every other one is a radar file.

    Parameters
    ----------
    path : Path
        PNG and NPY are boxes; NetCDF is where it has the dimension storm.

    Returns
    -------
    boxes : bool
        False for what cannot be opened, of which the readers of radar files say more.
    """
    if path.suffix.lower() in _BOX_SUFFIXES:
        return True
    from stormlens.storage import HDF5_SIGNATURE, opened_file, opened_hdf5, read_file

    try:
        with opened_file(path) as start:
            if start.read(len(HDF5_SIGNATURE)) != HDF5_SIGNATURE:
                return False
        with opened_hdf5(read_file(path), str(path), "NetCDF-4") as file:
            return "storm" in file
    except InputError:
        return False


def check_source(file: "Path | Chunks") -> None:
    """
    Raise a sentence for what is no file, or asks for a volume at no time, before all else.

    Parameters
    ----------
    file : Path or Chunks
        File, ``SITE@TIME``, or the files of one volume.

    Raises
    ------
    InputError
        As `read_mosaic`.
    """
    from stormlens import readers

    if isinstance(file, readers.Chunks):
        for chunk in file.files:
            readers.check_file(chunk)
    elif readers.is_volume_request(str(file)):
        readers.check_volume_request(str(file))
    else:
        readers.check_file(file)


def boxes_too(path: "Path | Chunks", error: InputError) -> str:
    """
    What to add where the readers of radar files do not know a file: it was meant as boxes.

    Parameters
    ----------
    path : Path or Chunks
        The file.
    error : InputError
        Of `read_mosaic`.

    Returns
    -------
    sentence : str
        With a blank before it; empty where the file is a radar file that is damaged.
    """
    if _NO_KIND not in str(error):
        return ""
    known = " Boxes are read from SVRIMG PNG, NPY, and NetCDF in the container's format"
    if str(path).lower().endswith(".npz"):
        return f"{known}; save the images of this NPZ as NPY, with numpy.save."
    return f"{known}."


def read_mosaic(file: "Path | Chunks", options: "Options") -> "Mosaic":
    """
    The mosaic of a radar file, or of a volume of the public archive.

    What is derived in it or missing is said on stderr.

    Parameters
    ----------
    file : Path or Chunks
        File, ``SITE@TIME``, or the files of one volume.
    options : Options
        How it is read.

    Returns
    -------
    mosaic : Mosaic

    Raises
    ------
    InputError
        If it cannot be had or read.
    """
    from stormlens import readers

    asked = isinstance(file, Path) and readers.is_volume_request(str(file))
    mosaic = readers.read_mosaic(readers.fetch_nexrad(str(file)) if asked else file, options)
    if mosaic.derived:
        say(f"Note: {file}: {mosaic.derived}.")
    if not mosaic.is_whole:
        say(f"Note: {file} is not whole: {mosaic.product}.")
    if not mosaic.coverage.any():
        say(f"Note: {file} covers no cell of its grid: all of it is marked as missing.")
    return mosaic
