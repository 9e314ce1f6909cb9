"""
The epochs of a training: its state, its history, and what it writes after each epoch.

An epoch ends with its validation scores, a row of history.csv and a checkpoint
from which a killed training resumes to the same bits.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stormlens.errors import InputError
from stormlens.models import Classifier
from stormlens.training._checkpoint import Checkpoint, write_checkpoint
from stormlens.training._checks import fingerprint
from stormlens.training._cpu import compute_in_this_thread, note_if_portable
from stormlens.training._history import HISTORY_FIELDS, Row, write_history
from stormlens.training._member_values import (
    MemberValues,
    groups_of,
    read_members,
    values_to_keep,
)
from stormlens.training._members import Members
from stormlens.training._new_classifier import new_classifier
from stormlens.training._progress import Listener, Silent
from stormlens.training._recipe import Recipe
from stormlens.training._split import Split
from stormlens.training._step import Arrays, balanced_weights
from stormlens.training._teacher import GROUP, Lesson

_SECONDS_A_LOOK = 0.5  # from one report of progress to the next


@dataclass(frozen=True)
class Fitted:
    """
    What a training gives.

    Attributes
    ----------
    classifier : Classifier
        With the last weights, or the best under early stopping.
    history : list of dict
        A row an epoch: epoch, seconds, loss, accuracy, val_loss, val_accuracy. Training
        figures are means over the epoch as it ran, with dropout and augmentation, and over an
        ensemble's members; validation figures are of the mean of their probabilities. Under a
        teacher the training loss is of both the labels and the teacher, as `Recipe` has it.
    """

    classifier: Classifier
    history: list[Row]


class Trainer:
    """
    One training in progress: arrays, compiled functions, state and history.

    `fit` runs it to its end. To measure or watch single epochs, use `begin` and `run_epoch`.

    Parameters
    ----------
    recipe : Recipe
        Of a network.
    splits : mapping of str to Split
        ``train`` and, for validation scores, ``validation``.
    classifier : Classifier
        With the weights to begin with; `finish` gives it the trained ones.
    run : Path or None
        Run folder for a checkpoint an epoch; with None nothing is written.
    lesson : Lesson or None, optional
        What the recipe's teacher says.

    Raises
    ------
    InputError
        If a weight to begin with is not finite.

    Attributes
    ----------
    history : list of dict
        A row an epoch, as in `Fitted`.
    members : Members
        The networks with the state of their training.
    """

    def __init__(
        self,
        recipe: Recipe,
        splits: Mapping[str, Split],
        classifier: Classifier,
        run: Path | None,
        lesson: Lesson | None = None,
    ) -> None:
        compute_in_this_thread()
        note_if_portable()
        self.recipe, self.classifier, self.run, self.lesson = recipe, classifier, run, lesson
        self.data = fingerprint(splits)
        n_classes = len(classifier.classes)
        factors = np.ones(n_classes, np.float32)
        if recipe.class_weights:
            factors = balanced_weights(splits["train"].codes, n_classes)
        self.members = Members(
            classifier.network.members,
            recipe,
            (classifier.minimum, classifier.maximum),
            factors,
            Arrays.of(splits["train"], None if lesson is None else lesson.probabilities),
            Arrays.of(splits["validation"]) if "validation" in splits else None,
        )
        if not self.members.are_finite():
            raise InputError(
                "The network to begin with holds weights that are not finite; give one whose "
                "training went well."
            )
        self.best: list[list[np.ndarray]] = []
        self.history: list[Row] = []

    @classmethod
    def begin(cls, recipe: Recipe, splits: Mapping[str, Split]) -> "Trainer":
        """
        A training from the first weights of the recipe's network, which writes nothing.

        Parameters
        ----------
        recipe : Recipe
            Of a network.
        splits : mapping of str to Split
            ``train`` and, for validation scores, ``validation``.

        Returns
        -------
        trainer : Trainer

        Raises
        ------
        InputError
            If the images do not fit the network.
        """
        return cls(recipe, splits, new_classifier(recipe, splits["train"]), None)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint."""
        members = read_members(checkpoint, self.members.count)
        has_best = any(member.best for member in members)
        due = [
            MemberValues.of(state, values_to_keep(state) if has_best else []).kinds()
            for state in self.members.separate()
        ]
        if [member.kinds() for member in members] != due:
            raise InputError(
                f"{self.run} was trained with another network; resume with the same one, "
                "which for a model of your own is the argument model."
            )
        self.members.restore([member.leaves() for member in members])
        self.best = [member.best for member in members] if has_best else []
        self.history = checkpoint.history

    def run_epochs(self, listener: Listener) -> None:
        """Train until the recipe's last epoch, or until validation stops improving."""
        while len(self.history) < self.recipe.epochs and not self._stalled():
            row = self.run_epoch(listener)
            if self.recipe.early_stopping and self._best_epoch() == row["epoch"]:
                states = self.members.separate()
                self.best = [[np.asarray(w) for w in values_to_keep(state)] for state in states]
            self._save()
            listener.epoch(row, self.recipe.epochs)

    def run_epoch(self, listener: Listener | None = None) -> Row:
        """
        Train the next epoch.

        Parameters
        ----------
        listener : Listener, optional
            Hears of its steps.

        Returns
        -------
        row : dict
            The epoch's row of the history, which has it too.

        Raises
        ------
        InputError
            If the training diverges: a loss, a weight or a moment is no longer a number.
        """
        epoch, began = len(self.history) + 1, time.perf_counter()
        loss, accuracy = self._run_steps(epoch, listener or Silent())
        # Before anything of the epoch is kept: the checkpoint on disk is of the last good one.
        if not self.members.are_finite():
            raise self._diverged(epoch, "a weight, or a moment of Adam's, is no longer a number")
        val_loss, val_accuracy = self.members.validate()
        if self.members.validation is not None and not np.isfinite(val_loss):
            raise self._diverged(epoch, "the validation loss is no longer a number")
        seconds = round(time.perf_counter() - began, 3)
        values = (epoch, seconds, loss, accuracy, val_loss, val_accuracy)
        self.history.append(dict(zip(HISTORY_FIELDS, values, strict=True)))
        return self.history[-1]

    def _run_steps(self, epoch: int, listener: Listener) -> tuple[float, float]:
        """Train an epoch's steps; return means of loss and accuracy over them."""
        members, steps = self.members, self.members.steps
        key, order = members.begin(epoch)
        loss = accuracy = float("nan")
        listener.step(epoch, 0, steps, loss, accuracy)
        looked = time.perf_counter()
        for number in range(steps):
            members.step(key, order, number)
            # To read the means takes time, so not after every step.
            if time.perf_counter() - looked > _SECONDS_A_LOOK or number + 1 == steps:
                loss, accuracy = members.means()
                if not np.isfinite(loss):
                    raise self._diverged(epoch, "the loss is no longer a number")
                listener.step(epoch, number + 1, steps, loss, accuracy)
                looked = time.perf_counter()
        return loss, accuracy

    def _diverged(self, epoch: int, how: str) -> InputError:
        advice = f"Lower the learning rate (it is {self.recipe.learning_rate:g})."
        if self.run is not None and self.history:
            advice += f" The checkpoint in {self.run} holds the training as it was before."
        return InputError(f"Training diverged in epoch {epoch}: {how}. {advice}")

    def _best_epoch(self) -> int:
        return int(min(self.history, key=lambda row: row["val_loss"])["epoch"])

    def _stalled(self) -> bool:
        patience = self.recipe.early_stopping
        return bool(patience and self.history) and (
            len(self.history) - self._best_epoch() >= patience
        )

    def _save(self) -> None:
        if self.run is None:
            return
        states = self.members.separate()
        best = self.best or [[]] * len(states)
        groups = groups_of([MemberValues.of(*pair) for pair in zip(states, best, strict=True)])
        if self.lesson is not None:
            groups[GROUP] = [self.lesson.probabilities]
        write_checkpoint(
            self.run,
            groups,
            history=self.history,
            recipe=self.recipe.to_dict(),
            data=self.data,
            teacher=None if self.lesson is None else self.lesson.provenance,
        )
        write_history(self.run, self.history)

    def finish(self) -> Fitted:
        """Give the trained values to the classifier and save it."""
        states = self.members.separate()
        kept = self.best or [values_to_keep(state) for state in states]
        n_weights = len(states[0].weights)
        del states, self.members  # frees the optimiser's moments before saving takes memory
        for network, values in zip(self.classifier.network.members, kept, strict=True):
            network.assign(values[:n_weights], values[n_weights:])
        self.classifier.provenance["epochs"] = len(self.history)
        if self.run is not None:
            self.classifier.save(self.run)
            write_history(self.run, self.history)
        return Fitted(self.classifier, self.history)
