"""Kill workers of a cluster at random moments, by a seed, while a block runs."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def killing(cluster, seed: int, kills: int, seconds: tuple[float, float]) -> Iterator[list[int]]:
    """Kill so many workers, a random pause before each; gives the list of those killed."""
    chance, killed, over = random.Random(seed), [], threading.Event()

    def kill() -> None:
        for _ in range(kills):
            if over.wait(chance.uniform(*seconds)):
                return
            alive = [nanny.pid for nanny in cluster.workers.values() if nanny.pid]
            if alive:
                victim = chance.choice(sorted(alive))
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    killed.append(victim)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
