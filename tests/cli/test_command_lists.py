"""`models`, `recipes`, `data list` and `doctor`: what there is."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from stormlens.cli.doctor import _EXTRAS
from stormlens.engine import load_library
from stormlens.ops import Native, native
from stormlens.training import load_recipe

PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_models_as_json_names_the_chapters_networks(invoke):
    models = json.loads(invoke("models", "--json").stdout)
    assert {"chapter-linear", "chapter-relu"} <= {model["name"] for model in models}
    assert all(model["description"] for model in models)


def test_recipes_as_json_hold_every_setting(invoke):
    recipes = {recipe["name"]: recipe for recipe in json.loads(invoke("recipes", "--json").stdout)}
    assert recipes["chapter-linear"]["learning_rate"] == 1e-4
    assert recipes["chapter-augmented"]["continues"] == "chapter-relu"


def test_a_recipe_is_printed_as_the_toml_that_reads_back(invoke, tmp_path):
    path = tmp_path / "svrimg-3conv.toml"
    path.write_text(invoke("recipes", "svrimg-3conv").stdout)
    assert load_recipe(path) == load_recipe("svrimg-3conv")


@pytest.mark.parametrize("command", [("models",), ("recipes",), ("data", "list"), ("doctor",)])
def test_tables_go_into_a_pipe_uncut(invoke, command):
    text = invoke(*command).stdout
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_data_list_says_what_works_offline(invoke):
    sources = {s["name"]: s for s in json.loads(invoke("data", "list", "--json").stdout)}
    assert {"svrimg", "simulated", "digits"} <= set(sources)
    assert sources["simulated"]["offline"]
    assert not sources["svrimg"]["offline"]


def test_doctor_finds_versions_devices_threads_and_cache(invoke, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "file").write_bytes(bytes(1234))
    monkeypatch.setenv("STORMLENS_CACHE", str(cache))
    found = json.loads(invoke("doctor", "--json").stdout)
    assert found["cache"] == {"folder": str(cache), "bytes": 1234, "writable": True}
    assert found["threads"] >= 1
    assert found["devices"]
    assert re.fullmatch(r"\d+(\.\d+){2,3}", found["packages"]["jax"])
    assert found["missing"] == [
        "The real archive is not downloaded; run: stormlens data fetch svrimg"
    ]


def test_doctor_says_when_the_cache_cannot_be_written(invoke, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STORMLENS_CACHE", str(tmp_path / "file" / "cache"))
    assert "STORMLENS_CACHE" in invoke("doctor").stdout


def test_doctor_names_a_package_that_is_missing(invoke, monkeypatch):
    monkeypatch.setattr("stormlens.cli.doctor._PACKAGES", ("numpy", "no-such-package"))
    result = invoke("doctor")
    assert result.exit_code == 0
    assert "Package no-such-package is not installed; in the clone of" in result.stdout


def test_doctor_lists_extras_that_are_not_installed(invoke, monkeypatch):
    monkeypatch.setattr(
        "stormlens.cli.doctor._EXTRAS",
        {"app": ("components", ("numpy", "no-such-package")), "maps": ("borders", ("numpy",))},
    )
    found = json.loads(invoke("doctor", "--json").stdout)["extras"]
    assert found == {
        "app": {"for": "components", "missing": ["no-such-package"]},
        "maps": {"for": "borders", "missing": []},
    }
    text = invoke("doctor").stdout
    assert re.search(r'components +no-such-package +pip install -e "\.\[app\]"', text)
    assert "borders" not in text


def test_doctor_knows_the_extras_of_the_project():
    held = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {
        extra: {
            re.split("[>=]", line)[0] for line in lines if not re.search(r";|^stormlens\[", line)
        }
        for extra, lines in held.items()
        if extra not in ("radar", "test")
    }
    assert {extra: set(packages) for extra, (_, packages) in _EXTRAS.items()} == named


def test_doctor_says_which_operations_are_in_use(invoke, monkeypatch):
    fast, slow = Native(True, "avx2"), Native(False, reason="they were not built; do this")
    monkeypatch.setattr("stormlens.ops.native", lambda: fast)
    assert "native (avx2)" in invoke("doctor").stdout
    monkeypatch.setattr("stormlens.ops.native", lambda: slow)
    found = json.loads(invoke("doctor", "--json").stdout)
    assert found["operations"] == "portable"
    sentence = "The native operations are not in use: they were not built; do this. "
    assert any(missing.startswith(sentence) for missing in found["missing"])


def test_doctor_names_an_instruction_set_that_does_not_exist(invoke, monkeypatch):
    load_library.cache_clear()
    native.cache_clear()
    monkeypatch.setenv("STORMLENS_INSTRUCTION_SET", "avx-2")
    result = invoke("doctor", "--json")
    load_library.cache_clear()
    native.cache_clear()
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert (found["operations"], found["prediction"]) == ("none", "none")
    sentence = "The environment variable STORMLENS_INSTRUCTION_SET is 'avx-2'; set it to baseline"
    assert any(missing.startswith(sentence) for missing in found["missing"])


def test_doctor_says_when_the_processor_does_not_run_the_named_set(invoke, monkeypatch):
    monkeypatch.setattr("stormlens.ops.native", lambda: Native(True, "avx2"))
    monkeypatch.setenv("STORMLENS_INSTRUCTION_SET", "avx512")
    sentence = (
        "This processor does not run avx512, which STORMLENS_INSTRUCTION_SET names; it runs avx2."
    )
    assert sentence in json.loads(invoke("doctor", "--json").stdout)["missing"]
    monkeypatch.setenv("STORMLENS_INSTRUCTION_SET", "avx2")
    assert sentence not in json.loads(invoke("doctor", "--json").stdout)["missing"]
