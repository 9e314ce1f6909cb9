from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from stormlens.ops import _platform
from stormlens.ops._platform import on_platform


def native(values):
    return values + 1


def portable(values):
    return values * 10


@pytest.fixture(autouse=True)
def fresh():
    _platform._cpus_alone.cache_clear()
    yield
    _platform._cpus_alone.cache_clear()


def test_where_there_are_cpus_alone_the_portable_version_is_never_traced():
    def never(values):
        raise AssertionError

    assert jax.jit(lambda v: on_platform(native, never, v))(jnp.array(2.0)) == 3


@pytest.mark.parametrize(
    ("told", "default"), [("cpu,cuda", "cpu"), ("cuda,cpu", "cuda"), (None, "cuda")]
)
def test_where_there_may_be_others_each_program_chooses(told, default, monkeypatch):
    config = SimpleNamespace(jax_platforms=told)
    others = SimpleNamespace(config=config, default_backend=lambda: default)
    monkeypatch.setattr(_platform, "jax", others)
    run = jax.jit(lambda v: on_platform(native, portable, v))
    assert run(jnp.array(2.0)) == 3
    lowered = run.trace(jnp.array(2.0)).lower(lowering_platforms=("cuda",)).as_text()
    assert "multiply" in lowered
    assert "add" not in lowered
