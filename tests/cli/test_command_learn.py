"""`stormlens learn` says where its pages are, writes them, and says why there are none."""

import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
from patience import PATIENCE
from PIL import Image
from processes import LISTENING

# The last line that it prints names what it has imported by then.
TELLING = "import atexit, sys; atexit.register(lambda: print(*sys.modules))"
CODE = f"{LISTENING}; {TELLING}; from stormlens.cli import run; run()"


def started(*arguments):
    """A process that serves."""
    command = [sys.executable, "-c", CODE, "learn", "--no-browser", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process):
    """End it by Ctrl-C; the modules that it had imported."""
    process.send_signal(signal.SIGINT)
    told, errors = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in errors
    assert process.returncode == 130
    return set(told.splitlines()[-1].split())


def test_it_prints_its_address_serves_at_once_and_ends_on_ctrl_c():
    with started("neuron") as process:
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#/neuron", address)
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            page = answer.read().decode()
        assert process.stderr.readline() == "Ctrl-C ends it.\n"
        loaded = ended(process)
    assert "<title>Stormlens" in page
    assert "stormlens.learn" in loaded
    assert not {"jax", "keras"} & loaded


def test_who_is_let_in_and_what_they_see_is_said():
    with started("--host", "0.0.0.0") as process:
        line = process.stdout.readline().strip()
        assert re.fullmatch(r"http://[\d.]+:\d+/", line)
        said = process.stderr.readline()
        ended(process)
    assert said.startswith("Everybody whose machine reaches one of these addresses sees these")
    assert "nothing else of this machine" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("neurn",), "Unknown page 'neurn'. Did you mean 'neuron'?"),
        (("--port", "99999"), "Port 99999 does not exist"),
        (("--host", "203.0.113.9"), "203.0.113.9 is not an address of this machine"),
        (("--run", "nowhere"), "nowhere does not exist"),
        (("--data", "nothing"), "nothing"),
        (("--data", "digits"), "have the unit '1'"),
        (("--dbz-scale", "0.5,-32"), "--dbz-scale decides nothing for simulated"),
        (("neuron", "--export", "pages"), "neuron decides nothing with --export"),
        (("--export", "pages", "--port", "80"), "--port decides nothing with --export"),
        (("--export", "/dev/null/pages"), "Cannot write"),
    ],
)
def test_bad_input_gets_its_sentence(refused, arguments, sentence):
    assert sentence in refused("learn", *arguments)


@pytest.mark.slow
def test_pages_are_written_with_a_users_own_storms(invoke, boxes_file, tmp_path):
    folder = tmp_path / "pages"
    done = invoke("learn", "--export", folder, "--data", boxes_file)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(folder / "index.html")
    assert (folder / "index.html").is_file()
    assert (folder / "storms" / "few-0.bin").is_file()


def test_pages_are_written_with_a_users_grey_pictures(invoke, refused, tmp_path):
    for mode, grey in {"Cellular": 20, "QLCS": 60}.items():
        (tmp_path / "boxes" / mode).mkdir(parents=True)
        for number in range(5):
            Image.new("L", (136, 136), grey).save(tmp_path / "boxes" / mode / f"{number}.png")
    arguments = ("learn", "--export", tmp_path / "pages", "--data", tmp_path / "boxes")
    assert "(`--dbz-scale SCALE,OFFSET`" in refused(*arguments)
    done = invoke(*arguments, "--dbz-scale", "1,0")
    assert done.exit_code == 0, done.output
    catalogue = json.loads((tmp_path / "pages" / "storms" / "storms.json").read_text())
    assert set(catalogue["splits"]["few"]["modes"]) == {0, 1}


@pytest.mark.slow
def test_of_another_simulator_some_hundreds_are_made(invoke, tmp_path, monkeypatch):
    monkeypatch.setattr("stormlens.cli.learn._SOME", 30)
    folder = tmp_path / "pages"
    done = invoke("learn", "--export", folder, "--data", "simulated-held-out")
    assert done.exit_code == 0, done.output
    catalogue = json.loads((folder / "storms" / "storms.json").read_text())
    counts = {name: split["count"] for name, split in catalogue["splits"].items()}
    assert counts == {"few": 24, "train": 30, "validation": 30, "test": 30}
    assert catalogue["simulated"] is True
