"""What all tests share: the place of real radar data, and a quiet set-up."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest
from hypothesis import HealthCheck, settings
from small_borders import write_borders

from stormlens.models._keras import import_keras

SHARED = Path(
    os.environ.get("STORMLENS_SHARED", Path(__file__).parents[1] / ".." / "shared" / "data")
)

# No example is timed: on a busy machine any of them may take long.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests begin first, so that no worker ends alone with one of them."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture
def shared_data() -> Path:
    """Folder of real radar data, or a skip that says how to provide it."""
    if not SHARED.is_dir():
        pytest.skip("real radar data not found: set STORMLENS_SHARED to their folder")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Networks compiled by one test, or in a process that it starts, are there for the next."""
    settings = {
        "jax_compilation_cache_dir": str(tmp_path_factory.mktemp("compiled")),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
    }
    before = {name: getattr(jax.config, name) for name in settings}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            jax.config.update(name, value)
            patch.setenv(name.upper(), str(value))
        yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture
def fixed_start():
    """Layers that a test makes begin with the same weights each time."""
    import_keras().utils.set_random_seed(0)


@pytest.fixture
def borders_folder(tmp_path: Path) -> Path:
    """A folder that stands for Natural Earth's server."""
    return write_borders(tmp_path / "naturalearth")
