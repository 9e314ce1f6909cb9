"""The families of simulated boxes: what is drawn, what is held out, and what each step does."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from stormlens.datasets import load, simulated_families
from stormlens.datasets._simulated import (
    _assemble,
    _cyclones,
    _echoes,
    _missing,
    _products,
    _sensors,
    _wide,
)
from stormlens.datasets._simulated._families import Mixture
from stormlens.datasets._simulated._scene import Scene, Weather
from stormlens.datasets._simulated._texture import textures
from stormlens.errors import InputError
from stormlens.stormbox import MODES

COORDS = {"storm": "storm_family", "network": "network", "product": "product"}
FAMILIES = simulated_families()
HELD_OUT = {family.name for family in FAMILIES if family.held_out}


@pytest.fixture(scope="module")
def wide():
    return load("simulated-wide", "train", count=1500, seed=5)


@pytest.fixture(scope="module")
def held_out():
    return load("simulated-held-out", "test", count=600, seed=5)


def scene_of(seed=0, **changes):
    rng = np.random.default_rng(seed)
    return Scene(rng, textures((9, 9)), Weather.of_day(rng), **changes)


def families_of(boxes):
    return np.stack([boxes[name].values for name in COORDS.values()], axis=1)


@pytest.mark.slow
def test_the_first_version_gives_the_bits_that_it_gave():
    images = load("simulated-v1", "train", count=400)["reflectivity"].values
    digest = hashlib.sha256(images.tobytes()).hexdigest()
    assert digest == "2c22e13d940a5db24415cbf2bb40ca51c40e3ce7f7beb21ef0cf4f651512ff9e"


def test_every_mode_network_and_product_has_a_family_held_out():
    kinds = {(family.kind, family.mode) for family in FAMILIES if family.held_out}
    assert kinds >= {("network", None), ("product", None)}
    assert {mode for kind, mode in kinds if kind == "storm"} == set(MODES) - {"Missing"}


@pytest.mark.slow
def test_wide_boxes_never_have_a_family_that_is_held_out(wide):
    assert not HELD_OUT & set(np.unique(families_of(wide)))


def test_wide_boxes_have_every_other_family(wide):
    drawn = {f.name for f in FAMILIES if f.weights["wide"] > 0} - HELD_OUT
    assert drawn == set(np.unique(families_of(wide)))


@pytest.mark.slow
def test_every_held_out_box_has_a_family_that_is_held_out(held_out):
    assert np.isin(families_of(held_out), list(HELD_OUT)).any(axis=1).all()
    assert set(np.unique(families_of(held_out))) >= HELD_OUT


def test_families_of_a_storm_are_of_the_boxes_mode(wide):
    mode_of = {f.name: f.mode for f in FAMILIES if f.kind == "storm"}
    named = [mode_of[name] for name in wide["storm_family"].values]
    assert named == [MODES[code] for code in wide["mode"].values]


def test_rain_rates_show_neither_noise_nor_gaps(wide):
    rates = wide["mode"].values[wide["product"].values == "rain rates"]
    assert set(np.array(MODES)[rates]) == {"Cellular", "QLCS", "Tropical", "Other"}


def test_products_are_drawn_by_their_weights():
    mixture, rng = Mixture("wide"), np.random.default_rng(3)
    drawn = [mixture.draw(rng, "QLCS")["product"].name for _ in range(4000)]
    weights = {f.name: f.weights["wide"] for f in FAMILIES if f.kind == "product"}
    total = sum(weights.values())
    for name, weight in weights.items():
        assert drawn.count(name) / 4000 == pytest.approx(weight / total, abs=0.03)


@pytest.mark.slow
def test_families_can_be_left_out_and_called_for():
    boxes = load("simulated-wide", "train", count=120, without=["one radar", "supercells"])
    assert not {"one radar", "supercells"} & set(np.unique(families_of(boxes)))
    boxes = load("simulated-wide", "train", count=60, one_of=["coarse steps"])
    assert set(boxes["product"].values) == {"coarse steps"}


@pytest.mark.slow
def test_what_is_left_out_is_left_out_beside_what_the_stream_never_draws():
    boxes = load("simulated-wide", "train", count=200, without=["supercells"])
    assert not (HELD_OUT | {"supercells"}) & set(np.unique(families_of(boxes)))
    assert load("simulated-wide", "train", count=9, without=sorted(HELD_OUT)).identical(
        load("simulated-wide", "train", count=9)
    )


def test_a_family_that_a_stream_never_draws_can_be_called_for():
    boxes = load("simulated-wide", "train", count=40, one_of=["sea breeze"])
    mode = boxes["mode"].values == MODES.index("Other")
    np.testing.assert_array_equal(boxes["storm_family"].values == "sea breeze", mode)


def test_what_is_left_out_of_held_out_boxes_is_not_called_for():
    boxes = load("simulated-held-out", "test", count=120, without=["smooth", "few radars"])
    assert not {"smooth", "few radars"} & set(np.unique(families_of(boxes)))
    weather = boxes["mode"].values != MODES.index("Missing")  # which has no held-out storm
    assert np.isin(families_of(boxes)[weather], list(HELD_OUT)).any(axis=1).all()


def test_families_may_come_from_an_iterator():
    boxes = load("simulated-wide", count=4, one_of=iter(["coarse steps"]))
    assert set(boxes["product"].values) == {"coarse steps"}


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(st.integers(1, 9), st.sampled_from(["simulated", "simulated-wide", "simulated-held-out"]))
def test_a_box_does_not_depend_on_how_many_follow(count, source):
    longer = load(source, "test", seed=2, count=10)
    assert load(source, "test", seed=2, count=count).identical(longer.isel(storm=slice(count)))


@pytest.mark.parametrize("source", ["simulated", "simulated-wide", "simulated-held-out"])
def test_streams_share_no_boxes_with_each_other_or_the_first_version(source):
    boxes, first = (load(name, "train", count=12) for name in (source, "simulated-v1"))
    blank = ~boxes["reflectivity"].values.any(axis=(1, 2))
    for image in boxes["reflectivity"].values[~blank]:
        assert not (image == first["reflectivity"].values).all(axis=(1, 2)).any()


def test_wide_boxes_show_what_their_mode_is_about(wide):
    weather = wide.isel(storm=np.isin(wide["mode"].values, [0, 1, 2, 3]))
    shown = (weather["reflectivity"].values > 0).sum(axis=(1, 2))
    assert (shown >= 200).mean() > 0.98


def test_wide_rain_is_whole_and_has_the_cores_that_its_mode_asks_for(wide):
    def whole_share(image):
        rain = image >= 20
        around = ndimage.convolve(rain.astype(int), np.ones((3, 3), int), mode="constant") - 1
        return (rain & (around >= 5)).sum() / max(rain.sum(), 1)

    images, modes = wide["reflectivity"].values, wide["mode"].values
    cores = (images >= 45).sum(axis=(1, 2))
    for mode, least, most in (("Cellular", 6, 1e5), ("QLCS", 12, 1e5), ("Other", 0, 150)):
        here = modes == MODES.index(mode)
        assert ((cores[here] >= least) & (cores[here] <= most)).mean() > 0.98, mode
    # Echo that is not the storm's counts here too, so that a few boxes may be under the limit.
    weather = np.isin(modes, [0, 1, 2, 3])
    assert np.mean([whole_share(image) > 0.28 for image in images[weather]]) > 0.97


def test_wide_noise_has_echo_that_is_weaker_than_rain(wide):
    noise = wide["reflectivity"].values[wide["mode"].values == MODES.index("Noise")]
    weak = ((noise > 0) & (noise < 20)).sum(axis=(1, 2)) / (noise > 0).sum(axis=(1, 2))
    assert np.percentile(weak, 2) >= 0.65


def test_noise_fields_are_new_every_2000_boxes_but_in_the_first_version():
    wide, first = (_assemble._World(_assemble.STREAMS[name], 3, "train") for name in
                   ("simulated-wide", "simulated-v1"))  # fmt: skip
    assert wide.textures(0) is wide.textures(1999)
    fields = [
        wide.textures(number).cut(np.random.default_rng(0), "fine") for number in (1999, 2000)
    ]
    assert not np.array_equal(*fields)
    assert first.textures(0) is first.textures(2000)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["simulated-v1", "simulated-wide"])
def test_processes_paint_the_boxes_that_one_would(monkeypatch, source):
    alone = load(source, "test", count=25, seed=4)
    monkeypatch.setattr(_assemble, "_PART", 7)
    monkeypatch.setattr(_assemble, "_PARTS_FOR_HELP", 2)
    assert load(source, "test", count=25, seed=4).identical(alone)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"without": ["bow ecko"]}, "Did you mean 'bow echo'?"),
        ({"without": "bow echo"}, "given as a list of names; without is 'bow echo'"),
        ({"without": 3}, "given as a list of names; without is 3"),
        ({"without": [["bow echo"]]}, "given as a list of names; without is [['bow echo']]"),
        ({"without": None}, "given as a list of names; without is None"),
        ({"one_of": None}, "given as a list of names; one_of is None"),
        ({"one_of": ["bow echo", 3]}, "given as a list of names; one_of is ['bow echo', 3]"),
        (
            {"without": ["lake effect", "bow echo"], "one_of": ["bow echo"]},
            "'bow echo' is both in without and in one_of",
        ),
        ({"one_of": ["blizzard"]}, "Unknown family of simulated boxes 'blizzard'"),
        ({"without": [f.name for f in FAMILIES if f.kind == "network"]}, "no network is left"),
        ({"without": [f.name for f in FAMILIES if f.mode == "QLCS"]}, "no family is left for QLCS"),
    ],
)
def test_wrong_families_are_refused_in_a_sentence(options, sentence):
    with pytest.raises(InputError) as error:
        load("simulated-wide", "train", count=30, **options)
    assert sentence in str(error.value)


def test_held_out_boxes_without_any_family_that_is_held_out_are_refused():
    with pytest.raises(InputError, match="nothing is left that simulated-held-out is made to show"):
        load("simulated-held-out", "test", count=3, without=sorted(HELD_OUT))


def test_the_first_version_knows_no_families():
    with pytest.raises(InputError, match="simulated-v1 knows no families"):
        load("simulated-v1", "train", count=3, without=["bow echo"])


def length_at(dbz, image):
    """Length in pixels of the largest region at or above a reflectivity, as a uniform bar's."""
    labels, count = ndimage.label(image >= dbz, structure=np.ones((3, 3)))
    if not count:
        return 0.0
    place = np.array(np.nonzero(labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])), float)
    return 0.0 if place.shape[1] < 3 else np.sqrt(12 * np.linalg.eigvalsh(np.cov(place))[-1])


def painted(name, count=40):
    maker = next(family.make for family in FAMILIES if family.name == name)
    return np.stack([maker(scene_of(seed)) for seed in range(count)])


def migration_over_the_middle(seed, monkeypatch):
    monkeypatch.setattr(_echoes, "radar_sites", lambda scene: [(0.0, 0.0)])
    monkeypatch.setattr(Scene, "chance", lambda scene, share: False)
    return _echoes.migration(scene_of(seed))


def test_cells_of_a_broken_line_are_apart_and_those_of_a_gapped_line_are_joined():
    broken, gapped = (
        np.median([length_at(40, image) for image in painted(name)])
        for name in ("broken line", "gapped line")
    )
    assert broken < 16  # 60 km
    assert gapped > 27  # 100 km


def test_a_lobed_complex_has_a_line_and_rain_that_storms_left_has_none():
    for name in ("decaying complex", "ragged rain", "outflow boundary"):
        assert np.median([length_at(44, image) for image in painted(name)]) < 8  # 30 km
    assert np.median([length_at(42, image) for image in painted("lobed complex")]) > 27


def test_an_outflow_boundary_is_thin():
    def inner_share(image):
        echo = image >= 20
        return ndimage.binary_erosion(echo, iterations=4).sum() / echo.sum()

    thin, ragged = (
        np.median([inner_share(image) for image in painted(name)])
        for name in ("outflow boundary", "ragged rain")
    )
    assert thin < 0.02
    assert ragged > 2 * thin


def test_strings_of_small_cells_wind_around_a_far_centre():
    def largest_share(image):
        sizes = np.bincount(ndimage.label(image >= 30)[0].ravel())[1:]
        return sizes.max() / sizes.sum()

    streaks = painted("spiral streaks")
    assert np.median([(image >= 20).sum() for image in streaks]) > 1500
    assert np.median([largest_share(image) for image in streaks]) < 0.35


def test_birds_on_their_way_are_brighter_from_their_sides(monkeypatch):
    for seed in range(12):
        scene = scene_of(seed)
        bearing = np.arctan2(scene.y + 0 * scene.x, scene.x + 0 * scene.y)
        near = np.hypot(scene.x, scene.y) < 12
        image = migration_over_the_middle(seed, monkeypatch)
        by_sector = [
            image[near & (np.abs(np.cos(bearing - at)) > 0.9)].mean()
            for at in np.linspace(0, np.pi, 12, endpoint=False)
        ]
        assert max(by_sector) > min(by_sector) + 1


def test_anvils_lie_in_smooth_sheets_with_few_cores():
    debris, cells = painted("anvil debris"), painted("multicells")
    assert np.median([(image >= 20).sum() for image in debris]) > 1500
    strong = [np.median([(image >= 45).sum() for image in images]) for images in (debris, cells)]
    assert strong[0] < strong[1] / 4


def test_supercells_are_few_and_strong_and_pulse_storms_many_and_small():
    def cores(image):
        return ndimage.label(image >= 45)[1]

    supercells, pulses = painted("supercells"), painted("pulse storms")
    assert np.median([cores(image) for image in supercells]) <= 4
    assert np.median([cores(image) for image in pulses]) >= 6
    assert np.median(supercells.max(axis=(1, 2))) > np.median(pulses.max(axis=(1, 2)))


def test_an_eye_is_clear_within_its_wall_and_open_where_it_opens():
    for seed in range(8):
        scene = scene_of(seed)
        cyclone = _cyclones._placed(scene, 0.0, 0.0, eye=9.0, size=60.0)
        shield = _cyclones._shield(scene, cyclone, lopsided=0.0)
        whole = _cyclones._eyewall(scene, cyclone, shield, opening=0.0)
        eye, wall = cyclone.radius < 5, np.abs(cyclone.radius - 12) < 3
        assert whole[wall].mean() > whole[eye].mean() + 6
        opened = _cyclones._eyewall(scene, cyclone, shield, opening=1.2)
        assert np.percentile(opened[wall], 5) < np.percentile(whole[wall], 5) - 5


def test_low_rain_is_lost_with_range_sooner_than_storms_are():
    scene = scene_of(4)
    radius = np.abs(scene.x) + 0 * scene.y
    rain, storm = (np.full((136, 136), dbz, np.float32) for dbz in (25.0, 55.0))
    # The same numbers for both: what differs is the storm's height.
    seen = [
        _sensors._beam(scene_of(4), field, field, radius * np.float32(1.8)) - field
        for field in (rain, storm)
    ]
    far = radius[0] > 60  # beyond 400 km
    near = (radius[0] > 8) & (radius[0] < 20)
    assert (seen[0][:, far] < seen[1][:, far] - 20).all()
    assert np.abs(seen[0][:, near]).max() < 6


def test_the_beam_rises_as_over_an_earth_of_four_thirds_its_radius():
    distance = np.array([50.0, 150.0, 230.0, 460.0])
    effective = 4 / 3 * 6371.0
    elevation = np.deg2rad(0.5)
    exact = (
        np.sqrt(distance**2 + effective**2 + 2 * distance * effective * np.sin(elevation))
        - effective
    )
    np.testing.assert_allclose(_sensors.beam_height(distance), exact, rtol=0.02)


@pytest.mark.parametrize("count", [1, 2])
def test_radars_see_discs_and_nothing_beyond(count):
    see = {1: _sensors.one_radar, 2: _sensors.few_radars}[count]
    for seed in range(6):
        seen = see(scene_of(seed), np.full((136, 136), 50, np.float32)) > 0
        assert 0.5 < seen.mean() <= 1
        # What is seen is discs less wedges: unseen pixels reach the frame, none is an island
        # larger than a blocked sector.
        assert ndimage.binary_fill_holes(seen).sum() - seen.sum() < 0.2 * seen.size


def test_smoothing_is_a_binomial_filter():
    field = np.random.default_rng(0).uniform(0, 60, (40, 40)).astype(np.float32)
    once = ndimage.convolve1d(
        ndimage.convolve1d(field, [0.25, 0.5, 0.25], axis=0), [0.25, 0.5, 0.25], axis=1
    )
    inner = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(_products.smoothed(field, 1)[inner], once[inner], atol=1e-4)


@pytest.mark.parametrize(
    ("product", "values"),
    [
        (_products.Product(steps=(5.0,), hotter=(0, 0), grain=0.0), 5),
        (_products.Product(steps=(2.0,), hotter=(0, 0), grain=0.0), 2),
    ],
)
def test_steps_leave_one_value_each(product, values):
    ramp = np.linspace(0, 70, 136 * 136, dtype=np.float32).reshape(136, 136)
    shown = np.unique(product.picture(scene_of(1), ramp))
    assert len(set((shown[shown > 0] // values).tolist())) == len(shown[shown > 0])
    assert len(shown) <= 70 / values + 2


def test_thresholds_caps_and_offsets_do_what_they_say():
    ramp = np.linspace(0, 70, 136 * 136, dtype=np.float32).reshape(136, 136)
    product = _products.Product(
        smoothing=(0, 0), thresholds=(15.0,), steps=(1.0,), caps=(53, 53), hotter=(3, 3), grain=0.0
    )
    shown = product.picture(scene_of(1), ramp)
    np.testing.assert_array_equal(shown > 0, ramp + np.float32(3) >= 15)
    assert shown.max() == 53
    middle = (ramp > 20) & (ramp < 40)
    np.testing.assert_array_equal(shown[middle], (ramp[middle] + np.float32(3)).astype(np.uint8))


def test_rain_rates_go_there_by_one_law_and_back_by_marshall_and_palmers():
    for seed in range(12):
        dbz = np.linspace(25, 45, 136 * 136, dtype=np.float32).reshape(136, 136)
        back = _products._by_rain_rate(scene_of(seed), dbz.copy())
        rates = [(10 ** (dbz / 10) / a) ** (1 / b) for a, b in _products._LAWS]
        laws = [10 * np.log10(200 * rate**1.6) for rate in rates]
        assert min(np.abs(back - law).max() for law in laws) < 1e-2


def test_half_of_all_rain_rates_lose_their_light_rain_and_none_its_strong():
    dbz = np.linspace(5, 60, 136 * 136, dtype=np.float32).reshape(136, 136)
    changed = 0
    for seed in range(60):
        shown = _products._without_light(scene_of(seed), dbz)
        changed += bool((shown[dbz < 20] < dbz[dbz < 20] - 3).all())
        assert (shown[dbz >= 42] == dbz[dbz >= 42]).all()
        assert (shown <= dbz).all()
    assert 18 <= changed <= 42


def test_a_lowest_scan_lacks_the_anvil_aloft():
    paint = next(family.make for family in FAMILIES if family.name == "supercells")
    whole, lowest = (
        np.stack([paint(scene_of(seed, aloft=aloft)) for seed in range(20)]) for aloft in (1.0, 0.0)
    )
    assert (lowest > 10).sum() < 0.85 * (whole > 10).sum()
    assert (lowest.max(axis=(1, 2)) == whole.max(axis=(1, 2))).all()


@pytest.mark.parametrize("name", ["trailing stratiform", "whole cyclone", "multicells"])
def test_a_cut_leaves_little_of_the_core_and_goes_through_rain(name):
    paint = next(family.make for family in FAMILIES if family.name == name)
    for seed in range(25):
        scene = scene_of(seed)
        whole = paint(scene)
        left = _missing.cut(scene, whole.copy())
        seen = np.isclose(left, whole, atol=1e-3)
        rain = whole >= 20
        core = whole >= np.median(whole[rain])
        assert (core & seen).sum() <= 0.42 * core.sum()
        hidden = ndimage.binary_dilation(~seen, structure=np.ones((3, 3)))
        assert (rain & seen & hidden).sum() >= 5


def test_storms_in_dry_air_have_no_light_rain_around():
    mixture, light = Mixture("wide"), []
    for seed in range(60):
        scene = scene_of(seed)
        before = painted("supercells", 1)[0]
        after = _wide._dry(mixture, scene, before)
        np.testing.assert_array_equal(after[before >= 38], before[before >= 38])
        light.append(((after > 5) & (after < 20)).sum() / ((before > 5) & (before < 20)).sum())
    light = np.array(light)
    assert 0.3 < (light < 1).mean() < 0.6
    assert np.median(light[light < 1]) < 0.6
