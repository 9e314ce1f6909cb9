"""Ctrl-C in a command that can go on where it stopped: what is kept, and what to type."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import click

ARGUMENTS = "stormlens.arguments"
"""Where the context of a command has the arguments as they were given."""


class Interrupted(Exception):
    """Ctrl-C, with the sentence that says how to go on."""


@contextmanager
def resumable(kept: str, line: str) -> Iterator[None]:
    """
    Let Ctrl-C in the block end with the command that goes on.

    Parameters
    ----------
    kept : str
        What is not lost, such as ``"finished epochs are kept"``.
    line : str
        Of `command_line` or `resume_line`.

    Raises
    ------
    Interrupted
        In place of KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"Stopped; {kept}. Go on with: {line}") from None


def command_line(ctx: click.Context) -> str:
    """
    The command as it can be typed again.

    Parameters
    ----------
    ctx : click.Context
        Of the command that runs.

    Returns
    -------
    text : str
        Such as ``stormlens train default --out run``.
    """
    return shlex.join(["stormlens", *ctx.meta.get(ARGUMENTS, [])])


def resume_line(ctx: click.Context) -> str:
    """
    The command that goes on where this one stopped.

    Parameters
    ----------
    ctx : click.Context
        Of the command that runs.

    Returns
    -------
    text : str
    """
    command = command_line(ctx)
    return command if "--resume" in command.split() else f"{command} --resume"
