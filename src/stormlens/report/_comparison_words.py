"""
The sentences of a comparison: which is better, by how much, and how sure that is.

All functions take the values of ``comparison.json``.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stormlens.report._words import DASH, Names, percent, thousands

Values = Mapping[str, Any]

_SPACE = "\N{NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"

SCORES: dict[str, tuple[str, str]] = {
    "accuracy": ("Accuracy", "share named right; 1 is best"),
    "hss": ("HSS", "Heidke skill: accuracy beyond chance; 0 is none, 1 is best"),
    "peirce": (
        "Peirce",
        "the same, against chance that knows how often each occurs; 0 is none, 1 is best",
    ),
    "gerrity": ("Gerrity", "skill that rewards what is rare more; 0 is none, 1 is best"),
    "macro_f1": ("Macro F1", "mean F1, in which rare ones count as much; 1 is best"),
    "brier": ("Brier", "squared error of the probabilities; 0 is best, 2 worst"),
    "log_loss": ("Log loss", "surprise at the truth; 0 is best"),
}
"""Title of each score, and what it means."""

VIEWS: dict[str, tuple[str, str]] = {
    "six": ("Six modes", "every box"),
    "weather": (
        "Four weather modes",
        "without Noise and Missing: boxes that are of another mode in truth are left out, and "
        "probabilities shared out anew",
    ),
    "three": (
        "Three storm modes",
        "Cellular, QLCS and Tropical alone, as most published work scores",
    ),
    "all": ("All classes", "every image"),
}
"""Title of each view, and what is in it."""


class Headline(NamedTuple):
    """
    The answer, in parts so that the verdict can stand out.

    Attributes
    ----------
    verdict : str
        Which is better, or that the boxes do not show it.
    evidence : str
        By how much, and how sure.
    baseline : str
        The best run against the baselines; empty without any.
    """

    verdict: str
    evidence: str
    baseline: str


def comparison_headline(values: Values) -> str:
    """
    The result of a comparison in plain sentences.

    Parameters
    ----------
    values : mapping
        As ``comparison.json`` holds them.

    Returns
    -------
    text : str
    """
    return " ".join(part for part in headline(values) if part)


def headline(values: Values) -> Headline:
    """The result for the runs, then for the baselines."""
    runs = ranked(values, "run")
    baselines = ranked(values, "baseline")
    best = runs[0]
    if len(runs) > 1:
        verdict, evidence = _of_runs(values, runs)
        return Headline(verdict, evidence, _of_baselines(values, best, baselines))
    if baselines:
        verdict, evidence = _of_two(values, best, baselines[0])
        return Headline(verdict, evidence, "")
    found = main_view(values)["entrants"][best]["scores"]["accuracy"]
    return Headline(
        f"{best} names {percent(found['value'])} of {_boxes(values)} right.",
        "There is nothing to compare it with.",
        "",
    )


def main_view(values: Values) -> Values:
    """The view of all classes."""
    view: Values = next(iter(values["views"].values()))
    return view


def ranked(values: Values, kind: str) -> list[str]:
    """Names of a kind, the most accurate first."""
    entrants = main_view(values)["entrants"]
    names = [entry["name"] for entry in values["contestants"] if entry["kind"] == kind]
    return sorted(names, key=lambda name: -entrants[name]["scores"]["accuracy"]["value"])


def pair_of(values: Values, one: str, other: str) -> tuple[Values, int]:
    """The entry of a pair, and 1 if `one` is first in it, else -1."""
    for pair in main_view(values)["pairs"]:
        if (pair["first"], pair["second"]) == (one, other):
            return pair, 1
        if (pair["first"], pair["second"]) == (other, one):
            return pair, -1
    raise KeyError(f"{one} and {other}")


def _of_runs(values: Values, runs: Sequence[str]) -> tuple[str, str]:
    best, second, *rest = runs
    if not rest:
        return _of_two(values, best, second)
    behind = [name for name in runs[1:] if pair_of(values, best, name)[0]["differs"]]
    level = [name for name in runs[1:] if name not in behind]
    boxes = _boxes(values)
    if not level:
        verdict = f"{best} is better than the other {len(runs) - 1} runs."
    elif behind:
        verdict = (
            f"{best} is better than {listed(behind)}; {boxes} do not tell it apart from "
            f"{listed(level)}."
        )
    elif _any_differ(values, runs):
        verdict = f"{_capital(boxes)} do not tell {best}, which is ahead, apart from any other run."
    else:
        verdict = f"{_capital(boxes)} do not tell the {len(runs)} runs apart."
    return verdict, f"{best} leads the next, {second}, by {_lead(values, best, second)}."


def _any_differ(values: Values, runs: Sequence[str]) -> bool:
    return any(
        pair["differs"]
        for pair in main_view(values)["pairs"]
        if pair["first"] in runs and pair["second"] in runs
    )


def _of_two(values: Values, best: str, other: str) -> tuple[str, str]:
    """Verdict and evidence for two, of which `best` may be the less accurate."""
    pair, sign = pair_of(values, best, other)
    ahead = sign * pair["differences"]["accuracy"]["value"]
    if pair["mcnemar"]["b"] == pair["mcnemar"]["c"] == 0:
        return f"{best} and {other} are right about the same boxes.", "There is no difference."
    leader, behind = (best, other) if ahead >= 0 else (other, best)
    lead = _lead(values, leader, behind)
    if pair["differs"]:
        return f"{leader} is better than {behind}", f"by {lead}."
    apart = f"{_boxes(values)} do not tell {best} and {other} apart."
    if ahead == 0:
        return _capital(apart), f"Both are right about as many: the difference is {lead}."
    return _capital(apart), f"{leader} is ahead by {lead}."


def _of_baselines(values: Values, best: str, baselines: Sequence[str]) -> str:
    if not baselines:
        return ""
    strongest = baselines[0]
    pair, sign = pair_of(values, best, strongest)
    kind = f"the better of the baselines, {strongest}" if baselines[1:] else strongest
    if not pair["differs"]:
        return (
            f"{best} is not told apart from {kind}, which knows storms by features of "
            f"their shape alone: the difference is {_lead(values, best, strongest)}."
        )
    if sign * pair["differences"]["accuracy"]["value"] > 0:
        return f"{best} beats {kind}, by {_lead(values, best, strongest)}."
    what = "is the better of the baselines and" if baselines[1:] else "is a baseline and"
    return f"{strongest} {what} beats {best}, by {_lead(values, strongest, best)}."


def _lead(values: Values, leader: str, behind: str) -> str:
    """The lead in points, with interval, p-value and what that is corrected for."""
    pair, sign = pair_of(values, leader, behind)
    found = pair["differences"]["accuracy"]
    parts = []
    if found["low"] is not None and found["low"] != found["high"]:
        low, high = sorted(sign * found[end] for end in ("low", "high"))
        parts.append(f"95{_SPACE}% interval {points(low)} to {points(high)}")
    parts.append(f"{p_value(found['corrected'])}{_corrected(values)}")
    amount = points(sign * found["value"])
    unit = "point" if amount == "1.0" else "points"
    return f"{amount} {unit} of accuracy ({'; '.join(parts)})"


def _corrected(values: Values) -> str:
    tests = values["correction"]["tests"]
    return "" if tests < 2 else f", corrected for {tests} comparisons"


def points(share: float) -> str:
    """
    A difference of shares in points of a per cent.

    Examples
    --------
    >>> points(0.0324), points(-0.01).replace(_MINUS, "-")
    ('3.2', '-1.0')
    """
    text = f"{100 * share:.1f}"
    return "0.0" if text == "-0.0" else text.replace("-", _MINUS)


def signed(value: float | None) -> str:
    """
    A difference with its sign, or a dash where undefined.

    Examples
    --------
    >>> signed(0.0324), signed(None) == DASH
    ('+0.032', True)
    """
    if value is None:
        return DASH
    text = f"{value:+.3f}"
    return "0.000" if text in ("+0.000", "-0.000") else text.replace("-", _MINUS)


def p_value(p: float | None) -> str:
    """
    A p-value in a sentence.

    Examples
    --------
    >>> p_value(0.0004).replace(_SPACE, " "), p_value(0.037).replace(_SPACE, " ")
    ('p < 0.001', 'p = 0.037')
    """
    if p is None:
        return "no p-value"
    return f"p{_SPACE}<{_SPACE}0.001" if p < 0.001 else f"p{_SPACE}={_SPACE}{short_p(p)}"


def short_p(p: float | None) -> str:
    """
    A p-value in a table.

    Examples
    --------
    >>> short_p(0.0004), short_p(0.5), short_p(None) == DASH
    ('<0.001', '0.50', True)
    """
    if p is None:
        return DASH
    if p < 0.001:
        return "<0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def listed(names: Sequence[str]) -> str:
    """
    Names in a sentence.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _boxes(values: Values) -> str:
    count = values["count"]
    things = Names.of(tuple(values["classes"])).many
    if values["simulated"]["test"]:
        things = f"SIMULATED {things}"
    return f"the {thousands(count)} {things}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def better(pair: Values) -> str | None:
    """
    Which of a pair is better.

    Parameters
    ----------
    pair : mapping
        Of a view.

    Returns
    -------
    name : str or None
        None if they do not differ significantly.
    """
    if not pair["differs"]:
        return None
    name: str = pair["first" if pair["differences"]["accuracy"]["value"] > 0 else "second"]
    return name


def ordered_pairs(values: Values, view: Values) -> list[Values]:
    """
    The pairs of a view: those of two runs first, those of two baselines last.

    Parameters
    ----------
    values : mapping
        As ``comparison.json`` holds them.
    view : mapping
        One of their views.

    Returns
    -------
    pairs : list of mapping
    """
    baselines = {entry["name"] for entry in values["contestants"] if entry["kind"] == "baseline"}
    return sorted(
        view["pairs"], key=lambda pair: sum(pair[end] in baselines for end in ("first", "second"))
    )


def banner(values: Values) -> str:
    """A sentence on what was simulated; empty if all boxes are real."""
    training, test = values["simulated"]["training"], values["simulated"]["test"]
    many = Names.of(tuple(values["classes"])).many
    if test and all(training.values()):
        return (
            f"A simulator made all {many} here, those trained on and those scored. Who is better "
            "on them need not be better on real radar."
        )
    if test:
        return f"A simulator made the {many} that are scored."
    if any(training.values()):
        whose = [name for name, is_simulated in training.items() if is_simulated]
        return f"Simulated {many} alone trained {listed(whose)}; the {many} scored are real."
    return ""


def resampling(values: Values) -> str:
    """A sentence on how intervals were made."""
    how = values["intervals"]
    many = Names.of(tuple(values["classes"])).many
    if how["groups"] < 2:
        return "All come from one day, so no interval can be given."
    by = str(how["by"])
    what = {
        "UTC day": f"whole days ({thousands(how['groups'])} of them), because {many} of one day "
        "show the same storms",
        "box": f"{many}, as none has a time",
    }.get(by, f"whole days, and {many} of unknown time by themselves")
    return (
        f"Ranges are 95{_SPACE}% intervals from {thousands(how['replicates'])} resamplings of "
        f"{what}; all are resampled alike, so that a difference is of the same {many}."
    )


def tests(values: Values) -> str:
    """Sentences on which tests decide, and what is corrected for."""
    correction = values["correction"]
    level = f"{100 * correction['level']:g}{_SPACE}%"
    family = (
        "A single pair needs no correction for the number of comparisons."
        if correction["tests"] < 2
        else f"P-values are corrected for all {correction['tests']} pairs of a view by "
        f"{correction['method']}'s method, so that the chance of any false finding among them is "
        f"at most {level}; intervals are of one difference each, and are not corrected."
    )
    return (
        "Whether two differ is decided by an exact test that swaps their answers of whole days. "
        f"{family} McNemar's exact test is given too. It counts the boxes that just one of the two "
        "gets right. It assumes independent boxes, so its p-value is too small where boxes of one "
        "day show the same storms."
    )


def reliability(calibration: Values) -> str:
    """A sentence on one contestant: how sure it is, and how often right."""
    bins = calibration["reliability"]
    filled = [
        (count, forecast, observed)
        for count, forecast, observed in zip(
            bins["count"], bins["forecast"], bins["observed"], strict=True
        )
        if count
    ]
    total = sum(count for count, _, _ in filled)
    sure = sum(count * forecast for count, forecast, _ in filled) / total
    right = sum(count * observed for count, _, observed in filled) / total
    kind = (
        "too sure of itself"
        if sure - right > 0.02
        else "less sure than it might be"
        if right - sure > 0.02
        else "about as sure as it should be"
    )
    return f"Says {percent(sure)}, is right {percent(right)}: {kind}."


def seconds(value: float | None) -> str:
    """
    A duration in words.

    Examples
    --------
    >>> seconds(3.21), seconds(102.4), seconds(7300.0)
    ('3.2 s', '1 min 42 s', '2 h 2 min')
    """
    if value is None:
        return DASH
    if value < 60:
        return f"{value:.1f} s"
    if value < 3600:
        minutes, rest = divmod(round(value), 60)
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours} h {minutes} min"


def megabytes(count: int) -> str:
    """
    A size on disk.

    Examples
    --------
    >>> megabytes(31_724_312), megabytes(48_120)
    ('31.7', '0.048')
    """
    size = count / 1e6
    return f"{size:.1f}" if size >= 1 else f"{size:.2g}" if size >= 0.1 else f"{size:.3f}"


def alternative(entry: Values, simulated: bool, names: Names) -> str:
    """Alternative text of a box that is answered differently."""
    picture = "radar picture" if names.radar else "picture"
    what = f"SIMULATED {picture}" if simulated else _capital(picture)
    answers = ", ".join(
        f"{name} says {answer} ({percent(entry['probability'][name])})"
        for name, answer in entry["answers"].items()
    )
    return f"{what} of {entry['unid'] or 'an example'}: truth {entry['truth']}; {answers}."
