"""Components in a notebook: traits, what follows from them, and both ways with a page."""

import json
import subprocess
import sys

import numpy as np
import numpy.testing as npt
import pytest
from web_packages import TESTS, node

from stormlens import concepts
from stormlens.datasets import load, make_dataset
from stormlens.errors import InputError
from stormlens.learn import ConvolutionWalker, Neuron, PoolAndFire, _settings
from stormlens.learn._settings import understood
from stormlens.learn._storms import few_of


@pytest.fixture
def boxes():
    """Three boxes: a column of rain, a single core, and nothing."""
    images = np.zeros((3, 136, 136), np.uint8)
    images[0, :, 68:80] = 45
    images[1, 60:65, 60:65] = 49
    return make_dataset(images, [1, 0, 5], source="SIMULATED by hand", simulated=True)


def test_traits_are_what_the_web_components_take():
    printed = subprocess.run(
        [node(), TESTS / "print-settings.js"], capture_output=True, text=True, check=True
    )
    regenerate = "node tests/learn/web/print-settings.js > src/stormlens/learn/settings.json"
    assert json.loads(printed.stdout) == _settings.declared(), regenerate


@pytest.mark.slow
def test_a_missing_extra_is_named_with_its_command():
    code = (
        "import sys; sys.modules.update(anywidget=None, traitlets=None)\n"
        "from stormlens.learn import Neuron"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    said = ended.stderr.splitlines()[-1]
    assert "need anywidget; in the clone of Stormlens, run" in said
    assert 'pip install -e ".[app]"' in said


def test_a_neuron_answers_without_a_browser_at_once():
    neuron = Neuron(w1=2, x1=-1.5, activation="tanh")
    assert neuron.z == 2 * -1.5 + 1
    npt.assert_allclose(neuron.a, np.tanh(-2))
    neuron.bias = 2
    assert (neuron.z, neuron.a) == (0, 0)
    assert repr(neuron) == "Neuron(x1=-1.5, w1=2.0, bias=2.0, activation='tanh')"
    assert neuron.settings["w2"] == 1


def test_the_walker_knows_its_kernel_by_name_and_by_weights(boxes):
    walker = ConvolutionWalker(boxes, storm=0, row=50, column=66)
    npt.assert_array_equal(walker.step.window, [[0, 0, 45]] * 3)
    assert walker.step.total == 12 * 45
    npt.assert_array_equal(walker.response, concepts.correlate(walker.box, concepts.EDGE))
    walker.weights = [0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert walker.kernel_name == "identity"
    walker.weights = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert walker.kernel_name == "your own"
    # Written from the north: 1 2 3 lies on the northern row, which boxes store last.
    npt.assert_array_equal(walker.step.kernel, [[7, 8, 9], [4, 5, 6], [1, 2, 3]])
    walker.turned = True
    npt.assert_array_equal(walker.step.kernel, [[3, 2, 1], [6, 5, 4], [9, 8, 7]])
    walker.kernel_name = "blur"
    npt.assert_allclose(walker.weights, np.full(9, 1 / 9))
    assert ConvolutionWalker(boxes, weights=[1] * 9).kernel_name == "your own"


def test_patches_answer_where_they_are_put_or_are_telling(boxes):
    pool = PoolAndFire(boxes, storm=1, threshold=48)
    strongest, middling, weakest = pool.responses
    assert (strongest.pooled, strongest.z, weakest.pooled) == (49, 1, 0)
    assert middling.pooled <= 49
    pool.places = [58, 58, 300, 0]
    assert [held.pooled for held in pool.responses] == [49, 0]
    pool.size, pool.weight, pool.bias = 3, 2, -20
    assert [held.z for held in pool.responses] == [2 * 49 - 20 - 48, -20 - 48]


@pytest.mark.slow
def test_a_box_of_another_split_is_rounded_as_the_page_has_it():
    pool = PoolAndFire(split="validation", storm=7)
    exact = load("simulated", "validation")["reflectivity"].values[7].astype(int)
    assert np.abs(pool.box - exact).max() == 1
    assert set(np.unique(pool.box % 2)) == {0}
    pool.storm = 110
    with pytest.raises(InputError, match="There is no storm 110; they go from 0 to 109"):
        _ = pool.responses
    with pytest.raises(InputError, match="There are no test storms here; choose of train"):
        PoolAndFire(split="test").box.any()


def test_the_simulated_storms_are_those_of_the_pages():
    walker = ConvolutionWalker()
    assert walker.boxes.sizes["storm"] == 24
    expected = few_of(load("simulated", "test"))["reflectivity"].values[13]
    npt.assert_array_equal(walker.box, expected)


def test_own_storms_go_along_and_others_do_not(boxes):
    files = ConvolutionWalker(boxes).files
    assert json.loads(files["storms/storms.json"])["source"] == "SIMULATED by hand"
    assert all(isinstance(content, bytes) for content in files.values())
    assert ConvolutionWalker().files == {}


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Neuron(w1=9), r"w1 is 9; it must be a number from -3 to 3\."),
        (lambda: Neuron(w1="2"), r"w1 is '2'; it must be a number from -3 to 3\."),
        (lambda: Neuron(w1=float("nan")), "w1 is nan; it must be a number"),
        (lambda: Neuron(w1=True), "w1 is True; it must be a number"),
        (lambda: Neuron(activation="tahn"), "Unknown activation 'tahn'. Did you mean 'tanh'"),
        (lambda: Neuron(activation=3), "activation is 3; it must be one of linear, relu"),
        (lambda: Neuron(w3=1), "Unknown setting 'w3'. Did you mean 'w"),
        (lambda: ConvolutionWalker(row=1.5), "row is 1.5; it must be a whole number from 0"),
        (lambda: ConvolutionWalker(turned=1), "turned is 1; it must be True or False"),
        (lambda: ConvolutionWalker(weights=[1, 2]), "it must be 9 numbers from -1000 to 1000"),
        (lambda: ConvolutionWalker(weights=3), "weights is 3; it must be 9 numbers"),
        (lambda: ConvolutionWalker(storm=24), "There is no storm 24; they go from 0 to 23"),
        (lambda: ConvolutionWalker([1]), "not a list"),
    ],
)
def test_what_a_component_would_not_take_gets_its_sentence(make, sentence):
    with pytest.raises(InputError, match=sentence):
        make()


def test_a_setting_keeps_its_value_where_a_new_one_is_refused():
    neuron = Neuron(w1=2)
    with pytest.raises(InputError):
        neuron.w1 = 4
    assert neuron.w1 == 2


def test_text_is_taken_as_it_is():
    assert understood("name", "a", {"kind": "text"}) == "a"
    with pytest.raises(InputError, match="name is 3; it must be text"):
        understood("name", 3, {"kind": "text"})


def test_a_page_without_a_kernel_gets_the_element_with_its_settings(boxes):
    walker = ConvolutionWalker(row=3, weights=[0.1 + 0.2, *[1] * 8], turned=True)
    made = walker.as_html()
    assert made.startswith('<stormlens-convolution-walker row="3" kernel-name="your own" weights=')
    assert 'weights="0.3,1,1,1,1,1,1,1,1" turned="true">' in made
    assert made.endswith("</p></stormlens-convolution-walker>")
    data, _ = walker._repr_mimebundle_()
    assert data["text/html"] == made
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == walker.model_id
    # There is no storm 2 of the own ones on the page; it says that its own are simulated.
    own = ConvolutionWalker(boxes, storm=2, row=3).as_html()
    assert own.startswith('<stormlens-convolution-walker row="3"><p>Convolution walker: an')
