"""Convolution walker and augmentation studio as a newcomer meets them, in a real browser."""

import tomllib
from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
import numpy.testing as npt
import pytest
from visits import DESK, LOOKS, PHONE, Visit, plain

from stormlens import concepts
from stormlens.augment import Augmentation
from stormlens.learn import serve
from stormlens.learn._augmentation_advice import advice
from stormlens.ops import warp
from stormlens.plots import reflectivity_palette
from stormlens.training import Recipe, load_recipe

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def front() -> Iterator[str]:
    server = serve(show=False, threaded=True)
    yield server.addresses[-1]
    server.stop()


def box_of(visit, storm):
    """The pixels of a storm, as the pages have them."""
    values = visit.page.evaluate(
        """async ([address, storm]) => {
            const { Storms } = await import(address);
            const storms = await Storms.open();
            return [...storms.image(await storms.split("few"), storm)];
        }""",
        [f"{visit.front}data/storms.js", storm],
    )
    return np.array(values, np.uint8).reshape(136, 136)


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0][0]}-{look[1]}")
def look(request):
    return request.param


@pytest.fixture
def visit(chromium, front, look):
    (width, height), scheme = look
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        has_touch=look[0] is PHONE,
        permissions=["clipboard-read", "clipboard-write"],
    )

    def open_page(slug, query=""):
        made = Visit(context.new_page(), front, slug, look[0] is PHONE)
        made.open(query)
        return made

    yield open_page
    context.close()


@pytest.mark.slow
def test_the_convolution_walker_from_first_sight_to_last_task(visit, look):
    walker = visit("convolution-walker")
    page = walker.page
    storm = walker.component("c.settings.storm")
    box = box_of(walker, storm)

    def check(weights, *, turned=False):
        """All numbers that stand there are those of the definition."""
        row, column = walker.component("[c.settings.row, c.settings.column]")
        kernel = np.reshape(np.array(weights, float), (3, 3))[::-1]
        step = concepts.convolution_step(box, kernel, row, column, turned=turned)
        told = walker.component("c.outputs")
        npt.assert_allclose(told["total"], step.total, atol=1e-9)
        npt.assert_array_equal(told["pixels"], step.window[::-1].ravel())
        npt.assert_allclose(told["products"], step.products[::-1].ravel(), atol=1e-9)
        cells = page.locator(".products .grid > *").all_inner_texts()
        shown = [float(plain(cell)) for cell in cells]
        npt.assert_allclose(shown, step.products[::-1].ravel(), rtol=1e-3)
        total = walker.text(".total output")
        npt.assert_allclose(float(total), step.total, rtol=1e-3)
        for picture, words in ((".map", f"at row {row}, "), (".sums", f"{total} at row {row}, ")):
            said = plain(page.locator(picture).get_attribute("aria-label"))
            assert total in said
            assert f"{words}column {column}" in said
        return step.total

    edge = concepts.EDGE[::-1].ravel()
    assert abs(check(edge)) > 100  # something to see at once
    assert not any(walker.done(task) for task in ("edge", "north", "identity"))

    response = concepts.correlate(box, concepts.EDGE)
    below = np.argwhere((response > 150) & (response < 200))[0]
    walker.set(row=int(below[0]), column=int(below[1]))
    assert 150 < check(edge) < 200
    assert not walker.done("edge")

    # The window follows a finger, a mouse on either picture, and the keyboard.
    row, column = (int(i) for i in np.unravel_index(response.argmax(), response.shape))
    walker.drag([walker.pixel(".map", 60, 60), walker.pixel(".map", row + 1, column + 1)])
    reached = walker.component("[c.settings.row, c.settings.column]")
    assert np.abs(np.subtract(reached, (row, column))).max() <= 1  # a pixel is 1.3 wide on a phone
    page.locator(".picture.map").focus()
    for _ in range(2):
        page.keyboard.press("ArrowLeft" if reached[1] > column else "ArrowRight")
        page.keyboard.press("ArrowDown" if reached[0] > row else "ArrowUp")
        walker.settle()
        reached = walker.component("[c.settings.row, c.settings.column]")
        if check(edge) > 200:
            break
    assert check(edge) > 200
    assert walker.done("edge")
    walker.drag([walker.pixel(".sums", 100, 20), walker.pixel(".sums", 30, 110)])
    check(edge)
    npt.assert_allclose(walker.component("[c.settings.row, c.settings.column]"), (29, 109), atol=1)
    if not walker.touch:
        page.mouse.move(*walker.pixel(".sums", 90, 40))
        walker.settle()
        assert walker.component("[c.settings.row, c.settings.column]") == [89, 39]
    page.locator(".picture.map").focus()
    page.keyboard.press("Shift+ArrowUp")
    walker.settle()
    assert walker.component("c.settings.row") > 38

    # A typed kernel; turned, it is laid the other way round.
    typed = [0, 2, 0, 0, 0, 0, 0, -2, 0]
    entries = page.locator(".weights input")
    for i, weight in enumerate(typed):
        entries.nth(i).fill(str(weight))
        if weight == 2:
            walker.settle()
            assert not walker.done("north")
    walker.settle()
    assert page.locator("input[value='your own']").is_checked()
    check(typed)
    assert walker.done("north")
    answers = page.locator(".answers strong").all_inner_texts()
    assert answers == ["0", "0", "4"]
    page.get_by_label("Turn the kernel").check()
    walker.settle()
    check(typed, turned=True)
    assert [entries.nth(i).input_value() for i in (1, 7)] == ["-2", "2"]
    assert "scipy.signal.convolve" in page.locator(".component").inner_text()
    page.get_by_label("Turn the kernel").uncheck()

    page.locator("label", has_text="identity").locator("input").check(force=True)
    walker.settle()
    assert walker.done("identity")
    assert check(concepts.identity().ravel()) == box[tuple(np.add(_place(walker), 1))]
    walker.check_look()

    # A link shows it all again.
    page.get_by_label("Turn the kernel").check()
    page.locator("label", has_text="gaussian").locator("input").check(force=True)
    assert "gaussian" in walker.address()
    before, address = walker.component("c.settings"), page.url
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector(".picture canvas")
    walker.settle()
    assert walker.component("c.settings") == before
    check(concepts.gaussian().ravel(), turned=True)
    walker.check_look()
    walker.check_access()


def _place(walker):
    return walker.component("[c.settings.row, c.settings.column]")


@pytest.mark.parametrize("look", [(DESK, "light")], indirect=True, ids=["1440-light"])
def test_the_window_walks_until_it_is_stopped(visit):
    walker = visit("convolution-walker", "?row=40&column=50")
    walk = walker.page.get_by_role("button", name="Walk")
    walk.click()
    walker.page.wait_for_function(
        "() => { const { row, column } = "
        "document.querySelector('stormlens-convolution-walker').settings;"
        " return row === 40 && column > 5 && column < 49; }"
    )
    drawn = "[...c.shadowRoot.querySelector('.sums canvas').getContext('2d')"
    blank = f"{drawn}.getImageData(0, 0, 136, 136).data].filter((v, i) => i % 4 === 3 && v === 0)"
    unseen = walker.component(f"{blank}.length")
    assert 134 * 133 < unseen < 136 * 136  # only the row that it walks on is drawn so far
    walker.page.get_by_role("button", name="Stop").click()
    place = _place(walker)
    walker.page.wait_for_timeout(100)
    assert _place(walker) == place
    assert walker.component(f"{blank}.length") == 136 * 136 - 134 * 134  # the rim has no sum
    walker.check_look()


@pytest.mark.parametrize("look", [(PHONE, "light")], indirect=True, ids=["390-light"])
def test_with_reduced_motion_it_goes_step_by_step(visit):
    walker = visit("convolution-walker")
    walker.page.emulate_media(reduced_motion="reduce")
    walker.open("?row=40&column=132")
    step = walker.page.get_by_role("button", name="One step on")
    for expected in ([40, 133], [39, 0], [39, 1]):
        step.click()
        walker.settle()
        assert _place(walker) == expected
    walker.open("?row=0&column=133")
    step.click()
    walker.settle()
    assert _place(walker) == [133, 0]


@pytest.mark.parametrize("look", [(DESK, "light")], indirect=True, ids=["1440-light"])
@pytest.mark.parametrize(
    ("query", "name", "weights"),
    [
        ("?kernel_name=sobel+y", "sobel y", [1, 2, 1, 0, 0, 0, -1, -2, -1]),
        ("?weights=0,0,0,0,1,0,0,0,0", "identity", [0, 0, 0, 0, 1, 0, 0, 0, 0]),
        ("?weights=0,0,0,0,3,0,0,0,0", "your own", [0, 0, 0, 0, 3, 0, 0, 0, 0]),
        (
            "?kernel_name=your+own&weights=0,0,0,0,1,0,0,0,0",
            "your own",
            [0, 0, 0, 0, 1, 0, 0, 0, 0],
        ),
        ("?weights=1,2&kernel_name=nonsense&row=nan", "edge", [-1, 0, 1, -10, 0, 10, -1, 0, 1]),
    ],
)
def test_name_and_weights_of_a_kernel_bring_each_other(visit, query, name, weights):
    walker = visit("convolution-walker", query)
    assert walker.component("c.settings.kernel_name") == name
    assert walker.component("c.settings.weights") == weights
    entries = walker.page.locator(".weights input")
    assert [float(entries.nth(i).input_value()) for i in range(9)] == weights
    assert walker.trouble == []


@pytest.mark.parametrize("look", [(DESK, "light")], indirect=True, ids=["1440-light"])
def test_a_storm_that_is_not_there_becomes_the_last(visit):
    walker = visit("convolution-walker", "?storm=4000&row=133&column=133")
    chosen = walker.page.locator(".strip input:checked")
    assert chosen.get_attribute("aria-label").startswith("Storm 23")
    assert walker.page.locator(".caption .row").inner_text().startswith("Storm 23")
    assert walker.trouble == []


def _ranges(studio):
    settings = studio.component("c.settings")
    return Augmentation.from_dict(
        {name: value for name, value in settings.items() if name not in ("storm", "seed")}
    )


def _check_studio(studio):
    """Sentences, distances and the recipe's text follow from the settings as in Python."""
    page, held = studio.page, _ranges(studio)
    told = studio.component("c.outputs")
    expected = advice(held, told["beyond"])
    assert told["warnings"] == sum(part.warning for part in expected)
    shown = page.locator(".advice p").all_inner_texts()
    texts = [f"{part.subject.capitalize()}. {part.text}" for part in expected]
    still = {"fill_mode": "reflect", "cval": 0.0}
    if Augmentation.from_dict({**held.to_dict(), **still}) == Augmentation():
        assert "at rest" in shown[0]
    elif told["warnings"]:
        assert shown == texts
    else:
        assert shown[0].startswith("Sound.")
        assert shown[1:] == texts
    places = np.reshape(told["places"], (9, 2))
    km = np.hypot(*(places - 67.5).T) * 3.75
    npt.assert_allclose(told["kilometres"], km, atol=1e-9)
    chips = page.locator(".nine .chip").all_inner_texts()
    for chip, distance in zip(chips, km, strict=True):
        assert abs(float(chip.split(" ")[0] or 0) - distance) <= 0.5
    toml = page.locator(".recipe pre").first.inner_text()
    assert tomllib.loads(toml) == {"augmentation": held.to_dict()}
    recipe = Recipe.from_toml("model = 'chapter-relu'\n" + toml, name="copied")
    assert recipe.augmentation == held
    studio.check_look()


def _end(studio, label, key="End"):
    """Move a slider to its end by the keyboard."""
    studio.page.get_by_role("slider", name=label, exact=True).focus()
    studio.page.keyboard.press(key)
    studio.settle()


@pytest.mark.slow
def test_the_augmentation_studio_from_first_sight_to_last_task(visit, look):
    studio = visit("augmentation-studio")
    page, press = studio.page, studio.press

    assert _ranges(studio) == load_recipe("chapter-augmented").augmentation
    _check_studio(studio)
    assert studio.component("c.outputs.warnings") == 3
    assert not any(studio.done(task) for task in ("sound", "far", "spiral"))
    assert "SIMULATED" in page.locator(".start").inner_text()

    press(page.get_by_role("button", name="SVRIMG"))
    assert _ranges(studio) == load_recipe("svrimg-3conv").augmentation
    assert studio.done("sound")
    _check_studio(studio)
    first = studio.component("c.outputs.places")
    press(page.get_by_role("button", name="New draws"))
    assert studio.component("c.settings.seed") == 1
    assert studio.component("c.outputs.places") != first
    _check_studio(studio)

    # At its end a slider has its highest number, and all of them keep it.
    _end(studio, "Rotation, either way")
    _end(studio, "Shift east or west, of the width")
    settings = studio.component("c.settings")
    assert (settings["rotation_range"], settings["width_shift_range"]) == (180, 0.5)
    assert studio.done("far")
    _check_studio(studio)
    far = max(studio.component("c.outputs.kilometres"))
    assert any(chip.startswith(f"{far:.0f} km") for chip in page.locator(".chip").all_inner_texts())
    assert any("outside" in chip for chip in page.locator(".chip").all_inner_texts())

    press(page.get_by_role("button", name="nothing"))
    assert _ranges(studio) == Augmentation()
    _check_studio(studio)
    tropical = page.locator(".strip label").filter(
        has=page.locator("input[aria-label$='Tropical']")
    )
    # Wrong ways alone do not count: the right ones come first.
    studio.set(vertical_flip=True)
    press(tropical.nth(2))
    assert "Tropical" in page.locator(".start .name").inner_text()
    assert page.locator(".nine .picture[aria-label*='as in a mirror']").count() > 0
    assert not studio.done("spiral")
    studio.set(vertical_flip=False)
    assert not studio.done("spiral")
    press(page.get_by_label("Flip north and south"))
    assert studio.done("spiral")
    _check_studio(studio)
    mirrored = page.locator(".nine .picture[aria-label*='as in a mirror']").count()
    assert 0 < mirrored < 9

    # The rest of the knobs, and what they say.
    page.get_by_label("Fill with").select_option("constant")
    _end(studio, "Zoom, from and to (under 1 enlarges): highest")
    press(page.get_by_text("As another radar would show it"))
    for label in ("Unseen by a radar that is off, share up to", "Weak echo cut off, below up to"):
        _end(studio, label)
    _end(studio, "Echo times, from and to: lowest", key="Home")
    page.get_by_label("cval: what constant fills in, as a number").fill("12.5")
    page.keyboard.press("Enter")
    studio.settle()
    held = _ranges(studio)
    assert (held.zoom_range, held.scale_range) == ((1, 2), (0.5, 1))
    assert (held.cval, held.cutoff_range, held.dropout_range) == (12.5, 80, 1)
    _check_studio(studio)
    press(page.locator(".recipe button").first)
    page.get_by_text("Copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert tomllib.loads(copied) == {"augmentation": held.to_dict()}
    studio.check_access()

    assert "dropout_range" in studio.address()
    before, address = studio.component("[c.settings, c.outputs]"), page.url
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector(".picture canvas")
    studio.settle()
    assert studio.component("[c.settings, c.outputs]") == before
    _check_studio(studio)


@pytest.mark.parametrize("look", [(DESK, "light")], indirect=True, ids=["1440-light"])
@pytest.mark.parametrize(
    "query",
    [
        "?rotation_range=50&shear_range=20&seed=3",
        pytest.param(
            "?fill_mode=nearest&width_shift_range=0.4&storm=2", marks=pytest.mark.long(12)
        ),
        pytest.param("?fill_mode=constant&cval=30&zoom_range=1.8,0.6", marks=pytest.mark.long(12)),
        pytest.param(
            "?fill_mode=wrap&height_shift_range=0.5&storm=17&seed=8", marks=pytest.mark.long(12)
        ),
    ],
)
def test_the_nine_pictures_are_what_python_warps(visit, front, query):
    studio = visit("augmentation-studio", query)
    held, settings = _ranges(studio), studio.component("c.settings")
    matrices = studio.page.evaluate(
        """async ([front, settings]) => {
            const { Random } = await import(front + "base/random.js");
            const { affineMatrix, drawn } = await import(front + "ideas/augment.js");
            const random = new Random(settings.seed);
            const shape = { rows: 136, columns: 136 };
            const nine = Array.from({ length: 9 }, () => drawn(settings, random, shape));
            return nine.map(draw => [...affineMatrix(draw, shape)]);
        }""",
        [front, settings],
    )
    pixels = studio.component(
        "[...c.shadowRoot.querySelectorAll('.nine canvas')].map(canvas =>"
        " [...canvas.getContext('2d').getImageData(0, 0, 136, 136).data])"
    )
    box = box_of(studio, settings["storm"])
    maps = np.reshape(np.array(matrices, np.float32), (9, 2, 3))
    images = jnp.broadcast_to(jnp.asarray(box), (9, 136, 136))
    expected = np.rint(np.asarray(warp(images, maps, held.fill_mode, held.cval))).astype(int)
    palette = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in reflectivity_palette()]
    colours = np.array([[0, 0, 0], *palette[1:]])[expected]
    found = np.reshape(pixels, (9, 136, 136, 4))[:, ::-1]  # the north is on top there
    assert len(np.unique(expected)) > 20
    # Roundings of 32 bits and of 64 part where a value lies halfway, or a pixel on the edge.
    differ = (found[..., :3] != colours).any(-1) | ((found[..., 3] > 0) != (expected > 0))
    assert differ.mean() < 0.005


@pytest.mark.slow
@pytest.mark.parametrize("look", [(DESK, "light")], indirect=True, ids=["1440-light"])
def test_the_python_to_copy_makes_the_same_ranges(visit):
    query = "?rotation_range=30&zoom_range=1.2,0.8&vertical_flip=false&scale_range=0.9,1&seed=5"
    studio = visit("augmentation-studio", query)
    text = studio.page.locator(".recipe pre").nth(1).inner_text()
    names: dict[str, object] = {}
    exec(text, names)
    assert names["augmentation"] == _ranges(studio)
    assert names["draws"].shape == (9, 136, 136)
    assert "jax.random.key(5)" in text
    assert _ranges(studio).zoom_range == (0.8, 1.2)
