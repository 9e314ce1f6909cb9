"""
What the classifier in the box says of images that are no radar's, kind by kind.

    python benchmarks/novelty.py [--run RUN] [--images 40]

Prints, as Markdown, how many of each kind it calls no storm box or is unsure of, and how many
Noise or Missing or a storm.
All are MADE UP from a seed; none of them trained or calibrated anything.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stormlens.datasets import make_dataset
from stormlens.models import NO_STORM_BOX, UNSURE, Classifier, name_modes, shipped_folder
from stormlens.stormbox import MAX_DBZ, SIZE

Image = NDArray[np.floating]
_SHAPE = (SIZE, SIZE)
_ROWS, _COLUMNS = np.mgrid[:SIZE, :SIZE]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=shipped_folder())
    parser.add_argument("--images", type=int, default=40)
    options = parser.parse_args()
    classifier = Classifier.load(options.run)
    print("| MADE UP | images | no storm box | unsure | Noise or Missing | a storm |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, draw in KINDS.items():
        rng = np.random.default_rng(0)
        images = [np.clip(np.round(draw(rng)), 0, MAX_DBZ) for _ in range(options.images)]
        boxes = make_dataset(np.array(images, np.uint8), source="made up")
        names = name_modes(classifier.predict(boxes))
        groups = ((NO_STORM_BOX,), (UNSURE,), ("Noise", "Missing"))
        counts = [int(np.isin(names, group).sum()) for group in groups]
        counts.append(len(names) - sum(counts))
        print(f"| {name} | {len(names)} | {' | '.join(map(str, counts))} |")


def noise(rng: np.random.Generator) -> Image:
    """White noise of one amplitude in 20 to 80."""
    return rng.uniform(20, 80) * rng.random(_SHAPE)


def blurred(pixels: float) -> Callable[[np.random.Generator], Image]:
    """White noise smoothed by a Gaussian, its positive half 10 to 30 dBZ a standard deviation."""

    def draw(rng: np.random.Generator) -> Image:
        field = ndimage.gaussian_filter(rng.standard_normal(_SHAPE), pixels, mode="wrap")
        return rng.uniform(10, 30) * field / field.std()

    return draw


def fractal(rng: np.random.Generator) -> Image:
    """A field whose power falls as k^-2 to k^-3.5, its positive half 15 to 30 dBZ a deviation."""
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE)))
    k[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.standard_normal(_SHAPE)) * k ** (-rng.uniform(2, 3.5) / 2)
    field = np.fft.ifft2(spectrum).real
    return rng.uniform(15, 30) * field / field.std()


def satellite(order: int) -> Callable[[np.random.Generator], Image]:
    """Rain of cells of 15 km in dBZ, drawn as squares (order 0) or between their centres (1)."""

    def draw(rng: np.random.Generator) -> Image:
        coarse = ndimage.gaussian_filter(rng.standard_normal((34, 34)), rng.uniform(1, 2))
        rain = np.exp(1.5 * coarse / coarse.std()) * (coarse > 0)
        dbz = 10 * np.log10(np.maximum(200 * rain**1.6, 1))
        return ndimage.zoom(dbz, 4, order=order)

    return draw


def checkerboard(rng: np.random.Generator) -> Image:
    """Squares of 1 to 34 pixels."""
    side = int(rng.integers(1, 35))
    return rng.uniform(20, 80) * ((_ROWS // side + _COLUMNS // side) % 2)


def stripes(rng: np.random.Generator) -> Image:
    """Sines at any angle, 4 to 40 pixels long."""
    angle, length = rng.uniform(0, np.pi), rng.uniform(4, 40)
    along = _ROWS * np.sin(angle) + _COLUMNS * np.cos(angle)
    return rng.uniform(20, 80) * (0.5 + 0.5 * np.sin(2 * np.pi * along / length))


def gradient(rng: np.random.Generator) -> Image:
    """A ramp at any angle."""
    angle = rng.uniform(0, 2 * np.pi)
    along = _ROWS * np.sin(angle) + _COLUMNS * np.cos(angle)
    return rng.uniform(40, 80) * (along - along.min()) / np.ptp(along)


def hole(rng: np.random.Generator) -> Image:
    """Rain of one strength with a round hole."""
    y, x = rng.uniform(20, SIZE - 20, 2)
    return rng.uniform(10, 70) * (np.hypot(_ROWS - y, _COLUMNS - x) > rng.uniform(5, 50))


def photograph(rng: np.random.Generator) -> Image:
    """A part of one of scikit-learn's two photographs, in grey, perhaps as a negative."""
    from sklearn.datasets import load_sample_image

    grey = load_sample_image(rng.choice(["china.jpg", "flower.jpg"])).mean(axis=2) / 255
    side = int(rng.integers(SIZE, min(grey.shape)))
    y, x = (int(rng.integers(0, n - side + 1)) for n in grey.shape)
    part = ndimage.zoom(grey[y : y + side, x : x + side], SIZE / side, order=1)[:SIZE, :SIZE]
    return rng.uniform(40, 80) * (part if rng.random() < 0.5 else 1 - part)


def metres(rng: np.random.Generator) -> Image:
    """Heights of a terrain in metres, of which a byte keeps what is left beyond 80."""
    return np.mod(np.maximum(400 + 20 * fractal(rng), 0), MAX_DBZ + 1)


def blank(rng: np.random.Generator) -> Image:
    """One value everywhere."""
    return np.full(_SHAPE, float(rng.integers(0, MAX_DBZ + 1)))


KINDS: dict[str, Callable[[np.random.Generator], Image]] = {
    "blank": blank,
    "checkerboards": checkerboard,
    "stripes": stripes,
    "ramps": gradient,
    "even rain with a hole": hole,
    "photographs": photograph,
    "heights in metres": metres,
    "white noise": noise,
    "white noise, smoothed by 1 pixel": blurred(1),
    "by 2 pixels": blurred(2),
    "by 3 pixels": blurred(3),
    "by 6 pixels": blurred(6),
    "satellite rain, in squares": satellite(0),
    "satellite rain, between centres": satellite(1),
    "fractal fields": fractal,
}


if __name__ == "__main__":
    main()
