"""The group of all commands: what a user can put right ends in one sentence and code 2."""

import errno
import importlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from stormlens.cli._notes import say
from stormlens.cli._parameters import OPTIONS, Option
from stormlens.cli._resuming import ARGUMENTS, Interrupted
from stormlens.errors import InputError, missing_package, printable


class PanelCommand(click.Command):
    """A command whose help lists options under the headings given as `panel`."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments first, options without a heading last."""
        panels: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        for param in self.get_params(ctx):
            written = param.get_help_record(ctx)
            is_argument = param.param_type_name == "argument"
            heading = param.panel if isinstance(param, Option) else OPTIONS
            if written is not None:
                panels.setdefault("Arguments" if is_argument else heading, []).append(written)
        panels[OPTIONS] = panels.pop(OPTIONS, [])
        for heading, lines in panels.items():
            if lines:
                with formatter.section(heading):
                    formatter.write_dl(lines)


class CommandGroup(click.Group):
    """A group that lists its commands in the order in which they were made."""

    command_class = PanelCommand

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of use; Click would sort them."""
        return list(self.commands)

    def resolve_command(
        self, ctx: Any, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one gets the nearest names, in every release of Click."""
        name = args[0]
        if not (name in self.commands or name.startswith("-") or ctx.resilient_parsing):
            ctx.fail(f"No such command {name!r}.{_nearest(name, self.commands)}")
        return super().resolve_command(ctx, args)


class SentenceGroup(CommandGroup):
    """
    The group that turns expected failures into a sentence, and imports only what it runs.

    Parameters
    ----------
    *arguments, **attributes
        As Click takes them.
    summaries : mapping of str to str
        First sentence of each command's help, by the command's name. It is the name of its
        module in `stormlens.cli`, too; the command itself is called ``command`` there.
    """

    def __init__(self, *arguments: Any, summaries: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        # They stand for the commands until one is used: help and completion read names and
        # summaries alone.
        for name, summary in summaries.items():
            self.add_command(click.Command(name, help=summary))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Remember the arguments as they were given."""
        ctx.meta[ARGUMENTS] = list(args)
        try:
            return super().parse_args(ctx, args)
        except BrokenPipeError:
            raise click.exceptions.Exit(0) from None  # of --help, whose reader has seen enough

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        """Make the context; what Click says of wrong arguments quotes them printably."""
        with _printable_usage():
            return super().make_context(*arguments, **extra)

    def resolve_command(
        self, ctx: Any, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and import it."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        if stand_in is None:
            return name, None, rest
        return name, importlib.import_module(f"stormlens.cli.{name}").command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; see the module's head for what becomes of its failures."""
        try:
            with _printable_usage():
                return super().invoke(ctx)
        except InputError as error:
            sentence, code = str(error), 2
        except Interrupted as error:
            sentence, code = str(error), 130
        except KeyboardInterrupt:
            sentence, code = "Stopped.", 130
        except ModuleNotFoundError as error:
            lacking = missing_package(error)
            if lacking is None:
                raise
            sentence, code = str(lacking), 2
        except MemoryError:
            sentence, code = "There is not enough memory for this; give it fewer boxes.", 2
        except BrokenPipeError:
            # The reader has seen enough, as `head` has.
            raise click.exceptions.Exit(0) from None
        except OSError as error:
            sentence, code = _disk_sentence(error), 2
        say(f"Error: {sentence}" if code == 2 else sentence)
        raise click.exceptions.Exit(code)


@contextmanager
def _printable_usage() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        error.message = printable(error.message)  # type: ignore[misc]
        raise


def _nearest(name: str, names: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = ", ".join(map(repr, get_close_matches(name, names)))
    return near and f" Did you mean {near}?"


def _disk_sentence(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    if error.errno == errno.ENOSPC:
        reason = "No space is left on the disk; free some or write elsewhere"
    where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
    return f"{where}{reason}."
