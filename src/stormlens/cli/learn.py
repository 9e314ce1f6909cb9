"""``stormlens learn``: the interactive components, on pages in the browser."""

from pathlib import Path
from typing import Annotated

import typer

from stormlens.cli._group import say
from stormlens.cli._output import print_lines
from stormlens.errors import InputError

NAME = "learn"
EPILOG = """\b
Examples:
  stormlens learn
  stormlens learn pool-and-fire --data svrimg
  stormlens learn network-microscope --run runs/first

\b
Components: neuron, pool-and-fire, convolution-walker,
augmentation-studio, network-microscope.
They need: pip install "stormlens[app]"
"""


def command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="One component.  [default: all]", show_default=False),
    ] = None,
    data: Annotated[
        str,
        typer.Option(
            "--data",
            metavar="NAME",
            help="Storms to show: a name from `stormlens data list`, a folder of classes, or a "
            "NetCDF file.  [default: a few simulated ones]",
            show_default=False,
        ),
    ] = "",
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help="Folder that train left, for the microscope.  [default: random weights]",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            "--port",
            metavar="N",
            help="Port on this machine.  [1 to 65535; default any free one]",
            show_default=False,
        ),
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page.", show_default=False)
    ] = True,
) -> None:
    """
    Play with neurons, convolutions and networks in the browser.

    Pages are served on this machine alone, need no network, and answer until Ctrl-C; the
    address is printed.
    """
    try:
        from stormlens.learn import serve
    except ImportError as error:
        raise InputError(
            f"`stormlens learn` needs {error.name}, which is not installed; "
            'run: pip install "stormlens[app]".'
        ) from error
    from stormlens.datasets import load
    from stormlens.models import Classifier

    def started(address: str) -> None:
        print_lines(address)
        say("Ctrl-C ends it.")

    serve(
        None if name is None else [name],
        dataset=load(data, "test") if data else None,
        classifier=None if run is None else Classifier.load(run),
        port=port,
        show=browser,
        started=started,
    )
