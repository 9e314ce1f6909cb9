"""The libraries of the extra `archive`, or the sentence that says how to get them."""

from importlib import import_module
from types import ModuleType

from stormlens.errors import needs_packages


def need(name: str) -> ModuleType:
    """
    Import a library that the extra `archive` brings.

    Parameters
    ----------
    name : str
        Of the module, such as ``"pyarrow.parquet"``.

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
            f"Archive runs need {package}, which cannot be imported ({error})", "archive"
        ) from error
