"""``stormlens report``: the report of a run, written again."""

from stormlens.cli._options import OtherData, Run
from stormlens.cli._output import print_lines

NAME = "report"
EPILOG = """\b
Example:
  stormlens report runs/first
"""


def command(run: Run, data: OtherData = None) -> None:
    """
    Rebuild the report of a run.

    The run is scored again; report.html and scores.json are replaced, and the report's path
    is printed.
    """
    from stormlens import experiment

    print_lines(str(experiment.write_report(run, data)))
