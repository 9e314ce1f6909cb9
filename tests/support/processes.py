"""Processes that tests start as a user does."""

import sys

LISTENING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
"""
Code that a process runs first so that Ctrl-C reaches it.

A suite that runs in the background ignores SIGINT, and its children inherit that.
"""

STORMLENS = (sys.executable, "-m", "stormlens")
"""The command line, to which its arguments are added."""
