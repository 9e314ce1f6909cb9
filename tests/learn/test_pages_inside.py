"""Inside a network, as a newcomer meets it in a real browser: every number is checked."""

import contextlib
import re
from collections.abc import Iterator
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from visits import DESK, LOOKS, PHONE, Visit, plain

from stormlens import insight
from stormlens.datasets import load, make_dataset
from stormlens.learn import serve
from stormlens.models import Classifier, build, import_keras

pytestmark = pytest.mark.browser

STORM = "stormlens-inside"
COMPUTES = "/Computing: [1-9]/.test(c.shadowRoot.querySelector('.why').textContent)"


@pytest.fixture(scope="module")
def shipped():
    return Classifier.shipped()


@pytest.fixture(scope="module")
def dataset():
    """Simulated boxes, of which one has a label that the network will not give it."""
    dataset = load("simulated", "test", count=12)
    dataset["mode"][7] = 2
    return dataset


@pytest.fixture(scope="module")
def front(dataset) -> Iterator[str]:
    server = serve(show=False, threaded=True, dataset=dataset)
    yield server.addresses[-1]
    server.stop()


class Inside(Visit):
    def open(self, query=""):
        self.page.goto("about:blank")
        self.page.goto(f"{self.front}#/inside{query}")
        self.page.locator(f"{STORM} .class.best").first.wait_for()
        self.settle()
        self.settle()

    def press_until(self, selector, words, *values):
        """Press until it tells: a page that still moves takes it from under the finger."""
        for _ in range(4):
            self.press(selector)
            with contextlib.suppress(AssertionError):
                return self.wait_for(words, *values, seconds=30)
        raise AssertionError(f"{selector} was pressed, and {words} does not come to hold")

    def shown_number(self):
        """The number that is taken apart: the sum that stands there, and the network's own."""
        check = self.page.locator(".made .check").first
        assert "agrees" in check.get_attribute("class")
        return float(check.get_attribute("data-sum")), float(check.get_attribute("data-engine"))

    def storm_number(self):
        return self.wait_for("c.outputs.answer && c.settings.storm + 1") - 1


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0][0]}-{look[1]}")
def look(request):
    return request.param


@pytest.fixture
def visit(chromium, front):
    contexts = []

    def open_page(query="", look=(DESK, "light"), front=front):
        (width, height), scheme = look
        touch = (width, height) == PHONE
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=touch
        )
        contexts.append(context)
        made = Inside(context.new_page(), front, "inside", touch)
        made.open(query)
        return made

    yield open_page
    for context in contexts:
        context.close()


def answer_of(classifier, box):
    """What the page says of a box: one look at it, at the classifier's own temperature."""
    bounds = (classifier.minimum, classifier.maximum)
    return classifier.tempered(classifier.network.probabilities(box[None], bounds))[0]


def check_answer(page, classifier, box):
    expected = answer_of(classifier, box)
    told = page.component("c.outputs")
    assert told["answer"] == classifier.classes[int(expected.argmax())]
    assert told["probability"] == pytest.approx(float(expected.max()), abs=2e-5)
    return expected


@pytest.mark.slow
def test_inside_from_first_sight_to_last_task(visit, look, shipped, dataset):
    page = visit(look=look)
    boxes = dataset["reflectivity"].values
    check_answer(page, shipped, boxes[page.component("c.settings.storm")])
    assert page.page.locator(".facts .badge").inner_text() == "SIMULATED"
    assert "guess" in page.text(".facts")
    assert not any(page.done(task) for task in ("pool", "paint", "wrong"))

    # A map of the second convolution is chosen, and one of its pixels is taken apart.
    page.press(".column[data-step='2'] .tile:nth-child(3)")
    page.wait_for("c.settings.layer === 2")
    page.settle()
    column, row = 21, 40
    point = page.pixel(".detail .large", row, column, 65)
    page.drag([point, point])
    assert page.component("c.settings.pixel") == [row, column]
    total, engine = page.shown_number()
    assert total == pytest.approx(engine, abs=1e-4)
    assert page.component("c.outputs.value") == pytest.approx(engine, abs=1e-6)
    assert f"row {row} from the south, column {column}" in page.text(".detail .where")
    said = plain(page.page.locator(".detail .large").get_attribute("aria-label"))
    assert said == f"{page.text('.map h3')}. {page.text('.detail .where')}"
    assert page.page.locator(".product").count() == 3
    page.check_look()
    page.check_access()

    # The strongest number of the layer wins its pool.
    page.press("button:has-text('Strongest of the layer')")
    page.settle()
    assert "wins" in page.text(".next .fate")
    strongest = page.component("c.outputs.value")
    page.press(".next button:has-text('Follow')")
    page.settle()
    assert page.component("c.settings.layer") == 3
    assert page.component("c.outputs.value") == pytest.approx(strongest, abs=1e-6)
    assert page.done("pool")
    page.wait_for("c.shadowRoot.querySelectorAll('.follow:not([aria-busy]) tbody tr').length > 8")
    assert len(page.page.locator(".lines path").all()) > 4

    # Echo is painted until the answer is another.
    page.press(".segments label:has-text('What if')")
    before = page.component("c.outputs.answer")
    page.set(size=41, brush=70)
    for down in (20, 60, 100):
        page.drag([page.pixel(".what-if .picture", down, x) for x in (8, 50, 90, 127)])
    page.wait_for("c.outputs.answer !== v[0]", before)
    assert page.done("paint")
    assert "a link cannot hold them" in page.text(".inside")
    page.check_look()
    page.check_access()
    page.press_until("button:has-text('The storm as it was')", "c.outputs.answer === v[0]", before)

    # One that it gets wrong comes first, once it was asked for all.
    page.wait_for("/wrong/.test(c.shadowRoot.querySelector('.shelf [role=status]').textContent)")
    page.page.get_by_label("Order").select_option("wrong")
    page.settle()
    answers = np.array([answer_of(shipped, box) for box in boxes])
    truth = dataset["mode"].values
    wrong = 1 - answers[np.arange(len(truth)), truth]
    first = page.page.locator(".storm").first
    number = int(re.search(r"storm (\d+)", first.get_attribute("aria-label"))[1])
    assert wrong[number] == pytest.approx(wrong.max(), abs=1e-4)
    assert number == 7
    last = page.page.locator(".storm").last
    right = re.search(r"storm \d+", last.get_attribute("aria-label"))[0].capitalize()
    page.press(".storm:last-child")
    page.wait_for("c.shadowRoot.querySelector('.facts').textContent.includes(v[0])", f"{right}:")
    assert "That is its label" in page.text(".facts")
    assert not page.done("wrong")
    page.press_until(".storm:first-child", "c.shadowRoot.querySelector('[data-task=wrong].done')")
    assert page.component("c.settings.storm") == number
    assert "Wrong: its label is Tropical" in page.text(".facts")
    page.check_look()


# Of a column's canvas: how much of each tile's middle is filled, and of the gaps between tiles.
FILLED = """[...c.shadowRoot.querySelectorAll('.column .sheet')].map(canvas => {
  const context = canvas.getContext('2d');
  const [around, dense] = [canvas.getBoundingClientRect(), canvas.width / canvas.clientWidth];
  const alpha = (x, y) => context.getImageData(
    Math.round((x - around.x) * dense), Math.round((y - around.y) * dense), 1, 1).data[3];
  const boxes = [...canvas.parentElement.querySelectorAll('.tile')]
    .map(tile => tile.getBoundingClientRect());
  return [
    boxes.map(box => alpha(box.x + box.width / 2, box.y + box.height / 2)),
    boxes.slice(1).map((box, i) => alpha((boxes[i].right + box.left) / 2,
      (boxes[i].bottom + box.top) / 2)),
  ];
})"""


def test_maps_lie_under_their_buttons_at_any_width(visit, look):
    page = visit(look=look)
    for width in (look[0][0], 700, 360):
        page.page.set_viewport_size({"width": width, "height": 900})
        page.settle()
        columns = page.component(FILLED)
        assert len(columns) == 16
        assert sum(len(tiles) for tiles, _ in columns) > 100
        for tiles, gaps in columns:
            assert set(tiles) == {255}
            assert set(gaps) <= {0}
    assert page.trouble == []


@pytest.mark.slow
def test_every_layers_numbers_add_up(visit):
    page = visit()
    steps = page.component(
        "[...c.shadowRoot.querySelectorAll('.column')].map(e => Number(e.dataset.step))"
    )
    assert len(steps) == 17
    rng = np.random.default_rng(5)
    for step in steps[1:]:
        for _ in range(3):
            row, column = (int(part) for part in rng.integers(0, 6, 2))
            page.set(layer=step, map=int(rng.integers(0, 6)), pixel=[row, column])
            page.settle()
            total, engine = page.shown_number()
            assert total == pytest.approx(engine, abs=1e-4)
    assert page.trouble == []


@pytest.mark.slow
def test_own_networks_of_any_chain_add_up_too(visit, dataset):
    keras = import_keras()
    keras.utils.set_random_seed(3)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((136, 136, 1)),
            layers.Conv2D(6, 5, strides=3, padding="same"),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.1),
            layers.AveragePooling2D(2),
            layers.SeparableConv2D(8, 3, activation="tanh"),
            layers.LayerNormalization(),
            layers.MaxPooling2D(3, strides=2, padding="same"),
            layers.Conv2D(8, 3, dilation_rate=2, groups=2, activation="gelu"),
            layers.Flatten(),
            layers.Dense(12, activation="elu"),
            layers.Dense(6),
            layers.Softmax(),
        ]
    )
    classifier = Classifier(model, None)
    server = serve(show=False, threaded=True, dataset=dataset, classifier=classifier)
    try:
        page = visit(front=server.addresses[-1])
        check_answer(page, classifier, dataset["reflectivity"].values[0])
        steps = page.component(
            "[...c.shadowRoot.querySelectorAll('.column')].map(e => Number(e.dataset.step))"
        )
        assert len(steps) >= 11
        for step in steps[1:]:
            page.set(layer=step, map=3, pixel=[2, 1])
            page.settle()
            total, engine = page.shown_number()
            assert total == pytest.approx(engine, abs=1e-4 * max(1, abs(engine)))
        assert page.trouble == []
    finally:
        server.stop()


@pytest.mark.slow
def test_the_classifier_of_a_run_answers_on_its_page(visit, tmp_path, dataset):
    run = Classifier(build("chapter-relu", seed=2), "chapter-relu").save(tmp_path / "run")
    loaded = Classifier.load(run)
    server = serve(show=False, threaded=True, dataset=dataset, classifier=loaded, title="Mine")
    try:
        page = visit(front=server.addresses[-1])
        check_answer(page, loaded, dataset["reflectivity"].values[0])
        assert page.trouble == []
    finally:
        server.stop()


def test_why_an_answer_is_given_is_what_insight_says(visit, shipped, dataset):
    page = visit("?view=why")
    page.page.locator(".why .picture canvas").wait_for()
    methods = {
        "gradient": insight.gradient,
        "grad-cam": insight.grad_cam,
        "occlusion": insight.occlusion,
    }
    storm = dataset.isel(storm=[0])
    for name, method in methods.items():
        page.set(method=name)
        page.wait_for("!c.shadowRoot.querySelector('.why [role=status]').textContent")
        words = plain(page.page.locator(".why .picture").get_attribute("aria-label"))
        row, column, value = re.search(r"row (\d+) .* column (\d+) .*, (\S+)$", words).groups()
        expected = method(shipped, storm)["attribution"].values[0]
        assert float(value) == pytest.approx(
            float(expected[int(row), int(column)]), rel=2e-3, abs=1e-6
        )
        assert np.abs(expected).max() == pytest.approx(abs(float(value)), rel=2e-3)
    assert page.trouble == []


def test_inside_by_keyboard_alone(visit):
    page = visit()
    keys = page.page.keyboard
    page.tab_to(".storm")
    keys.press("ArrowRight")
    page.wait_for("c.settings.storm === 1")
    page.tab_to(".tile")
    keys.press("ArrowRight")
    keys.press("ArrowDown")
    keys.press("Enter")
    page.settle()
    layer, chosen = page.component("[c.settings.layer, c.settings.map]")
    assert layer == 1
    assert chosen >= 0
    page.tab_to(".detail .large")
    keys.press("Shift+ArrowLeft")
    keys.press("ArrowDown")
    page.settle()
    first = page.component("c.settings.pixel")
    keys.press("ArrowDown")
    page.settle()
    assert page.component("c.settings.pixel") == [first[0] - 1, first[1]]
    total, engine = page.shown_number()
    assert total == pytest.approx(engine, abs=1e-4)
    page.page.locator(".segments input:checked").first.focus()
    for _ in range(2):
        keys.press("ArrowRight")
    page.wait_for("c.settings.view === 'paint'")
    page.settle()
    before = page.component("c.outputs.probability")
    page.tab_to(".what-if .picture")
    for _ in range(12):
        keys.press("Shift+ArrowUp")
        keys.press("Shift+ArrowRight")
        keys.press(" ")
    page.wait_for("c.outputs.probability !== v[0]", before)
    assert page.page.locator("button:has-text('Undo')").is_enabled()
    assert page.trouble == []


def test_a_link_shows_the_same_number_again(visit):
    page = visit()
    page.set(storm=4, layer=6, map=7, pixel=[10, 3], all=True)
    page.wait_for("c.outputs.value !== undefined")
    address = page.address()
    assert address == "#/inside?storm=4&layer=6&map=7&pixel=10,3&all=true"
    again = visit(address.removeprefix("#/inside"))
    assert again.component("c.outputs") == page.component("c.outputs")
    assert again.text(".made h3") == page.text(".made h3")
    assert again.page.locator(".every .tile").count() == 64


def png_of(box, mode="P"):
    picture = Image.fromarray(box, "L")
    if mode == "P":
        picture = Image.fromarray(box, "P")
        picture.putpalette([part for grey in range(256) for part in (grey, 255 - grey, 7)])
    elif mode == "RGB":
        picture = Image.merge("RGB", [picture] * 3)
    content = BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def npy_of(values):
    content = BytesIO()
    np.save(content, values)
    return content.getvalue()


def drop(page, *files):
    page.page.locator("input[type=file]").set_input_files(
        [{"name": name, "mimeType": "", "buffer": content} for name, content in files]
    )


def test_own_boxes_are_shown_and_foreign_ones_refused(visit, shipped, dataset):
    page = visit()
    box = dataset["reflectivity"].values[7]
    drop(page, ("mine.png", png_of(box)))
    page.wait_for("c.settings.storms === 'dropped'")
    page.wait_for("/Nobody/.test(c.shadowRoot.querySelector('.facts').textContent)")
    check_answer(page, shipped, box)
    assert page.page.locator(".facts .badge").count() == 0  # the file does not say so
    assert "a link cannot hold them" in page.text(".inside")

    several = dataset["reflectivity"].values[2:5].astype(float) + 0.5
    drop(page, ("several.npy", npy_of(np.minimum(several, 80))))
    page.wait_for("c.shadowRoot.querySelectorAll('.storm').length === 3")
    page.set(storm=2)
    page.wait_for("/Storm 2/.test(c.shadowRoot.querySelector('.facts').textContent)")
    check_answer(page, shipped, np.minimum(several, 80).astype(np.uint8)[2])

    refused = {
        ("colours.png", png_of(box, "RGB")): "is a picture in colours; a storm box keeps its dBZ",
        ("short.png", png_of(box)[:-20]): "short.png is a PNG image cut short",
        ("small.npy", npy_of(box[:40, :30])): "40 x 30 pixels; this network takes 136 x 136",
        ("high.npy", npy_of(box + 100)): "which is above 80",
        ("notes.txt", b"a letter"): "notes.txt is neither a PNG nor an NPY file",
        ("model.keras", b"PK"): "stormlens learn --run RUN",
        ("weights.safetensors", b"PK"): "classifier.json is missing",
    }
    for file, sentence in refused.items():
        drop(page, file)
        page.wait_for(
            "c.shadowRoot.querySelector('.note.error')?.textContent.includes(v[0])", sentence
        )

    # What grey stands for is asked: here north is up, and each step is half a dBZ.
    drop(page, ("grey.png", png_of((2 * box)[::-1], "L")))
    page.page.get_by_label("dBZ for each step of grey").fill("0.5")
    page.press("button:has-text('Read it')")
    page.wait_for("c.shadowRoot.querySelectorAll('.storm').length === 1")
    page.wait_for("/Storm 0/.test(c.shadowRoot.querySelector('.facts').textContent)")
    check_answer(page, shipped, box)
    assert page.trouble == []


def test_a_box_is_dropped_from_outside(visit, shipped, dataset):
    page = visit()
    box = dataset["reflectivity"].values[5]
    page.component(
        """(() => {
            const files = new DataTransfer();
            files.items.add(new File([Uint8Array.from(v[0])], "mine.npy"));
            const event = new DragEvent("drop", { dataTransfer: files, bubbles: true });
            c.shadowRoot.querySelector(".inside").dispatchEvent(event);
        })()""",
        list(npy_of(box)),
    )
    page.wait_for("/Nobody/.test(c.shadowRoot.querySelector('.facts').textContent)")
    check_answer(page, shipped, box)


def drop_from_outside(page, *paths):
    """Drop files and folders of this machine, as out of a window of its own."""
    x, y = page.middle(".facts")
    session = page.page.context.new_cdp_session(page.page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})
    session.detach()


def test_a_folder_of_many_boxes_is_dropped_and_a_file_beside_it(visit, tmp_path, dataset):
    boxes = dataset["reflectivity"].values
    folder = tmp_path / "boxes"
    folder.mkdir()
    for number in range(130):  # more than a browser gives of a folder at a time
        np.save(folder / f"{number:03d}.npy", boxes[number % 12])
    np.save(tmp_path / "beside.npy", boxes[3])
    page = visit()
    drop_from_outside(page, folder, tmp_path / "beside.npy")
    page.wait_for("c.shadowRoot.querySelectorAll('.storm').length === 131")
    assert page.trouble == []


def test_of_more_boxes_than_a_page_shows_it_says_how_many_are_here(visit, dataset):
    page = visit()
    drop(page, ("many.npy", npy_of(dataset["reflectivity"].values.repeat(8, 0))))
    page.wait_for("c.shadowRoot.querySelectorAll('.storm').length === 64")
    page.wait_for("c.shadowRoot.textContent.includes('Of 96 boxes, 64 are here.')")


def test_what_is_dropped_last_is_shown(visit, shipped, dataset):
    page = visit()
    box = dataset["reflectivity"].values[5]
    page.component(
        """(() => {
            const slow = new File([], "slow.npy");
            slow.arrayBuffer = () => new Promise((done) => (globalThis.readSlow = done));
            const event = new DragEvent("drop", { bubbles: true });
            const items = [{ kind: "file", getAsFile: () => slow }];
            Object.defineProperty(event, "dataTransfer", { value: { items } });
            c.shadowRoot.querySelector(".inside").dispatchEvent(event);
        })()"""
    )
    page.wait_for("globalThis.readSlow !== undefined")
    drop(page, ("mine.npy", npy_of(box)))
    page.wait_for("/Nobody/.test(c.shadowRoot.querySelector('.facts').textContent)")
    check_answer(page, shipped, box)
    page.component("globalThis.readSlow(new ArrayBuffer(3))")
    page.settle()
    assert page.page.locator(".note.error").count() == 0
    check_answer(page, shipped, box)
    assert page.trouble == []


def test_own_networks_are_opened_and_damaged_ones_refused(visit, tmp_path, dataset):
    own = Classifier(build("svrimg-3conv", seed=4), "svrimg-3conv")
    run = own.save(tmp_path / "run")
    card, weights = ((run / n).read_bytes() for n in ("classifier.json", "weights.safetensors"))
    page = visit()
    drop(page, ("classifier.json", card), ("weights.safetensors", weights))
    page.wait_for("c.settings.network === 'dropped'")
    page.wait_for("c.shadowRoot.querySelectorAll('.column').length === 9")
    check_answer(page, own, dataset["reflectivity"].values[0])
    page.set(layer=4, map=5, pixel=[3, 3])
    total, engine = page.shown_number()
    assert total == pytest.approx(engine, abs=1e-4)

    changed = bytearray(weights)
    changed[-3] ^= 8
    for files, sentence in (
        ([("classifier.json", card)], "weights.safetensors is missing"),
        (
            [("classifier.json", card), ("weights.safetensors", bytes(changed))],
            "is not the file that classifier.json was written with",
        ),
        (
            [("classifier.json", card), ("weights.safetensors", weights[:-8])],
            "weights.safetensors is damaged",
        ),
        (
            [("classifier.json", b"{"), ("weights.safetensors", weights)],
            "classifier.json is damaged: it is no JSON",
        ),
    ):
        drop(page, *files)
        page.wait_for(
            "c.shadowRoot.querySelector('.note.error')?.textContent.includes(v[0])", sentence
        )
    assert page.trouble == []


def test_memory_stays_flat_over_storms(visit):
    page = visit()
    session = page.page.context.new_cdp_session(page.page)

    def held():
        """Bytes and nodes when the page is quiet: maps of the next storm may be on their way."""
        found = []
        for _ in range(5):
            page.rest(300)
            session.send("HeapProfiler.collectGarbage")
            used = session.send("Runtime.getHeapUsage")
            nodes = session.send("Memory.getDOMCounters")["nodes"]
            found.append((used["usedSize"] + used.get("backingStorageSize", 0), nodes))
        return min(found)

    def pass_storms(count):
        for i in range(count):
            page.component("c.set({ storm: v[0] })", i % 12)
            page.wait_for(
                "c.shadowRoot.querySelector('.now')?.textContent.includes(`Storm ${v[0]}:`)", i % 12
            )

    pass_storms(24)
    before = held()
    pass_storms(60)
    after = held()
    assert after[0] < before[0] + 4e6
    assert after[1] < before[1] + 300


def test_storms_without_a_label_or_of_another_size(visit, dataset):
    boxes = make_dataset(dataset["reflectivity"].values[:3], source="SIMULATED", simulated=True)
    server = serve(show=False, threaded=True, dataset=boxes)
    try:
        page = visit(front=server.addresses[-1])
        assert "Nobody labelled it" in page.text(".facts")
        assert page.page.locator(".facts .badge").count() == 1
        assert page.trouble == []
    finally:
        server.stop()


def test_the_page_may_change_its_width_and_theme(visit):
    page = visit("?layer=4&map=3")
    page.wait_for("c.shadowRoot.querySelectorAll('.lines path').length > 4")
    for width in (1440, 1024, 700, 360, 768, 1920):
        for theme in ("light", "projector"):
            page.page.set_viewport_size({"width": width, "height": 900})
            page.component("c.setAttribute('theme', v[0])", theme)
            page.rest(150)
            page.settle()
            page.check_look()
            below = page.component(
                "(() => { const at = n => c.shadowRoot.querySelectorAll('.column')[n].offsetTop;"
                " return at(1) > at(0) + 20; })()"
            )
            assert below == (width < 46 * (16 if theme == "light" else 20.8))
            scrolls = page.component(
                "(o => o.scrollWidth > o.clientWidth + 1)(c.shadowRoot.querySelector('.overview'))"
            )
            assert not (scrolls and (below or width >= 1440))


def test_the_page_is_left_in_the_midst_of_its_work(visit):
    page = visit("?view=why&method=grad-cam")
    it_computes = page.watch(COMPUTES)
    page.set(method="occlusion")
    it_computes()
    page.check_access()
    page.page.evaluate("location.hash = '#/neuron'")
    page.page.locator("stormlens-neuron .drawing").first.wait_for()
    it_asks = page.watch("/Asking/.test(c.shadowRoot.querySelector('.shelf')?.textContent)")
    page.page.evaluate("location.hash = '#/inside?storm=3'")
    it_asks()
    page.page.evaluate("location.hash = '#/neuron'")
    page.rest(1500)
    page.page.evaluate("location.hash = '#/inside'")
    page.page.locator(f"{STORM} .class.best").first.wait_for()
    assert page.trouble == []


def test_a_network_and_boxes_of_its_size_come_together(visit, tmp_path):
    page = visit()
    for seed in (1, 2):
        model = build("svrimg-3conv", input_shape=(62, 62, 1), seed=seed)
        own = Classifier(model, "svrimg-3conv", provenance={"training_simulated": False})
        run = own.save(tmp_path / str(seed))
        network = [(n, (run / n).read_bytes()) for n in ("classifier.json", "weights.safetensors")]
        boxes = np.random.default_rng(seed).integers(0, 80, (seed, 62, 62)).astype(np.uint8)
        drop(page, *network, ("boxes.npy", npy_of(boxes)))
        page.wait_for(f"c.shadowRoot.querySelectorAll('.storm').length === {seed}")
        page.wait_for("/Nobody/.test(c.shadowRoot.querySelector('.facts').textContent)")
        page.wait_for(
            "Math.abs(c.outputs.probability - v[0]) < 2e-5", float(answer_of(own, boxes[0]).max())
        )
        assert "Trained on storms that were not simulated." in page.text(".facts")
    assert page.trouble == []


def test_another_method_stands_against_one_that_is_still_computed(visit):
    page = visit("?view=why&method=grad-cam")
    page.wait_for("/^Grad-CAM/.test(c.shadowRoot.querySelector('.why .picture').ariaLabel ?? '')")
    page.wait_for("!c.shadowRoot.querySelector('.why [role=status]').textContent")
    it_computes = page.watch(COMPUTES)
    page.set(method="occlusion")
    it_computes()
    page.set(method="grad-cam")
    page.wait_for("/^Grad-CAM/.test(c.shadowRoot.querySelector('.why .picture').ariaLabel ?? '')")
    page.rest(1000)  # in which what was left would have come
    assert page.page.locator(".why .picture").get_attribute("aria-label").startswith("Grad-CAM")
    assert page.text(".why [role=status]") == ""
    page.set(method="occlusion")
    page.wait_for("/^Occlusion/.test(c.shadowRoot.querySelector('.why .picture').ariaLabel ?? '')")
    page.wait_for("!c.shadowRoot.querySelector('.why [role=status]').textContent")
    assert page.trouble == []


def test_what_a_number_sees_follows_the_mouse(visit):
    page = visit("?layer=0&map=1&pixel=10,10")
    field = "c.shadowRoot.querySelector('.tile .field').style.left"
    page.wait_for(f"{field} === v[0]", f"{100 * 10 / 136:.5f}%".rstrip("0"))
    page.page.mouse.move(*page.pixel(".large", 60, 90, 134))
    page.wait_for(f"Math.abs(parseFloat({field}) - v[0]) < 0.01", 100 * 90 / 136)
    page.page.mouse.move(1, 1)
    page.wait_for(f"Math.abs(parseFloat({field}) - v[0]) < 0.01", 100 * 10 / 136)


def test_paint_that_is_taken_back_is_no_paint(visit):
    page = visit("?view=paint")
    page.page.locator(".what-if .picture canvas").wait_for()
    page.press(".large")
    page.wait_for("/with your paint/.test(c.shadowRoot.querySelector('.facts').textContent)")
    page.press("button:has-text('Undo')")
    page.wait_for("!/with your paint/.test(c.shadowRoot.querySelector('.facts').textContent)")
    assert page.page.get_by_role("button", name="The storm as it was").is_disabled()


def test_what_is_said_of_storms_is_of_those_on_the_shelf(visit):
    server = serve(show=False, threaded=True)
    try:
        page = visit(front=server.addresses[-1])
        said = "c.shadowRoot.querySelector('.shelf [role=status]').textContent"
        for storms, count in (("few", 24), ("validation", 110), ("few", 24)):  # known at last
            page.set(storms=storms)
            page.wait_for(f"{said}.includes(`of these ${{v[0]}} storms`)", count)
    finally:
        server.stop()


def test_it_lives_again_where_it_is_put_back(visit):
    page = visit()
    page.wait_for("c.outputs.answer")
    page.component("(globalThis.kept = c).remove()")
    page.rest(300)
    page.page.evaluate("document.querySelector('main').append(globalThis.kept)")
    page.set(storm=5)
    page.wait_for("/Storm 5/.test(c.shadowRoot.querySelector('.facts').textContent)")
    page.wait_for("/of these 12 storms/.test(c.shadowRoot.querySelector('.shelf').textContent)")
    assert page.trouble == []
