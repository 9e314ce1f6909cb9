"""`stormlens learn` says where its pages are, and why there are none."""

import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest


def test_it_prints_its_address_serves_and_ends_on_ctrl_c():
    command = [sys.executable, "-m", "stormlens", "learn", "neuron", "--no-browser"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        address = process.stdout.readline().strip()
        try:
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/neuron", address)
            for _ in range(50):
                try:
                    page = urllib.request.urlopen(address, timeout=60).read().decode()
                    break
                except OSError:
                    if process.poll() is not None:
                        raise
                    time.sleep(0.1)
            assert "One neuron" in page
        finally:
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert "Traceback" not in errors
        assert process.returncode in (0, 130)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("neurn",), "Unknown component 'neurn'. Did you mean 'neuron'?"),
        (("--port", "99999"), "Port 99999 does not exist"),
        (("--run", "nowhere"), "nowhere does not exist"),
        (("--data", "nothing"), "nothing"),
    ],
)
def test_bad_input_gets_its_sentence(refused, arguments, sentence):
    assert sentence in refused("learn", *arguments)


def test_a_missing_extra_is_named_with_its_command(refused, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("stormlens.learn")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "panel", None)
    said = refused("learn")
    assert 'needs panel; in the clone of Stormlens, run `pip install -e ".[app]"`.' in said
