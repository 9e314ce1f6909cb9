"""The scores of one classifier on one dataset, as plain data that JSON can hold."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from stormlens.errors import InputError, printable

OVERALL = ("accuracy", "macro_f1", "hss", "brier", "log_loss")
PER_MODE = ("pod", "far", "csi", "f1")


@dataclass(frozen=True)
class Estimate:
    """
    A score and its 95 % interval.

    Attributes
    ----------
    value : float
        NaN where the score is undefined (a zero denominator).
    low, high : float
        Bounds; NaN where they cannot be computed.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class AddedScore(Estimate):
    """
    A score beyond the five that `Scores` has fields for, with what a reader of it must know.

    Attributes
    ----------
    value, low, high : float
        As of an `Estimate`.
    title, meaning, sense : str
        What it is called, what it measures, and its direction and range in words.
    lowest, highest : float or None
        Its range; None where there is no bound.
    higher_is_better : bool
        The direction.
    constant : float
        What the constant answer of `Scores.baseline` gets.
    package : str
        Name and version of the package that it comes from.
    """

    title: str
    meaning: str
    sense: str
    lowest: float | None
    highest: float | None
    higher_is_better: bool
    constant: float
    package: str


@dataclass(frozen=True)
class ModeScores:
    """
    Scores of one mode against the rest.

    Attributes
    ----------
    pod, far, csi, f1 : Estimate
        As in `stormlens.verification`.
    count : int
        Boxes of this mode in the truth.
    """

    pod: Estimate
    far: Estimate
    csi: Estimate
    f1: Estimate
    count: int


@dataclass(frozen=True)
class Scores:
    """
    What a classifier is worth on a labelled dataset.

    Attributes
    ----------
    accuracy, macro_f1, hss, brier, log_loss : Estimate
        As in `stormlens.verification`.
    per_mode : dict of str to ModeScores
        By class name, in the order of the codes.
    confusion : tuple of tuples of int
        Rows true, columns predicted.
    count : int
        Boxes scored.
    classes : tuple of str
        Class names by code.
    baseline : dict
        `name` of a constant answer (``"always QLCS"`` for storm modes, else the
        most frequent class) and its scores.
    simulated : dict
        `training` and `test`: whether a simulator made that data.
    intervals : dict
        How the intervals came about: `level`, `method`, `by`, `groups`, `replicates`, `seed`.
    added : dict of str to AddedScore
        Further scores by name, such as those of other packages; see `Score`.
    """

    accuracy: Estimate
    macro_f1: Estimate
    hss: Estimate
    brier: Estimate
    log_loss: Estimate
    per_mode: dict[str, ModeScores]
    confusion: tuple[tuple[int, ...], ...]
    count: int
    classes: tuple[str, ...]
    baseline: dict[str, Any]
    simulated: dict[str, bool]
    intervals: dict[str, Any]
    added: dict[str, AddedScore] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """
        Turn into dicts, lists, numbers and None (for NaN), ready for JSON.

        Returns
        -------
        data : dict
            As ``stormlens evaluate --json`` prints it.
        """
        result: dict[str, Any] = none_for_nan(asdict(self))
        return result

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Scores":
        """
        Scores from what `to_dict` gave.

        Parameters
        ----------
        data : dict
            Such as a run's ``scores.json``.

        Returns
        -------
        scores : Scores

        Raises
        ------
        InputError
            If a key is missing or holds something else.
        """
        try:
            return cls(
                **{name: _estimate(data[name]) for name in OVERALL},
                per_mode={
                    mode: ModeScores(
                        **{name: _estimate(entry[name]) for name in PER_MODE},
                        count=int(entry["count"]),
                    )
                    for mode, entry in data["per_mode"].items()
                },
                confusion=tuple(tuple(int(n) for n in row) for row in data["confusion"]),
                count=int(data["count"]),
                classes=tuple(map(str, data["classes"])),
                baseline={
                    key: value if key == "name" else _number(value)
                    for key, value in data["baseline"].items()
                },
                simulated={key: bool(value) for key, value in data["simulated"].items()},
                intervals=dict(data["intervals"]),
                added={
                    printable(name): _added(entry) for name, entry in data.get("added", {}).items()
                },
            )
        except KeyError as error:
            msg = f"Scores lack {error.args[0]!r}; write them again with `stormlens evaluate`."
            raise InputError(msg) from error
        except (TypeError, ValueError, AttributeError) as error:
            msg = f"Scores are damaged ({error}); write them again with `stormlens evaluate`."
            raise InputError(msg) from error


def _estimate(entry: dict[str, Any]) -> Estimate:
    return Estimate(*(_number(entry[key]) for key in ("value", "low", "high")))


def _added(entry: dict[str, Any]) -> AddedScore:
    lowest, highest = (
        None if entry[key] is None else float(entry[key]) for key in ("lowest", "highest")
    )
    title, meaning, sense, package = (
        printable(str(entry[key])) for key in ("title", "meaning", "sense", "package")
    )
    estimate = _estimate(entry)
    return AddedScore(
        estimate.value,
        estimate.low,
        estimate.high,
        title,
        meaning,
        sense,
        lowest,
        highest,
        bool(entry["higher_is_better"]),
        _number(entry["constant"]),
        package,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def none_for_nan(value: Any) -> Any:
    """Dicts, lists and numbers with None in place of NaN, which JSON cannot hold."""
    if isinstance(value, dict):
        return {key: none_for_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [none_for_nan(entry) for entry in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return value
