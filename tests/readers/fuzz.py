"""
Mutated files for every format: each must become a mosaic or a sentence, in bounded time and memory.

`run` reads them in a child process, with a limit on its memory and an alarm for
each file that ends the process where a decoder hangs in C; a child that dies is
started again behind the file that killed it. A failure names the format and the
number of the file, from which `mutated` makes it again.
"""

import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass, field

import numpy as np

MEMORY_BYTES = 4 * 2**30  # of addresses, of which libraries take a good part unread
SECONDS_A_FILE = 20
MAX_FAILURES = 10


@dataclass
class Outcome:
    """How many files became mosaics or sentences, what failed, and what it took."""

    mosaics: int = 0
    sentences: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    slowest: float = 0.0
    peak_mib: int = 0


def mutated(content, number):
    """The file of a number: one to six random changes."""
    rng = np.random.default_rng([20110427, number])
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 7))):
        change = _CHANGES[int(rng.choice(len(_CHANGES), p=_SHARES))]
        changed = change(changed or bytearray(b"\0"), rng)
    return bytes(changed)


def _flip(content, rng):
    content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    return content


def _overwrite(content, rng):
    at, n = int(rng.integers(len(content))), int(rng.integers(1, 17))
    content[at : at + n] = rng.bytes(min(n, len(content) - at))
    return content


def _cut(content, rng):
    return content[: int(rng.integers(len(content)))]


def _repeat(content, rng):
    at, n = int(rng.integers(len(content))), int(rng.integers(1, 65))
    content[at:at] = content[at : at + n]
    return content


def _leave_out(content, rng):
    at, n = int(rng.integers(len(content))), int(rng.integers(1, 65))
    del content[at : at + n]
    return content


def _size(content, rng):
    """A field of 1, 2, 4 or 8 bytes becomes an extreme size, of either byte order."""
    n = int(rng.choice([1, 2, 4, 8]))
    at = int(rng.integers(len(content)))
    extremes = [b"\xff" * n, bytes(n), b"\x7f" + b"\xff" * (n - 1), b"\xff" * (n - 1) + b"\x7f"]
    value = extremes[int(rng.integers(4))]
    content[at : at + n] = value[: len(content) - at]
    return content


_CHANGES = [_flip, _overwrite, _size, _repeat, _leave_out, _cut]
_SHARES = [0.3, 0.2, 0.3, 0.08, 0.07, 0.05]


def run(name, n):
    """Read `n` mutated files of an enrolled case; see `Outcome`."""
    outcome, at, begun = Outcome(), 0, time.monotonic()
    while at < n and len(outcome.failures) < MAX_FAILURES:
        child = subprocess.run(
            [sys.executable, __file__, name, str(at), str(n)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=False,
        )
        at = _count(child, outcome, name, at)
    outcome.seconds = time.monotonic() - begun
    return outcome


def _count(child, outcome, name, at):
    """Add what a child told; the number of the next file to read."""
    begun = None
    for line in child.stdout.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "begin":
            begun = int(rest)
        elif kind == "mosaic":
            outcome.mosaics += 1
        elif kind == "sentence":
            outcome.sentences += 1
        elif kind == "failed":
            outcome.failures.append(f"{name} {begun}: {rest}")
        elif kind == "peak":
            outcome.peak_mib = max(outcome.peak_mib, int(rest))
        elif kind == "slowest":
            outcome.slowest = max(outcome.slowest, float(rest))
    if child.returncode:
        last = child.stderr.strip().splitlines()[-1:] or [""]
        outcome.failures.append(f"{name} {begun}: the process ended ({child.returncode}) {last[0]}")
    return at + 1 if begun is None else begun + 1


def _child(name, start, stop):
    from enrolled import BY_NAME

    from stormlens.readers import read

    warnings.simplefilter("ignore")
    case = BY_NAME[name]
    content = case.make()
    read(content, name=case.file, **case.options)  # imports are no part of a file's time
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    slowest = 0.0
    for number in range(start, stop):
        _say(f"begin {number}")
        signal.alarm(SECONDS_A_FILE)
        begun = time.monotonic()
        _say(_read(read, mutated(content, number), case))
        slowest = max(slowest, time.monotonic() - begun)
        signal.alarm(0)
    _say(f"slowest {slowest:.3f}")
    _say(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}")


def _read(read, content, case):
    from stormlens.errors import InputError

    try:
        mosaic = read(content, name=case.file, **case.options)
    except InputError as error:
        text = str(error)
        return "sentence" if text and "\n" not in text else f"failed not a sentence: {text!r}"
    except BaseException as error:  # what a decoder may raise besides
        return f"failed {type(error).__name__}: {' '.join(str(error).split())[:200]}"
    whole = mosaic.reflectivity.dtype == np.uint8 and mosaic.coverage.dtype == bool
    # A radar that a mutation moved elsewhere has a grid of its own.
    alike = mosaic.reflectivity.shape == mosaic.coverage.shape == (mosaic.y.size, mosaic.x.size)
    return "mosaic" if whole and alike else "failed no mosaic"


def _say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
