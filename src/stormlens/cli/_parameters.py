"""Options and arguments as the help shows them: under a heading, an argument with its words."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

_Command = TypeVar("_Command", bound=Callable[..., None])

OPTIONS = "Options"
"""Heading of the options that have no other."""

PATH = click.Path(path_type=Path)
"""Type of a file or folder, which the command itself looks at."""


class Option(click.Option):
    """
    An option whose help stands under a heading of its own.

    Parameters
    ----------
    *declarations : str or sequence of str
        As Click takes them.
    panel : str, optional
        The heading.
    **attributes
        As Click takes them.
    """

    def __init__(self, *declarations: Any, panel: str = OPTIONS, **attributes: Any) -> None:
        super().__init__(*declarations, **attributes)
        self.panel = panel


class Argument(click.Argument):
    """
    An argument that has a line in the help, in every release of Click.

    Parameters
    ----------
    *declarations : sequence of str
        As Click takes them.
    metavar : str
        What the help calls it.
    help : str
        The line.
    **attributes
        As Click takes them.
    """

    def __init__(self, *declarations: Any, metavar: str, help: str, **attributes: Any) -> None:
        super().__init__(*declarations, metavar=metavar, **attributes)
        self.line = metavar, f"{help}  [required]" if self.required else help

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """What stands in the two columns of the help."""
        return self.line


option = partial(click.option, cls=Option)
argument = partial(click.argument, cls=Argument)


def options_as_one(
    command: _Command,
    name: str,
    options: Mapping[str, Callable[[Any], Any]],
    make: Callable[..., Any],
) -> _Command:
    """
    Give a command several options, whose values it takes as one argument.

    Parameters
    ----------
    command : callable
        It takes `name`.
    name : str
        Of the argument.
    options : mapping of str to option
        By the name of each value, in the order of the help.
    make : callable
        From the values, by name, to the argument.

    Returns
    -------
    command : callable
        To be made a command by Click.
    """

    @wraps(command)
    def with_one(*args: Any, **given: Any) -> None:
        values = {key: given.pop(key) for key in options}
        command(*args, **{name: make(**values)}, **given)

    decorated: Any = with_one
    for declare in reversed([*options.values()]):  # as if they stood above the command
        decorated = declare(decorated)
    return cast(_Command, decorated)
