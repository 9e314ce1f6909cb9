"""
The process that reads NetCDF and radar files for the server, one after the other.

It is started as ``python -m stormlens.serve._reading`` with its limits, takes files from its
standard input and gives boxes on its standard output. Its memory and its time on a processor are
limited, it cannot write files, and the server replaces it if it fails.
"""

import json
import os
import sys
from typing import Any, BinaryIO

from stormlens.datasets import TooManyError, check_number, is_container, parse_container
from stormlens.errors import InputError
from stormlens.serve._frames import SIZES, of_boxes, packed
from stormlens.stormbox import SIZE, Boxes, Mosaic

BODY = "The body"
"""What sentences call the file that a client sent."""

TOO_MANY = "too many"


def read(content: bytes, asked: dict[str, Any]) -> tuple[Boxes, list[str]]:
    """
    Boxes of a NetCDF or radar file.

    Parameters
    ----------
    content : bytes
        The file's.
    asked : dict
        ``{shape, most, reading, cutting}``: the size of images and how many there may be, how a
        radar file is read, and which boxes are cut.

    Returns
    -------
    boxes : Boxes
    notes : list of str
        Remarks on the file, as sentences.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    shape, most = tuple(asked["shape"]), int(asked["most"])
    if is_container(content, BODY):
        return parse_container(content, BODY, shape=shape, most=most), []
    from stormlens import readers
    from stormlens.boxes import Cutting

    if shape != (SIZE, SIZE):
        due = " x ".join(map(str, shape))
        raise InputError(
            f"The classifier takes {due} pixels, and boxes of radar files have {SIZE} x {SIZE}; "
            "send images."
        )
    mosaic = readers.read_mosaic(content, readers.Options(**asked["reading"]), name=BODY)
    cutting = Cutting(**asked["cutting"])
    boxes = cutting.cut(mosaic)
    check_number(len(boxes), most, BODY)
    return boxes, [*_notes(mosaic), *([] if len(boxes) else [cutting.none_found("the file")])]


def _notes(mosaic: Mosaic) -> list[str]:
    notes = []
    if mosaic.derived:
        notes.append(f"Reflectivity is {mosaic.derived}.")
    if not mosaic.is_whole:
        notes.append(f"The file is not whole: {mosaic.product}.")
    if not mosaic.coverage.any():
        notes.append("The file covers no cell of its grid: all of it is marked as missing.")
    return notes


def _bound(mib: int) -> None:
    """Limit the memory of this process, and forbid it files and core dumps."""
    try:
        import resource
    except ImportError:  # on Windows; there the server's own time limit is left
        return
    resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _give_time(seconds: float) -> None:
    """Limit the time on a processor for the next file; beyond it the system ends this process."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def _answer(content: bytes, asked: dict[str, Any]) -> bytes:
    try:
        return of_boxes(*read(content, asked))
    except TooManyError as error:
        return packed({"sentence": str(error), "kind": TOO_MANY}, b"")
    except InputError as error:
        return packed({"sentence": str(error)}, b"")


def _exactly(stream: BinaryIO, n: int) -> bytes:
    content = stream.read(n)
    if len(content) < n:
        sys.exit(0)  # the server is gone
    return content


def main() -> None:
    """Answer until the server closes our standard input."""
    mib, seconds = int(sys.argv[1]), float(sys.argv[2])
    source = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints must not come between answers.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    _bound(mib)
    while True:
        head, body = SIZES.unpack(_exactly(source, SIZES.size))
        asked = json.loads(_exactly(source, head))
        content = _exactly(source, body)
        _give_time(seconds)
        try:
            answer = _answer(content, asked)
        except MemoryError:
            break  # what is left of this process is of no use; the server tells the client
        del content
        answers.write(answer)
        answers.flush()


if __name__ == "__main__":
    main()
