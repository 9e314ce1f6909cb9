"""The light install: classifying works without what trains, and all else names what it lacks."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from stormlens.datasets import write_samples
from stormlens.errors import missing_package

ROOT = Path(__file__).parents[2]

# What a light install leaves out, with what only these bring.
LEFT_OUT = ("jax", "jaxlib", "keras", "optax", "optree", "sklearn")


def plain():
    """Requirements of a plain install."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["project"]["dependencies"]


def run(folder, *arguments):
    """A command in a process of its own where the packages cannot be imported."""
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({LEFT_OUT!r}))\n"
        f"sys.argv = {['stormlens', *arguments]!r}\n"
        "from stormlens.cli import run; run()"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=False
    )


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    write_samples(folder / "sample")
    np.save(folder / "blank.npy", np.zeros((136, 136), np.uint8))
    return folder


def test_it_is_the_plain_install_without_what_trains():
    lines = (ROOT / "requirements-classify.txt").read_text(encoding="utf-8").splitlines()
    light = [line for line in lines if not line.startswith("#")]
    left_out = {line.split(">=")[0] for line in set(plain()) - set(light)}
    assert set(light) <= set(plain())
    assert left_out == {"jax", "keras", "optax", "scikit-learn"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "sample/box.png", "sample/boxes.npy"),
        ("classify", "sample/volumes/XSIM20000615_210000_V06", "--map", "map.png"),
        ("classify", "sample/mosaic.h5", "--out", "modes.nc"),
        ("slide", "sample/mosaic.h5", "--stride", "40", "--map", "field.png", "--out", "field.nc"),
        ("card",),
        ("doctor",),
        ("data", "sample", "again"),
        ("data", "list"),
    ],
    ids=lambda given: " ".join(given[:2]),
)
def test_what_classifies_works(samples, arguments):
    done = run(samples, *arguments)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "package"),
    [
        (("train", "chapter-relu", "--data", "simulated", "--out", "run"), "jax"),
        (("data", "info", "digits"), "scikit-learn"),
    ],
    ids=lambda given: given if isinstance(given, str) else " ".join(given[:2]),
)
def test_what_trains_names_what_it_lacks(samples, arguments, package):
    done = run(samples, *arguments)
    sentence = f"Error: This needs {package}, which is not installed; in the clone of Stormlens, "
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == sentence + "run `pip install -e .`."
    assert "Traceback" not in done.stderr


def test_every_package_of_the_plain_install_is_known_by_its_module():
    modules = {"pillow": "PIL", "scikit-learn": "sklearn", "tomli-w": "tomli_w"}
    for line in plain():
        name = line.split(">=")[0]
        module = modules.get(name, name)
        error = missing_package(ModuleNotFoundError(name=f"{module}.part"))
        assert f"This needs {name}, " in str(error)


def test_a_module_of_ones_own_is_no_missing_package():
    assert missing_package(ModuleNotFoundError(name="stormlens.no_such_part")) is None
    assert missing_package(ModuleNotFoundError("no name")) is None
