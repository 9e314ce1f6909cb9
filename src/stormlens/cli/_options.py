"""Options that several commands share: one name, one meaning, one help line."""

from stormlens.cli._parameters import PATH, argument, option
from stormlens.errors import InputError

json_option = option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")

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

READING = "How radar files are read"

sampling_option = option(
    "--sampling",
    metavar="WAY",
    default="nearest",
    help="nearest value to a cell, or maximum within it.  [default: nearest]",
    panel=READING,
)

rain_option = option(
    "--rain",
    metavar="LAW",
    default="marshall-palmer",
    help="From rain rates: marshall-palmer or wsr-88d.  [default: marshall-palmer]",
    panel=READING,
)

quality_control_option = option(
    "--qc",
    "quality_control",
    is_flag=True,
    help="Take specks and echo of low correlation out of volumes.",
    panel=READING,
)


def data_options(name: str | None, data_seed: int | None) -> dict[str, int]:
    """
    Arguments of `datasets.load` beside the name.

    Parameters
    ----------
    name : str or None
        Of the data; None for a run's own.
    data_seed : int or None
        Given by the user, or not.

    Returns
    -------
    options : dict

    Raises
    ------
    InputError
        If the seed would decide nothing.
    """
    if data_seed is None:
        return {}
    if name == "svrimg":
        raise InputError("--data-seed decides nothing for svrimg, whose splits go by year.")
    return {"seed": data_seed}
