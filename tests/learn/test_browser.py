"""A real mouse on the pages: drag, click, read what then stands there."""

import re

import pytest

from stormlens.learn import COMPONENTS, serve
from stormlens.training import Recipe, load_recipe

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def front():
    addresses = []
    server = serve(started=addresses.append, show=False, threaded=True)
    yield addresses[0]
    server.stop()


@pytest.fixture
def visit(chromium, front):
    """Open a component's page; afterwards, nothing came from elsewhere and nothing failed."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    elsewhere, failures = [], []
    page.on("request", lambda asked: elsewhere.append(asked.url))
    page.on("pageerror", lambda error: failures.append(str(error)))

    def open_page(name):
        page.goto(front + name)
        page.wait_for_selector("canvas, .bk-Figure", state="attached")
        page.wait_for_function("document.readyState === 'complete'")
        page.wait_for_timeout(300)  # Bokeh places its plots after they are there
        return page

    yield open_page
    context.close()
    own = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    assert [url for url in elsewhere if not url.startswith(own)] == []
    assert failures == []


def drag_slider(page, index, share):
    """Pull the handle of the n-th slider to a share of its track."""
    handle = page.locator(".noUi-handle").nth(index).bounding_box()
    track = page.locator(".noUi-base").nth(index).bounding_box()
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(track["x"] + share * track["width"], handle["y"] + 5, steps=4)
    page.mouse.up()


def wait_for(page, words):
    page.get_by_text(re.compile(words)).first.wait_for(timeout=5000)


def plot_place(page, title, x, y):
    """Where on the page a point in the data of a plot lies."""
    place = page.evaluate(
        """([title, x, y]) => {
            for (const document of Bokeh.documents)
                for (const model of document._all_models.values())
                    if (model.type === "Figure" && model.title?.text === title) {
                        const view = Bokeh.index.find_one(model);
                        const box = view.el.getBoundingClientRect();
                        const frame = view.frame;
                        return [box.x + frame.x_scale.compute(x), box.y + frame.y_scale.compute(y)];
                    }
            return null;
        }""",
        [title, x, y],
    )
    assert place is not None, title
    return place


def test_the_front_page_leads_to_each_component(visit):
    page = visit("neuron")
    page.get_by_role("link", name="Stormlens", exact=True).click()
    for component in COMPONENTS.values():
        page.get_by_role("link", name=component.title).first.wait_for(timeout=5000)


def test_dragging_a_weight_moves_the_neurons_answer(visit):
    page = visit("neuron")
    wait_for(page, r"z = w1 x1 \+ w2 x2 \+ b = \(1\.0\)\(1\.0\) .* = 2\.00")
    drag_slider(page, 2, 0.0)  # w1 to -3
    wait_for(page, r"\(-3\.0\)\(1\.0\) \+ \(1\.0\)\(1\.0\) \+ \(0\.0\) = -2\.00")
    wait_for(page, r"relu\(-2\.00\) = 0\.00")
    page.locator("select").select_option("linear")
    wait_for(page, r"linear\(-2\.00\) = -2\.00")


def test_a_click_on_the_storm_picks_a_patch(visit):
    page = visit("pool-and-fire")
    wait_for(page, "Patch 1 fires")
    drag_slider(page, 2, 0.0)  # threshold to 0
    wait_for(page, "Patches 1, 2 fire")
    page.mouse.click(*plot_place(page, "", 300, 300))
    wait_for(page, "Patches 1, 3 fire")  # the oldest left, so that the silent one is second


def test_the_window_follows_the_mouse(visit):
    page = visit("convolution-walker")
    page.mouse.click(*plot_place(page, "storm box", 101, 203))
    wait_for(page, "Row 53, column 25 of the response")
    page.mouse.move(*plot_place(page, "storm box", 101, 203))
    page.mouse.down()
    page.mouse.move(*plot_place(page, "storm box", 252, 352), steps=5)
    page.mouse.up()
    wait_for(page, "Row 92, column 66 of the response")


def test_typing_a_weight_changes_the_sum(visit):
    page = visit("convolution-walker")
    entry = page.locator("input[type=text]").nth(4)
    page.locator("select").select_option("identity")
    page.wait_for_function("entry => entry.value === '1'", arg=entry.element_handle())
    before = float(page.locator(".big").first.inner_text())
    entry.fill("2")
    entry.press("Enter")
    wait_for(page, f"add up to {2 * before:g}$")


def wait_for_title(page, words):
    """The title of a plot in the page, once one matches."""
    found = page.wait_for_function(
        """words => {
            for (const document of Bokeh.documents)
                for (const model of document._all_models.values())
                    if (model.type === "Figure" && RegExp(words).test(model.title?.text))
                        return model.title.text;
            return null;
        }""",
        arg=words,
        timeout=5000,
    )
    return found.json_value()


def test_dragging_a_shift_warns_and_new_draws_differ(visit):
    page = visit("augmentation-studio")
    wait_for(page, "57 km east or west and 57 km north or south")  # the chapter's ranges
    page.get_by_role("button", name="none").click()
    wait_for(page, "All ranges are at rest")
    drag_slider(page, 2, 1.0)  # width shift, to half the box
    wait_for(page, "leaves the centre by up to 255 km east or west but")
    page.get_by_role("button", name="New draws").click()
    wait_for_title(page, "Nine draws, seed 1")
    page.locator("input[type=checkbox]").nth(1).check()  # vertical flip
    wait_for(page, "Tropical spirals turn clockwise")


def test_the_recipe_can_be_copied(visit):
    page = visit("augmentation-studio")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="SVRIMG notebook").click()
    wait_for(page, r"rotation_range = 55\.0")
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for(timeout=5000)
    copied = "model = 'svrimg-3conv'\n" + page.evaluate("navigator.clipboard.readText()")
    expected = load_recipe("svrimg-3conv").augmentation
    assert Recipe.from_toml(copied, name="copied").augmentation == expected


def test_a_click_in_the_gallery_picks_a_filter(visit):
    page = visit("network-microscope")
    wait_for(page, "has learnt nothing")
    title = wait_for_title(page, "^All 32 filters")
    page.mouse.click(*plot_place(page, title, 2.5, 2.5))  # second row of eight from the top
    wait_for_title(page, "^Filter 10 of ")
    page.locator("select").select_option(index=2)
    wait_for_title(page, "^Filter 10 of max_pooling2d.*: 44 x 44")
    drag_slider(page, 0, 1.0)
    wait_for_title(page, r"^Storm 23: \w+ \(simulated\)")
