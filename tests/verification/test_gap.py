"""The reading of training curves, on the chapter's own last epochs and on made-up ones."""

import pytest

from stormlens.errors import InputError
from stormlens.verification import gap


def _history(accuracy, val_accuracy, val_losses=(0.75,), loss=0.4):
    return [
        {
            "epoch": i,
            "loss": loss,
            "accuracy": accuracy,
            "val_loss": val_loss,
            "val_accuracy": val_accuracy,
        }
        for i, val_loss in enumerate(val_losses, start=1)
    ]


@pytest.mark.parametrize(
    ("accuracy", "val_accuracy", "verdict"),
    [
        (0.9309, 0.7818, "overfitting"),  # the chapter's linear convolution
        (0.8648, 0.7727, "overfitting"),  # ReLU and dropout: "still significantly diverge"
        (0.6401, 0.7727, "under-fitted"),  # augmented: training is the harder exam
        (0.80, 0.78, "healthy"),
        (float("nan"), 0.78, "unknown"),
        (0.80, float("nan"), "unknown"),
    ],
)
def test_verdict_of_the_gap(accuracy, val_accuracy, verdict):
    assert gap(_history(accuracy, val_accuracy)).verdict == verdict


def test_rising_validation_loss_is_overfitting_even_without_a_gap():
    result = gap(_history(0.80, 0.79, (0.9, 0.6, 0.7, 0.8)))
    assert result.verdict == "overfitting"
    assert result.best_epoch == 2
    assert "lowest at epoch 2 (0.600) and has risen to 0.800" in result.sentence


def test_a_rise_of_a_tiny_loss_is_none():
    assert gap(_history(0.99, 0.99, (0.010, 0.010, 0.012))).verdict == "healthy"


def test_a_rise_of_just_ten_percent_is_none():
    assert gap(_history(0.80, 0.79, (1.0, 1.1))).verdict == "healthy"
    assert gap(_history(0.80, 0.79, (1.0, 1.101))).verdict == "overfitting"


def test_falling_validation_loss_means_more_epochs():
    result = gap(_history(0.70, 0.70, (1.4, 1.2, 1.0, 0.8)))
    assert result.verdict == "under-fitted"
    assert "still falling" in result.sentence


def test_noise_about_a_level_is_no_fall():
    losses = [0.10, 0.13, 0.08, 0.12] * 3 + [0.12, 0.07, 0.11, 0.09]
    assert gap(_history(0.97, 0.96, losses)).verdict == "healthy"


def test_the_sentence_names_its_numbers():
    sentence = gap(_history(0.9309, 0.7818, [0.75] * 10)).sentence
    assert sentence.startswith("After 10 epochs training accuracy is 93.1 %")
    assert "78.2 %" in sentence
    assert "14.9 points" in sentence
    augmented = gap(_history(0.6401, 0.7727)).sentence
    assert "13.3 points higher: the network is under-fitted" in augmented


def test_no_validation_is_said_not_guessed():
    assert "nothing can be said" in gap(_history(0.9, float("nan"), (float("nan"),))).sentence


def test_no_epoch_is_refused():
    with pytest.raises(InputError, match="holds no epoch"):
        gap([])


@pytest.mark.parametrize(
    ("at_work", "advice"),
    [
        (None, "Dropout or augmentation, where it has none, or more data would narrow the gap."),
        ([], "Dropout, augmentation or more data would narrow the gap."),
        (["dropout"], "ones. Augmentation or more data would narrow the gap."),
        (["augmentation"], "ones. Dropout or more data would narrow the gap."),
        (["dropout", "augmentation"], "ones. More data or a smaller network would narrow the gap."),
    ],
)
def test_what_a_training_has_is_not_advised(at_work, advice):
    assert advice in gap(_history(0.93, 0.78), at_work=at_work).sentence


@pytest.mark.parametrize(
    ("at_work", "reason"),
    [
        (None, "Dropout and augmentation, where it has them, make its training examples harder"),
        (["dropout", "augmentation"], "Dropout and augmentation make its training examples harder"),
        (["dropout"], "under-fitted. Dropout makes its training examples harder"),
        ([], "under-fitted. More epochs or a larger learning rate should raise both."),
    ],
)
def test_only_what_a_training_has_makes_it_harder(at_work, reason):
    assert reason in gap(_history(0.64, 0.77), at_work=at_work).sentence


def test_early_stopping_is_advised_once():
    history = _history(0.80, 0.79, (0.9, 0.6, 0.7, 0.8))
    assert "Early stopping would help." in gap(history, at_work=["dropout"]).sentence
    kept = gap(history, at_work=["early stopping"]).sentence
    assert kept.endswith("Early stopping keeps the weights of that epoch.")


@pytest.mark.parametrize(
    ("accuracy", "val_accuracy", "words"),
    [
        (1.0, 0.9, "a gap of 10.0 points: the baseline is overfitting"),
        (0.8, 0.9, "which is 10.0 points higher"),
        (0.9, 0.89, "1.0 points apart: a healthy fit"),
    ],
)
def test_a_baseline_is_advised_neither_dropout_nor_epochs(accuracy, val_accuracy, words):
    sentence = gap(_history(accuracy, val_accuracy), at_work=["one step"]).sentence
    assert sentence.startswith("After its one step training accuracy is")
    assert words in sentence
    assert "ropout" not in sentence
    assert "epochs" not in sentence
