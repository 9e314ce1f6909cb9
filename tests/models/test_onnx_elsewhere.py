"""The code of docs/howto/export.md, run as it stands there: by Python, by Node, in a browser."""

import functools
import http.server
import json
import re
import shutil
import subprocess
import threading
from pathlib import Path

import numpy as np
import numpy.testing as npt
import pytest
from apart import apart, browser_path
from patience import PATIENCE
from runtimes import import_openvino
from web_packages import ROOT, node

from stormlens.datasets import write_samples
from stormlens.models import Classifier, Network, export_onnx, list_models

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PAGE = ROOT / "docs" / "howto" / "export.md"
WEB = ROOT / "build" / "onnxruntime-web" / "node_modules"
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def block(language, words):
    found = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (code,) = [code for code in found if words in code]
    return code


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as the page has it: the classifier, what it is, samples."""
    folder = tmp_path_factory.mktemp("elsewhere")
    write_samples(folder / "sample")
    classifier = Classifier.shipped()
    export_onnx(classifier, folder / "storms.onnx")
    facts = {"gives": {"classes": list(classifier.classes)}}
    (folder / "storms.json").write_text(json.dumps(facts))
    (folder / "storms.mjs").write_text(block("javascript", "storms.mjs:"))
    (folder / "classify.mjs").write_text(block("javascript", "classify.mjs:"))
    (folder / "index.html").write_text(block("html", "ort.wasm.min.mjs"))
    return folder


@pytest.fixture(scope="module")
def due(place):
    return Classifier.shipped().probabilities(np.load(place / "sample" / "boxes.npy"))


@pytest.fixture(scope="module")
def web():
    """The packages that continuous integration installs."""
    if not (WEB / "onnxruntime-web").is_dir():
        pytest.skip("onnxruntime-web is not in build/, where .ci/run installs it")
    return WEB


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_python_answers_as_the_classifier_does(place, due, monkeypatch, runtime, capsys):
    if runtime == "openvino":
        import_openvino()
    monkeypatch.chdir(place)
    found = {}
    exec(block("python", f"import {runtime}"), found)
    npt.assert_allclose(found["probabilities"], due, rtol=0, atol=1e-5)
    if runtime == "onnxruntime":
        classes = Classifier.shipped().classes
        assert capsys.readouterr().out == f"{[classes[i] for i in due.argmax(1)]}\n"


@pytest.mark.slow
def test_node_answers_as_the_classifier_does(place, due, web):
    program = node()
    if not (place / "node_modules").exists():
        (place / "node_modules").symlink_to(web)
    for count in (1, 7, 64, 0):
        boxes = np.resize(np.load(place / "sample" / "boxes.npy"), (count, 136, 136))
        np.save(place / "some.npy", boxes)
        command = [program, "classify.mjs", "some.npy"]
        ended = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=PATIENCE)
        assert ended.returncode == 0, ended.stderr
        found = np.array(json.loads(ended.stdout)).reshape(-1, due.shape[1])
        npt.assert_allclose(found, Classifier.shipped().probabilities(boxes), rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", [held.name for held in list_models() if held.is_network])
def test_node_answers_as_every_network_of_the_zoo_does(name, place, web, tmp_path):
    program = node()
    (tmp_path / "node_modules").symlink_to(web)
    for script in ("storms.mjs", "classify.mjs"):
        shutil.copy(place / script, tmp_path)
    classifier = Classifier(Network.untrained(name, (136, 136, 1), 6, seed=5), name, maximum=74.0)
    export_onnx(classifier, tmp_path / "storms.onnx")
    boxes = np.load(place / "sample" / "boxes.npy")
    command = [program, "classify.mjs", place / "sample" / "boxes.npy"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended.stderr
    found = np.array(json.loads(ended.stdout))
    npt.assert_allclose(found, classifier.probabilities(boxes), rtol=0, atol=1e-5)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def address(place, web):
    for name in RUNTIME:
        shutil.copy(web / "onnxruntime-web" / "dist" / name, place)
    handler = functools.partial(Quiet, directory=str(place))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


@pytest.mark.browser
@pytest.mark.slow
def test_the_page_answers_in_a_browser(place, due, address):
    path = browser_path()
    sync_api = pytest.importorskip("playwright.sync_api")
    wrong = []

    def look():
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = browser.new_page()
            page.set_default_timeout(1000 * PATIENCE)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.goto(address, wait_until="networkidle")
            page.set_input_files("input", str(place / "sample" / "boxes.npy"))
            page.wait_for_selector("li")
            lines = page.locator("li").all_text_contents()
            browser.close()
            return lines

    lines = apart(look)
    classes = Classifier.shipped().classes
    assert lines == [f"{classes[row.argmax()]}: {100 * row.max():.1f} %" for row in due]
    assert wrong == []


def test_what_is_installed_is_pinned():
    lock = json.loads((Path(__file__).with_name("browser") / "package-lock.json").read_text())
    packages = [held for name, held in lock["packages"].items() if name]
    assert packages
    assert all(held["integrity"].startswith("sha512-") for held in packages)
