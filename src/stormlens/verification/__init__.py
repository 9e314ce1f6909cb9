"""
Scores of storm modes as a forecaster would take them: counts first, scores second.

`score` judges a classifier's probabilities against a labelled dataset and puts
a bootstrap interval on every number; `compare` sets several side by side, with
paired differences and tests. The functions beneath it take plain
arrays: confusion matrices (rows true, columns predicted) that may be added up
over archive chunks before anything is scored, or probabilities. Conventions
are those of Wilks (2019), Statistical Methods in the Atmospheric Sciences,
chapter 9; `docs/verification.md` explains each with the archive's own results.
"""

from stormlens.verification._bootstrap import day_groups
from stormlens.verification._categorical import (
    accuracy,
    bias,
    confusion_matrix,
    csi,
    f1,
    far,
    gerrity,
    hss,
    macro_f1,
    peirce,
    pod,
    wilson_interval,
)
from stormlens.verification._compare import compare
from stormlens.verification._comparison import (
    COMPARED,
    Calibration,
    ClassifierScores,
    Comparison,
    Difference,
    Disagreement,
    Pair,
    PairMcNemar,
    Performance,
    Slice,
    View,
)
from stormlens.verification._gap import Gap, gap
from stormlens.verification._measures import ADDED_SCORES, SCORES, Score
from stormlens.verification._pairs import McNemar, holm, mcnemar, swap_test
from stormlens.verification._probability import (
    BrierDecomposition,
    Reliability,
    brier,
    brier_decomposition,
    log_loss,
    reliability,
)
from stormlens.verification._score import align, most_confident_mistakes, score
from stormlens.verification._scores import AddedScore, Estimate, ModeScores, Scores
from stormlens.verification._views import VIEWS, in_view, views_of

__all__ = [
    "ADDED_SCORES",
    "COMPARED",
    "SCORES",
    "VIEWS",
    "AddedScore",
    "BrierDecomposition",
    "Calibration",
    "ClassifierScores",
    "Comparison",
    "Difference",
    "Disagreement",
    "Estimate",
    "Gap",
    "McNemar",
    "ModeScores",
    "Pair",
    "PairMcNemar",
    "Performance",
    "Reliability",
    "Score",
    "Scores",
    "Slice",
    "View",
    "accuracy",
    "align",
    "bias",
    "brier",
    "brier_decomposition",
    "compare",
    "confusion_matrix",
    "csi",
    "day_groups",
    "f1",
    "far",
    "gap",
    "gerrity",
    "holm",
    "hss",
    "in_view",
    "log_loss",
    "macro_f1",
    "mcnemar",
    "most_confident_mistakes",
    "peirce",
    "pod",
    "reliability",
    "score",
    "swap_test",
    "views_of",
    "wilson_interval",
]
