"""
What a teacher answers for the training images, for a network that learns the same answers.

It answers once for each image of the split, not for what augmentation makes of it. So any
classifier can teach (an ensemble, a user's own model, a baseline: they take whole dBZ), and each
epoch learns the same answers. A checkpoint keeps them, so a resumed training needs no teacher.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.training._split import Split


@dataclass(frozen=True, eq=False)
class Lesson:
    """
    A teacher's answers.

    Attributes
    ----------
    probabilities : ndarray of float32, shape (N, classes)
        For each training image.
    provenance : dict
        Of the teacher: run, model, data_source, training_simulated, data and data_options,
        created, and the SHA-256 of its weights; what is not known is left out.
    """

    probabilities: NDArray[np.float32]
    provenance: dict[str, Any]


def ask_teacher(run: str | Path, train: Split) -> Lesson:
    """
    Ask a run's classifier for all training images.

    Parameters
    ----------
    run : str or Path
        Run folder of the teacher.
    train : Split
        Its labels are not used.

    Returns
    -------
    lesson : Lesson

    Raises
    ------
    InputError
        If the folder holds no classifier, or one of other classes or another size of images, or
        an answer is no number.
    """
    teacher = Classifier.load(run)
    if teacher.classes != train.classes:
        raise InputError(
            f"The teacher {run} tells {', '.join(teacher.classes)} apart, the training data "
            f"{', '.join(train.classes)}; give a teacher of the same classes in the same order."
        )
    if teacher.image_shape != train.images.shape[1:]:
        expected, given = (
            " x ".join(map(str, shape)) for shape in (teacher.image_shape, train.images.shape[1:])
        )
        raise InputError(
            f"The teacher {run} takes images of {expected} pixels, the data has {given}; give a "
            "teacher for images of that size."
        )
    names = ("data_source", "training_simulated", "data", "data_options", "created", "sha256")
    known = {name: teacher.provenance[name] for name in names if name in teacher.provenance}
    provenance = {"run": str(run), "model": teacher.called, **known}
    return Lesson(teacher.probabilities(train.images), provenance)
