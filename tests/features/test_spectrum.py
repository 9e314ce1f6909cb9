"""The spectral slope against fields of a known slope, and against plain sums."""

import cmath
import math

import numpy as np
import pytest

from stormlens.features import describe, measure_images

SLOPE = [feature.name for feature in describe()].index("spectral_slope")


def slope(image):
    return measure_images(np.asarray(image, np.uint8)[None])[0, SLOPE]


@pytest.mark.parametrize("exponent", [-1.5, -2.5, -3.5])
def test_a_field_of_a_power_law_has_its_exponent(exponent):
    rng = np.random.default_rng(0)
    waves = np.hypot(np.fft.fftfreq(136)[:, None], np.fft.rfftfreq(136)[None])
    waves[0, 0] = np.inf
    phases = np.exp(2j * np.pi * rng.random(waves.shape))
    field = np.fft.irfft2(waves ** (exponent / 2) * phases, s=(136, 136))
    image = 40 + 35 * field / np.abs(field).max()
    assert slope(image.round()) == pytest.approx(exponent, abs=0.35)


def plainly(image):
    """Power under Hann's window by Fourier sums, in rings, and a line through its logarithms."""
    rows, columns = image.shape
    side = min(rows, columns)
    mean = image.mean()
    rings = {}
    for ky in range(rows):
        for kx in range(columns // 2 + 1):
            total = 0
            for y in range(rows):
                for x in range(columns):
                    window = math.sin(math.pi * (y + 0.5) / rows) ** 2
                    window *= math.sin(math.pi * (x + 0.5) / columns) ** 2
                    turn = -2j * math.pi * (ky * y / rows + kx * x / columns)
                    total += (image[y, x] - mean) * window * cmath.exp(turn)
            fy = ky / rows if ky <= rows / 2 else ky / rows - 1
            ring = round(math.hypot(fy, kx / columns) * side)
            rings.setdefault(ring, []).append(abs(total) ** 2)
    numbers = [n for n in range(2, side // 4 + 1) if n in rings]
    return np.polyfit(np.log(numbers), [math.log(np.mean(rings[n])) for n in numbers], 1)[0]


@pytest.mark.parametrize("shape", [(12, 12), (12, 17)])
def test_it_is_that_of_plain_sums(shape):
    image = np.random.default_rng(3).integers(0, 70, shape)
    assert slope(image) == pytest.approx(plainly(image), rel=1e-6)


def test_even_boxes_and_such_that_are_too_small_have_none():
    assert slope(np.full((136, 136), 40)) == 0
    assert slope(np.eye(11) * 40) == 0
    assert slope(np.eye(12) * 40) != 0
