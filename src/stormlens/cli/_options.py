"""Options that several commands share: one name, one meaning, one help line."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from stormlens.cli._parameters import OPTIONS, PATH, argument, option, options_as_one
from stormlens.errors import InputError


def json_option_in(panel: str) -> Callable[[Any], Any]:
    """
    The option ``--json``, under a heading of the help.

    Parameters
    ----------
    panel : str
        The heading.

    Returns
    -------
    option : callable
        Of a command that takes `as_json`.
    """
    return option(
        "--json", "as_json", is_flag=True, help="Print one JSON document instead.", panel=panel
    )


json_option = json_option_in(OPTIONS)

data_option = option(
    "--data",
    metavar="NAME",
    default="simulated",
    help="Labelled boxes: a name from `stormlens data list`, a folder of classes, or a "
    "NetCDF file.  [default: simulated]",
)

recipe_data_option = option(
    "--data",
    metavar="NAME",
    help="Labelled boxes: a name from `stormlens data list`, a folder of classes, or a "
    "NetCDF file.  [default: what the recipe was made for, else simulated]",
)

other_data_option = option(
    "--data",
    metavar="NAME",
    help="Labelled boxes, as for train.  [default: what the run was trained on]",
)

data_seed_option = option(
    "--data-seed",
    type=int,
    metavar="N",
    help="Seed of simulated boxes, or of how a folder is divided into splits.  "
    "[0 or more; default 0]",
)

epochs_option = option(
    "--epochs",
    type=int,
    metavar="N",
    help="Passes over the training split.  [1 or more; default the recipe's]",
)

seed_option = option(
    "--seed",
    type=int,
    metavar="N",
    help="Fixes initial weights, shuffles, dropout and augmentation.  "
    "[0 or more; default the recipe's, 0]",
)

resume_option = option(
    "--resume", is_flag=True, help="Go on where a training in this folder stopped."
)

run_argument = argument("run", type=PATH, metavar="RUN", help="Folder that train left.")

run_option = option(
    "--run",
    type=PATH,
    metavar="RUN",
    help="Folder that train left.  [default: the classifier that comes with Stormlens]",
)

verbose_option = option(
    "--verbose", is_flag=True, help="Say on stderr what computed the probabilities."
)

PICTURES = "What PNG files of your own are"

_PICTURES = {
    "colors": option(
        "--colors",
        metavar="TABLE",
        help="Drawn by a colour table: nws, iem-n0q or iem-n0r.",
        panel=PICTURES,
    ),
    "dbz_scale": option(
        "--dbz-scale",
        metavar="SCALE,OFFSET",
        help="Grey: dBZ = SCALE * grey + OFFSET.",
        panel=PICTURES,
    ),
    "first_row": option(
        "--first-row",
        metavar="SIDE",
        help="Where the first row of pixels lies: north or south.  "
        "[default: north of drawn PNG; south of SVRIMG's, and of NPY]",
        panel=PICTURES,
    ),
}

_Command = TypeVar("_Command", bound=Callable[..., None])


def picture_options(command: _Command) -> _Command:
    """
    Give a command the options of PNG files, which it gets as the one argument `pictures`.

    Parameters
    ----------
    command : callable
        It takes `pictures`, a dict of the arguments of `stormlens.datasets.read_images`
        that were given.

    Returns
    -------
    command : callable
    """
    return options_as_one(command, "pictures", _PICTURES, _given_of)


def _given_of(colors: str | None, dbz_scale: str | None, first_row: str | None) -> dict[str, Any]:
    scale = None if dbz_scale is None else _numbers(dbz_scale)
    given = {"colors": colors, "dbz_scale": scale, "first_row": first_row}
    return {name: value for name, value in given.items() if value is not None}


def _numbers(text: str) -> list[float]:
    try:
        return [float(number) for number in text.split(",")]
    except ValueError as error:
        raise InputError(
            f"--dbz-scale {text} is no SCALE,OFFSET; write two numbers: 0.5,-32."
        ) from error


def check_pictures(pictures: dict[str, Any], files: Iterable[Path]) -> None:
    """
    Raise a sentence where an option of `picture_options` decides nothing.

    Parameters
    ----------
    pictures : dict
        Of the command.
    files : iterable of Path
        Those that hold boxes.

    Raises
    ------
    InputError
        With the option's name.
    """
    suffixes = {file.suffix.lower() for file in files}
    for name in pictures:
        read = (".png", ".npy") if name == "first_row" else (".png",)
        if not suffixes.intersection(read):
            endings = " or ".join(read)
            raise InputError(f"{_flag_of(name)} decides nothing here; no file ends in {endings}.")


def _flag_of(argument: str) -> str:
    return "--" + argument.replace("_", "-")


def data_options(
    name: str | None, data_seed: int | None, pictures: dict[str, Any]
) -> dict[str, Any]:
    """
    Arguments of `datasets.load` other than the name.

    Parameters
    ----------
    name : str or None
        Of the data; None for a run's own.
    data_seed : int or None
        Given by the user, or not.
    pictures : dict
        Of `picture_options`.

    Returns
    -------
    options : dict

    Raises
    ------
    InputError
        If the seed, or what PNG files are, would decide nothing.
    """
    if pictures and name is not None and not Path(name).expanduser().is_dir():
        flag = _flag_of(next(iter(pictures)))
        raise InputError(f"{flag} decides nothing for {name}; it is for folders of PNG files.")
    if data_seed is None:
        return pictures
    if name == "svrimg":
        raise InputError("--data-seed decides nothing for svrimg, whose splits go by year.")
    return {"seed": data_seed, **pictures}
