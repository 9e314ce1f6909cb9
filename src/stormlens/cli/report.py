"""``stormlens report``: the report of a run, written again."""

from pathlib import Path

import click

from stormlens.cli._group import PanelCommand
from stormlens.cli._notes import notes_on_stderr
from stormlens.cli._options import other_data_option, run_argument
from stormlens.cli._printing import print_lines

NAME = "report"
EPILOG = """\b
Example:
  stormlens report runs/first
"""


@click.command(NAME, cls=PanelCommand, epilog=EPILOG)
@run_argument
@other_data_option
def command(run: Path, data: str | None) -> None:
    """
    Rebuild the report of a run.

    The run is scored again; report.html and scores.json are replaced, and the report's path
    is printed.
    """
    from stormlens import experiment

    with notes_on_stderr():
        path = experiment.write_report(run, data)
    print_lines(str(path))
