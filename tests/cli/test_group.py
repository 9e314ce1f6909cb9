"""The group of all commands: what it imports, and what a shell's completion gets."""

import inspect
import os
import subprocess
import sys

import click
import pytest

from stormlens.cli.main import app

HEAVY = {"typer", "pydantic", "rich", "numpy", "jax", "keras", "xarray", "h5py", "scipy"}


def loaded(*arguments, **variables):
    """What the command prints, and the modules that it left loaded."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        f"sys.argv = {['stormlens', *arguments]!r}\n"
        "from stormlens.cli import run; run()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **variables},
    )
    return done.stdout, set(done.stderr.splitlines()[-1].split())


def completions(words):
    """What a shell gets for the last word, and the modules loaded for it."""
    given = words.split(" ")
    return loaded(
        _STORMLENS_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(given) - 1)
    )


def commands_of(modules):
    names = {f"stormlens.cli.{name}" for name in app.commands}
    return {name.rpartition(".")[2] for name in modules & names}


@pytest.mark.parametrize("name", app.commands)
def test_a_summary_is_what_the_help_of_the_command_opens_with(name):
    _, command, _ = app.resolve_command(click.Context(app), [name])
    opening, _, _ = inspect.cleandoc(command.help).partition("\n\n")
    assert opening == app.commands[name].help


@pytest.mark.parametrize(
    ("arguments", "commands"),
    [
        (["--help"], set()),
        (["--version"], set()),
        (["train", "--help"], {"train"}),
        (["data", "show", "--help"], {"data"}),
    ],
)
def test_only_the_command_that_runs_is_imported(arguments, commands):
    _, modules = loaded(*arguments)
    assert commands_of(modules) == commands
    assert not {name.split(".")[0] for name in modules} & HEAVY


@pytest.mark.parametrize(
    ("words", "found", "commands"),
    [
        ("stormlens cla", ["plain,classify"], set()),
        ("stormlens ", [f"plain,{name}" for name in app.commands], set()),
        ("stormlens data sh", ["plain,show"], {"data"}),
        ("stormlens train --ep", ["plain,--epochs"], {"train"}),
        ("stormlens classify --map pic", ["file,pic"], {"classify"}),
    ],
)
def test_a_shell_completes_names_options_and_files(words, found, commands):
    text, modules = completions(words)
    assert text.splitlines() == found
    assert commands_of(modules) == commands
    assert not {name.split(".")[0] for name in modules} & HEAVY


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["trian"], "No such command 'trian'. Did you mean 'train'?"),
        (["data", "lst"], "No such command 'lst'. Did you mean 'list'?"),
        (["char"], "No such command 'char'. Did you mean 'card', 'chapter'?"),
        (["forecast"], "No such command 'forecast'."),
    ],
)
def test_an_unknown_command_gets_the_nearest_once(invoke, arguments, sentence):
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == f"Error: {sentence}"
