"""``stormlens learn``: the interactive components, on pages in the browser."""

from pathlib import Path

import click

from stormlens.cli._classifier import load_classifier, trained_note
from stormlens.cli._group import PanelCommand, say
from stormlens.cli._options import run_option
from stormlens.cli._output import print_lines
from stormlens.cli._parameters import argument, option
from stormlens.errors import install_line, needs_packages

NAME = "learn"
_MICROSCOPE = "network-microscope"
EPILOG = f"""\b
Examples:
  stormlens learn
  stormlens learn pool-and-fire --data svrimg
  stormlens learn network-microscope --run runs/first

\b
Components: neuron, pool-and-fire, convolution-walker,
augmentation-studio, network-microscope.
Requests under other names than 127.0.0.1 and localhost are refused, lest a
page from elsewhere looks in. Behind a proxy, JupyterHub's too, or at the end
of an ssh tunnel, name the host that the browser shows:
  stormlens learn --allow-host hub.example.org --port 5006 --no-browser
  stormlens learn --allow-host localhost:8888 --port 5006 --no-browser

\b
They need, in the clone of Stormlens: {install_line("app")}
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument("name", required=False, metavar="[NAME]", help="One component.  [default: all]")
@option(
    "--data",
    metavar="NAME",
    default="",
    help="Storms to show: a name from `stormlens data list`, a folder of classes, or a "
    "NetCDF file.  [default: a few simulated ones]",
)
@run_option
@option(
    "--port",
    type=int,
    metavar="N",
    default=0,
    help="Port on this machine.  [1 to 65535; default any free one]",
)
@option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME[:PORT]",
    help="Answer under this name too, as the browser's address has it; may be repeated.",
)
@option("--browser/--no-browser", default=True, help="Open the page.")
def command(
    name: str | None,
    data: str,
    run: Path | None,
    port: int,
    hosts: tuple[str, ...],
    browser: bool,
) -> None:
    """
    Play with neurons, convolutions and networks in the browser.

    Pages are served on this machine alone, need no network, and answer until Ctrl-C; the
    address is printed. The microscope looks into the classifier that comes with Stormlens, or
    that of --run.
    """
    try:
        from stormlens.learn import serve
    except ImportError as error:
        raise needs_packages(f"`stormlens learn` needs {error.name}", "app") from error
    from stormlens.datasets import load

    looked_into = run is not None or name in (None, _MICROSCOPE)
    note = trained_note(run) if looked_into else ""

    def started(address: str) -> None:
        print_lines(address)
        if note:
            say(f"Note: {note}")
        say("Ctrl-C ends it.")

    serve(
        None if name is None else [name],
        dataset=load(data, "test") if data else None,
        classifier=load_classifier(run) if looked_into else None,
        port=port,
        hosts=hosts,
        show=browser,
        started=started,
    )
