"""Processes that tests start as a user does."""

import os
import sys
from pathlib import Path

LISTENING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
"""
Code that a process runs first so that Ctrl-C reaches it.

A suite that runs in the background ignores SIGINT, and its children inherit that.
"""

STORMLENS = (sys.executable, "-m", "stormlens")
"""The command line, to which its arguments are added."""


def own_programs(folder: Path) -> dict[str, str]:
    """
    Variables for a process that will be killed, which may leave half a compiled program.

    Parameters
    ----------
    folder : Path
        Where it keeps compiled programs for itself.

    Returns
    -------
    environment : dict of str
    """
    return {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled")}
