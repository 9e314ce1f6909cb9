"""``stormlens learn``: the interactive pages in the browser, or as a folder for a web host."""

from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import say
from stormlens.cli._options import data_options, picture_options, run_option
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._printing import print_lines
from stormlens.errors import InputError
from stormlens.learn import COMPONENTS, export, serve

NAME = "learn"
_DEFAULT = "simulated"
_SOME = 400
_PAGES = "\n".join(wrap(f"Pages: {', '.join(COMPONENTS)}.", 78))
EPILOG = f"""\b
Examples:
  stormlens learn
  stormlens learn pool-and-fire --data svrimg
  stormlens learn inside --run runs/first
  stormlens learn --host 0.0.0.0 --port 8000
  stormlens learn --export pages

\b
{_PAGES}
Pages are for this machine alone unless --host lets others in, as a class in
the same network. They see these pages with the storms and networks in them,
and nothing else of this machine.
Requests under names that are not this machine's are refused, so that no page
from elsewhere looks in. Behind a proxy, JupyterHub's too, or at the end of an
ssh tunnel, name the host that the browser shows:
  stormlens learn --allow-host hub.example.org --port 5006 --no-browser
  stormlens learn --allow-host localhost:8888 --port 5006 --no-browser
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument("name", required=False, metavar="[NAME]", help="Page to open.  [default: the first]")
@option(
    "--data",
    metavar="NAME",
    default="",
    help="Storms to show: a name from `stormlens data list`, a folder of classes, or a "
    "NetCDF file; of a simulator's others, 400 a split.  [default: simulated]",
)
@run_option
@option(
    "--export",
    "folder",
    type=PATH,
    metavar="DIR",
    help="Write the pages into this folder, for any web host, and serve nothing.",
)
@option(
    "--host",
    metavar="ADDRESS",
    help="Address to listen on; 0.0.0.0 lets others in.  [default: 127.0.0.1, this machine alone]",
)
@option(
    "--port",
    type=int,
    metavar="N",
    help="Port to listen on.  [1 to 65535; default any free one]",
)
@option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME[:PORT]",
    help="Answer under this name too, as the browser's address has it; may be repeated.",
)
@option("--browser/--no-browser", default=True, help="Open the page.")
@picture_options
def command(
    name: str | None,
    data: str,
    run: Path | None,
    folder: Path | None,
    host: str | None,
    port: int | None,
    hosts: tuple[str, ...],
    browser: bool,
    pictures: dict[str, Any],
) -> None:
    """
    Play with neurons, convolutions and networks in the browser.

    Pages need no network, and answer until Ctrl-C; their address is printed. They show the
    classifier that comes with Stormlens, or that of --run before it.
    """
    options = data_options(data or _DEFAULT, None, pictures)
    if folder is not None:
        _check_export(name, {"--host": host, "--port": port, "--allow-host": hosts})
        print_lines(f"{export(folder, **_own(data, options, run)) / 'index.html'}")
        say("Put the folder on any web host; its README.txt says what lies there.")
        return

    def started(addresses: list[str]) -> None:
        print_lines(*addresses)
        if host not in (None, "127.0.0.1", "::1", "localhost"):
            say(
                "Everybody whose machine reaches one of these addresses sees these pages, with "
                "the storms and networks in them, and nothing else of this machine."
            )
        say("Ctrl-C ends it.")

    serve(
        name,
        **_own(data, options, run),
        host="127.0.0.1" if host is None else host,
        port=port or 0,
        hosts=hosts,
        show=browser,
        started=started,
    )


def _own(data: str, options: dict[str, Any], run: Path | None) -> dict[str, Any]:
    """The user's storms and network, where there are any; without, nothing heavy is imported."""
    own: dict[str, Any] = {}
    if data and data != _DEFAULT:
        from stormlens.datasets import list_sources, load

        # Tens of thousands could be made, which nobody waits for.
        is_made = any(source.name == data and source.simulated for source in list_sources())
        own["dataset"] = load(data, count=_SOME) if is_made else load(data, **options)
    if run is not None:
        from stormlens.models import Classifier

        own |= {"classifier": Classifier.load(run), "title": f"The classifier of {run}"}
    return own


def _check_export(name: str | None, served: dict[str, Any]) -> None:
    given = [option for option, value in served.items() if value]
    if name is not None:
        given.insert(0, name)
    if given:
        raise InputError(f"{given[0]} decides nothing with --export, which serves no page.")
