"""The group of all commands: what a user can put right ends in one sentence and code 2."""

import errno
import os
import shlex
import sys
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from stormlens.errors import InputError

_ARGUMENTS = "stormlens.arguments"

_ORDER = (
    "doctor",
    "data",
    "models",
    "recipes",
    "train",
    "chapter",
    "evaluate",
    "classify",
    "slide",
    "archive",
    "report",
    "card",
    "learn",
    "bench",
)


class Interrupted(Exception):
    """Ctrl-C, with the sentence that says how to go on."""


class SentenceGroup(TyperGroup):
    """A Typer group that turns expected failures into a sentence on stderr."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Remember the arguments as they were given."""
        ctx.meta[_ARGUMENTS] = list(args)
        try:
            return super().parse_args(ctx, args)
        except BrokenPipeError:
            raise typer.Exit(0) from None  # of --help, whose reader has seen enough

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see the module's head for what becomes of its failures."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            sentence, code = str(error), 2
        except Interrupted as error:
            sentence, code = str(error), 130
        except KeyboardInterrupt:
            sentence, code = "Stopped.", 130
        except MemoryError:
            sentence, code = "There is not enough memory for this; give it fewer boxes.", 2
        except BrokenPipeError:
            raise typer.Exit(0) from None  # The reader has seen enough, as `head` has.
        except OSError as error:
            sentence, code = _of_disk(error), 2
        say(f"Error: {sentence}" if code == 2 else sentence)
        raise typer.Exit(code)

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of use; Typer would put sub-groups last."""
        return sorted(super().list_commands(ctx), key=_ORDER.index)


class PanelCommand(TyperCommand):
    """A command whose help lists options under the headings given as `rich_help_panel`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments first, options without a heading last."""
        panels: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        for param in self.get_params(ctx):
            written = param.get_help_record(ctx)
            is_argument = param.param_type_name == "argument"
            heading = getattr(param, "rich_help_panel", None) or "Options"
            if written is not None:
                panels.setdefault("Arguments" if is_argument else heading, []).append(written)
        panels["Options"] = panels.pop("Options", [])
        for heading, lines in panels.items():
            if lines:
                with formatter.section(heading):
                    formatter.write_dl(lines)


def say(sentence: str) -> None:
    """
    Print one line on stderr.

    Parameters
    ----------
    sentence : str
        Line ends in it become blanks.
    """
    sys.stderr.write(" ".join(sentence.splitlines()) + "\n")
    sys.stderr.flush()


def command_line(ctx: typer.Context) -> str:
    """
    The command as it can be typed again.

    Parameters
    ----------
    ctx : typer.Context
        Of the command that runs.

    Returns
    -------
    text : str
        Such as ``stormlens train default --out run``.
    """
    return shlex.join(["stormlens", *ctx.meta.get(_ARGUMENTS, [])])


def resume_line(ctx: typer.Context) -> str:
    """
    The command that goes on where this one stopped.

    Parameters
    ----------
    ctx : typer.Context
        Of the command that runs.

    Returns
    -------
    text : str
    """
    command = command_line(ctx)
    return command if "--resume" in command.split() else f"{command} --resume"


def _of_disk(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno == errno.ENOSPC:
        reason = "No space is left on the disk; free some or write elsewhere"
    where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
    return f"{where}{reason}."
