"""Scores in words and tables, as `train`, `evaluate` and `chapter` print them."""

from typing import TYPE_CHECKING

from stormlens.cli._printing import interval, number, print_lines, print_prose, print_table

if TYPE_CHECKING:
    from stormlens.experiment import Evaluation, Outcome
    from stormlens.verification import Scores

_PER_MODE = ("pod", "far", "csi", "f1")


def print_simulated(training: bool, test: bool) -> None:
    """
    Say what was simulated; nothing where all boxes are real.

    Parameters
    ----------
    training, test : bool
        Whether a simulator made the boxes trained on, and those scored.
    """
    if training and test:
        print_prose("SIMULATED: trained and scored on simulated storms, not on radar observations.")
    elif training:
        print_prose("SIMULATED: trained on simulated storms only.")
    elif test:
        print_prose("SIMULATED: scored on simulated storms, not on radar observations.")


def print_outcome(outcome: "Outcome") -> None:
    """
    Print what a training gave, the report's path last.

    Parameters
    ----------
    outcome : Outcome
        Of `experiment.train`.
    """
    print_prose(outcome.gap.sentence)
    print_headline(outcome.evaluation)
    print_lines(f"Report: {outcome.report}")


def print_headline(evaluation: "Evaluation") -> None:
    """
    Print accuracy, that of the baseline, and what was simulated.

    Parameters
    ----------
    evaluation : Evaluation
        Of a run.
    """
    scores = evaluation.scores
    exact = scores.accuracy
    bounds = interval(exact.low, exact.high)
    bounds = "" if bounds == "-" else f" (95 % interval {bounds})"
    base = scores.baseline
    name, constant = f"{evaluation.split} accuracy", base["name"]
    width = max(len(name), len(constant)) + 2
    print_lines(
        f"{_opening(name):<{width}}{number(exact.value)}{bounds}, {scores.count:,} boxes",
        f"{_opening(constant):<{width}}{number(base['accuracy'])}",
    )
    print_simulated(**scores.simulated)


def _opening(text: str) -> str:
    """The text with a capital first letter; `str.capitalize` would write Qlcs."""
    return text[:1].upper() + text[1:]


def print_scores(evaluation: "Evaluation") -> None:
    """
    Print all scores: overall, of each mode, and the confusion matrix.

    Parameters
    ----------
    evaluation : Evaluation
        Of a run.
    """
    from stormlens.verification import SCORES

    scores = evaluation.scores
    print_headline(evaluation)
    print_lines("")
    found = [
        (score.title, getattr(scores, score.name), scores.baseline[score.name])
        for score in SCORES
        if hasattr(scores, score.name)
    ]
    found += [(added.title, added, added.constant) for added in scores.added.values()]
    rows = [
        (title, number(of.value), interval(of.low, of.high), number(constant))
        for title, of, constant in found
    ]
    columns = ("score", "value", "95 % interval", scores.baseline["name"])
    print_table(columns, rows, right=columns[1:])
    print_lines("")
    _print_modes(scores)
    print_lines("", "Confusion: rows true, columns predicted")
    print_table(
        ("", *scores.classes),
        [(name, *row) for name, row in zip(scores.classes, scores.confusion, strict=True)],
        right=scores.classes,
    )


def _print_modes(scores: "Scores") -> None:
    columns = ("mode", *(name.upper() for name in _PER_MODE), "boxes")
    rows = [
        (mode, *(number(getattr(entry, key).value) for key in _PER_MODE), entry.count)
        for mode, entry in scores.per_mode.items()
    ]
    print_table(columns, rows, right=columns[1:])
