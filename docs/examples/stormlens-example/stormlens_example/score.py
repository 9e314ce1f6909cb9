"""How often the true mode is among the two most probable ones."""

import numpy as np

from stormlens.verification import Score


def is_among_two(probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """1 for each box whose true mode fewer than two others surpass, else 0."""
    of_truth = probability[np.arange(len(truth)), truth]
    return ((probability > of_truth[:, None]).sum(axis=1) < 2).astype(float)


TOP_TWO = Score(
    "top_two",
    "top-two accuracy",
    "share whose true mode is among the two most probable",
    range=(0, 1),
    higher_is_better=True,
    of_boxes=is_among_two,
)
