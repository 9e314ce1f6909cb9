"""The page of training: its recipes as stormlens reads them, and the page in a real browser."""

import json
import re
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from visits import DESK, LOOKS, PHONE, Visit, plain, until
from web_packages import node

import stormlens
import stormlens.learn

WEB = Path(stormlens.learn.__file__).with_name("web")

NETWORKS = "chapter-linear", "chapter-relu", "svrimg-3conv", "storm-residual"
AUGMENTATIONS = "none", "flips", "chapter", "archive", "shipped"

_WRITE = """
import { AUGMENTATIONS } from "./train/choices.js";
import { python, toml } from "./train/recipe.js";
const { choices, source } = JSON.parse(process.argv[1]);
const written = choices.map((choice) => ({
  toml: toml(choice, source),
  python: python(choice, source),
  augmentation: AUGMENTATIONS[choice.augmentation],
}));
console.log(JSON.stringify(written));
"""


def choice(**changes: Any) -> dict[str, Any]:
    """A training as the page decides it."""
    usual = {
        "network": "chapter-linear",
        "storms": 300,
        "rate": 1e-4,
        "batch": 32,
        "dropout": None,
        "activation": None,
        "augmentation": "none",
        "epochs": 20,
        "seed": 0,
    }
    return {**usual, **changes}


def written(choices, *, simulated=True, count=1331):
    """What the page writes of each: TOML, Python, and its augmentation as it has it."""
    given = json.dumps({"choices": choices, "source": {"simulated": simulated, "count": count}})
    return run_module(_WRITE, given)


def test_recipes_are_read_with_the_same_values(tmp_path):
    rates = (1e-5, 1e-4, 1.2e-3, 0.1)
    choices = [
        choice(network=network, rate=rate, augmentation=name, batch=batch, seed=seed, storms=storms)
        for (network, name, rate), (batch, seed, storms) in zip(
            product(NETWORKS, AUGMENTATIONS, rates),
            [(8, 3, 60), (32, 0, 300), (128, 9999, 1331)] * 27,
            strict=False,
        )
    ]
    assert len(choices) == 80
    for number, (chosen, made) in enumerate(zip(choices, written(choices), strict=True)):
        path = tmp_path / f"{number}.toml"
        path.write_text(made["toml"], encoding="utf-8")
        recipe = stormlens.load_recipe(path)
        assert recipe.model == chosen["network"]
        assert recipe.learning_rate == chosen["rate"]
        assert recipe.batch_size == chosen["batch"]
        assert recipe.epochs == chosen["epochs"]
        assert recipe.seed == chosen["seed"]
        assert recipe.data.name == "simulated"
        count = chosen["storms"] if chosen["storms"] < 1331 else None
        assert recipe.data.options.get("count") == count
        told = None if recipe.augmentation is None else recipe.augmentation.to_dict()
        assert told == _whole(made.get("augmentation"))
        # All that the page does not do is at rest.
        rest = stormlens.Recipe(name=recipe.name, model=recipe.model)
        for name in ("optimiser", "schedule", "weight_decay", "class_weights", "label_smoothing"):
            assert getattr(recipe, name) == getattr(rest, name)
        for name in ("mixup", "average", "orientations", "early_stopping", "continues"):
            assert getattr(recipe, name) == getattr(rest, name)


def _whole(augmentation):
    """An augmentation with what is at rest."""
    if augmentation is None:
        return None
    return stormlens.augment.Augmentation.from_dict(augmentation).to_dict()


def run_module(source, *arguments):
    """What a module in the folder of pages prints as JSON."""
    command = [node(), "--input-type=module", "--eval", source, "--", *arguments]
    ended = subprocess.run(command, cwd=WEB, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_what_is_a_networks_own_is_what_its_recipe_says():
    own = run_module(
        'import { NETWORKS } from "./train/choices.js"; console.log(JSON.stringify(NETWORKS));'
    )
    assert list(own) == list(NETWORKS)
    for name in NETWORKS:
        assert own[name]["rate"] == stormlens.load_recipe(name).learning_rate
        blocks = stormlens.models.model_info(name).layers(6)
        [activation] = {block.activation for block in blocks if block.kind == "Conv2D"}
        assert own[name]["activation"] == activation
        rates = dict.fromkeys(f"{block.rate:g}" for block in blocks if "Dropout" in block.kind)
        assert own[name]["drops"] == (", ".join(rates) or "0")


@pytest.fixture
def tiny_storms(monkeypatch):
    """Eight boxes a split in place of the whole of the simulated storms."""
    whole = stormlens.load_splits("simulated", count=8)
    monkeypatch.setattr(stormlens, "load_splits", lambda name: dict(whole))
    return whole


PYTHON = {
    "by name": choice(network="chapter-relu", storms=6, epochs=2, augmentation="flips", seed=5),
    "dropout put in": choice(storms=6, epochs=1, batch=8, dropout=0.4, rate=3e-4),
    "bent": choice(network="storm-residual", epochs=1, activation="tanh", dropout=0.1),
    "silent": choice(network="svrimg-3conv", epochs=1, dropout=0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTHON)
def test_python_runs_and_trains_what_was_chosen(name, tiny_storms, tmp_path, monkeypatch, capsys):
    chosen = PYTHON[name]
    monkeypatch.chdir(tmp_path)
    [made] = written([chosen], count=8)
    held: dict[str, Any] = {}
    exec(compile(made["python"], "from the page", "exec"), held)
    recipe, fitted = held["recipe"], held["fitted"]
    assert len(fitted.history) == chosen["epochs"]
    assert recipe.learning_rate == chosen["rate"]
    assert (recipe.batch_size, recipe.seed) == (chosen["batch"], chosen["seed"])
    assert held["splits"]["train"].sizes["storm"] == min(chosen["storms"], 8)
    assert len(capsys.readouterr().out.splitlines()) == chosen["epochs"] + 1
    from_toml = stormlens.Recipe.from_toml(made["toml"], name="page")
    assert from_toml.with_changes(name=recipe.name) == stormlens.training.Recipe(
        **{**vars(recipe), "data": from_toml.data}
    )
    if "model" in held:
        _check_own_network(chosen, held["model"], stormlens.models.load_keras_file(from_toml.model))


def _check_own_network(chosen, *models):
    import keras

    dropouts = {"chapter-linear": 1, "storm-residual": 1, "svrimg-3conv": 4}
    for model in models:
        rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
        assert rates == [chosen["dropout"]] * dropouts[chosen["network"]]
        bends = {
            layer.activation.__name__
            for layer in model.layers
            if isinstance(layer, keras.layers.Conv2D)
        }
        own = "linear" if chosen["network"] == "chapter-linear" else "relu"
        assert bends == {chosen["activation"] or own}


@pytest.fixture(scope="module")
def front() -> Iterator[str]:
    server = stormlens.learn.serve(show=False, threaded=True)
    yield server.addresses[-1]
    server.stop()


@pytest.fixture
def visit(chromium, front):
    contexts = []

    def open_page(query="", look=(DESK, "light")):
        (width, height), scheme = look
        touch = (width, height) == PHONE
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=touch
        )
        contexts.append(context)
        made = Visit(context.new_page(), front, "train", touch)
        made.page.goto(f"{front}#/train{query}")
        wait_until(made, "Play")
        return made

    yield open_page
    for context in contexts:
        context.close()


def wait_until(visit, words):
    """Wait until the main button says so and can be pressed."""
    button = "c?.shadowRoot?.querySelector('.play')"
    visit.wait_for(f"{button}?.disabled === false && {button}.textContent.includes(v[0])", words)


def play(visit):
    visit.press(".play")
    wait_until(visit, "10 more")


def matrix(visit):
    counts = visit.page.locator(".matrix td button").all_inner_texts()
    return [0 if count == "·" else int(count) for count in counts]


def kernel(visit):
    return [float(plain(cell)) for cell in visit.page.locator(".weights td").all_inner_texts()]


@pytest.mark.slow(18)
@pytest.mark.browser
@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look[0][0]}-{look[1]}")
def test_a_network_is_trained_step_by_step_and_by_epochs(visit, look):
    train = visit("?storms=60&epochs=3&batch=16", look)
    page = train.page
    assert "learnt nothing yet" in train.text(".readings .note")
    for place in (".playbar", ".note-of-storms"):
        assert train.text(f"{place} .badge") == "SIMULATED"
    assert train.text(".far") == "Epoch 0 of 3"
    assert sum(matrix(train)) == 110
    untrained, first = matrix(train), kernel(train)
    drawn = page.locator(".maps canvas").first.evaluate("canvas => canvas.toDataURL()")

    train.press(".playbar button:text('Step')")
    wait_until(train, "Play")
    assert train.text(".far") == "Epoch 1 of 3, batch 1 of 4"
    assert matrix(train) == untrained
    train.press(".playbar button:text('Epoch')")
    wait_until(train, "Play")
    assert train.text(".far") == "Epoch 1 of 3"
    assert matrix(train) != untrained
    play(train)
    told = train.component("c.outputs")
    assert told["epoch"] == 3
    counts = matrix(train)
    right = sum(counts[7 * mode] for mode in range(6))
    assert sum(counts) == 110
    assert right / 110 == pytest.approx(told["val_accuracy"])
    words = page.locator(".curves .chart").first.get_attribute("aria-label")
    assert f"training {told['accuracy']:.1%}".replace("%", " %") in words
    assert f"validation {told['val_accuracy']:.1%}".replace("%", " %") in words
    assert f"validation {told['val_accuracy']:.1%}".replace("%", " %") in train.text(".figures")
    assert "Epoch 3" in train.text("[role=status]:has-text('Epoch')")

    # Kernels and maps have moved, and by how much is said.
    assert kernel(train) != first
    assert page.locator(".maps canvas").first.evaluate("canvas => canvas.toDataURL()") != drawn
    moved = [now - before for now, before in zip(kernel(train), first, strict=True)]
    train.press("label:has-text('what was learnt')")
    assert kernel(train) == pytest.approx(moved, abs=1.1e-3)

    # A cell shows its storms; one of them is looked into.
    cell = max((n for n in range(36) if n % 7), key=lambda n: counts[n])
    train.press(f".matrix tbody tr:nth-child({cell // 6 + 1}) td:nth-child({cell % 6 + 2}) button")
    assert page.locator(".thumbs button").count() == counts[cell]
    train.press(".thumbs button")
    words = f"Storm {train.component('c.settings.storm')} "
    train.wait_for("c.shadowRoot.querySelector('.storm-words').textContent.includes(v[0])", words)

    # The keyboard goes through the matrix, and chooses.
    if not train.touch:
        train.tab_to(".matrix button")
        here = train.component(
            "[...c.shadowRoot.querySelectorAll('.matrix button')].indexOf("
            "c.shadowRoot.activeElement)"
        )
        for key, by in (("ArrowDown", 6), ("ArrowRight", 1)):
            if (here + by) < 36:
                page.keyboard.press(key)
                here += by
        page.keyboard.press("Enter")
        train.settle()
        assert train.component("c.settings.cell") == [here // 6, here % 6]

    # Begun again, it learns the same.
    train.press(".playbar button:text('Reset')")
    wait_until(train, "Play")
    assert train.text(".far") == "Epoch 0 of 3"
    play(train)
    assert train.component("c.outputs") == told
    _check_look(train)
    train.check_access()

    # A link shows the same settings.
    address = train.address()
    held = train.component("c.settings")
    page.goto("about:blank")
    page.goto(f"{train.front}{address}")
    wait_until(train, "Play")
    assert train.component("c.settings") == held
    assert train.trouble == []


def _check_look(train):
    wide, seen = train.page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= seen
    sides = train.component(
        "[...c.shadowRoot.querySelectorAll('.picture')].filter(p => p.checkVisibility())"
        ".map(p => [p.clientWidth, p.clientHeight])"
    )
    assert len(sides) > 60  # the storm, 32 kernels, as many maps
    for width, height in sides:
        assert width > 24
        assert abs(width - height) < 1


@pytest.mark.browser
def test_a_new_rate_goes_on_and_another_network_begins_again(visit):
    train = visit("?storms=60&epochs=2")
    page = train.page
    play(train)
    train.page.get_by_label("Learning rate", exact=True).select_option("0.001")
    page.get_by_label("Augmentation", exact=True).select_option("flips")
    train.settle()
    train.wait_for("c.shadowRoot.querySelector('.curves').textContent.includes('augmentation')")
    assert "rate" in page.locator(".curves text").all_text_contents()
    assert page.locator(".varied .picture").first.is_visible()
    assert train.text(".far") == "Epoch 2 of 2"
    assert "learning_rate = 0.001" in train.text("pre")
    assert "horizontal_flip = true" in train.text("pre")
    assert "changed on its way" in train.text(".after")
    play(train)
    assert train.component("c.outputs.epoch") == 12
    page.get_by_label("chapter-relu", exact=True).check()
    wait_until(train, "Play")
    assert train.text(".far") == "Epoch 0 of 12"
    assert train.component("c.settings.rate") == "own"
    assert train.trouble == []


@pytest.mark.slow
@pytest.mark.browser
def test_it_says_when_a_network_overfits_and_when_it_runs_away(visit):
    train = visit("?storms=60&epochs=9")
    assert not train.done("overfit")
    play(train)
    assert train.page.locator(".note[data-kind=overfitting]").count() == 1
    assert "Overfitting since epoch" in train.text(".readings")
    assert "overfits" in train.page.locator(".curves text").all_text_contents()
    assert train.done("overfit")
    train.set(rate="0.1", batch="16", epochs=1)
    wait_until(train, "Play")
    play(train)
    assert train.page.locator(".note[data-kind=diverged]").count() == 1
    assert train.done("rate")
    assert not train.done("remedy")
    assert train.trouble == []


@pytest.mark.slow
@pytest.mark.browser
def test_two_settings_are_trained_side_by_side(visit):
    train = visit("?storms=60&epochs=2")
    page = train.page
    page.get_by_label("Compare two settings").check()
    wait_until(train, "Play")
    assert train.component("[c.settings.network_b, c.settings.storms_b]") == ["chapter-relu", "60"]
    play(train)
    assert page.locator(".readings .note").count() == 2
    assert "After 2 epochs" in train.text(".readings")
    words = page.locator(".curves .chart").first.get_attribute("aria-label")
    assert "A after epoch 2" in words
    assert "B after epoch 2" in words
    before = matrix(train)
    train.press("label:has(> input[value=B][type=radio]):has-text('B'):not(.pick)")
    train.settle()
    assert 'model = "chapter-relu"' in train.text("pre")
    until(page, lambda: matrix(train) != before)
    workers = len(page.workers)
    assert workers >= 2

    # What is not shown is let go of, and so is all where nothing would be lost with the page.
    page.get_by_label("Compare two settings").uncheck()
    until(page, lambda: 0 < len(page.workers) < workers)
    assert train.text(".far") == "Epoch 2 of 2"
    train.press(".playbar button:text('Reset')")
    wait_until(train, "Play")
    page.evaluate("location.hash = '#/'")
    until(page, lambda: page.workers == [])
    assert train.trouble == []


@pytest.mark.browser
def test_the_chapters_questions_set_up_what_they_ask(visit):
    train = visit("?storms=60&epochs=2")
    question = train.page.locator(".question", has_text="What does a ReLU")
    question.get_by_role("button", name="Set it up").click()
    wait_until(train, "Play")
    assert train.component("[c.settings.compare, c.settings.activation_b]") == [True, "relu"]
    question.locator("summary").click()
    assert question.get_by_text("fall silent").is_visible()
    python = train.page.get_by_label("Python", exact=True).inner_text()
    compile(python, "from the page", "exec")
    assert train.trouble == []


@pytest.mark.browser
def test_storms_are_looked_into_as_fast_as_one_chooses(visit):
    train = visit("?storms=60&epochs=2")
    for number in range(40):
        train.component("c.set({ storm: v[0] })", number)
    train.wait_for("c.shadowRoot.querySelector('.storm-words').textContent.includes('Storm 39 ')")
    train.press(".chooser button >> nth=1")
    train.wait_for("c.shadowRoot.querySelector('.storm-words').textContent.includes('Storm 40 ')")
    # Taken out of the page and put back, it begins again with what was set.
    train.press(".playbar button:text('Step')")
    wait_until(train, "Play")
    assert "batch 1 of 2" in train.text(".far")
    train.component("(window.kept = c, c.remove())")
    train.rest(300)
    train.page.evaluate("document.querySelector('main').append(window.kept)")
    train.wait_for("c.shadowRoot.querySelector('.far').textContent === 'Epoch 0 of 2'")
    wait_until(train, "Play")
    assert train.component("c.settings.storm") == 40
    assert train.trouble == []


@pytest.mark.browser
def test_a_slider_that_is_dragged_begins_few_trainings(visit):
    made = visit("?storms=60&network=svrimg-3conv")
    made.page.evaluate(
        """async () => {
          const page = document.querySelector("stormlens-train");
          const post = Worker.prototype.postMessage;
          const dragged = Promise.withResolvers();
          globalThis.begun = 0;
          // One that begins takes as long as the slider moves, however slow the frames are.
          Worker.prototype.postMessage = function (message, ...rest) {
            const ask = () => post.call(this, message, ...rest);
            if (message.ask !== "train") return ask();
            globalThis.begun += 1;
            dragged.promise.then(ask);
          };
          for (let seed = 1; seed <= 20; ++seed) {
            page.set({ seed });
            await new Promise(requestAnimationFrame);
          }
          dragged.resolve();
        }"""
    )
    made.page.get_by_text("Epoch 0 of").first.wait_for()
    made.page.get_by_role("button", name="Step", exact=True).click()  # waits for what was asked
    made.page.get_by_text("batch 1 of").first.wait_for()
    assert made.page.evaluate("globalThis.begun") < 10
    assert made.trouble == []


@pytest.mark.browser
def test_a_rate_that_is_chosen_while_storms_are_fetched_is_learnt_with(chromium, front):
    context = chromium.new_context()
    held = []
    context.route("**/storms/train-0.bin", lambda route: held.append(route))
    train = Visit(context.new_page(), front, "train")
    train.page.goto(f"{front}#/train?storms=60&network=svrimg-3conv")
    train.wait_for("c?.shadowRoot?.querySelector('.far')?.textContent.startsWith('Fetching')")
    train.set(rate="0.003")
    train.set(augmentation="flips")
    held[0].continue_()
    wait_until(train, "Play")
    train.page.get_by_role("button", name="Epoch", exact=True).click()
    train.page.get_by_text("Epoch 1 of").first.wait_for()
    # Nothing was changed on the way: only that of knowing nothing is marked.
    assert train.page.locator(".curves line.mark").count() == 1
    assert train.trouble == []
    context.close()


@pytest.mark.long(20)
@pytest.mark.browser
def test_a_training_waits_while_another_page_is_shown(visit):
    train = visit("?storms=60&epochs=12&batch=16")
    page = train.page
    train.press(".playbar button:text('Epoch')")
    wait_until(train, "Play")
    # The page itself looks, frame by frame, and leaves: this process may come too late.
    train.component(
        """void function look() {
          if (c.shadowRoot.querySelector('.far').textContent.startsWith('Epoch 2 of 12, batch')) {
            location.hash = '#/neuron';
          } else requestAnimationFrame(look);
        }()"""
    )
    train.press(".play")
    page.locator("stormlens-neuron .picture canvas").wait_for()
    assert page.locator("stormlens-train").count() == 0
    page.wait_for_timeout(1500)
    page.go_back()
    page.locator("main stormlens-train").wait_for()
    wait_until(train, "Play")
    reached = train.text(".far")
    assert re.match(r"Epoch ([2-9]|1[01]) of 12", reached)
    page.wait_for_timeout(500)
    assert train.text(".far") == reached

    # It goes on where it was, and a link to another one begins anew.
    play(train)
    assert train.component("c.outputs.epoch") == 12
    page.get_by_role("link", name="Inside").first.click()
    page.locator("stormlens-inside").wait_for()
    page.evaluate("location.hash = '#/train?storms=60&network=chapter-relu'")
    page.locator("main stormlens-train").wait_for()
    wait_until(train, "Play")
    assert train.text(".far") == "Epoch 0 of 20"
    assert train.component("c.settings.network") == "chapter-relu"

    # One that has not begun is let go of, with its worker.
    page.get_by_role("link", name="One neuron").first.click()
    page.locator("stormlens-neuron .picture canvas").wait_for()
    until(page, lambda: page.workers == [], "no worker")
    assert train.trouble == []
