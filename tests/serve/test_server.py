"""How a server begins, whom it lets in, and how it ends."""

import signal
import socket
import subprocess
import sys
import threading

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from patience import PATIENCE, until
from serving import ARROW, Running, npy

from stormlens.cli.main import app
from stormlens.datasets import make_boxes
from stormlens.errors import InputError
from stormlens.models import Classifier, Ensemble, Network
from stormlens.serve import Limits, create_app, read_token
from stormlens.serve._token import Bearer

BOX = np.full((136, 136), 30, np.uint8)
TOKEN = "a-token-of-some-length"


@pytest.mark.slow
def test_a_token_is_asked_for_everywhere_but_for_health():
    server = Running("--allow-host", "hub.example.org", token=TOKEN)
    try:
        assert server.classify(npy(BOX)).status_code == 200
        document = server.client.get("/openapi.json").json()
        assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
        assert server.classify(npy(BOX), Host="hub.example.org").status_code == 200
        for wrong in ("", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"):
            for ask in ("/v1/card", "/metrics", "/openapi.json", "/v1/jobs/" + "0" * 32):
                answer = server.client.get(ask, headers={"Authorization": wrong})
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
            assert server.classify(npy(BOX), Authorization=wrong).status_code == 401
            health = server.client.get("/health", headers={"Authorization": wrong})
            assert health.status_code == 200
    finally:
        assert server.stop() == 0


def test_tokens_are_compared_as_a_whole():
    bearer = Bearer(TOKEN)
    assert bearer.is_asked
    assert bearer.knows(f"Bearer {TOKEN}".encode())
    assert bearer.knows(f"bearer  {TOKEN} ".encode())
    for wrong in (None, b"", TOKEN.encode(), b"Bearer \xff", f"Bearer {TOKEN} {TOKEN}".encode()):
        assert not bearer.knows(wrong)
    assert Bearer(None).knows(None)


def test_tokens_come_from_a_file_or_the_environment(tmp_path):
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    assert read_token(path, {}) == TOKEN
    assert read_token(None, {"STORMLENS_TOKEN": TOKEN}) == TOKEN
    assert read_token(None, {}) is None
    for wrong in ("", "short", "two words of some length", "\x00" * 20, "é" * 20):
        path.write_text(wrong)
        with pytest.raises(InputError, match="must have 16 to 1024 printable") as error:
            read_token(path, {})
        assert not wrong.strip() or wrong not in str(error.value)
    with pytest.raises(InputError, match="STORMLENS_TOKEN must have"):
        read_token(None, {"STORMLENS_TOKEN": ""})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--host", "0.0.0.0"), "none may without a token"),
        (("--host", "203.0.113.9"), "none may without a token"),
        (("--host", " "), "An empty name is not an address"),
        (("--port", "70000"), "Port 70000 does not exist"),
        (("--allow-host", "http://a"), "is not a host name"),
        (("--max-boxes", "0"), "The limit boxes is 0"),
        (("--max-seconds", "-1"), "The limit seconds is -1"),
        (("--token-file", "no/such/file"), "does not exist"),
        (("no-such-run",), "no-such-run does not exist"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(arguments, words):
    result = CliRunner().invoke(app, ["serve", "--port", "0", *arguments])
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stderr.count("\n") <= 2


def test_a_port_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["serve", "--port", port])
    assert result.exit_code == 2
    assert f"Port {port} cannot be used" in result.stderr


@pytest.mark.parametrize("package", ["uvicorn", "fastapi", "httptools"])
def test_a_missing_package_is_told_with_what_brings_it(package):
    code = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        "from stormlens.cli import run\n"
        "sys.argv = ['stormlens', 'serve', '--port', '0']\n"
        "run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"Serving needs {package}" in done.stderr
    assert '".[serve]"' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_told_to_end_it_answers_what_it_has_begun(images):
    before = f"import stormlens.serve._server as server\nserver._LAST_SECONDS = {PATIENCE:.0f}"
    server = Running(before=before)
    many = npy(np.tile(images, (60, 1, 1)))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(server.classify(many)))
    thread.start()
    until(lambda: server.counted("stormlens_in_flight"), "a request in flight")
    server.process.send_signal(signal.SIGTERM)
    thread.join()
    assert len(answers[0].json()["boxes"]) == 360
    assert server.stop() == 0


def test_interrupted_it_stops():
    server = Running()
    assert server.classify(npy(BOX)).status_code == 200
    assert server.stop(signal.SIGINT) == 130


@pytest.mark.slow
def test_a_run_of_ones_own_answers_with_its_own_sizes_and_classes(tmp_path):
    network = Network.untrained("chapter-relu", (64, 80, 1), 2, 0)
    classifier = Classifier(network, "chapter-relu", ("day", "night"))
    classifier.save(tmp_path / "run")
    image = np.full((64, 80), 30, np.uint8)
    server = Running(tmp_path / "run")
    try:
        answer = server.classify(npy(image)).json()
        due = classifier.probabilities(image[np.newaxis])[0]
        assert list(answer["boxes"][0]["probabilities"].values()) == pytest.approx(due.tolist())
        assert answer["modes"] == ["day", "night"]
        assert answer["simulated_training"] is None
        assert "plausible" not in answer["boxes"][0]
        wrong = server.classify(npy(BOX))
        assert "136 x 136 pixels; 64 x 80 are needed" in wrong.json()["error"]
    finally:
        assert server.stop() == 0


@pytest.mark.slow
def test_an_ensemble_tells_how_far_its_members_disagree(tmp_path):
    members = [Network.untrained("chapter-relu", (64, 80, 1), 2, seed) for seed in (0, 1)]
    classifier = Classifier(Ensemble(members), "chapter-relu", ("day", "night"))
    classifier.save(tmp_path / "run")
    images = np.random.default_rng(0).integers(0, 60, (3, 64, 80), np.uint8)
    due = classifier.predict(make_boxes(images, source="a test")).disagreement
    server = Running(tmp_path / "run")
    try:
        found = [box["disagreement"] for box in server.classify(npy(images)).json()["boxes"]]
        assert found == pytest.approx(due.tolist(), abs=1e-4)
        stream = pa.ipc.open_stream(server.classify(npy(images), Accept=ARROW).content)
        assert stream.read_all()["disagreement"].to_pylist() == pytest.approx(found, abs=1e-6)
    finally:
        assert server.stop() == 0


def test_nothing_heavy_is_loaded_until_it_is_asked_for():
    code = (
        "import asyncio, sys, httpx, numpy, io\n"
        "from stormlens.models import Classifier\n"
        "from stormlens.serve import create_app\n"
        "import uvicorn, stormlens.serve._server, stormlens.serve._protocol\n"
        "app = create_app(Classifier.shipped())\n"
        "print(*sorted(name.split('.')[0] for name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"fastapi", "jax", "keras", "pyarrow", "pydantic", "scipy", "xarray", "h5py", "PIL"}
    assert not heavy & set(done)


def test_limits_are_numbers_above_nothing():
    assert Limits().boxes == 1024
    with pytest.raises(InputError, match="bodies_mib, 512, is less than one body"):
        Limits(body_mib=1000)
    with pytest.raises(InputError, match="give a number above 0"):
        Limits(decoders=0)


def test_the_application_serves_elsewhere_too():
    assert callable(create_app(Classifier.shipped(), token=TOKEN))
