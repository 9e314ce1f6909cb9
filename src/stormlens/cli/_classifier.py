"""Which classifier answers, the one in the package or a run's, and what is said of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stormlens.errors import InputError

if TYPE_CHECKING:
    from stormlens.models import Classifier

_CARD = "classifier.json"


def load_classifier(run: Path | None) -> "Classifier":
    """
    The classifier of a run, or the one in the package.

    Parameters
    ----------
    run : Path or None
        Run folder; None for the classifier that comes with Stormlens.

    Returns
    -------
    classifier : Classifier

    Raises
    ------
    InputError
        If the folder holds no finished run, or a file in it is damaged.
    """
    from stormlens.models import Classifier

    return Classifier.shipped() if run is None else Classifier.load(run)


def folder_of(run: Path | None) -> Path:
    """
    Where the files of a classifier lie.

    Parameters
    ----------
    run : Path or None
        As for `load_classifier`.

    Returns
    -------
    folder : Path
    """
    from stormlens.models import shipped_folder

    return shipped_folder() if run is None else run


def trained_note(run: Path | None) -> str:
    """
    What is said of a classifier wherever it answers, in one line.

    Call it before anything is computed: it may raise, and finished work would be lost.

    Parameters
    ----------
    run : Path or None
        As for `load_classifier`.

    Returns
    -------
    note : str
        Whether simulated storms trained it, and what it scored on real boxes where its folder
        says so; empty where real boxes trained it, or its card cannot be read.

    Raises
    ------
    InputError
        If the appraisal in its folder is damaged.
    """
    from stormlens.models import read_provenance
    from stormlens.report import on_real, read_appraisal

    folder = folder_of(run)
    # Without the network, for commands that leave that to other processes.
    if read_provenance(folder).get("training_simulated") is not True:
        return ""
    appraisal = read_appraisal(folder)
    scored = "" if appraisal is None else on_real(appraisal.real)
    hint = " Other boxes may fare worse: look at the picture." if scored else ""
    return f"The classifier was trained on SIMULATED storms only. {scored}{hint}".rstrip()


def check_no_run(given: Path, argument: str) -> None:
    """
    Refuse a run folder in the place of a file: it is chosen with an option.

    Parameters
    ----------
    given : Path
        First argument of the command.
    argument : str
        What the command takes, such as ``"FILE"``.

    Raises
    ------
    InputError
        If it is a run folder; the sentence says what to write.
    """
    if (given / _CARD).is_file():
        raise InputError(
            f"{given} is a run folder, which is chosen with an option: give {argument} and "
            f"--run {given}."
        )


def check_single(given: Sequence[object], argument: str) -> None:
    """
    Refuse more than one of what a command takes one of.

    Parameters
    ----------
    given : sequence
        One or more.
    argument : str
        What the command takes, such as ``"FILE"``.

    Raises
    ------
    InputError
        If there are more.
    """
    if len(given) > 1:
        raise InputError(f"Give one {argument}; {len(given)} are given.")
