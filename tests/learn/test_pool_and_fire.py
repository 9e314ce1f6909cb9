"""Patches that the user picks, and what the neuron makes of them."""

import numpy as np
import pytest
import xarray as xr

from stormlens.errors import InputError
from stormlens.learn import PoolAndFire


def test_the_first_patches_tell_strong_from_weak(storms):
    component = PoolAndFire(storms, storm=1)
    pooled = [held.pooled for held in component.responses]
    assert pooled[0] == 49
    assert pooled[2] == 0
    assert [held.a for held in component.responses] == [9, 0, 0]
    assert "Patch 1 fires." in component.words.object


def test_a_click_takes_the_patch_around_it_and_drops_the_oldest(storms):
    component = PoolAndFire(storms, storm=0)
    before = component.places
    component.pick(x=70.5 * 3.75, y=100.5 * 3.75)  # pixel (100, 70), in the rain
    assert component.places == [*before[1:], (98, 68)]
    assert component.responses[-1].pooled == 45
    assert component.frames.data["x"][-1] == (68 + 2.5) * 3.75
    assert component.bars[2].data["value"] == [45, 5, 5]
    assert component.numbers[2].data["dbz"][0] == "45"


@pytest.mark.parametrize(("point", "place"), [((0, 0), (0, 0)), ((509, 509), (131, 131))])
def test_a_patch_at_the_edge_is_moved_inside(storms, point, place):
    component = PoolAndFire(storms)
    component.pick(*point)
    assert component.places[-1] == place
    assert component.patches[2].data["patch"][0].shape == (5, 5)


def test_threshold_weight_and_bias_move_every_answer(storms):
    component = PoolAndFire(storms, storm=1)
    component.threshold, component.weight, component.bias = 60.0, 1.2, 5.0
    z = 1.2 * 49 + 5 - 60
    assert component.responses[0].z == pytest.approx(z)
    assert component.bars[0].data["value"] == pytest.approx([49, z, z])
    component.threshold = 70.0
    assert "No patch fires." in component.words.object
    assert component._bar_plots[0].title.text == "Patch 1 stays silent"


def test_a_larger_patch_stays_in_the_box_and_hides_its_numbers(storms):
    component = PoolAndFire(storms, storm=0)
    component.pick(509, 509)
    component.size = 15
    assert component.places[-1] == (121, 121)
    assert component.patches[2].data["patch"][0].shape == (15, 15)
    assert list(component.numbers[2].data["dbz"]) == []


def test_no_echo_is_drawn_blank(storms):
    component = PoolAndFire(storms, storm=0)
    drawn = component.image.data["box"][0]
    np.testing.assert_array_equal(np.isnan(drawn), storms["reflectivity"].values[0] == 0)


def test_simulated_storms_say_so(storms):
    assert "simulated" in PoolAndFire(storms).heading.object
    observed = storms.assign_attrs(simulated=0)
    assert "simulated" not in PoolAndFire(observed).heading.object


@pytest.mark.parametrize("given", [3, xr.Dataset()])
def test_what_is_no_container_gets_a_sentence(given):
    with pytest.raises(InputError, match=r"storms of a Dataset as stormlens\.load gives it"):
        PoolAndFire(given)
