"""
Stormlens's own part, and all that this package uses from the packages below.

Training is the loop of `fit` itself, an epoch at a time without validation;
prediction is the classifier's, from raw dBZ; augmentation is the training's.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from stormlens import datasets
from stormlens.augment import Augmentation
from stormlens.bench._contenders import AUGMENTED
from stormlens.bench._job import BATCH, LEARNING_RATE, Job, Pass, batches
from stormlens.engine import Step
from stormlens.errors import InputError
from stormlens.models import Classifier, Network, build
from stormlens.stormbox import MODES
from stormlens.training import Recipe, Split, Trainer, load_recipe


def start(job: Job) -> Pass:
    """
    One pass of Stormlens.

    Parameters
    ----------
    job : Job

    Returns
    -------
    one_pass : callable
    """
    return {"train": _training, "augment": _augmenting, "predict": _prediction}[job.task](job)


def boxes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Simulated training boxes.

    Parameters
    ----------
    count : int
        How many; the modes keep the archive's proportions.

    Returns
    -------
    images : ndarray of uint8, shape (count, 136, 136)
        Whole dBZ.
    codes : ndarray of int32, shape (count,)
        Storm modes.
    """
    dataset = datasets.load("simulated", split="train", count=count)
    return dataset["reflectivity"].values, dataset["mode"].values.astype(np.int32)


def network(name: str) -> Any:
    """
    A network of the zoo with its first weights.

    Parameters
    ----------
    name : str
        Of `stormlens models`.

    Returns
    -------
    model : keras.Sequential
    """
    return build(name)


def steps_of(model: Any) -> list[Step]:
    """
    A network of the zoo as the engine's steps.

    Parameters
    ----------
    model : keras.Model
        Of `network`.

    Returns
    -------
    steps : list of Step

    Raises
    ------
    InputError
        If the engine does not compute here.
    """
    network = Network.of_model(model)
    if network.steps is None:
        raise InputError(f"Graphs are written from the engine's steps: {network.computed_by}.")
    return network.steps


def chapter_augmentation() -> dict[str, Any]:
    """
    The chapter's ranges.

    Returns
    -------
    ranges : dict
        In the words of Keras's ImageDataGenerator.
    """
    augmentation = load_recipe("chapter-augmented").augmentation or Augmentation()
    return augmentation.to_dict()


def _training(job: Job) -> Pass:
    augmentation = None
    if job.contender == AUGMENTED and job.augmentation is not None:
        augmentation = Augmentation.from_dict(job.augmentation)
    recipe = Recipe(
        "bench",
        job.model,
        learning_rate=LEARNING_RATE,
        batch_size=BATCH,
        augmentation=augmentation,
    )
    train = Split(job.images, job.codes, MODES, source="SIMULATED", simulated=True)
    trainer = Trainer.begin(recipe, {"train": train})

    def epoch() -> None:
        trainer.run_epoch()

    return epoch


def _augmenting(job: Job) -> Pass:
    apply = jax.jit(Augmentation.from_dict(job.augmentation or {}).apply)
    parts = batches(job.images, BATCH)

    def one_pass() -> None:
        for number, part in enumerate(parts):
            apply(jax.random.key(number), jnp.asarray(part)).block_until_ready()

    return one_pass


def _prediction(job: Job) -> Pass:
    images = job.images
    bounds = float(images.min()), float(images.max())
    classifier = Classifier(network(job.model), job.model, minimum=bounds[0], maximum=bounds[1])
    return partial(classifier.probabilities, images)
