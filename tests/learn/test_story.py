"""The whole story as a newcomer walks it, from the first page to the last task, in Chromium."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from click.testing import CliRunner
from hands import Keyboard, Pointer
from visits import DESK, PHONE

from stormlens import concepts
from stormlens.cli.main import app
from stormlens.datasets import load
from stormlens.learn import COMPONENTS, serve
from stormlens.models import Classifier

pytestmark = pytest.mark.browser

UNDER = "courses/storms"


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, as any web host has them, without a line on each."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    server = serve(show=False, threaded=True)
    yield server.addresses[-1]
    server.stop()


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Iterator[str]:
    """A plain web host, which knows nothing of threads, with the pages somewhere on it."""
    root = tmp_path_factory.mktemp("host")
    told = CliRunner().invoke(app, ["learn", "--export", str(root / UNDER)])
    assert told.exit_code == 0, told.output
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/{UNDER}/"
    server.shutdown()
    thread.join()
    server.server_close()


class Way(NamedTuple):
    """How the story is walked."""

    hand: type[Pointer]
    window: tuple[int, int]
    scheme: str
    home: str


WAYS = {
    "mouse": Way(Pointer, DESK, "light", "served"),
    "finger": Way(Pointer, PHONE, "dark", "exported"),
    "keyboard": Way(Keyboard, DESK, "dark", "served"),
}


# Each way takes up to a minute; by finger it is that of an exported page, on a telephone.
MARKS = {"finger": pytest.mark.slow(30)}


@pytest.fixture(
    params=[pytest.param(name, marks=MARKS.get(name, pytest.mark.long(45))) for name in WAYS]
)
def story(request, chromium):
    """A newcomer at the first page; afterwards nothing failed, and nothing came from elsewhere."""
    way = WAYS[request.param]
    front = request.getfixturevalue(way.home)
    context = chromium.new_context(
        viewport=dict(zip(("width", "height"), way.window, strict=True)),
        color_scheme=way.scheme,
        has_touch=way.hand is Pointer and way.window == PHONE,
        permissions=["clipboard-read", "clipboard-write"],
    )
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    walk = way.hand(page, front, "", touch=way.hand is Pointer and way.window == PHONE)
    page.goto(front)
    yield walk
    assert walk.trouble == []
    assert [url for url in asked if not url.startswith((front, "blob:", "data:"))] == []
    context.close()


def test_the_whole_story(story):
    first_page(story)
    for slug, page in PAGES.items():
        go_on_to(story, slug)
        page(story)
        assert all_done(story), story.text(".tasks")
        check_look(story)
        story.check_access()
    a_link_shows_the_same_again(story)


def first_page(story):
    page = story.page
    page.locator(".cards a").nth(len(COMPONENTS) - 1).wait_for()
    assert [link.get_attribute("href") for link in page.locator(".cards a").all()] == [
        f"#/{slug}" for slug in COMPONENTS
    ]
    pictures = page.locator(".cards img")
    assert pictures.evaluate_all("all => all.map(one => one.decode())")
    scheme = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'")
    assert all(f"-{scheme}.png" in one.get_attribute("src") for one in pictures.all())
    assert "SIMULATED" in page.locator("footer").inner_text()
    check_look(story)
    story.check_access()


def go_on_to(story, slug):
    """By the first card, then from each page's end to the next."""
    at = COMPONENTS.index(slug)
    story.press(".cards a" if at == 0 else ".neighbours .next")
    story.slug = slug
    story.page.locator(f"stormlens-{slug} .picture:visible canvas").first.wait_for()
    story.settle()
    title = story.text("main h2")
    assert story.page.title().startswith(title)
    assert story.page.locator("nav [aria-current=page]").inner_text() == title
    assert story.page.evaluate("[document.activeElement.id, scrollY]") == ["content", 0]
    assert not any_done(story)


def any_done(story):
    return story.page.locator(".tasks .done").count() > 0


def all_done(story):
    story.settle()
    return story.page.locator(".tasks li:not(.done)").count() == 0


def check_look(story):
    """Nothing wider than the page, pictures square, nothing failed."""
    wide, seen = story.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= seen
    sides = story.page.locator(".picture:visible").evaluate_all(
        "all => all.map(one => [one.clientWidth, one.clientHeight])"
    )
    for width, height in sides:
        assert abs(width - height) < 1
    assert story.trouble == []


def neuron(story):
    story.slide("Weight w₁", 0)
    assert story.component("c.outputs") == {"z": -2, "a": 0}
    assert story.done("negative")
    story.mark(".segments", "linear")
    assert story.done("linear")
    story.mark(".segments", "sigmoid")
    story.slide("Input x₂", 0.8)  # three times the other, whose weight is -3
    assert abs(story.component("c.outputs.a") - 0.5) < 0.05


def pool_and_fire(story):
    story.slide("Threshold", 1)
    assert story.done("silent")
    story.slide("Weight w", 0.68)
    assert story.component("c.settings.weight") >= 2
    assert story.done("alone")
    told = story.component("c.outputs")
    assert [a > 0 for a in told["a"]] == [True, False, False]
    story.slide("Threshold", 0)
    story.slide("Bias b", 0.75)
    assert story.text(".said") == "Patches 1, 2, 3 fire."


def convolution_walker(story):
    box = storm_of_page(story, story.component("c.settings.storm"))
    answers = concepts.correlate(box, concepts.EDGE)
    row, column = (int(i) + 1 for i in np.unravel_index(answers.argmax(), answers.shape))
    for up, right in product((0, 1, -1), (0, 1, -1)):  # a finger comes down beside it
        story.point(".picture.map", row + up, column + right, edge=1)
        if story.done("edge"):
            break
    assert story.component("c.outputs.total") > 200
    assert story.done("edge")
    entries = story.page.locator(".weights input")
    for i, weight in enumerate([1, 2, 1, 0, 0, 0, -1, -2, -1]):
        entries.nth(i).fill(str(weight))  # typed, whatever the hand
    story.settle()
    assert story.done("north")
    story.mark(".segments", "identity")


def storm_of_page(story, number):
    values = story.page.evaluate(
        """async ([address, from]) => {
            const { Storms } = await import(address);
            const { images } = await (await Storms.open()).split("few");
            return [...images.subarray(from, from + 136 * 136)];
        }""",
        [f"{story.front}data/storms.js", 136 * 136 * number],
    )
    return np.array(values, np.uint8).reshape(136, 136)


def augmentation_studio(story):
    story.press("button:has-text('SVRIMG')")
    assert story.done("sound")
    story.slide("Shift east or west, of the width", 1)
    story.slide("Rotation, either way", 1)
    assert story.done("far")
    assert story.component("c.outputs.warnings") > 0
    story.press("button:has-text('nothing')")
    story.mark(".strip", ": Tropical")
    story.press("label:has-text('Flip north and south')")


def train(story):
    ready(story)
    story.press(".play")
    story.wait_for("c.outputs.epoch >= 3 && c.outputs.val_accuracy >= 0.85")
    story.press(".play")
    ready(story)
    assert story.done("reach")
    told = story.component("c.outputs")
    counts = [int(n) for n in story.page.locator(".matrix td button").all_inner_texts() if n != "·"]
    assert sum(counts) == 110
    words = story.page.locator(".curves .chart").first.get_attribute("aria-label")
    assert f"{100 * told['val_accuracy']:.1f} %" in words
    open_settings(story)
    story.pick("Storms to learn from", "60")
    play_until(story, "overfit")
    story.mark(".settings .cards", "chapter-relu")
    story.pick("Dropout", "0.8")
    play_until(story, "remedy")
    story.pick("Learning rate", "0.1")
    play_until(story, "rate")


def open_settings(story):
    if not story.component("c.shadowRoot.querySelector('details.settings').open"):
        story.press("details.settings summary")


def ready(story):
    """Wait until training may begin, or go on."""
    button = "c.shadowRoot.querySelector('.play')"
    story.wait_for(f"!{button}.disabled && {button}.textContent.includes('▶')")


def play_until(story, task):
    ready(story)
    story.press(".play")
    story.wait_for("c.shadowRoot.querySelector(v[0])", f"[data-task='{task}'].done")
    story.press(".play")
    ready(story)


def inside(story):
    all_answered(story, 24)
    story.take(".tile", ".column[data-step='2'] .tile")
    story.wait_for("c.settings.layer === 2")
    story.point(".detail .large", 40, 21, 65)
    check_sum(story)
    story.press("button:has-text('Strongest of the layer')")
    assert "wins" in story.text(".next .fate")
    check_sum(story)
    story.press(".next button:has-text('Follow')")
    assert story.done("pool")

    # The first of those kept for validation that the network gets wrong.
    story.pick("Storms", "validation")
    all_answered(story, 110)
    story.pick("Order", "wrong")
    story.take(".storm", ".storm:first-child", "Home")
    story.wait_for("c.shadowRoot.querySelector(v[0])", "[data-task=wrong].done")
    assert "Wrong: its label is" in story.text(".facts")
    paint(story)
    own_box(story)


def all_answered(story, count):
    """Wait until the network was asked of all storms on the shelf: from then on nothing moves."""
    said = "c.shadowRoot.querySelector('.shelf [role=status]').textContent"
    story.wait_for(f"{said}.includes(`of these ${{v[0]}} storms`)", count)


def paint(story):
    story.mark(".segments", "What if")
    story.slide("Width of the brush", 1)
    before = story.component("c.outputs.probability")
    for row, column in [(68, 68), (30, 30), (100, 100), (30, 100), (100, 30), (68, 20), (68, 110)]:
        story.point(".what-if .picture", row, column)
        story.wait_for("c.outputs.probability !== v[0]", before)
        if story.done("paint"):
            break


def own_box(story):
    """A box of one's own, dropped on the page, or opened where there is nothing to drop with."""
    content = BytesIO()
    np.save(content, box_of_ones_own())
    if type(story) is Pointer and not story.touch:
        story.component(
            """(() => {
                const files = new DataTransfer();
                files.items.add(new File([Uint8Array.from(v[0])], "mine.npy"));
                const event = new DragEvent("drop", { dataTransfer: files, bubbles: true });
                c.shadowRoot.querySelector(".inside").dispatchEvent(event);
            })()""",
            list(content.getvalue()),
        )
    else:
        with story.page.expect_file_chooser() as chooser:
            story.press("button:has-text('Open your own')")
        file = {"name": "mine.npy", "mimeType": "", "buffer": content.getvalue()}
        chooser.value.set_files([file])
    story.wait_for("/Nobody/.test(c.shadowRoot.querySelector('.facts').textContent)")
    classifier = Classifier.shipped()
    bounds = (classifier.minimum, classifier.maximum)
    due = classifier.tempered(classifier.network.probabilities(box_of_ones_own()[None], bounds))[0]
    told = story.component("c.outputs")
    assert told["answer"] == classifier.classes[int(due.argmax())]
    assert told["probability"] == pytest.approx(float(due.max()), abs=2e-5)


@functools.cache
def box_of_ones_own():
    return load("simulated", "test", count=6)["reflectivity"].values[5]


def a_link_shows_the_same_again(story):
    """In a page of its own, as somebody sees it who was sent the link."""
    story.pick("Storms", "few")
    all_answered(story, 24)
    story.mark(".segments", "Follow a number")
    story.take(".tile", ".column[data-step='4'] .tile")
    story.wait_for("c.settings.layer === 4 && c.settings.storms === 'few'")
    story.press("#tools button")
    story.page.get_by_text("Link copied").first.wait_for()
    link = story.page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{story.front}#/inside?")
    other = type(story)(story.page.context.new_page(), story.front, "inside", story.touch)
    other.page.goto(link)
    other.page.locator("stormlens-inside .class.best").first.wait_for()
    other.wait_for("c.outputs.value === v[0]", story.component("c.outputs.value"))
    assert other.component("c.outputs") == story.component("c.outputs")
    assert other.text(".made h3") == story.text(".made h3")
    assert other.trouble == []


def check_sum(story):
    """Products and bias add up to what the layer has, as it stands there."""
    shown = story.page.locator(".made .check").first
    assert "agrees" in shown.get_attribute("class")
    total, engine = (float(shown.get_attribute(f"data-{name}")) for name in ("sum", "engine"))
    assert total == pytest.approx(engine, abs=1e-4)
    assert story.component("c.outputs.value") == pytest.approx(engine, abs=1e-6)


PAGES = {
    "neuron": neuron,
    "pool-and-fire": pool_and_fire,
    "convolution-walker": convolution_walker,
    "augmentation-studio": augmentation_studio,
    "train": train,
    "inside": inside,
}
