"""What all tests share: the place of real radar data, and a quiet set-up."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import pytest
from compiled import forget_old, share
from hypothesis import HealthCheck, settings
from small_borders import write_borders

from stormlens import models, readers, verification
from stormlens.models import import_keras

SHARED = Path(
    os.environ.get("STORMLENS_SHARED", Path(__file__).parents[1] / ".." / "shared" / "data")
)

# No example is timed: on a busy machine any of them may take long.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)  # before pytest itself leaves out what -m does not ask for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Take long tests and those in a browser as slow, and begin with the files that take longest.

    A worker would else end alone with one of these. ``slow(60)`` says that a test takes a minute.
    """
    seconds: Counter[Path] = Counter()
    for item in items:
        if mark := item.get_closest_marker("long"):
            item.add_marker(pytest.mark.slow(*mark.args))
        elif item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.slow(5), append=True)
        if mark := item.get_closest_marker("slow"):
            seconds[item.path] += mark.args[0] if mark.args else 2
    items.sort(key=lambda item: -seconds[item.path])


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One worker a core, and one more with slow tests: they often wait for a browser or server."""
    return (os.cpu_count() or 1) + ("not slow" not in config.option.markexpr)


@pytest.fixture
def shared_data() -> Path:
    """Folder of real radar data, or a skip that says how to provide it."""
    if not SHARED.is_dir():
        pytest.skip("real radar data not found: set STORMLENS_SHARED to their folder")
    return SHARED


@pytest.fixture(scope="session")
def all_compiled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs that all workers and earlier runs compiled."""
    kept = getattr(request.config, "cache", None)
    if kept is None:  # pytest was told to keep nothing
        folder = tmp_path_factory.getbasetemp().parent / "compiled"
        folder.mkdir(exist_ok=True)
    else:
        folder = kept.mkdir("compiled")
    forget_old(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Networks compiled by one test, or in a process that it starts, are there for the next."""
    own = tmp_path_factory.mktemp("compiled")
    settings = {
        "jax_compilation_cache_dir": str(own),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        # Or the folder's own name would be part of what a program is found again by.
        "jax_persistent_cache_enable_xla_caches": "none",
    }
    before = {name: getattr(jax.config, name) for name in settings}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            jax.config.update(name, value)
            patch.setenv(name.upper(), str(value))
        yield own
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture(scope="module", autouse=True)
def compiled_by_others(compiled_once: Path, all_compiled: Path) -> Iterator[None]:
    """Networks that other workers compiled before this file are there too."""
    share(all_compiled, compiled_once)
    yield
    share(compiled_once, all_compiled)


@pytest.fixture
def fixed_start():
    """Layers that a test makes begin with the same weights each time."""
    import_keras().utils.set_random_seed(0)


@pytest.fixture
def borders_folder(tmp_path: Path) -> Path:
    """A folder that stands for Natural Earth's server."""
    return write_borders(tmp_path / "naturalearth")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Installs a package with one module: its name, its source and its entry points by group."""
    groups = (readers.ADDED_READERS, models.ADDED_NETWORKS, verification.ADDED_SCORES)
    before = set(sys.modules)

    def install(name: str, source: str, **entry_points: dict[str, str]) -> Path:
        site = tmp_path / "site"
        about = site / f"{name.replace('-', '_')}-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(
            "\n".join(
                f"[stormlens.{group}]\n"
                + "\n".join(f"{key} = {value}" for key, value in entries.items())
                for group, entries in entry_points.items()
            )
        )
        (site / f"{name.replace('-', '_')}.py").write_text(source)
        monkeypatch.syspath_prepend(site)
        for group in groups:
            group.forget()
        return site

    yield install
    monkeypatch.undo()
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None)):
            del sys.modules[name]
    for group in groups:
        group.forget()
