"""Options and arguments as the help shows them: under a heading, an argument with its words."""

from functools import partial
from pathlib import Path
from typing import Any

import click

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
