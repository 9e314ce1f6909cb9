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
        warnings.showwarning = _unsaid
    code = 0
    try:
        code = _run_app()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # The reader has seen enough, as `head` has: no failure of ours.
        _to_nowhere()
    except OSError as error:
        _to_nowhere()
        sys.stderr.write(f"Error: the output cannot be written: {error.strerror}.\n")
        code = code or 2
    raise SystemExit(code)


def _unsaid(*_: Any, **__: Any) -> None:
    """
    Say nothing of a warning: libraries address the programmers who call them.

    What Stormlens itself has to note is said by `notes_on_stderr`, which has a way of its own.
    """


def _run_app() -> int:
    from stormlens.cli.main import app

    try:
        app(prog_name="stormlens")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _to_nowhere() -> None:
    """Let Python's own flush at exit succeed in silence."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
