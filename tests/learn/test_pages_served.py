"""Pages as they are served and exported: alive under the server's own rules, wherever they lie."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import numpy.testing as npt
import pytest
from visits import DESK, Visit

from stormlens.datasets import make_dataset
from stormlens.learn import COMPONENTS, bundle, export, serve
from stormlens.models import Classifier, import_keras

pytestmark = pytest.mark.browser

CLASSES = ("rain", "core")
IDEAS = [slug for slug in COMPONENTS if slug not in ("train", "inside")]
UNDER = "class/of/2026"


def own_boxes():
    """Boxes of two classes, fewer than are shown first, with splits to train on."""
    rng = np.random.default_rng(4)
    images = np.zeros((20, 136, 136), np.uint8)
    for i in range(20):
        row, column = rng.integers(20, 100, 2)
        images[i, row : row + (4 if i % 2 else 30), column : column + 8] = 30 + i
    boxes = make_dataset(images, np.arange(20) % 2, classes=CLASSES, source="made by hand")
    return boxes.assign_coords(split=("storm", ["train"] * 12 + ["validation"] * 4 + ["test"] * 4))


def own_classifier():
    """A chain of Keras that no name stands for."""
    keras = import_keras()
    keras.utils.set_random_seed(5)
    layers = [
        keras.layers.Conv2D(4, 5, strides=2, padding="same"),
        keras.layers.BatchNormalization(),
        keras.layers.LeakyReLU(),
        keras.layers.AveragePooling2D(3),
        keras.layers.SeparableConv2D(6, 3, activation="elu"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(2, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((136, 136, 1)), *layers])
    rng = np.random.default_rng(6)
    model.layers[1].set_weights([rng.uniform(0.5, 2, 4) for _ in range(4)])
    return Classifier(model, None, CLASSES, 0, 60)


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, as any web host has them, without a line on each."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def host(tmp_path_factory) -> Iterator[str]:
    """A web host with an export in a folder of it, and a page of somebody's own beside it."""
    root = tmp_path_factory.mktemp("host")
    export(root / UNDER, dataset=own_boxes(), classifier=own_classifier(), title="Mine")
    (root / "own.html").write_text(
        '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">'
        f'<script type="module" src="{UNDER}/stormlens.js"></script>'
        '<stormlens-neuron w1="2"><p>Words.</p></stormlens-neuron>'
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    server = serve(show=False, threaded=True)
    yield server.addresses[0]
    server.stop()


@pytest.fixture
def page(chromium) -> Iterator[object]:
    context = chromium.new_context(viewport=dict(zip(("width", "height"), DESK, strict=True)))
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(page):
    """Open a component's page; afterwards, nothing failed and nothing came from elsewhere."""
    asked, visits = [], []
    page.on("request", lambda request: asked.append(request.url))

    def open_page(front, slug):
        visits.append(Visit(page, front, slug))
        visits[-1].open()
        return visits[-1]

    yield open_page
    for made in visits:
        assert made.trouble == []
        foreign = [url for url in asked if not url.startswith((made.front, "blob:", "data:"))]
        assert set(foreign) <= {"about:blank"}


@pytest.mark.parametrize("slug", COMPONENTS)
def test_a_page_lives_under_the_servers_rules(served, visit, slug):
    shown = visit(served, slug)
    assert shown.page.evaluate("crossOriginIsolated")


@pytest.mark.parametrize("slug", ["", *IDEAS])
def test_a_first_view_moves_at_most_300_kilobytes(served, page, slug):
    moved = []
    page.on("response", lambda got: moved.append(int(got.headers.get("content-length", 0))))
    page.goto(f"{served}#/{slug}")
    page.locator(f"stormlens-{slug} .picture canvas" if slug else ".cards img").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    assert len(moved) > 5
    assert 10 < sum(moved) / 1000 < 300


@pytest.mark.slow
@pytest.mark.parametrize("slug", COMPONENTS)
def test_an_exported_page_lives_in_any_folder_of_a_host(host, visit, slug):
    visit(f"{host}{UNDER}/", slug)


@pytest.mark.slow
def test_an_own_page_holds_a_component(host, page):
    trouble = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(f"{host}own.html")
    page.wait_for_function("document.querySelector('stormlens-neuron').outputs?.z === 3")
    assert trouble == []


@pytest.mark.slow
def test_an_own_network_answers_on_own_storms_as_in_python(host, visit):
    shown = visit(f"{host}{UNDER}/", "inside")
    boxes, classifier = own_boxes(), own_classifier()
    test = boxes.isel(storm=slice(16, 20))
    due = classifier.predict(test)["probability"].values
    assert "Mine" in shown.component("c.shadowRoot.textContent")
    assert "SIMULATED" not in shown.component("c.shadowRoot.querySelector('section').innerText")
    for storm in range(4):
        shown.set(storms="test", storm=storm)
        best = int(due[storm].argmax())
        shown.page.wait_for_function(
            f"Math.abs(document.querySelector('stormlens-inside').outputs.probability"
            f" - {due[storm, best]}) < 1e-5"
        )
        assert shown.component("c.outputs.answer") == CLASSES[best]


@pytest.mark.slow
@pytest.mark.parametrize("slug", ["train", "inside"])
def test_a_bundle_computes_with_a_worker_of_its_own(page, slug):
    trouble = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: said.type == "error" and trouble.append(said.text))
    whole = (
        '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">'
        '<body><script type="module">import widget from "./widget.mjs";'
        "const model = { get: () => undefined, set() {}, on() {} };"
        "widget.render({ model, el: document.body });</script>"
    )

    def answer(route, request):
        if request.url.endswith("widget.mjs"):
            route.fulfill(body=bundle([slug]), content_type="text/javascript")
        elif request.url == "https://myst.invalid/":
            route.fulfill(body=whole, content_type="text/html")
        else:
            trouble.append(f"asked for {request.url}")
            route.abort()

    page.route("**/*", answer)
    page.goto("https://myst.invalid/")
    page.wait_for_function("document.body.firstElementChild?.shadowRoot?.querySelector('canvas')")
    if slug == "inside":
        page.wait_for_function("document.body.firstElementChild.outputs.probability > 0.2")
    else:
        page.evaluate("document.body.firstElementChild.set({ storms: '60', epochs: 1 })")
        play = page.locator("button", has_text="Play").first
        play.click()
        page.wait_for_function("document.body.firstElementChild.outputs.epoch === 1")
        loss = page.evaluate("document.body.firstElementChild.outputs.val_loss")
        npt.assert_array_less(0.5, loss)
        npt.assert_array_less(loss, 10)
    assert trouble == []
