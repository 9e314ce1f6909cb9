"""
The model card of a classifier: what it is, what it is for, and how far to trust it.

`card_dict` gathers the facts; the Markdown template and the report's page show
them. What was not measured is called unknown. Simulated and real boxes have
separate tables, each under its name.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from stormlens import plots, storage
from stormlens.report import _words as words
from stormlens.report._appraisal import Appraisal, on_real, read_appraisal
from stormlens.report._figures import png
from stormlens.report._readings import readings, readings_in_words

if TYPE_CHECKING:
    from stormlens.models import Classifier

_FILES = ("weights.safetensors", "model.keras", "confidence.safetensors")
_MEANT = (
    "learning how a {kind} reads radar images, and where it goes wrong",
    "a first answer on a radar file, to be checked on a map against the picture",
    "sorting an archive's boxes before people look at them",
)
_NOT_MEANT = (
    "warnings, or any decision on which life or property depends",
    "counts and climatologies for publication that were not checked on labelled boxes of the same "
    "radars",
    "pictures that are no reflectivity in dBZ: satellite images, photographs, rain totals",
)
_LIMITS = (
    "A box gets one mode, though a square of 510 km may hold several.",
    "It sees one moment: a storm's past and its movement are not in it.",
    "It sees reflectivity alone, in whole dBZ and cells of 3.75 km; wind, height and rotation are "
    "not in it.",
    "Row 0 must be south, and 0 must mean no echo.",
    "It knows pictures that are no radar's by their texture: what is as rough and as patchy as "
    "rain, such as smoothed noise or a fractal, is given a mode.",
)
_SIMULATED_LIMIT = (
    "No radar saw any storm that it was trained on: what the simulator does not draw, it has "
    "never seen."
)


def card_dict(
    classifier: "Classifier",
    appraisal: Appraisal | None = None,
    *,
    files: Sequence[Mapping[str, Any]] = (),
    read: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """
    The facts of a model card, as JSON holds them.

    Parameters
    ----------
    classifier : Classifier
        Whose card it is.
    appraisal : Appraisal, optional
        Its scores on storms never trained on, if measured.
    files : sequence of mapping, optional
        As `model_files` gives them.
    read : sequence of mapping, optional
        When its test split was read, as `readings` gives it.

    Returns
    -------
    facts : dict
        name, model, data, use, confidence, calibrated_on, held_out (of SIMULATED boxes), real (of
        REAL boxes), failures, readings, cost, files, licence, command, versions. None means not
        known.
    """
    known = classifier.provenance
    return {
        "name": str(known.get("recipe") or classifier.architecture or "a user's own model"),
        "model": {
            "kind": _kind(classifier),
            "architecture": classifier.architecture,
            "members": len(classifier.network.members),
            "parameters": classifier.network.parameters,
            "orientations": classifier.orientations,
            "image": list(classifier.image_shape),
            "classes": list(classifier.classes),
            "created": _moment(known.get("created")),
        },
        "data": {
            "simulated": classifier.trained_on_simulated if classifier.training_known else None,
            "source": _text(known.get("data_source")),
            "name": _text(known.get("data")),
            "options": _mapping(known.get("data_options")),
            "boxes": _count(known.get("training_boxes")),
            "seed": _count(known.get("seed")),
            "teacher": _text(_mapping(known.get("teacher")).get("model")),
        },
        "use": use(classifier.classes, classifier.trained_on_simulated, _kind(classifier)),
        "confidence": _confidence(classifier),
        "calibrated_on": _text(known.get("calibrated_on")),
        "held_out": None if appraisal is None else held_out(appraisal),
        "real": None if appraisal is None else [*appraisal.real],
        "failures": None if appraisal is None else [*appraisal.failures],
        "readings": [dict(row) for row in read],
        "cost": _mapping(known.get("cost")),
        "files": [dict(file) for file in files],
        "licence": _text(known.get("licence")),
        "command": _text(known.get("command")),
        "versions": _mapping(known.get("versions")),
    }


def card(
    classifier: "Classifier",
    appraisal: Appraisal | None = None,
    *,
    files: Sequence[Mapping[str, Any]] = (),
    read: Sequence[Mapping[str, Any]] = (),
    picture: tuple[str, str] | None = None,
) -> str:
    """
    The model card as Markdown.

    Parameters
    ----------
    classifier, appraisal, files, read
        As for `card_dict`.
    picture : tuple of str, optional
        File name of the picture of known failures, and its alternative text.

    Returns
    -------
    text : str
        Tables and paragraphs in plain Markdown; a line end at the end.
    """
    facts = card_dict(classifier, appraisal, files=files, read=read)
    template = _environment().get_template("card.md.j2")
    return template.render(facts, **_sentences(facts), picture=picture).rstrip() + "\n"


def write_card(path: str | Path, classifier: "Classifier", folder: str | Path) -> list[Path]:
    """
    Write a model card as Markdown, and the picture of its known failures next to it.

    Parameters
    ----------
    path : str or Path
        Such as ``card.md``; the picture is then ``card-failures.png``.
    classifier : Classifier
        Whose card it is.
    folder : str or Path
        Where it was loaded from.

    Returns
    -------
    written : list of Path
        The card, and the picture if there is one.

    Raises
    ------
    InputError
        If an appraisal or the readings in the folder are damaged, or the place cannot be written.
    """
    path, appraisal = Path(path), read_appraisal(folder)
    written, picture = [path], None
    if appraisal is not None and appraisal.failures:
        content, drawn = png(plots.failures(appraisal.failing_boxes()))
        file = path.with_name(f"{path.stem}-failures.png")
        written.append(storage.write_bytes(file, content))
        picture = (file.name, drawn.alternative)
    files, read = model_files(folder), readings(folder)
    text = card(classifier, appraisal, files=files, read=read, picture=picture)
    storage.write_text(path, text)
    return written


def model_files(folder: str | Path) -> list[dict[str, Any]]:
    """
    The files with a classifier's numbers.

    Parameters
    ----------
    folder : str or Path
        Run folder.

    Returns
    -------
    files : list of dict
        name, bytes, and sha256 (64 hex digits) of each.
    """
    paths = [Path(folder) / name for name in _FILES]
    return [
        {
            "name": path.name,
            "bytes": path.stat().st_size,
            "sha256": sha256(path.read_bytes()).hexdigest(),
        }
        for path in paths
        if path.is_file()
    ]


def use(classes: tuple[str, ...], simulated: bool, kind: str = "network") -> dict[str, list[str]]:
    """What a classifier of these classes is meant for, what not, and its limits."""
    if not words.Names.of(classes).radar:
        meant = ["images of the kind that it was trained on"]
        return {"meant": meant, "not_meant": [], "limits": []}
    limits = [_SIMULATED_LIMIT] if simulated else []
    meant = [line.format(kind=kind) for line in _MEANT]
    return {"meant": meant, "not_meant": [*_NOT_MEANT], "limits": [*limits, *_LIMITS]}


def _kind(classifier: "Classifier") -> str:
    """The kind of classifier, in a word."""
    from stormlens.models import FeatureModel

    return "baseline" if isinstance(classifier.network, FeatureModel) else "network"


def held_out(appraisal: Appraisal) -> dict[str, Any]:
    """Scores on SIMULATED boxes of families never trained on."""
    return {
        "simulated": True,
        "families": appraisal.families,
        "all": appraisal.overall,
        "worst": appraisal.worst,
        "modes": appraisal.modes,
    }


def _sentences(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Sentences of the card, for between its tables."""
    return {
        "radar": words.Names.of(tuple(facts["model"]["classes"])).radar,
        "worst": worst(facts["held_out"]),
        "calibrated": _calibrated(facts["confidence"], facts["calibrated_on"]),
        "kept": kept(facts["held_out"], facts["calibrated_on"]),
        "on_real": on_real(facts["real"]),
        "readings_in_words": readings_in_words(facts["readings"]),
    }


def _confidence(classifier: "Classifier") -> dict[str, float] | None:
    confidence = classifier.confidence
    if confidence is None:
        return None
    names = ("temperature", "level", "plausible_from")
    return {name: float(getattr(confidence, name)) for name in names}


def worst(scores: Mapping[str, Any] | None) -> str:
    """A sentence on the family that it is weakest on."""
    if scores is None or scores["worst"] is None:
        return ""
    family = scores["worst"]
    return (
        f"It is weakest on the {family['kind']} family {family['family']}: "
        f"{words.share(family['accuracy'])} of {words.thousands(family['boxes'])} boxes right."
    )


def _calibrated(confidence: Mapping[str, float] | None, source: str | None) -> str:
    if confidence is None:
        return (
            "Not calibrated: probabilities are its own, no set of plausible modes is "
            "known, and nothing says when a box is unlike all that it was trained on."
        )
    of = f" ({source})" if source else ""
    lowest = f"{confidence['plausible_from']:.3f}"
    return (
        f"Probabilities are tempered by {confidence['temperature']:.3f}, fitted on boxes that were "
        f"not trained on{of}. Modes of {lowest} or more are plausible, a limit chosen so that they "
        f"include the truth in {words.percent(confidence['level'])} of boxes like those (split "
        "conformal prediction)."
    )


def kept(scores: Mapping[str, Any] | None, calibrated_on: str | None) -> str:
    """A sentence on calibration, as measured."""
    if scores is None:
        return ""
    every = scores["all"]
    sets = (
        ""
        if every["coverage"] is None
        else f"sets of plausible modes include the truth in {words.share(every['coverage'])}, "
    )
    return (
        f"Measured on {words.thousands(every['boxes'])} SIMULATED boxes of families never trained "
        f"on: {sets}the expected calibration error is {words.score(every['calibration_error'])}, "
        f"and {words.share(every['unsure'])} are given no mode."
    ) + (" Other boxes of the same families calibrated it." if calibrated_on else "")


def _count(value: Any) -> int | None:
    return value if type(value) is int else None


def _moment(value: Any) -> str | None:
    """ISO 8601 in UTC, to the minute."""
    return None if value in (None, "") else f"{str(value)[:16].replace('T', ' ')} UTC"


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stormlens.report"),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        plain=_plain,
        score=words.score,
        share=words.share,
        between=words.between,
        thousands=words.thousands,
        kilobytes=words.kilobytes,
    )
    return environment


def _plain(value: Any) -> str:
    """Text that Markdown shows as it is: one line, all marks escaped."""
    text = " ".join(str(value).split())
    for mark in "\\|<>&`*[]":
        text = text.replace(mark, f"\\{mark}")
    return text
