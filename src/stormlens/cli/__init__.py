"""
The command line: one file a command, named in `main` and imported when it is used.

Output goes to stdout, progress and notes to stderr, so that ``--json`` prints
one document and nothing else. Exit code 0, or 2 with one sentence, or 130
after Ctrl-C, or 3 where a run over many files passed some over. Heavy libraries
are imported inside the commands.
"""

from stormlens.cli._process import run

__all__ = ["run"]
