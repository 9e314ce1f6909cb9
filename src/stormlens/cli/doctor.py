"""``stormlens doctor``: what this installation has, and what it lacks."""

import os
import platform
from dataclasses import asdict
from typing import Any

import click

from stormlens import __version__
from stormlens.cli._group import PanelCommand
from stormlens.cli._options import json_option
from stormlens.cli._printing import print_json, print_lines, print_table
from stormlens.errors import InputError, install_line

NAME = "doctor"
EPILOG = """\b
Examples:
  stormlens doctor
  stormlens doctor --json
"""

_PACKAGES = (
    "numpy",
    "scipy",
    "xarray",
    "h5netcdf",
    "gribberish",
    "pyproj",
    "jax",
    "jaxlib",
    "keras",
    "optax",
    "safetensors",
    "scikit-learn",
    "matplotlib",
    "pooch",
    "pillow",
    "click",
    "rich",
    "jinja2",
)
_EXTRAS = {
    "app": ("interactive components in notebooks", ("anywidget",)),
    "archive": ("archives of many boxes", ("distributed", "google-crc32c", "pyarrow", "zarr")),
    "maps": ("finer borders on maps", ("pyshp",)),
    "export": ("classifiers as ONNX files", ("onnx", "onnxruntime")),
    "export-keras": ("layers that only Keras exports", ("jax2onnx",)),
    "serve": ("a classifier over HTTP", ("fastapi", "httptools", "pyarrow", "uvicorn")),
    "umap": ("a map of a data set by UMAP", ("umap-learn",)),
    "docs": (
        "lessons as notebooks, this site",
        ("furo", "ipykernel", "jupytext", "myst-nb", "numpydoc", "sphinx"),
    ),
    "bench": ("peers for `stormlens bench`", ("onnx", "onnxruntime", "openvino", "torch")),
}
"""What each extra is for, and its packages on every system; `pyproject.toml` has them all."""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@json_option
def command(as_json: bool) -> None:
    """
    Show what this installation has and lacks.

    Versions, devices, threads, the cache folder and its size, what is missing, what other packages
    add, and extras that are not installed.
    """
    findings = examine()
    if as_json:
        print_json(findings)
        return
    _print_parts(findings)
    print_lines("", *(findings["missing"] or ["Nothing is missing."]))
    if findings["plugins"]:
        print_lines("", "Readers, networks and scores of other packages:")
        print_table(
            ("plugin", "name", "package", "version"),
            [(p["kind"], p["name"], p["package"], p["version"]) for p in findings["plugins"]],
        )
    _print_extras(findings["extras"])


def _print_parts(findings: dict[str, Any]) -> None:
    cache = findings["cache"]
    rows = [
        ("stormlens", findings["stormlens"]),
        ("Python", f"{findings['python']} on {findings['platform']}"),
        ("devices", ", ".join(findings["devices"]) or "none"),
        ("threads", findings["threads"]),
        ("operations", findings["operations"]),
        ("prediction", findings["prediction"]),
        ("cache", f"{cache['folder']} ({_size(cache['bytes'])})"),
    ]
    rows += [(name, version or "missing") for name, version in findings["packages"].items()]
    print_table(("part", "found"), rows)


def _print_extras(extras: dict[str, dict[str, Any]]) -> None:
    """What is missing of which extra; nothing where all are whole."""
    rows = [
        (extra["for"], ", ".join(extra["missing"]), install_line(name))
        for name, extra in extras.items()
        if extra["missing"]
    ]
    if rows:
        print_lines("", "Extras that are not whole; each is installed in the clone of Stormlens:")
        print_table(("for", "lacks", "install"), rows, wrap=["lacks"])


def examine() -> dict[str, Any]:
    """
    Look at the installation.

    Returns
    -------
    findings : dict
        stormlens, python, platform, devices, threads, operations ("native (avx2)", "portable",
        or "none" without JAX), prediction ("engine (avx2)", "Keras on JAX" or "none"), cache
        {folder, bytes, writable}, packages {name: version or None}, plugins (a list of {kind,
        name, package, version, usable}), missing (a sentence each), extras {name: {for, missing
        (packages)}}.
    """
    from stormlens.engine import usable_cores

    packages = {name: _version(name) for name in _PACKAGES}
    missing = [
        f"Package {name} is not installed; in the clone of Stormlens, run `{install_line()}`."
        for name, version in packages.items()
        if version is None
    ]
    devices, trouble = _devices()
    operations, slow = _operations()
    cache, cached = _cache()
    plugins, unusable = _plugins()
    return {
        "stormlens": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "devices": devices,
        "threads": usable_cores(),
        "operations": operations,
        "prediction": _prediction(),
        "cache": cache,
        "packages": packages,
        "plugins": plugins,
        "missing": [*missing, *trouble, *slow, *cached, *unusable],
        "extras": {
            name: {"for": what, "missing": [p for p in needed if _version(p) is None]}
            for name, (what, needed) in _EXTRAS.items()
        },
    }


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices() -> tuple[list[str], list[str]]:
    """Devices that JAX computes on, and what keeps it from them."""
    try:
        import jax

        return [f"{d.platform}:{d.id} {d.device_kind}" for d in jax.devices()], []
    except (ImportError, RuntimeError) as error:
        return [], [f"JAX finds no device ({error}); training is not possible."]


def _operations() -> tuple[str, list[str]]:
    """Which operations train on a CPU, and how to get the fast ones."""
    from stormlens.engine import INSTRUCTION_SET

    try:
        from stormlens.ops import native

        found = native()
    except ModuleNotFoundError:  # of JAX, of which the devices' sentence tells
        return "none", []
    except InputError as error:  # an instruction set that does not exist
        return "none", [str(error)]
    if not found.available:
        return "portable", [
            f"The native operations are not in use: {found.reason}. "
            "Training on a CPU is several times slower without them."
        ]
    named, used = os.environ.get(INSTRUCTION_SET), found.instruction_set
    notes = [f"This processor does not run {named}, which {INSTRUCTION_SET} names; it runs {used}."]
    return f"native ({used})", notes if named and named != used else []


def _prediction() -> str:
    """What computes predictions of a network of known layers."""
    from stormlens.engine import instruction_set

    try:
        found = instruction_set()
    except InputError:  # said by `_operations`
        return "none"
    if found:
        return f"engine ({found})"
    return "Keras on JAX" if _version("jax") else "none"


def _plugins() -> tuple[list[dict[str, Any]], list[str]]:
    """What other packages add, each tried, and what keeps some from being used."""
    from stormlens.models import ADDED_NETWORKS
    from stormlens.readers import ADDED_READERS
    from stormlens.verification import ADDED_SCORES

    groups = (ADDED_READERS, ADDED_NETWORKS, ADDED_SCORES)
    listed = [pair for group in groups for pair in group.listed()]
    return [{**asdict(plugin), "usable": not fault} for plugin, fault in listed], [
        fault for _, fault in listed if fault
    ]


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"


def _cache() -> tuple[dict[str, Any], list[str]]:
    """The folder for downloads, and whether it can take any."""
    from stormlens.datasets import cache_folder, list_sources

    folder = cache_folder()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK)
    missing = []
    if not writable:
        missing = [f"The cache {folder} cannot be written; set STORMLENS_CACHE to another folder."]
    elif not all(source.cached for source in list_sources()):
        missing = ["The real archive is not downloaded; run: stormlens data fetch svrimg"]
    return {"folder": str(folder), "bytes": size, "writable": writable}, missing
