"""The frame around the pages: addresses, colours, focus, and browsers that lack something."""

import re
from collections.abc import Iterator

import pytest
from visits import DESK, Visit, until

from stormlens.learn import COMPONENTS, serve
from stormlens.learn._site import WEB

pytestmark = pytest.mark.browser

WIDE = dict(zip(("width", "height"), DESK, strict=True))


@pytest.fixture(scope="module")
def front() -> Iterator[str]:
    server = serve(show=False, threaded=True)
    yield server.addresses[-1]
    server.stop()


@pytest.fixture
def newcomer(chromium, front):
    """A first page, in a browser where a script ran before it."""
    contexts = []

    def come(script="", hash="", **kind):
        context = chromium.new_context(viewport=WIDE, **kind)
        contexts.append(context)
        context.add_init_script(script)
        visit = Visit(context.new_page(), front, "")
        visit.page.goto(front + hash)
        visit.page.locator("nav a").first.wait_for()
        return visit

    yield come
    for context in contexts:
        context.close()


@pytest.mark.parametrize("name", ["nope", "constructor", "__proto__", "neuron/", "%3Cb%3E"])
def test_a_page_that_is_not_there_gets_a_sentence(newcomer, name):
    visit = newcomer(hash=f"#/{name}")
    said = visit.page.get_by_role("alert")
    assert said.inner_text() == (f"There is no page called {name}. Choose one from the menu above.")
    visit.page.locator("nav a").first.click()
    visit.page.locator("stormlens-neuron .picture canvas").wait_for()
    assert said.count() == 0
    assert visit.trouble == []


def test_the_link_to_the_content_leads_into_the_page_that_is_shown(newcomer):
    visit = newcomer(hash="#/neuron?w1=2")
    visit.page.locator("stormlens-neuron .picture canvas").wait_for()
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    visit.settle()
    assert visit.page.evaluate("document.activeElement.id") == "content"
    assert visit.page.evaluate("location.hash") == "#/neuron?w1=2"
    assert visit.page.get_by_role("alert").count() == 0
    assert visit.trouble == []


NONSENSE = {
    "neuron?constructor=5&__proto__=3&w1=abc&w2=1e999&bias=1e99&activation=softmax": {
        "w1": 1,
        "w2": 1,
        "bias": 3,
        "activation": "relu",
    },
    "neuron?w1=%E0%A4%A&x1": {"w1": 1, "x1": 1},
    "pool-and-fire?places=1&size=1e9&storm=-3&split=constructor": {"size": 15, "storm": 0},
    "convolution-walker?row=1e9&column=-4&weights=1,2": {"row": 133, "column": 0},
    "augmentation-studio?rotation_range=1e99&zoom_range=2,0.1&fill_mode=tiles&storm=1e99": {
        "rotation_range": 180,
        "fill_mode": "reflect",
    },
    "train?epochs=1e99&network=nope&storms=1e9&filter=5000&layer=99&cell=1,2,3&seed=-5": {
        "epochs": 200,
        "network": "chapter-linear",
        "storms": "300",
        "seed": 0,
    },
    "inside?storms=constructor&network=../../etc&layer=1e9&map=1e9&pixel=1,2,3&view=x": {
        "view": "pixel",
        "order": "file",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("address", NONSENSE)
def test_a_link_of_nonsense_shows_what_can_be_shown(newcomer, address):
    visit = newcomer(hash=f"#/{address}")
    visit.slug = address.partition("?")[0]
    visit.page.locator(f"stormlens-{visit.slug} .picture:visible canvas").first.wait_for()
    visit.settle()
    held = visit.component("c.settings")
    assert {name: held[name] for name in NONSENSE[address]} == NONSENSE[address]
    assert visit.page.locator(".note.error").count() == 0
    assert visit.trouble == []


VERSIONS = "Chrome and Edge 123, Firefox 120, Safari 17.5 and all that came later have it."
LEARNERS = ("train", "inside")
STORMY = tuple(slug for slug in COMPONENTS if slug != "neuron")
# What is taken away, what the page then says is missing, and on which pages.
LACKS = {
    "WebAssembly": ("delete globalThis.WebAssembly", "WebAssembly SIMD", LEARNERS),
    "SIMD": ("WebAssembly.validate = () => false", "WebAssembly SIMD", LEARNERS),
    "module workers": (
        "globalThis.Worker = class { terminate() {} }",
        "workers that are modules",
        LEARNERS,
    ),
    "streams": ("delete globalThis.DecompressionStream", "DecompressionStream", STORMY),
    "sizes": ("delete globalThis.ResizeObserver", "ResizeObserver", ("inside",)),
    "sheets": (
        "delete Document.prototype.adoptedStyleSheets; delete globalThis.CSSStyleSheet",
        "adoptedStyleSheets",
        tuple(COMPONENTS),
    ),
    "much": (
        "delete globalThis.ResizeObserver; delete globalThis.DecompressionStream",
        "DecompressionStream, ResizeObserver",
        ("inside",),
    ),
    "clones": ("delete globalThis.structuredClone", "", ()),
}


@pytest.mark.parametrize("slug", COMPONENTS)
@pytest.mark.parametrize("lack", LACKS)
def test_a_page_says_what_its_browser_lacks_or_does_without(newcomer, lack, slug):
    script, what, slugs = LACKS[lack]
    visit = newcomer(script, f"#/{slug}")
    if slug in slugs:
        said = visit.page.locator(f"stormlens-{slug} .note.error")
        said.wait_for()
        assert said.inner_text() == (
            f"This browser lacks {what}, which this page needs. {VERSIONS}"
        )
    elif lack != "much":
        visit.page.locator(f"stormlens-{slug} .picture:visible canvas").first.wait_for()
        assert visit.page.locator(".note.error").count() == 0
    visit.page.evaluate("document.querySelector('main > *').set?.({ storm: 1, w1: 2 })")
    visit.page.wait_for_timeout(100)
    assert visit.trouble == []


@pytest.mark.parametrize("slug", LEARNERS)
def test_a_browser_without_workers_is_told_what_they_are_for(newcomer, slug):
    visit = newcomer("delete globalThis.Worker", f"#/{slug}")
    said = visit.page.locator(".note.error")
    said.wait_for()
    assert "lets no page compute behind the scenes" in said.inner_text()
    assert visit.trouble == []


def test_a_browser_of_plainer_looks_is_told_so_and_shows_the_page(newcomer):
    visit = newcomer("CSS.supports = () => false", "#/neuron")
    visit.page.locator("stormlens-neuron .picture canvas").wait_for()
    assert visit.page.locator(".note.plain").first.inner_text() == (
        "This browser lacks container queries, light-dark(): the page works, but looks plainer "
        f"than it should. {VERSIONS}"
    )
    assert visit.trouble == []


def test_a_browser_that_cannot_read_the_pages_code_is_told_so(chromium, front):
    page = chromium.new_page()
    page.route(
        "**/app.js", lambda route: route.fulfill(body="class { #", content_type="text/javascript")
    )
    page.goto(front)
    page.locator("#old").wait_for()
    assert "too old for these pages" in page.get_by_role("alert").inner_text()
    assert not page.locator("#loading").is_visible()
    page.close()


def test_a_browser_that_keeps_nothing_shows_the_colours_that_are_chosen(newcomer):
    denied = "Object.defineProperty(globalThis, 'localStorage', { get() { throw new Error() } })"
    visit = newcomer(denied, "#/neuron", color_scheme="light")
    page = visit.page
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.get_by_label("Colours").select_option("dark")
    assert page.evaluate(paper) == "rgb(18, 23, 29)"
    page.locator("nav a").nth(1).click()
    page.locator("stormlens-pool-and-fire[theme=dark]").wait_for()
    page.locator(".brand").click()
    assert page.locator(".cards img").first.get_attribute("src") == "pictures/neuron-dark.png"
    page.get_by_label("Colours").select_option("light")
    assert page.locator(".cards img").first.get_attribute("src") == "pictures/neuron-light.png"
    assert visit.trouble == []


@pytest.mark.slow
@pytest.mark.parametrize("slug", COMPONENTS)
def test_letters_twice_as_large_still_fit_a_phone(newcomer, slug):
    visit = newcomer(hash=f"#/{slug}")
    page = visit.page
    # In this order: Chromium asks container queries in rem anew where a container changes its size,
    # not where letters do.
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator(f"stormlens-{slug} .picture:visible canvas").first.wait_for()
    visit.settle()
    until(page, lambda: page.evaluate("document.documentElement.scrollWidth") == 390, "the width")


def test_a_page_that_is_out_of_reach_gets_a_sentence(newcomer):
    visit = newcomer(hash="#/neuron")
    page = visit.page
    page.locator("stormlens-neuron .picture canvas").wait_for()
    page.context.set_offline(True)
    page.get_by_role("link", name="Convolution walker").click()
    said = page.get_by_role("alert")
    said.wait_for()
    assert said.inner_text() == (
        "Convolution walker cannot be fetched: the server is gone or out of reach. Reload the "
        "page later."
    )
    page.get_by_role("link", name="One neuron").click()
    page.locator("stormlens-neuron .picture canvas").wait_for()
    assert said.count() == 0


def test_back_and_forward_lead_through_pages_and_what_was_set_on_them(newcomer):
    visit = newcomer()
    page = visit.page
    page.locator(".cards a").first.click()
    visit.slug = "neuron"
    page.locator("stormlens-neuron").wait_for()
    visit.set(w1=2.5)
    assert visit.address() == "#/neuron?w1=2.5"
    page.locator(".neighbours .next").click()
    page.locator("stormlens-pool-and-fire").wait_for()
    page.go_back()
    page.locator("stormlens-neuron").wait_for()
    assert visit.component("c.settings.w1") == 2.5
    page.go_back()
    page.locator(".cards").wait_for()
    assert page.title() == "Stormlens"
    assert page.locator("nav [aria-current]").count() == 0
    page.go_forward()
    page.locator("stormlens-neuron").wait_for()
    assert visit.component("c.settings.w1") == 2.5
    assert visit.trouble == []


def test_pages_that_are_left_at_once_leave_no_worker_behind(newcomer):
    visit = newcomer()
    page = visit.page
    for slug in [*COMPONENTS, *reversed(COMPONENTS)] * 2:
        page.evaluate(f"location.hash = '#/{slug}'")
        page.wait_for_timeout(60)
    page.locator("stormlens-neuron .picture canvas").wait_for()
    until(page, lambda: page.workers == [])
    assert visit.trouble == []


def test_a_component_that_left_is_let_go_of(newcomer):
    visit = newcomer(hash="#/neuron")
    page = visit.page
    page.locator("stormlens-neuron .picture canvas").wait_for()
    page.evaluate("globalThis.gone = new WeakRef(document.querySelector('stormlens-neuron'))")
    page.evaluate("location.hash = '#/pool-and-fire'")
    page.locator("stormlens-pool-and-fire .picture canvas").first.wait_for()
    session = page.context.new_cdp_session(page)

    def is_gone():
        session.send("HeapProfiler.collectGarbage")
        return page.evaluate("gone.deref() === undefined")

    until(page, is_gone)


def test_the_frame_has_the_colours_of_what_it_holds():
    """The frame is painted before any module is there, so it has a copy of them."""
    of_frame, of_components = (
        dict(re.findall(r"--([\w-]+): (light-dark\([^;]+\));", (WEB / name).read_text("utf-8")))
        for name in ("stormlens.css", "base/style.js")
    )
    assert len(of_frame) >= 8
    assert of_frame.items() <= of_components.items()
