"""What each way of using Stormlens loads: nothing that it does not work with."""

import ast
import importlib.metadata
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from grib_files import grib
from PIL import Image

import stormlens
from stormlens.models import Classifier, build

HEAVY = {"jax", "keras", "numpy", "xarray", "matplotlib", "sklearn", "scipy", "pooch", "h5netcdf"}

# What none of the steps from a file of boxes or a national mosaic to modes, and to a map, needs.
UNUSED = {
    "cmweather",
    "h5netcdf",
    "h5py",
    "jinja2",
    "matplotlib.pyplot",
    "pandas",
    "pooch",
    "pyproj",
    "requests",
    "rich",
    "scipy",
    "sklearn",
    "stormlens.insight",
    "stormlens.verification",
    "xarray",
    "xradar",
}
COMPILERS = {"jax", "keras"}


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh Python holds after the code."""
    return {name.split(".")[0] for name in all_after(code)}


def all_after(code: str) -> set[str]:
    """All modules, those within packages too."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('\\n', *sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def after_command(*arguments: object) -> set[str]:
    """All modules that a fresh Python holds after a command that ends well."""
    return all_after(
        "import sys\n"
        "from stormlens.cli import run\n"
        f"sys.argv = ['stormlens', *{[str(part) for part in arguments]!r}]\n"
        "try: run()\n"
        "except SystemExit as end: assert not end.code, end.code"
    )


@pytest.fixture
def box(tmp_path):
    """A storm box as NPY and as the archive's PNG."""
    values = np.zeros((136, 136), np.uint8)
    values[50:90, 40:100] = 47
    np.save(tmp_path / "box.npy", values)
    image = Image.fromarray(values).convert("L")
    image.putpalette([0] * 768)
    image.save(tmp_path / "box.png")
    return tmp_path / "box"


@pytest.fixture
def radar(tmp_path):
    """A mosaic in GRIB2 with one storm."""
    values = np.full((200, 250), -99.0)
    values[90:110, 100:150] = 52.5
    path = tmp_path / "mosaic.grib2"
    path.write_bytes(grib(values))
    return path


def test_import_loads_nothing_heavy():
    found = modules_after("import stormlens; dir(stormlens)")
    assert not found & (HEAVY | {"click", "rich"})


@pytest.mark.parametrize("command", [[], ["train"], ["data"], ["classify"], ["archive", "build"]])
def test_help_loads_nothing_heavy(command):
    assert not {name.split(".")[0] for name in after_command(*command, "--help")} & HEAVY


@pytest.mark.parametrize("suffix", [".npy", ".png"])
def test_boxes_are_read_with_numpy_and_pillow(box, suffix):
    path = str(box.with_suffix(suffix))
    found = all_after(f"from stormlens.datasets import read_boxes; read_boxes({path!r})")
    assert not found & (UNUSED | COMPILERS | {"matplotlib"})
    assert ("PIL" in found) == (suffix == ".png")


def test_a_mosaic_is_read_and_cut_with_numpy_and_its_decoder(radar):
    found = all_after(
        "from stormlens import boxes, readers\n"
        f"assert len(boxes.find_storms(readers.read_mosaic({str(radar)!r}))) == 1"
    )
    assert not found & (UNUSED | COMPILERS | {"matplotlib"})


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".npy", ".png"])
@pytest.mark.parametrize("form", ["--csv", "--json", None])
def test_boxes_are_classified_with_what_is_used(box, suffix, form):
    found = after_command("classify", box.with_suffix(suffix), *filter(None, [form]))
    assert not found & (UNUSED | COMPILERS | {"matplotlib"})


def test_a_radar_file_is_classified_with_what_is_used(radar, tmp_path):
    found = after_command("classify", radar, "--geojson", tmp_path / "storms.geojson")
    assert not found & (UNUSED | COMPILERS | {"matplotlib"})


@pytest.mark.slow
def test_a_map_is_drawn_without_pyplot(radar, tmp_path):
    found = after_command("classify", radar, "--map", tmp_path / "map.png")
    assert "matplotlib.backends.backend_agg" in found
    assert not found & (UNUSED | COMPILERS)


@pytest.mark.slow
def test_a_box_slides_without_a_compiler_whether_it_shares_or_not(radar, tmp_path):
    Classifier(build("svrimg-3conv", seed=0), "svrimg-3conv").save(tmp_path / "run")
    sharing = after_command("slide", radar, "--run", tmp_path / "run", "--stride", 9)
    boxed = after_command("slide", radar, "--stride", 200)
    for found in (sharing, boxed):
        assert not found & (UNUSED - {"rich"} | COMPILERS | {"matplotlib"})


@pytest.mark.slow
def test_a_map_of_a_field_is_drawn_without_pyplot_or_xarray(radar, tmp_path):
    found = after_command("slide", radar, "--stride", 200, "--map", tmp_path / "map.png")
    assert not found & (UNUSED - {"rich"} | COMPILERS)


@pytest.mark.slow
def test_a_network_known_by_name_is_trained_and_saved_without_keras(tmp_path):
    found = all_after(
        "from stormlens import datasets\n"
        "from stormlens.training import Recipe, fit\n"
        "boxes = datasets.load('simulated', split='train', count=40)\n"
        "recipe = Recipe('short', 'svrimg-3conv', epochs=1)\n"
        "splits = {'train': boxes, 'validation': boxes}\n"
        f"fit(recipe, splits, {str(tmp_path / 'run')!r}, progress=False)"
    )
    assert not found & {"keras", "matplotlib", "optax", "sklearn", "scipy.stats"}


@pytest.mark.slow
def test_the_training_itself_needs_no_xarray():
    found = all_after("import stormlens.training, stormlens.bench._stormlens")
    assert not found & {"keras", "optax", "pandas", "scipy", "xarray"}


def test_pages_are_served_without_anything_heavy():
    found = all_after(
        "import urllib.request, stormlens.cli.learn\n"
        "from stormlens.learn import serve\n"
        "server = serve(show=False, threaded=True)\n"
        "for path in ('', 'app.js', 'storms/few-0.bin', 'networks/shipped/weights.safetensors'):\n"
        "    urllib.request.urlopen(server.addresses[0] + path).read()\n"
        "server.stop()"
    )
    assert not {name.split(".")[0] for name in found} & HEAVY
    assert not found & {"PIL", "pandas", "rich", "webbrowser"}


@pytest.mark.slow
def test_a_wrong_argument_is_told_before_the_classifier_is_loaded(box):
    wrong = (["--rain", "wsr88d"], ["--at", "38"], ["--map", "/dev/null"], ["--json", "--csv"])
    for arguments in (*([box.with_suffix(".npy"), *given] for given in wrong), ["KTLX@yesterday"]):
        code = (
            "import sys\n"
            "from stormlens.cli import run\n"
            f"sys.argv = ['stormlens', 'classify', *{[str(part) for part in arguments]!r}]\n"
            "try: run()\n"
            "except SystemExit as end: assert end.code == 2, end.code"
        )
        assert not all_after(code) & (UNUSED | COMPILERS | {"stormlens.models", "matplotlib"})


SOURCE = Path(stormlens.__file__).parent
LAZY = sorted(
    ".".join(path.relative_to(SOURCE.parent).parent.parts)
    for path in SOURCE.rglob("__init__.py")
    if "on_first_use(" in path.read_text(encoding="utf-8")
)


def told_to_type_checkers(package):
    """The names that a package imports under `TYPE_CHECKING`, with the objects that they are."""
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    names = {}
    exec(compile(ast.Module(block.body, []), package.__file__, "exec"), names)
    return {name: value for name, value in names.items() if name != "__builtins__"}


@pytest.mark.parametrize("name", LAZY)
def test_every_name_of_a_package_is_there_on_first_use(name):
    package = import_module(name)
    assert dir(package) == sorted(package.__all__)
    told = told_to_type_checkers(package)
    assert set(package.__all__) - {"__version__"} == set(told)
    assert all(getattr(package, public) is value for public, value in told.items())
    with pytest.raises(AttributeError, match="no attribute 'forecast'"):
        _ = package.forecast


def test_every_public_name_is_there():
    for name in stormlens.__all__:
        assert getattr(stormlens, name) is not None
    assert stormlens.load is stormlens.datasets.load
    assert stormlens.fit is stormlens.training.fit


def test_the_version_is_the_packages():
    assert stormlens.__version__ == importlib.metadata.version("stormlens")
