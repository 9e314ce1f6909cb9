"""What the commands say of themselves."""

import re
from importlib import import_module

import pytest

from stormlens import __version__
from stormlens.boxes import Cutting
from stormlens.readers import Options

COMMANDS = [
    (),
    ("doctor",),
    ("data",),
    ("data", "list"),
    ("data", "fetch"),
    ("data", "info"),
    ("data", "show"),
    ("data", "simulate"),
    ("models",),
    ("recipes",),
    ("train",),
    ("chapter",),
    ("reproduce",),
    ("sweep",),
    ("evaluate",),
    ("compare",),
    ("classify",),
    ("slide",),
    ("archive",),
    ("archive", "build"),
    ("archive", "classify"),
    ("archive", "summary"),
    ("report",),
    ("card",),
    ("learn",),
    ("serve",),
    ("bench",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example_on_a_line_of_its_own(invoke, command):
    result = invoke(*command, "--help")
    assert result.exit_code == 0
    assert any(
        line.strip().startswith("stormlens ") and line.startswith("    ")
        for line in result.stdout.split("Example")[1].splitlines()
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_eighty_columns(invoke, command):
    assert max(map(len, invoke(*command, "--help").stdout.splitlines())) <= 80


def test_help_gives_bounds_and_defaults(invoke):
    text = " ".join(invoke("train", "--help").stdout.split())
    for bound in ("[1 or more; default the recipe's]", "[0 or more; default 0]", "[1 to 65536;"):
        assert bound in text


def options_of(command, *below):
    found = import_module(f"stormlens.cli.{command}").command
    for name in below:
        found = found.commands[name]
    return {param.name: param for param in found.params if param.opts[0].startswith("--")}


def test_commands_of_radar_files_share_their_options():
    first, *others = options_of("classify"), options_of("slide"), options_of("archive", "build")
    reading = {"sampling", "rain", "quality_control", "grid", "field", "strict", "site"}
    cut = {"boxes", "at", "reports", "day", "within", "threshold", "minimum_area", "stride"}
    written = {"as_csv", "out", "map_"}
    for other, names in zip(others, (reading | written, reading | cut), strict=True):
        for name in names:
            ours, theirs = (
                (found.opts, found.metavar, found.panel, found.help)
                for found in (first[name], other[name])
            )
            assert theirs == ours


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("boxes", Cutting().how),
        ("threshold", Cutting().threshold),
        ("minimum_area", Cutting().minimum_area),
        ("stride", Cutting("grid").stride),
        ("sampling", Options().sampling),
        ("rain", Options().rain),
        ("grid", Options().grid),
    ],
)
def test_defaults_that_the_help_gives_are_those_that_hold(name, default):
    text = default if isinstance(default, str) else f"{default:g}"
    assert re.search(rf"\[.*default:? {text}\]$", options_of("classify")[name].help)


def test_version(invoke):
    assert invoke("--version").stdout == f"stormlens {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "near"), [(("trian",), "'train'"), (("train", "--epoch", "1"), "--epochs")]
)
def test_unknown_commands_and_options_suggest_the_nearest(invoke, arguments, near):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert near in result.stderr
    assert "Traceback" not in result.stderr
