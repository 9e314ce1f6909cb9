"""Features of shapes whose measures are known, and against plain loops, SciPy and scikit-image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import pdist
from skimage.measure import label, regionprops

from stormlens.features import describe, measure_images

NAMES = [feature.name for feature in describe()]
KM = 3.75
SOUTH_NORTH, WEST_EAST = np.mgrid[:136, :136] - 67.5


def measured(*images):
    table = measure_images(np.stack(images).astype(np.uint8))
    assert np.isfinite(table).all()
    return [dict(zip(NAMES, row, strict=True)) for row in table]


def painted(mask, dbz=45):
    return measured(np.where(mask, dbz, 0))[0]


def turned(degrees):
    """Kilometres along and across an axis at this angle from east towards north, of each pixel."""
    angle = np.deg2rad(degrees)
    along = WEST_EAST * np.cos(angle) + SOUTH_NORTH * np.sin(angle)
    return along * KM, (SOUTH_NORTH * np.cos(angle) - WEST_EAST * np.sin(angle)) * KM


@pytest.mark.parametrize("degrees", [0, 20, 45, 90, 135, 170])
def test_a_bar_has_its_length_width_and_direction(degrees):
    along, across = turned(degrees)
    bar = painted((abs(along) <= 150) & (abs(across) <= 20))
    # An ellipse with a bar's second moments is longer than it by 2 / sqrt(3).
    assert bar["core_length"] == pytest.approx(300 * 2 / np.sqrt(3), rel=0.02)
    assert bar["core_width"] == pytest.approx(40 * 2 / np.sqrt(3), rel=0.1)
    assert bar["core_elongation"] == pytest.approx(1 - 40 / 300, abs=0.02)
    assert bar["core_sin2"] == pytest.approx(np.sin(2 * np.deg2rad(degrees)), abs=0.01)
    assert bar["core_cos2"] == pytest.approx(np.cos(2 * np.deg2rad(degrees)), abs=0.01)
    assert bar["core_curvature"] < 1e-4
    assert bar["core_solidity"] > 0.9
    assert bar["core_distance"] < 0.1
    assert bar["line_length"] == pytest.approx(np.hypot(300, 40), rel=0.02)
    assert bar["line_width"] == pytest.approx(40, rel=0.1)


def test_a_disk_points_nowhere():
    disk = painted(np.hypot(SOUTH_NORTH, WEST_EAST) <= 20)
    assert (disk["core_sin2"], disk["core_cos2"]) == (0, 0)
    assert disk["core_length"] == pytest.approx(40 * KM, rel=0.01)
    assert disk["core_elongation"] == pytest.approx(0, abs=1e-9)
    assert disk["core_area"] == pytest.approx(np.pi * (20 * KM) ** 2, rel=0.01)


@pytest.mark.parametrize("radius", [200, 300, 500])
@pytest.mark.parametrize("degrees", [0, 65])
def test_a_bow_has_the_curvature_of_its_circle(radius, degrees):
    along, across = turned(degrees)
    far = np.hypot(along, across + radius)
    bow = painted((abs(far - radius) <= 12) & (abs(along) <= 90) & (across > -radius))
    assert bow["core_curvature"] == pytest.approx(1 / radius, rel=0.12)
    assert bow["core_solidity"] < 0.93


def test_one_pixel_is_a_core_with_an_extent():
    mask = np.zeros((136, 136), bool)
    mask[10, 120] = True
    core = painted(mask)
    assert core["core_count"] == core["core_share"] == core["core_solidity"] == 1
    assert core["core_length"] == core["core_width"] == pytest.approx(KM * 4 / np.sqrt(12))
    assert core["core_elongation"] == core["core_curvature"] == core["core_sin2"] == 0
    assert core["core_distance"] == pytest.approx(KM * np.hypot(57.5, 52.5))
    assert core["line_length"] == core["line_width"] == KM


def test_a_blank_box_has_the_values_that_are_documented():
    blank = measured(np.zeros((136, 136)))[0]
    far = {"zero_share": 1.0, "core_distance": pytest.approx(KM * 68 * np.sqrt(2))}
    assert blank == dict.fromkeys(NAMES, 0.0) | far


def test_a_box_full_of_echo_is_one_core():
    full = measured(np.full((136, 136), 80))[0]
    area = 136 * 136 * KM**2
    assert full["core_area"] == full["area_20"] == full["area_60"] == pytest.approx(area)
    assert full["core_solidity"] == full["core_count"] == full["echo_share"] == 1
    assert full["stratiform_share"] == full["zero_share"] == full["spread_echo"] == 0
    assert full["roughness"] == full["spectral_slope"] == full["straight_edge"] == 0
    assert (full["mean_echo"], full["highest"]) == (80, 80)


def test_cores_within_24_km_make_one_line():
    def row(gap):
        mask = np.zeros((136, 136), bool)
        for start in range(5, 130, 10 + gap):
            mask[60:63, start : start + 10] = True
        return painted(mask)

    assert row(6)["core_count"] == 8
    assert row(6)["line_length"] == pytest.approx(KM * (np.hypot(2, 121) + 1), rel=1e-3)
    assert row(7)["line_length"] == pytest.approx(KM * (np.hypot(2, 9) + 1), rel=1e-3)


@st.composite
def boxes(draw):
    """Small images of echoes, specks and zeros, some of them of one value."""
    shape = draw(st.tuples(st.integers(1, 24), st.integers(1, 24)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), draw(st.sampled_from([0, 1, 3])))
    values = 35 + 25 * smooth / max(np.abs(smooth).max(), 1e-9) + draw(st.integers(-40, 40))
    values[values < draw(st.sampled_from([0, 5, 20, 40]))] = 0
    return np.clip(values, 0, 80).astype(np.uint8)


def shape_of_largest(image):
    """The largest core by scikit-image, and its moments about the centroid by plain sums."""
    cores = regionprops(label(image >= 40, connectivity=2))
    if not cores:
        return None
    core = max(cores, key=lambda region: (region.area, -region.label))
    y, x = core.coords.T
    moments = np.cov(x, y, bias=True) if len(x) > 1 else np.zeros((2, 2))
    return core, np.linalg.eigvalsh(moments + np.eye(2) / 12)


@settings(max_examples=60, deadline=None)
@given(boxes())
def test_measures_are_those_of_plain_loops_and_scikit_image(image):
    found = measured(image)[0]
    echo = image[image >= 5].astype(float)
    pairs = [
        abs(float(a) - float(b))
        for one, other in ((image[:, 1:], image[:, :-1]), (image[1:], image[:-1]))
        for a, b in zip(one.ravel(), other.ravel(), strict=True)
        if min(a, b) >= 5
    ]
    near = ndimage.convolve((image >= 5).astype(int), np.ones((3, 3), int), mode="constant") - 1
    due = {
        "zero_share": (image == 0).mean(),
        "echo_share": (image >= 5).mean(),
        "area_30": (image >= 30).sum() * KM**2,
        "highest": image.max(),
        "mean_echo": echo.mean() if echo.size else 0,
        "spread_echo": echo.std() if echo.size else 0,
        "roughness": np.mean(pairs) if pairs else 0,
        "speckle_share": ((image >= 5) & (near <= 2)).sum() / max(echo.size, 1),
    }
    largest = shape_of_largest(image)
    if largest is not None:
        core, (minor, major) = largest
        middle = (np.array(image.shape) - 1) / 2
        due |= {
            "core_area": core.area * KM**2,
            "core_share": core.area / (image >= 40).sum(),
            "core_length": 4 * np.sqrt(major) * KM,
            "core_width": 4 * np.sqrt(minor) * KM,
            "core_solidity": core.solidity,
            "core_distance": np.hypot(*(np.array(core.centroid) - middle)) * KM,
        }
    for name, value in due.items():
        assert found[name] == pytest.approx(value, abs=1e-6), name


@settings(max_examples=40, deadline=None)
@given(boxes())
def test_a_line_is_as_long_as_its_farthest_pixels_are_apart(image):
    cores = np.argwhere(image >= 40)
    found = measured(image)[0]
    near = ndimage.distance_transform_edt(image < 40) <= 12 / KM
    near &= (image >= 40).any()
    groups = ndimage.label(near, np.ones((3, 3)))[0]
    lengths = [0.0]
    for number in np.unique(groups[tuple(cores.T)]) if len(cores) else ():
        points = cores[groups[tuple(cores.T)] == number]
        lengths.append(KM * (1 + max(pdist(points), default=0)))
    assert found["line_length"] == pytest.approx(max(lengths), rel=2e-4)


@settings(max_examples=40, deadline=None)
@given(boxes())
def test_turning_a_box_by_a_half_changes_no_shape(image):
    before, after = measured(image, image[::-1, ::-1])
    # Of lines of one length either may count; circles are looked for from other places.
    due = {name for name in NAMES if name not in ("line_width", "straight_edge", "circular_edge")}
    sizes = sorted(np.bincount(label(image >= 40, connectivity=2).ravel())[1:])
    if len(sizes) > 1 and sizes[-1] == sizes[-2]:  # of two that are largest the southern one counts
        due -= {name for name in NAMES if name.startswith("core_")} - {"core_count"}
    for name in due:
        assert before[name] == pytest.approx(after[name], rel=1e-6, abs=1e-6), name


@settings(max_examples=60, deadline=None)
@given(boxes())
def test_no_feature_is_nan_and_each_stays_within_its_bounds(image):
    storm = np.zeros((136, 136), np.uint8)
    storm[: image.shape[0], : image.shape[1]] = image
    found = measured(image)[0], measured(storm)[0]
    for feature in describe():
        assert np.isfinite(found[0][feature.name])
        assert feature.low <= found[1][feature.name] <= feature.high + 1e-9


def test_features_of_a_box_do_not_hang_on_its_neighbours():
    rng = np.random.default_rng(1)
    images = ndimage.gaussian_filter(rng.normal(40, 120, (9, 60, 50)), (0, 2, 2))
    images = np.clip(images, 0, 80).astype(np.uint8)
    together = measure_images(images)
    alone = np.concatenate([measure_images(images[i : i + 1]) for i in range(len(images))])
    np.testing.assert_array_equal(together, alone)
