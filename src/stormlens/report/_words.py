"""
The report's sentences and numbers, in plain words.

Each function takes plain data and returns text; the page only places it. An
undefined score is a dash.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stormlens.stormbox import MODES

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from stormlens.verification import Estimate, Reliability, Scores

DASH = "\N{EN DASH}"

_SPACE = "\N{NO-BREAK SPACE}"

FEW = 10
"""Fewer cases than this say little: one more hit moves POD by over 10 points."""


class Names(NamedTuple):
    """
    The names of things in a report.

    Attributes
    ----------
    one, many : str
        An example: ``"storm box"``, or ``"image"`` outside radar.
    kind : str
        A class: ``"mode"`` or ``"class"``.
    kinds : str
        Several of them.
    radar : bool
        Whether the images are radar boxes.
    """

    one: str
    many: str
    kind: str
    kinds: str
    radar: bool

    @classmethod
    def of(cls, classes: tuple[str, ...]) -> "Names":
        """Names for these classes."""
        if classes == MODES:
            return cls("storm box", "storm boxes", "mode", "modes", True)
        return cls("image", "images", "class", "classes", False)


def number(value: float) -> str:
    """
    Three decimals, or a dash where undefined.

    Examples
    --------
    >>> number(0.88667), number(float("nan")) == DASH
    ('0.887', True)
    """
    return DASH if math.isnan(value) else f"{value:.3f}"


def percent(value: float) -> str:
    """
    Per cent with one decimal, or a dash where undefined.

    Examples
    --------
    >>> print(percent(0.88667).replace(_SPACE, " "))
    88.7 %
    """
    return DASH if math.isnan(value) else f"{100 * value:.1f}{_SPACE}%"


def score(value: float | None) -> str:
    """
    `number` of plain data, where None means undefined.

    Examples
    --------
    >>> score(0.91), score(None) == DASH
    ('0.910', True)
    """
    return DASH if value is None else number(value)


def share(value: float | None) -> str:
    """
    `percent` of plain data, where None means undefined.

    Examples
    --------
    >>> print(share(0.91).replace(_SPACE, " "))
    91.0 %
    """
    return DASH if value is None else percent(value)


def between(scored: Mapping[str, Any]) -> str:
    """
    The interval in plain data's low and high; a dash without one.

    Examples
    --------
    >>> between({"low": 0.893, "high": 0.92})
    '0.893 to 0.920'
    """
    if scored["low"] is None or scored["high"] is None:
        return DASH
    return f"{number(scored['low'])} to {number(scored['high'])}"


def kilobytes(count: int) -> str:
    """
    A file's size.

    Examples
    --------
    >>> kilobytes(1423872)
    '1,424 kB'
    """
    return f"{count / 1000:,.0f} kB"


def span(estimate: "Estimate") -> str:
    """
    The interval of an estimate; empty without one, or if it has no width.

    Resampling cases that were all right, or all wrong, gives no width, which
    would read as certainty.

    Examples
    --------
    >>> from stormlens.verification import Estimate
    >>> span(Estimate(0.9, 0.85, 0.94))
    '0.850 to 0.940'
    """
    if math.isnan(estimate.low) or estimate.low == estimate.high:
        return ""
    return f"{number(estimate.low)} to {number(estimate.high)}"


def thousands(value: int) -> str:
    """
    A whole number with thin groups of three digits.

    Examples
    --------
    >>> thousands(355718)
    '355,718'
    """
    return f"{int(value):,}"


def kind_of(at_work: Sequence[str] | None) -> str:
    """What was trained, in a word, by the settings of its training (see `verification.gap`)."""
    return "baseline" if "one step" in (at_work or ()) else "network"


def simulated(flags: Mapping[str, bool], names: Names, kind: str = "network") -> str:
    """The banner's sentence; empty if all data is real."""
    if flags["training"] and flags["test"]:
        return (
            f"A simulator made all {names.many} here, those trained on and those scored. The "
            f"scores say how well the {kind} reads simulated storms; on real radar it may do "
            "worse."
        )
    if flags["training"]:
        return (
            f"The {kind} was trained on simulated {names.many} alone; the {names.many} it is "
            "scored on are real."
        )
    if flags["test"]:
        return f"The {kind} was trained on real {names.many} but scored on simulated ones."
    return ""


class Headline(NamedTuple):
    """
    The first paragraph, in parts so that its number can stand out.

    Attributes
    ----------
    start : str
        What was trained on what.
    share : str
        The accuracy.
    end : str
        Of how many, and the interval.
    comparison : str
        Against the constant answer.
    """

    start: str
    share: str
    end: str
    comparison: str


def headline(
    recipe: str,
    scores: "Scores",
    flags: Mapping[str, bool],
    names: Names,
    provenance: Mapping[str, Any],
) -> Headline:
    """What was trained on what, and how good it is."""
    count = provenance.get("training_count")
    trained = f"{'simulated ' if flags['training'] else ''}{names.many}"
    trained = f"{thousands(count)} {trained}" if count else trained
    if provenance.get("data") and not flags["training"]:
        trained += f" of {provenance['data']}"
    split = f"{provenance['split']} " if provenance.get("split") else ""
    scored = f"{'simulated ' if flags['test'] else ''}{split}{names.many}"
    estimate = scores.accuracy
    interval = (
        ""
        if math.isnan(estimate.low)
        else f" (95 % interval {100 * estimate.low:.1f} to {100 * estimate.high:.1f} %)"
    )
    return Headline(
        start=f"{recipe}, trained on {trained}, names the {names.kind} of",
        share=percent(estimate.value),
        end=f"of {thousands(scores.count)} {scored} right{interval}.",
        comparison=_comparison(scores, kind_of(provenance.get("at_work"))),
    )


def _comparison(scores: "Scores", kind: str) -> str:
    baseline, estimate = scores.baseline, scores.accuracy
    answer = baseline["name"].removeprefix("always ")
    start = f"Answering {answer} every time would be right {percent(baseline['accuracy'])} of the"
    if math.isnan(estimate.low):
        return f"{start} time."
    if estimate.low > baseline["accuracy"]:
        return f"{start} time, so the {kind} has learned something: its whole interval lies above."
    if estimate.high < baseline["accuracy"]:
        return f"{start} time: the {kind} is worse than that."
    return f"{start} time, which lies inside the {kind}'s interval: no clear gain yet."


def tiles(scores: "Scores") -> list[dict[str, Any]]:
    """The overall scores, each with what it means and what the constant answer gets."""
    from stormlens.verification import SCORES

    named: list[tuple[Any, Estimate, float, str]] = [
        (score, getattr(scores, score.name), scores.baseline[score.name], "")
        for score in SCORES
        if hasattr(scores, score.name)
    ]
    own = {score.name for score in SCORES}
    added = [
        (score, score, score.constant, "" if name in own else score.package)
        for name, score in scores.added.items()
    ]
    return [
        {
            "name": f"{told.title[:1].upper()}{told.title[1:]}",
            "meaning": told.meaning,
            "sense": told.sense,
            "estimate": estimate,
            "baseline": constant,
            "package": package,
        }
        for told, estimate, constant, package in (*named, *added)
    ]


def duration(seconds: float, epochs: int | None) -> str:
    """
    How long the training took; None for a baseline, which has no epochs.

    Examples
    --------
    >>> duration(102.4, 30)
    '30 epochs in 1 min 42 s'
    >>> duration(8.25, None)
    'One step in 8.2 s'
    """
    plural = "1 epoch" if epochs == 1 else f"{epochs} epochs"
    if epochs is None:
        plural = "One step"
    if math.isnan(seconds):
        return plural
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{plural} in {hours} h {minutes} min"
    if minutes:
        return f"{plural} in {minutes} min {rest} s"
    return f"{plural} in {seconds:.1f} s"


def commonest_mistake(scores: "Scores", names: Names) -> str:
    """Which two classes are confused most."""
    counts = np.array(scores.confusion)
    np.fill_diagonal(counts, 0)
    if not counts.any():
        return "It made no mistake."
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    n, truth, answer = counts[row, column], scores.classes[row], scores.classes[column]
    total = sum(scores.confusion[row])
    whose = f"{truth} {names.many}" if names.radar else f"{names.many} of {truth}"
    return f"The commonest mistake: {n} of {total} {whose} taken for {answer}."


def few(scores: "Scores", names: Names) -> str:
    """A note on classes with too few cases to say much, or an empty text."""
    rare = [(name, entry.count) for name, entry in scores.per_mode.items() if entry.count < FEW]
    if not rare:
        return ""
    listed = ", ".join(f"{name} ({count})" for name, count in rare)
    whose = "its scores say" if len(rare) == 1 else "their scores say"
    return (
        f"Fewer than {FEW} {names.many}: {listed}. One answer more or less changes much there, so "
        f"{whose} little."
    )


def intervals(scores: "Scores", names: Names) -> str:
    """A sentence on how intervals were made."""
    how = scores.intervals
    if how["groups"] < 2:
        return "All come from one day, so no interval can be given."
    by, groups = str(how["by"]), thousands(how["groups"])
    what = f"{names.many} of {groups} days" if by == "UTC day" else f"{groups} {names.many}"
    reason = (
        f", a whole UTC day at a time because {names.many} of one day show the same storms"
        if by == "UTC day"
        else ""
    )
    if by.startswith("UTC day,"):
        what = f"{groups} days and {names.many} of unknown time"
    return (
        f"Ranges are 95 % intervals: the {what} were resampled {thousands(how['replicates'])} "
        f"times{reason}."
    )


def reliability(result: "Reliability", names: Names) -> str:
    """A sentence on the reliability diagram."""
    count = np.asarray(result.count, float)
    filled = count > 0
    weights = count[filled] / count.sum()
    sure = float(weights @ np.asarray(result.forecast)[filled])
    right = float(weights @ np.asarray(result.observed)[filled])
    start = f"It gave its answers a probability of {percent(sure)} on average, and "
    start += f"{percent(right)} of them were right: "
    if sure - right > 0.02:
        verdict = "it is too sure of itself"
    elif right - sure > 0.02:
        verdict = "it is less sure than it might be"
    else:
        verdict = "overall it is about as sure as it should be"
    return (
        f"{start}{verdict}. Bin by bin the two differ by "
        f"{100 * result.calibration_error:.1f} points (expected calibration error)."
    )


def disagreement(values: "NDArray[np.floating]", right: "NDArray[np.bool_]") -> str:
    """Sentences on how far an ensemble's networks differ, and what that says about the answer."""
    parts = [
        f"{float(values[which].mean()):.3f} on average where the answer is {name}"
        for name, which in (("right", right), ("wrong", ~right))
        if which.any()
    ]
    most = np.argsort(-values, kind="stable")[: max(len(values) // 10, 1)]
    of_most, of_all = (percent(float(some.mean())) for some in (right[most], right))
    return (
        f"Its networks differ by {' and '.join(parts)} (mutual information in nats, 0 where all "
        f"say the same). Of the tenth on which they differ most {of_most} are right, of all "
        f"{of_all}."
    )


def alternative(mistake: Mapping[str, Any], names: Names) -> str:
    """Alternative text of the picture of a mistake."""
    picture = "Radar picture" if names.radar else "Picture"
    return (
        f"{picture} of {mistake['unid'] or 'an example'}: {mistake['truth']}, called "
        f"{mistake['answer']} with {percent(mistake['probability'])}."
    )


def failure(row: Mapping[str, Any]) -> str:
    """Alternative text of the picture of a known failure."""
    return (
        f"SIMULATED radar picture of {row['unid']}: {row['truth']}, called {row['answer']} with "
        f"{share(row['probability'])}; {row['storm_family']}, {row['network']}, {row['product']}."
    )


def facts(
    dataset: "xr.Dataset", scores: "Scores", provenance: Mapping[str, Any], names: Names
) -> list[tuple[str, str]]:
    """Facts to reproduce the run by, as rows of a table."""
    days = dataset["time"].values.astype("datetime64[D]")
    known = days[~np.isnat(days)]
    period = f", {known.min()} to {known.max()}" if known.size else ""
    scored = f"{dataset.attrs.get('source', 'unnamed data')} "
    scored += f"({thousands(scores.count)} {names.many}{period})"
    rows = [
        ("Trained on", provenance.get("data_source") or provenance.get("data")),
        ("Scored on", scored),
        ("Test split", provenance.get("readings")),
        ("Seed", provenance.get("seed")),
        ("Network from", _package(provenance.get("network_from"))),
        ("Networks", _several(provenance.get("members"))),
        ("Taught by", provenance.get("teacher")),
        ("Device", provenance.get("device")),
        ("Trainable parameters", _grouped(provenance.get("parameters"))),
        ("Made", provenance.get("created")),
    ]
    return [(name, str(value)) for name, value in rows if value not in (None, "")]


def _package(origin: Any) -> str | None:
    """Another package's name and version, where it brought the network."""
    return f"package {origin.get('package')} {origin.get('version')}" if origin else None


def _several(members: int | None) -> str | None:
    if members is None or members == 1:
        return None
    return f"{members}, whose probabilities are averaged"


def _grouped(value: int | None) -> str | None:
    return None if value is None else thousands(value)
