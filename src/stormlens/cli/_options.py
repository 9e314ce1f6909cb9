"""Options that several commands share: one name, one meaning, one help line."""

from pathlib import Path
from typing import Annotated

import typer

from stormlens.errors import InputError

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]

DataName = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="NAME",
        help="Labelled boxes: a name from `stormlens data list`, a folder of classes, or a "
        "NetCDF file.  [default: simulated]",
        show_default=False,
    ),
]

RecipeData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME",
        help="Labelled boxes: a name from `stormlens data list`, a folder of classes, or a "
        "NetCDF file.  [default: what the recipe was made for, else simulated]",
        show_default=False,
    ),
]

OtherData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME",
        help="Labelled boxes, as for train.  [default: what the run was trained on]",
        show_default=False,
    ),
]

DataSeed = Annotated[
    int | None,
    typer.Option(
        "--data-seed",
        metavar="N",
        help="Seed of simulated boxes, or of how a folder is divided into splits.  "
        "[0 or more; default 0]",
        show_default=False,
    ),
]

Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        metavar="N",
        help="Passes over the training split.  [1 or more; default the recipe's]",
        show_default=False,
    ),
]

Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        help="Fixes initial weights, shuffles, dropout and augmentation.  "
        "[0 or more; default the recipe's, 0]",
        show_default=False,
    ),
]

Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where a training in this folder stopped.")
]

Run = Annotated[
    Path, typer.Argument(metavar="RUN", help="Folder that train left.", show_default=False)
]

OtherRun = Annotated[
    Path | None,
    typer.Option(
        "--run",
        metavar="RUN",
        help="Folder that train left.  [default: the classifier that comes with Stormlens]",
        show_default=False,
    ),
]

READING = "How radar files are read"

Sampling = Annotated[
    str,
    typer.Option(
        "--sampling",
        metavar="WAY",
        help="nearest value to a cell, or maximum within it.  [default: nearest]",
        rich_help_panel=READING,
        show_default=False,
    ),
]

Rain = Annotated[
    str,
    typer.Option(
        "--rain",
        metavar="LAW",
        help="From rain rates: marshall-palmer or wsr-88d.  [default: marshall-palmer]",
        rich_help_panel=READING,
        show_default=False,
    ),
]

QualityControl = Annotated[
    bool,
    typer.Option(
        "--qc",
        help="Take specks and echo of low correlation out of volumes.",
        rich_help_panel=READING,
    ),
]


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
