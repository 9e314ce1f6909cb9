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
from stormlens.training._checkpoint import FILE, Checkpoint
from stormlens.training._recipe import Recipe
from stormlens.training._split import Split

GROUP = "teacher"
"""Group of a checkpoint that holds the teacher's answers."""


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


def lesson_of(recipe: Recipe, train: Split, checkpoint: Checkpoint | None) -> Lesson | None:
    """
    The answers of a recipe's teacher: from the checkpoint that is resumed, or asked now.

    Parameters
    ----------
    recipe : Recipe
    train : Split
    checkpoint : Checkpoint or None

    Returns
    -------
    lesson : Lesson or None
        None where the recipe has no teacher.

    Raises
    ------
    InputError
        If the checkpoint lacks the answers, or as `ask_teacher`.
    """
    if recipe.teacher is None:
        return None
    if checkpoint is None:
        return ask_teacher(recipe.teacher, train)
    answers = checkpoint.group(GROUP)
    due = [((len(train.images), len(train.classes)), np.float32)]
    if [(array.shape, array.dtype) for array in answers] != due:
        raise InputError(
            f"{FILE} of recipe {recipe.name} lacks the teacher's answer for each image; train "
            "again in a new folder."
        )
    return Lesson(answers[0], checkpoint.teacher)


def remember_teacher(classifier: Classifier, lesson: Lesson) -> None:
    """
    Add the teacher to a classifier's provenance.

    What learns from a classifier of simulated storms is trained on simulated storms too.

    Parameters
    ----------
    classifier : Classifier
        Is changed.
    lesson : Lesson
    """
    known = classifier.provenance
    known["teacher"] = lesson.provenance
    if lesson.provenance.get("training_simulated") is True:
        known["training_simulated"] = True


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
