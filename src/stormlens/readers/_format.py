"""A kind of radar file: how to know one, and how to read it."""

from collections.abc import Callable
from dataclasses import dataclass

from stormlens.readers._options import Options
from stormlens.stormbox import Mosaic


@dataclass(frozen=True)
class Format:
    """
    A kind of file that can be read.

    Attributes
    ----------
    name : str
        Short and lower case.
    title : str
        As people know it.
    fits : callable
        Whether unpacked content (bytes) is of this kind. It should look at as little as possible.
    read : callable
        ``read(content, name, options)``: bytes, what errors call the file, `Options`; gives a
        mosaic, or raises `InputError`.
    fields : bool
        Whether a file may hold several fields, between which `Options.field` chooses.
    """

    name: str
    title: str
    fits: Callable[[bytes], bool]
    read: Callable[[bytes, str, Options], Mosaic]
    fields: bool = False
