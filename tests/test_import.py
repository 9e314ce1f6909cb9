"""`import stormlens` and `stormlens --help` load nothing heavy."""

import importlib.metadata
import subprocess
import sys

import pytest

import stormlens

HEAVY = {"jax", "keras", "numpy", "xarray", "matplotlib", "sklearn", "scipy", "pooch", "h5netcdf"}


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh Python holds after the code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('\\n', *sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_import_loads_nothing_heavy():
    found = modules_after("import stormlens; dir(stormlens)")
    assert not found & (HEAVY | {"typer", "rich"})


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["data", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys, contextlib\n"
        "from stormlens.cli import run\n"
        f"sys.argv = ['stormlens', *{arguments!r}]\n"
        "with contextlib.suppress(SystemExit): run()"
    )
    assert not modules_after(code) & HEAVY


def test_every_public_name_is_there():
    for name in stormlens.__all__:
        assert getattr(stormlens, name) is not None
    assert dir(stormlens) == stormlens.__all__
    assert stormlens.load is stormlens.datasets.load
    assert stormlens.fit is stormlens.training.fit


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'forecast'"):
        _ = stormlens.forecast


def test_the_version_is_the_packages():
    assert stormlens.__version__ == importlib.metadata.version("stormlens")
