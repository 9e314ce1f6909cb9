import jax
import pytest

from stormlens.models import _compiled, keep_compiled

# The function itself, as it acts once a process.
keep = keep_compiled.__wrapped__


@pytest.fixture
def without_a_folder(monkeypatch, tmp_path):
    """JAX as it is when nobody has given it a folder, and an empty cache."""
    before = {
        name: getattr(jax.config, name) for name in (_compiled._FOLDER, _compiled._LEAST_SECONDS)
    }
    jax.config.update(_compiled._FOLDER, None)
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    for name, value in before.items():
        jax.config.update(name, value)


def test_the_folder_is_in_the_cache_and_of_this_processor(without_a_folder, monkeypatch):
    keep()
    folder = without_a_folder / "compiled" / _compiled._processor()
    assert getattr(jax.config, _compiled._FOLDER) == str(folder)
    assert folder.is_dir()
    monkeypatch.setattr(_compiled.Path, "read_text", lambda self: "flags: another processor")
    assert _compiled._processor() != folder.name


def test_a_folder_that_the_user_has_chosen_stays(without_a_folder, tmp_path):
    jax.config.update(_compiled._FOLDER, str(tmp_path / "mine"))
    keep()
    assert getattr(jax.config, _compiled._FOLDER) == str(tmp_path / "mine")


def test_a_folder_that_cannot_be_made_is_done_without(without_a_folder):
    without_a_folder.write_text("a file in its place")
    keep()
    assert getattr(jax.config, _compiled._FOLDER) is None
