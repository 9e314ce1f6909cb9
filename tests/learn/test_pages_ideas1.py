"""One neuron, and pool and fire, as a newcomer meets them in a real browser."""

from collections.abc import Iterator

import numpy as np
import pytest
from visits import DESK, LOOKS, PHONE, Visit, plain

from stormlens import concepts
from stormlens.datasets import make_dataset
from stormlens.learn import serve

pytestmark = pytest.mark.browser

INPUTS = ("x1", "x2", "w1", "w2", "bias")


@pytest.fixture(scope="module")
def front() -> Iterator[str]:
    server = serve(show=False, threaded=True)
    yield server.addresses[-1]
    server.stop()


@pytest.fixture(scope="module")
def boxes() -> np.ndarray:
    """Echo in blocks, of every strength, and nothing in a corner."""
    rng = np.random.default_rng(4)
    boxes = rng.integers(0, 76, (4, 34, 34), np.uint8).repeat(4, 1).repeat(4, 2)
    boxes[:, :40, :40] = 0
    return boxes


@pytest.fixture(scope="module")
def own_front(boxes) -> Iterator[str]:
    """Pages of storms whose pixels are known here."""
    dataset = make_dataset(boxes, [1, 0, 2, 1], source="SIMULATED blocks", simulated=True)
    server = serve(show=False, threaded=True, dataset=dataset)
    yield server.addresses[-1]
    server.stop()


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0][0]}-{look[1]}")
def look(request):
    return request.param


@pytest.fixture
def visit(chromium, front):
    contexts = []

    def open_page(slug, query="", look=(DESK, "light"), front=front):
        (width, height), scheme = look
        touch = (width, height) == PHONE
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=touch
        )
        contexts.append(context)
        made = Visit(context.new_page(), front, slug, touch)
        made.open(query)
        return made

    yield open_page
    for context in contexts:
        context.close()


def check_neuron(page):
    """All numbers that stand there are those of `concepts.Neuron`."""
    set_to = page.component("c.settings")
    neuron = concepts.Neuron((set_to["w1"], set_to["w2"]), set_to["bias"], set_to["activation"])
    inputs = (set_to["x1"], set_to["x2"])
    z, a = float(neuron.aggregate(inputs)), float(neuron.activate(inputs))
    told = page.component("c.outputs")
    assert told["z"] == pytest.approx(z, abs=1e-12)
    assert told["a"] == pytest.approx(a, abs=1e-12)
    w1, w2, x1, x2 = (f"({set_to[name]:.1f})" for name in ("w1", "w2", "x1", "x2"))
    shown_z = f"{z:.2f}".replace("-0.00", "0.00")
    terms = f"{w1}{x1} + {w2}{x2} + ({set_to['bias']:.1f}) = {shown_z}"
    assert (
        page.text(".sums p").replace("(-0.0)", "(0.0)").endswith(terms.replace("(-0.0)", "(0.0)"))
    )
    shown = float(page.text(".sums [role=status] .big"))
    assert shown == pytest.approx(a, abs=0.006 if abs(a) >= 1 else 6e-5)
    assert f"z = {shown_z}" in page.text(".marks")
    words = plain(page.page.locator(".drawing").get_attribute("aria-label"))
    assert f"z = {shown_z}" in words
    return z, a


def test_a_neuron_from_first_sight_to_last_task(visit, look):
    page = visit("neuron", look=look)
    assert check_neuron(page) == (2, 2)
    assert not any(page.done(task) for task in ("negative", "linear", "half"))

    # A weight is dragged in the picture, and the sum goes below 0.
    x, y = page.middle("[data-name=w1] rect")
    page.drag([(x, y), (x - 20, y + 20), (x - 60, y + 60)])
    assert page.component("c.settings.w1") == pytest.approx(-2)
    assert check_neuron(page) == (-1, 0)
    assert page.done("negative")

    # Nothing but the function: z stays.
    page.press(".segments label:has-text('linear')")
    assert check_neuron(page) == (-1, -1)
    assert page.done("linear")

    # A point of the field is pressed where the sum is 0; the sigmoid answers one half.
    page.press(".segments label:has-text('sigmoid')")
    assert not page.done("half")
    point = page.pixel(".field .picture", 54 + 20, 54 + 10, 109)  # x2 = 2, x1 = 1
    page.drag([point, point])
    assert [page.component(f"c.settings.{name}") for name in ("x1", "x2")] == [1, 2]
    assert check_neuron(page) == (0, 0.5)
    assert page.done("half")

    page.check_look()
    page.check_access()
    page.press("button:has-text('Start again')")
    assert check_neuron(page) == (2, 2)
    assert page.done("half")  # what was done stays so


def test_a_neuron_by_keyboard_alone(visit):
    page = visit("neuron")
    keys = page.page.keyboard
    page.tab_to(".segments input")
    page.tab_to("input[type=range]")
    page.tab_to(".handle[data-name=w1]")
    keys.press("Home")
    page.settle()
    assert page.component("c.settings.w1") == -3
    assert page.done("negative")
    keys.press("PageUp")
    keys.press("ArrowRight")
    keys.press("Shift+ArrowDown")
    page.settle()
    assert page.component("c.settings.w1") == pytest.approx(-2.9)
    handle = page.page.locator(".handle[data-name=w1]")
    assert handle.get_attribute("aria-valuenow") == "-2.9"
    page.page.locator(".segments input:checked").focus()
    keys.press("ArrowLeft")  # from ReLU to linear
    assert page.done("linear")
    for _ in range(3):
        keys.press("ArrowRight")
    page.page.locator(".field .picture").focus()
    for key in ["Shift+ArrowUp"] * 2:  # x2 from 1 to 3: z = -2.9 + 3
        keys.press(key)
    page.settle()
    assert check_neuron(page) == (pytest.approx(0.1), pytest.approx(0.525, abs=1e-3))
    assert page.done("half")
    assert page.trouble == []


@pytest.mark.parametrize("view", [PHONE, DESK], ids=["390", "1440"])
def test_no_number_is_lost_at_the_end_of_the_sliders(visit, view):
    page = visit("neuron", look=(view, "light"))
    for activation in (name for name in concepts.ACTIVATIONS if name != "softmax"):
        for sign in (1, -1):
            ends = {"w1": 3 * sign, "w2": 3 * sign, "bias": 3 * sign}
            page.set(x1=5, x2=5, activation=activation, **ends)
            z, _ = check_neuron(page)
            assert z == 33 * sign
            check_marks(page)
    page.check_look()


def test_numbers_between_the_steps_of_a_slider_are_written_in_full(visit):
    page = visit("neuron", "?x1=0.25&w1=1.375&w2=-0.05")
    assert "(1.375)(0.25) + (-0.05)(1.0) + (0.0) = 0.29" in page.text(".sums p")
    assert page.text("[data-name=x1] .value") == "0.25"
    words = plain(page.page.locator(".drawing").get_attribute("aria-label"))
    assert "0.25" in words
    assert "1.375" in words
    page.slug = "pool-and-fire"
    page.open("?threshold=40.5&bias=0.25&weight=1.25")
    pooled, z = (page.component(f"c.outputs.{name}[0]") for name in ("pooled", "z"))
    assert z == 1.25 * pooled + 0.25 - 40.5
    assert "z = 1.25 \N{MIDDLE DOT} max(patch) + (0.25) - 40.5" in page.text(".formula")
    assert page.trouble == []


@pytest.mark.parametrize("key", ["Enter", "Tab"])
def test_a_number_that_is_typed_comes_back_as_it_was_understood(visit, key):
    page = visit("neuron")
    field = page.page.locator(".controls input.number").first
    for typed, shown in {"999": "5.0", "": "5.0", "-7": "-5.0", "0.125": "0.125"}.items():
        field.fill(typed)
        field.press(key)
        assert field.input_value() == shown
        assert page.component("c.settings.x1") == float(shown)
    assert page.trouble == []


def check_marks(page):
    """Marks of curve, drawing and field lie within their pictures."""
    for outer, marks in {
        ".curve .chart": ".marks > *",
        ".drawing": ".drawing text, .small-point",
        ".field .picture": ".field .point",
    }.items():
        frame = page.page.locator(outer).bounding_box()
        held = page.component(
            "[...c.shadowRoot.querySelectorAll(v[0])].map(e => e.getBoundingClientRect())"
            ".map(b => [b.left, b.top, b.right, b.bottom])",
            marks,
        )
        assert held
        for left, top, right, bottom in held:
            assert left >= frame["x"] - 0.5
            assert top >= frame["y"] - 0.5
            assert right <= frame["x"] + frame["width"] + 0.5
            assert bottom <= frame["y"] + frame["height"] + 0.5


def test_a_neurons_numbers_are_those_of_concepts(visit):
    page = visit("neuron")
    rng = np.random.default_rng(2)
    single = [name for name in concepts.ACTIVATIONS if name != "softmax"]
    for _ in range(60):
        numbers = {name: round(rng.uniform(-3, 3), 1) for name in INPUTS}
        page.set(**numbers, activation=str(rng.choice(single)))
        check_neuron(page)
    assert page.trouble == []


def test_a_neurons_field_shows_the_answer_to_every_pair_of_inputs(visit):
    page = visit("neuron", "?w1=2&w2=-1&bias=1&activation=relu")
    drawn = page.component(
        "[...c.shadowRoot.querySelector('.field canvas').getContext('2d')"
        ".getImageData(0, 0, 109, 109).data]"
    )
    colours = np.array(drawn).reshape(109, 109, 4)[::-1].astype(int)
    x = (np.arange(109) - 54) / 10
    fires = 2 * x[None, :] - x[:, None] + 1 > 0.3
    silent = 2 * x[None, :] - x[:, None] + 1 <= 0
    redness = colours[..., 0] - colours[..., 2]
    assert (redness[fires] > 4).all()
    assert np.ptp(colours[silent].reshape(-1, 4), axis=0).max() == 0


def test_a_link_shows_the_same_neuron_again(visit):
    page = visit("neuron")
    page.set(w1=-1.7, x2=4.2, activation="leaky_relu")
    address = page.address()
    assert address == "#/neuron?x2=4.2&w1=-1.7&activation=leaky_relu"
    again = visit("neuron", address.removeprefix("#/neuron"))
    assert again.component("c.outputs") == page.component("c.outputs")
    assert again.text(".sums p") == page.text(".sums p")


def check_patches(page, box):
    """All numbers that stand there are those of `concepts.fires`."""
    set_to, told = page.component("c.settings"), page.component("c.outputs")
    size, neuron = set_to["size"], {n: set_to[n] for n in ("threshold", "weight", "bias")}
    places = np.reshape(told["patches"], (-1, 2))
    cards = page.page.locator(".card:visible").all()
    assert len(cards) == len(places)
    firing = []
    for i, ((row, column), card) in enumerate(zip(places, cards, strict=True)):
        patch = box[row : row + size, column : column + size]
        expected = concepts.fires(patch, **neuron)
        found = [told[name][i] for name in ("pooled", "z", "a")]
        assert found == pytest.approx([expected.pooled, expected.z, expected.a], abs=1e-9)
        shown = [value.inner_text() for value in card.locator(".bars strong").all()]
        numbers = [float(plain(value)) for value in shown]
        assert numbers == pytest.approx(found, abs=0.06)
        text = card.inner_text()
        assert ("fires" in text) == (found[2] > 0)
        assert ("silent" in text) == (found[2] == 0)
        if size <= 7:
            cells = [int(cell) for cell in card.locator(".picture text").all_text_contents()]
            assert cells == patch.ravel().tolist()
            assert card.locator(".highest").text_content() == str(patch.max())
        firing += [i + 1] if found[2] > 0 else []
    listed = ", ".join(map(str, firing))
    sentence = {0: "No patch fires.", 1: f"Patch {listed} fires."}
    assert page.text(".said") == sentence.get(len(firing), f"Patches {listed} fire.")
    return told


def first_box(page):
    """The pixels of the storm that is shown first, as the pages' own reader has them."""
    values = page.page.evaluate(
        """async ([address, storm]) => {
            const { Storms } = await import(address);
            const storms = await Storms.open();
            return [...storms.image(await storms.split("few"), storm)];
        }""",
        [f"{page.front}data/storms.js", page.component("c.settings.storm")],
    )
    return np.array(values, np.uint8).reshape(136, 136)


@pytest.mark.slow
def test_pool_and_fire_from_first_sight_to_last_task(visit, look):
    page = visit("pool-and-fire", look=look)
    box = first_box(page)
    told = check_patches(page, box)
    assert [a > 0 for a in told["a"]] == [True, False, False]
    assert told["pooled"][0] == box.max()
    assert "SIMULATED" in page.text(".storm .heading")
    assert not any(page.done(task) for task in ("silent", "alone", "nothing"))

    # A patch is taken from where it is to another place.
    row, column = told["patches"][2:4]
    page.drag(
        [
            page.pixel(".picture.map", row + 2, column + 2),
            page.pixel(".picture.map", row + 12, column + 9),
            page.pixel(".picture.map", row + 22, column + 17),
        ]
    )
    moved = check_patches(page, box)["patches"]
    assert moved == [*told["patches"][:2], row + 20, column + 15, *told["patches"][4:]]
    assert page.component("c.settings.patch") == 2

    # A press elsewhere brings the chosen patch there.
    page.press(".card:nth-child(1) label")
    point = page.pixel(".picture.map", 100.2, 40.2)
    page.drag([point, point])
    pressed = check_patches(page, box)["patches"]
    assert pressed == [98, 38, *moved[2:]]

    # A new storm has telling patches of its own.
    page.press(".strip label:nth-child(2)")
    page.wait_for("c.outputs.patches.join() !== v[0].join()", pressed)
    box = first_box(page)
    told = check_patches(page, box)
    assert page.component("c.settings.places") == []
    assert told["pooled"][0] == box.max() > 45
    assert told["pooled"][2] == 0

    page.page.get_by_label("Threshold", exact=True).focus()
    page.page.keyboard.press("End")
    assert page.done("silent")
    check_patches(page, box)

    # With twice the weight only the strongest is above the threshold.
    page.page.get_by_label("Weight w, as a number").fill("2")
    page.page.keyboard.press("Enter")
    page.settle()
    assert page.done("alone")
    check_patches(page, box)

    page.page.get_by_label("Threshold", exact=True).focus()
    page.page.keyboard.press("Home")
    page.page.get_by_label("Bias b", exact=True).focus()
    page.page.keyboard.press("ArrowRight")
    assert page.done("nothing")
    assert check_patches(page, box)["a"][2] == 1

    page.check_look()
    page.check_access()


def test_patches_by_keyboard_alone(visit, own_front, boxes):
    page = visit("pool-and-fire", "?storm=0&places=10,10,60,60,90,20", front=own_front)
    keys = page.page.keyboard
    page.tab_to(".picture.map")
    for key in ("ArrowUp", "ArrowUp", "ArrowRight", "Shift+ArrowUp"):
        keys.press(key)
    page.settle()
    assert check_patches(page, boxes[0])["patches"] == [22, 11, 60, 60, 90, 20]
    keys.press("3")
    page.settle()
    for _ in range(4):
        keys.press("Shift+ArrowLeft")
    page.settle()
    assert check_patches(page, boxes[0])["patches"] == [22, 11, 60, 60, 90, 0]
    keys.press("ArrowRight")  # at once, however long it was pushed against the edge
    page.settle()
    assert check_patches(page, boxes[0])["patches"] == [22, 11, 60, 60, 90, 1]
    assert "Patch 3 begins at row 90, column 1" in page.page.locator(".map").get_attribute(
        "aria-label"
    )
    page.tab_to(".strip input")
    keys.press("ArrowRight")
    page.wait_for("c.outputs.patches.join() !== '22,11,60,60,90,1'")
    check_patches(page, boxes[page.component("c.settings.storm")])
    page.tab_to("input[type=checkbox]")
    keys.press("Space")
    page.settle()
    assert page.component("c.settings.everywhere") is True
    assert page.trouble == []


def test_the_numbers_of_patches_are_those_of_concepts(visit, own_front, boxes):
    page = visit("pool-and-fire", "?storm=2", front=own_front)
    rng = np.random.default_rng(8)
    for _ in range(40):
        size = int(rng.integers(3, 16))
        page.set(
            size=size,
            places=rng.integers(0, 137 - size, 6).tolist(),
            threshold=int(rng.integers(0, 71)),
            weight=round(rng.uniform(0.1, 3), 1),
            bias=int(rng.integers(-20, 21)),
        )
        check_patches(page, boxes[2])
    assert page.trouble == []


@pytest.mark.parametrize("size", [4, 5])
def test_all_places_where_it_would_fire_light_up(visit, own_front, boxes, size):
    query = f"?storm=1&everywhere=true&size={size}&threshold=60&weight=1.1&bias=6"
    page = visit("pool-and-fire", query, front=own_front)
    drawn = page.component(
        "[...c.shadowRoot.querySelector('.map canvas').getContext('2d')"
        ".getImageData(0, 0, 136, 136).data]"
    )
    opacity = np.array(drawn).reshape(136, 136, 4)[::-1, :, 3]
    before = size // 2
    padded = np.pad(boxes[1], [(before, size - 1 - before)] * 2)
    fires = 1.1 * concepts.pool(padded, size, 1) + 6 - 60 > 1e-9
    echo = boxes[1] > 0
    assert fires.any()
    assert (opacity[fires & echo] == 255).all()
    assert (opacity[~fires & echo] == 51).all()
    assert (opacity[~fires & ~echo] == 0).all()


def test_the_chapters_patches_and_a_link_to_them(visit):
    page = visit("pool-and-fire")
    page.press("button:has-text('The chapter')")
    page.page.locator("h3", has_text="Storm 56").wait_for()
    page.settle()
    chapter = [number for place in concepts.PATCH_PLACES.values() for number in place]
    assert page.component("c.outputs.patches") == chapter
    assert "rounded to 2 dBZ" in page.text(".storm")
    address = page.address()
    assert "split=train" in address
    assert "storm=56" in address
    again = visit("pool-and-fire", address.removeprefix("#/pool-and-fire"))
    again.page.locator("h3", has_text="Storm 56").wait_for()
    assert again.component("c.outputs") == page.component("c.outputs")


def test_a_link_shows_the_thumbnail_of_its_storm(visit):
    page = visit("pool-and-fire", "?storm=21", look=(PHONE, "light"))
    strip = page.page.locator(".strip").bounding_box()
    chosen = page.page.locator(".strip input:checked")
    assert chosen.get_attribute("aria-label").startswith("Storm 21")
    thumbnail = chosen.bounding_box()
    assert strip["x"] <= thumbnail["x"] < strip["x"] + strip["width"] - thumbnail["width"]
    assert page.page.evaluate("scrollY") == 0


def test_a_lesson_names_its_own_storm_by_attributes(visit):
    page = visit("pool-and-fire")
    page.page.evaluate(
        """() => {
            document.querySelector("#content").innerHTML =
                '<stormlens-pool-and-fire split="validation" storm="7" places="20,30" size="6">' +
                '</stormlens-pool-and-fire>';
        }"""
    )
    page.page.locator("h3", has_text="Storm 7").wait_for()
    page.settle()
    assert page.component("c.outputs.patches") == [20, 30]
    assert page.page.locator(".card:visible").count() == 1
    assert page.trouble == []


def test_storms_that_are_not_there_get_a_sentence_and_others(visit):
    page = visit("pool-and-fire", "?split=test&storm=9")
    page.page.locator(".note.error").wait_for()
    assert page.text(".note.error") == "There are no test storms here; choose others."
    page.settle()
    check_patches(page, first_box(page))
    page.press(".strip label:nth-child(3)")
    page.settle()
    assert page.page.locator(".note.error").count() == 0
    assert page.trouble == []
