"""`bench`: what it prints, writes and refuses; how fast is nobody's test."""

import json

import pytest

from stormlens.bench import Machine

SMALL = ("--task", "augment", "--images", 32, "--epochs", 1)


@pytest.fixture(autouse=True)
def quick_machine(monkeypatch):
    """The machine is measured elsewhere."""
    monkeypatch.setattr("stormlens.bench._race.measure_machine", lambda: Machine(100.0, 10.0))


@pytest.mark.slow
def test_a_small_run_as_json_and_in_a_file(invoke, tmp_path):
    out = tmp_path / "RESULTS.md"
    out.write_text("# Measurements\n")
    result = invoke("bench", *SMALL, "--out", out, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert [m["contender"] for m in found["measurements"]] == ["stormlens", "imagedatagenerator"]
    assert found["measurements"][0]["ratio"] == 1
    assert found["machine"] == {"gflops": 100.0, "gbytes": 10.0}
    assert found["simulated"] is True
    assert out.read_text().startswith("# Measurements\n\n<!-- bench:begin -->\n")
    assert (tmp_path / "bench.png").is_file()
    assert "augment, pass 1 of 1: stormlens" in result.stderr


@pytest.mark.slow
def test_tables_name_who_was_left_out(invoke, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stormlens.bench._contenders.find_spec", lambda module: None)
    result = invoke("bench", *SMALL)
    assert result.stdout.startswith("Augmentation: seconds a pass\ncontender ")
    assert "32 SIMULATED storm boxes" in result.stdout
    sentence = (
        "imagedatagenerator is left out: it needs keras and scipy; "
        'in the clone of Stormlens, run `pip install -e ".[bench]"`'
    )
    assert sentence in result.stdout.splitlines()
    assert sentence in result.stderr.splitlines()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--task", "trian"), "'train'"),
        (("--peer", "pytorhc"), "'pytorch'"),
        (("--model", "chapter-rely"), "'chapter-relu'"),
        (("--model", "lenet5"), "such as chapter-relu"),
        (("--epochs", 0), "--epochs is 0"),
        (("--images", 31), "--images is 31"),
    ],
)
def test_bad_input_is_refused_before_any_work(refused, arguments, said):
    # Only a network of no name, or one the peers cannot build, needs the libraries to be seen.
    assert said in refused("bench", "--peer", "keras-jax", *arguments)


def test_a_file_that_cannot_take_the_results_is_named_first(refused, tmp_path):
    (tmp_path / "half.md").write_text("<!-- bench:begin -->")
    assert "half.md: the markers" in refused("bench", "--out", tmp_path / "half.md")
    assert "is a directory" in refused("bench", "--out", tmp_path)
