"""The process around a command: its start, its streams and its last words."""

import contextlib
import os
import sys
import warnings
from typing import Any


def run() -> None:
    """Run the ``stormlens`` command on this process's arguments, and exit."""
    for stream in (sys.stdout, sys.stderr):
        # Names of files and boxes may hold what the terminal's encoding does not.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:  # neither -W nor PYTHONWARNINGS asks for them
        warnings.showwarning = _ignore
    code = 0
    try:
        code = _run_app()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # The reader has seen enough, as `head` has: no failure of ours.
        _discard_output()
    except OSError as error:
        _discard_output()
        sys.stderr.write(f"Error: the output cannot be written: {error.strerror}.\n")
        code = code or 2
    raise SystemExit(code)


def _ignore(*_: Any, **__: Any) -> None:
    """
    Print nothing of a warning: libraries address the programmers who call them.

    Warnings of Stormlens itself are for users, and `notes_on_stderr` prints them.
    """


def _run_app() -> int:
    from stormlens.cli.main import app

    try:
        app(prog_name="stormlens")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _discard_output() -> None:
    """Point stdout to nowhere, so that Python's own flush at exit succeeds in silence."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
