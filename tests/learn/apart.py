"""Work in a thread of its own: while a browser is kept for many tests, theirs holds a loop."""

from concurrent.futures import ThreadPoolExecutor


def apart(work, *arguments):
    """What a function gives that begins an event loop, which a thread may have only one of."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work, *arguments).result()
