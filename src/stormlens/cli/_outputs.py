"""What `classify` and `slide` leave: files, a map, and on stdout a table, JSON or CSV."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stormlens.cli._notes import say
from stormlens.cli._options import json_option_in
from stormlens.cli._parameters import PATH, option, options_as_one
from stormlens.cli._printing import print_csv, print_json
from stormlens.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure, SubFigure

_Command = TypeVar("_Command", bound=Callable[..., None])

OUTPUT = "Output"
_DPI = 150

_DECLARED = {
    "as_json": json_option_in(OUTPUT),
    "as_csv": option("--csv", "as_csv", is_flag=True, help="Print CSV instead.", panel=OUTPUT),
    "out": option(
        "--out",
        type=PATH,
        metavar="FILE.nc",
        help="Also write the probabilities as NetCDF.",
        panel=OUTPUT,
    ),
    "geojson": option(
        "--geojson",
        type=PATH,
        metavar="FILE",
        help="Also write the boxes and modes as GeoJSON.",
        panel=OUTPUT,
    ),
    "map_": option(
        "--map",
        "map_",
        type=PATH,
        metavar="FILE.png",
        help="Also draw a map of one radar file.",
        panel=OUTPUT,
    ),
}
EVERY = tuple(_DECLARED)
"""Names of all these options, as `Outputs` has them."""


@dataclass(frozen=True)
class Outputs:
    """
    What the user wants to have of a command's results.

    Attributes
    ----------
    as_json, as_csv : bool
        How to print; as a table by default.
    out, geojson, map_ : Path or None
        Files to write; None for those that nobody asks for.
    """

    as_json: bool = False
    as_csv: bool = False
    out: Path | None = None
    geojson: Path | None = None
    map_: Path | None = None

    def check(self, files: Sequence[Path]) -> None:
        """
        Raise a sentence for what cannot be, before anything is computed.

        Parameters
        ----------
        files : sequence of Path
            Those that are read.

        Raises
        ------
        InputError
            If the options contradict each other, or a file cannot be written.
        """
        check_one_form(self.as_json, self.as_csv)
        check_outputs(files, {"--out": self.out, "--geojson": self.geojson, "--map": self.map_})
        if self.map_ is not None and self.map_.suffix.lower() != ".png":
            raise InputError(f"--map {self.map_} is written as PNG; give a name that ends in .png.")

    def draw(self, figure: "Callable[[], Figure | SubFigure]") -> None:
        """
        Draw the map, if one is wanted.

        Parameters
        ----------
        figure : callable
            Makes it.
        """
        if self.map_ is None:
            return
        from stormlens.storage import atomic_path

        canvas = figure().canvas
        with atomic_path(self.map_) as temporary:
            canvas.print_figure(temporary, dpi=_DPI, format="png")

    def write(
        self,
        dataset: "Callable[[], xr.Dataset]",
        features: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        """
        Write the other files, if they are wanted.

        Parameters
        ----------
        dataset, features : callable
            Make what `--out` and `--geojson` write.
        """
        from stormlens.storage import write_bytes, write_text

        if self.geojson is not None and features is not None:
            write_text(self.geojson, json.dumps(features(), allow_nan=False) + "\n")
        if self.out is not None:
            # Made in memory first: HDF5 crashes the process where the disk fills up under it.
            write_bytes(self.out, bytes(dataset().to_netcdf(engine="h5netcdf")))

    def print(
        self,
        entries: Sequence[dict[str, Any]],
        rows: Callable[[], Iterable[Iterable[object]]],
        show: Callable[[], None],
    ) -> None:
        """
        Print the results in the form that is wanted.

        Parameters
        ----------
        entries : sequence of dict
            Of the JSON document.
        rows : callable
            Makes the rows of CSV, the headings first.
        show : callable
            Prints the table.
        """
        if self.as_json:
            print_json(entries)
        elif self.as_csv:
            print_csv(rows())
        else:
            show()

    def say_written(self, note: str) -> None:
        """
        Say on stderr what is to be said of the classifier, and which files were written.

        Parameters
        ----------
        note : str
            Of the classifier; empty for nothing.
        """
        if note:
            say(f"Note: {note}")
        for path in filter(None, (self.map_, self.out, self.geojson)):
            say(f"Written: {path}")


def check_outputs(files: Sequence[Path], outputs: Mapping[str, Path | None]) -> None:
    """
    Raise a sentence for what cannot be written, before anything is computed.

    Parameters
    ----------
    files : sequence of Path
        That are read.
    outputs : mapping of str to Path or None
        What is written, by option; None where it is not given.

    Raises
    ------
    InputError
        If one is a file that is read or that another option writes, or cannot be written.
    """
    from stormlens.storage import check_writable

    read, written = set(map(os.path.realpath, files)), dict[str, str]()
    for name, path in outputs.items():
        if path is None:
            continue
        real = os.path.realpath(path)  # `Path.resolve` fails on links in a circle
        if real in read:
            raise InputError(f"{name} {path} is a file to be read; give another name.")
        if real in written:
            other = written[real]
            raise InputError(f"{name} {path} is what {other} writes; give another name.")
        check_writable(path)
        written[real] = name


def check_one_form(as_json: bool, as_csv: bool) -> None:
    """
    Raise a sentence where results are to be printed in two forms.

    Parameters
    ----------
    as_json, as_csv : bool
        Whether each is requested.

    Raises
    ------
    InputError
        If both are.
    """
    if as_json and as_csv:
        raise InputError("Choose --json or --csv, not both.")


def output_options(*names: str) -> Callable[[_Command], _Command]:
    """
    Give a command the options of what it leaves.

    Parameters
    ----------
    *names : str
        Fields of `Outputs` that the command has an option for.

    Returns
    -------
    decorate : callable
        Of a command that takes them as one, `outputs`.
    """
    options = {name: _DECLARED[name] for name in names}
    return lambda command: options_as_one(command, "outputs", options, Outputs)
