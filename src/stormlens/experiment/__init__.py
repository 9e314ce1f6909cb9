"""
Complete experiments: train, score on unseen storms, and leave a run that explains itself.

The commands `train` and `chapter` call the functions of those names, which work the same
in a notebook. The test split is loaded with the others but used only once training is
over. A run records its data by name and options, so that `evaluate` and `write_report`
find them again, and each reading of a test split (`readings`). `sweep` tries values of
a recipe's fields without the test split. `compare` compares runs and baselines on the
same boxes.
"""

from stormlens.experiment._appraise import add_real, appraise
from stormlens.experiment._chapter import CHAPTER, PUBLISHED, ChapterOutcome, chapter
from stormlens.experiment._compare import BASELINES, Compared, compare
from stormlens.experiment._contestants import Contestant
from stormlens.experiment._data import Data
from stormlens.experiment._evaluate import Evaluation, evaluate
from stormlens.experiment._learning import LearningPoint
from stormlens.experiment._readings import readings, record_reading
from stormlens.experiment._reproduce import STAGES, STUDIES, Reproduction, reproduce
from stormlens.experiment._run import Outcome, read_history, train, write_report
from stormlens.experiment._select import Candidate, select
from stormlens.experiment._space import Range, parse_fields
from stormlens.experiment._standing import Standing, Trial
from stormlens.experiment._sweep import Swept, sweep

__all__ = [
    "BASELINES",
    "CHAPTER",
    "PUBLISHED",
    "STAGES",
    "STUDIES",
    "Candidate",
    "ChapterOutcome",
    "Compared",
    "Contestant",
    "Data",
    "Evaluation",
    "LearningPoint",
    "Outcome",
    "Range",
    "Reproduction",
    "Standing",
    "Swept",
    "Trial",
    "add_real",
    "appraise",
    "chapter",
    "compare",
    "evaluate",
    "parse_fields",
    "read_history",
    "readings",
    "record_reading",
    "reproduce",
    "select",
    "sweep",
    "train",
    "write_report",
]
