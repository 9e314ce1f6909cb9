"""Small images that a network can tell apart within a few epochs, for tests of training."""

import numpy as np

from stormlens.datasets import make_dataset

SIZE = 14


def boxes(n, seed, classes=("Bright", "Striped", "Empty")):
    """Images of 14 x 14 pixels whose class is their pattern, with some noise."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, len(classes), n)
    images = rng.integers(0, 12, (n, SIZE, SIZE))
    images[codes == 0] += 40
    images[codes == 1, ::3] += 60
    return make_dataset(images, codes, classes=classes, source="test", simulated=True)
