"""
Scores of storm modes as a forecaster would take them: counts first, scores second.

`score` judges a classifier's probabilities against a labelled dataset and puts
a bootstrap interval on every number. The functions beneath it take plain
arrays: confusion matrices (rows true, columns predicted) that may be added up
over archive chunks before anything is scored, or probabilities. Conventions
are those of Wilks (2019), Statistical Methods in the Atmospheric Sciences,
chapter 9; `docs/verification.md` explains each with the archive's own results.
"""

from stormlens.verification._categorical import (
    accuracy,
    confusion_matrix,
    csi,
    f1,
    far,
    hss,
    macro_f1,
    pod,
    wilson_interval,
)
from stormlens.verification._gap import Gap, gap
from stormlens.verification._probability import Reliability, brier, log_loss, reliability
from stormlens.verification._score import align, most_confident_mistakes, score
from stormlens.verification._scores import Estimate, ModeScores, Scores

__all__ = [
    "Estimate",
    "Gap",
    "ModeScores",
    "Reliability",
    "Scores",
    "accuracy",
    "align",
    "brier",
    "confusion_matrix",
    "csi",
    "f1",
    "far",
    "gap",
    "hss",
    "log_loss",
    "macro_f1",
    "most_confident_mistakes",
    "pod",
    "reliability",
    "score",
    "wilson_interval",
]
