"""The libraries of the extra `serve`, or the sentence that says how to get them."""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from stormlens.errors import needs_packages


def need(name: str) -> ModuleType:
    """
    Import a library that the extra `serve` brings.

    Parameters
    ----------
    name : str
        Of the module, such as ``"pyarrow.ipc"``.

    Returns
    -------
    module : module

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise needs_packages(
            f"Serving needs {package}, which cannot be imported ({error})", "serve"
        ) from error


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
