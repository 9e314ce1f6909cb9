"""What tests of pages share that stand beside those of `learn`: a browser, and a thread for it."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest


def browser_path():
    """Path of a Chromium that is installed, or a skip."""
    # One without a window needs half the time.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"no browser found: none of {', '.join(names)} is installed")
    return found


def apart(work, *arguments):
    """
    What a function gives that begins an event loop, run in a thread of its own.

    A thread may have one loop only, and a browser that is kept for many tests holds that of theirs.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work, *arguments).result()
