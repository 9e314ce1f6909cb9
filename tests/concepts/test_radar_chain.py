"""The seven steps: order, units, and what physics says of each."""

import numpy as np
import numpy.testing as npt
import pytest
from scipy.ndimage import map_coordinates

from stormlens import concepts


@pytest.fixture(scope="module")
def chain():
    return concepts.radar_chain(seed=3)


def data(chain, name):
    return next(stage.data for stage in chain.stages if stage.name == name)


def test_the_steps_are_the_chapters(chain):
    assert [stage.name for stage in chain.stages] == [
        "scene",
        "light",
        "optics",
        "sensor",
        "digitisation",
        "image analysis",
        "response",
    ]
    assert all(stage.meaning.endswith(".") for stage in chain.stages)


def test_light_follows_marshall_and_palmer(chain):
    rain, z = data(chain, "scene"), data(chain, "light")
    heavy = rain > 1
    npt.assert_allclose(10 * np.log10(z[heavy]), 23.01 + 16 * np.log10(rain[heavy]), atol=0.01)


def test_the_beam_blends_more_the_farther_it_reaches(chain):
    z, beams = data(chain, "light"), data(chain, "optics")
    bearing = np.deg2rad(np.arange(360))[:, None]
    gate = np.arange(1, beams.shape[1] + 1)[None]
    sharp = map_coordinates(
        z, [170 + gate * np.cos(bearing), 200 + gate * np.sin(bearing)], order=1
    )

    def roughness(values, gates):
        return np.abs(np.diff(values[:, gates], axis=0)).sum()

    near, far = slice(0, 40), slice(150, 260)
    kept = [roughness(beams, part) / roughness(sharp, part) for part in (near, far)]
    assert kept[1] < kept[0] <= 1.01


def test_power_falls_with_distance_squared_and_ends_in_noise(chain):
    beams, power = data(chain, "optics"), data(chain, "sensor")
    silent = power[beams == 0]
    npt.assert_allclose((10 ** (silent / 10)).mean(), 10**-11.3, rtol=0.02)
    gate = np.broadcast_to(np.arange(1, beams.shape[1] + 1), beams.shape)
    strong = beams > 1e3
    expected = -113 + 10 * np.log10(beams[strong]) + 42 - 20 * np.log10(gate[strong])
    npt.assert_allclose((power[strong] - expected).mean(), 0, atol=0.15)


def test_the_box_is_whole_dbz_near_what_the_beam_saw(chain):
    box = data(chain, "digitisation")
    assert (box.dtype, box.shape) == (np.uint8, (136, 136))
    assert 50 < box.max() <= 80
    z = data(chain, "light")
    seen = 10 * np.log10(np.maximum(z, 1e-3))
    strongest = np.array(np.unravel_index(box.argmax(), box.shape))
    place = ((strongest + 0.5) * 3.75).astype(int)
    around = seen[place[0] - 6 : place[0] + 7, place[1] - 6 : place[1] + 7]
    assert abs(around.max() - box.max()) < 5


def test_the_response_marks_pooled_values_of_40_dbz(chain):
    features, alarms = data(chain, "image analysis"), data(chain, "response")
    npt.assert_array_equal(alarms, features >= 40)
    assert chain.answer == f"Convection in {(features >= 40).sum()} of 1,936 neighbourhoods."


def test_a_seed_gives_its_chain_and_another_another(chain):
    again, other = concepts.radar_chain(seed=3), concepts.radar_chain(seed=4)
    npt.assert_array_equal(data(chain, "digitisation"), data(again, "digitisation"))
    assert (data(chain, "digitisation") != data(other, "digitisation")).any()
