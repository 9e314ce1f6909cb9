"""What the commands say of themselves."""

import pytest

from stormlens import __version__

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
