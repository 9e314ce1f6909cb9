"""
Packages whose names are imported on first use (PEP 562).

Importing Stormlens whole takes seconds, and most commands use a small part of it. So a package
lists its names by module, and each module is imported when one of its names is first used. Type
checkers and editors read the imports under ``TYPE_CHECKING`` instead; `tests/test_import.py`
compares the two lists.
"""

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any


def on_first_use(package: str, homes: Mapping[str, str]) -> None:
    """
    Let a package import its names on first use.

    Parameters
    ----------
    package : str
        Its ``__name__``.
    homes : mapping of str to str
        For each module of the package, the names to take from it, separated by blanks. A module's
        own name stands for the module.
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}
    namespace = vars(sys.modules[package])

    def get(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(f"{package}.{home_of[name]}")
        value = module if home_of[name] == name else getattr(module, name)
        namespace[name] = value  # from now on Python finds it without asking here
        return value

    def names() -> list[str]:
        return list(namespace["__all__"])

    # Set from here, not assigned in the package: a type checker that sees a module's __getattr__
    # takes every misspelt name for one that may be there.
    namespace.update(__getattr__=get, __dir__=names)
