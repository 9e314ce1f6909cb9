"""The libraries of the extra `serve`, or the sentence that says how to get them."""

from functools import partial
from importlib.util import find_spec

from stormlens.errors import import_extra

need = partial(import_extra, opening="Serving needs", extra="serve")


def need_later(name: str) -> None:
    """
    Say at once that a library is missing which is imported later.

    Parameters
    ----------
    name : str
        Of the package.

    Raises
    ------
    InputError
        If it is not installed.
    """
    if find_spec(name) is None:
        need(name)
