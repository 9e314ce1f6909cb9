"""``stormlens serve``: a classifier that answers over HTTP."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stormlens.cli._classifier import folder_of, load_classifier, trained_note
from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import say
from stormlens.cli._parameters import PATH, argument, option
from stormlens.cli._printing import print_lines

if TYPE_CHECKING:
    from stormlens.models import Classifier

NAME = "serve"
_LIMITS = "Limits"
EPILOG = """\b
Examples:
  stormlens serve
  stormlens serve runs/first --port 9000 --keep jobs
  stormlens serve --host 0.0.0.0 --token-file token
  curl --data-binary @box.png http://127.0.0.1:8000/v1/classify

\b
POST /v1/classify takes boxes (PNG, NPY, NetCDF) or a radar file, and answers
in JSON or Arrow; POST /v1/jobs does so later; GET /v1/card, /health, /metrics
and /openapi.json say the rest. Requests that arrive together share a forward
pass. It is for this machine alone unless --host lets others in, who then need
the token: of --token-file, or of the variable STORMLENS_TOKEN.
Ctrl-C or SIGTERM ends it, after the answers that are being computed.
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@argument(
    "run",
    type=PATH,
    required=False,
    metavar="[RUN]",
    help="Folder that train left.  [default: the classifier that comes with Stormlens]",
)
@option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    help="Address to listen on; 0.0.0.0 lets others in.  [default: 127.0.0.1, this machine alone]",
)
@option(
    "--port",
    type=int,
    metavar="N",
    default=8000,
    help="Port to listen on; 0 for any free one.  [0 to 65535; default 8000]",
)
@option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME[:PORT]",
    help="Answer under this name too, such as a proxy's; may be repeated.",
)
@option("--token-file", type=PATH, metavar="FILE", help="Holds the token that clients must send.")
@option(
    "--keep",
    type=PATH,
    metavar="DIR",
    help="Take jobs and keep them in this folder.  [default: none are taken]",
)
@option(
    "--keep-days",
    type=float,
    metavar="DAYS",
    default=7.0,
    help="How long a job is kept once it is done.  [above 0; default 7]",
    panel=_LIMITS,
)
@option(
    "--max-mib",
    type=int,
    metavar="MIB",
    default=64,
    help="Of a body.  [1 or more; default 64]",
    panel=_LIMITS,
)
@option(
    "--max-boxes",
    type=int,
    metavar="N",
    default=1024,
    help="Of a request.  [1 or more; default 1024]",
    panel=_LIMITS,
)
@option(
    "--max-seconds",
    type=float,
    metavar="S",
    default=30.0,
    help="Of a request.  [above 0; default 30]",
    panel=_LIMITS,
)
@option(
    "--max-requests",
    type=int,
    metavar="N",
    default=512,
    help="Computed or waiting at once.  [1 or more; default 512]",
    panel=_LIMITS,
)
@option(
    "--max-connections",
    type=int,
    metavar="N",
    default=1024,
    help="Open at once.  [1 or more; default 1024]",
    panel=_LIMITS,
)
@option(
    "--max-jobs",
    type=int,
    metavar="N",
    default=1000,
    help="Kept at once.  [1 or more; default 1000]",
    panel=_LIMITS,
)
@option(
    "--decoders",
    type=int,
    metavar="N",
    default=2,
    help="Processes that read NetCDF and radar files.  [1 or more; default 2]",
    panel=_LIMITS,
)
@option(
    "--decoder-mib",
    type=int,
    metavar="MIB",
    default=2048,
    help="Memory of each of them.  [1 or more; default 2048]",
    panel=_LIMITS,
)
def command(
    run: Path | None,
    host: str,
    port: int,
    hosts: tuple[str, ...],
    token_file: Path | None,
    keep: Path | None,
    keep_days: float,
    max_mib: int,
    max_boxes: int,
    max_seconds: float,
    max_requests: int,
    max_connections: int,
    max_jobs: int,
    decoders: int,
    decoder_mib: int,
) -> None:
    """
    Answer over HTTP: boxes or radar files in, storm modes out.

    The classifier that comes with Stormlens answers, which SIMULATED storms trained, or that
    of RUN.
    """
    from stormlens.serve import Limits, read_token, serve

    limits = Limits(
        body_mib=max_mib,
        boxes=max_boxes,
        seconds=max_seconds,
        requests=max_requests,
        bodies_mib=max(Limits.bodies_mib, max_mib),  # one body fits in any case
        connections=max_connections,
        decoders=decoders,
        decoder_mib=decoder_mib,
        jobs=max_jobs,
        keep_days=keep_days,
    )

    def load() -> "tuple[Classifier, str]":
        return load_classifier(run), trained_note(run)

    def started(addresses: list[str]) -> None:
        print_lines(*addresses)
        say("Ctrl-C ends it.")

    serve(
        load,
        folder=folder_of(run),
        host=host,
        port=port,
        hosts=hosts,
        token=read_token(token_file),
        keep=keep,
        limits=limits,
        started=started,
    )
