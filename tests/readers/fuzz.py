"""
Mutated files of every kind: each is read or gets a sentence, in bounded time and memory.

Half of the files differ in some bytes; half in what their format is made of (`structures`), and
some of these in bytes too. `run` reads them in a child process, which may take a gibibyte beside
what it has when it begins, and 5 seconds a file; a child that dies is started again behind the
file that killed it. A failure names the case and the number of the file, from which `mutated`
makes it again.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from patience import PATIENCE

MEMORY_BYTES = 2**30  # of addresses, of which libraries take a part unread
SECONDS_A_FILE = 5  # of computing
MAX_FAILURES = 10


@dataclass
class Outcome:
    """How many files were read or got sentences, what failed, and what it took."""

    read: int = 0
    sentences: int = 0
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    growth_mib: int = 0


def mutated(content, number, structure=None):
    """The file of a number: one to six changes of its bytes, or one to three of its parts."""
    rng = np.random.default_rng([20110427, number])
    by_parts = structure is not None and number % 2
    if by_parts:
        for _ in range(int(rng.integers(1, 4))):
            content = structure(content, rng)
    changed = bytearray(content)
    # Last, as what was changed by bytes may be nothing that another library should open.
    if not by_parts or rng.random() < 0.1:
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


def run(names, n, first=0):
    """Read mutated files `first` to `n` - 1 of enrolled cases; an `Outcome` for each by name."""
    outcomes = {name: Outcome() for name in names}
    todo = [(name, first) for name in names]
    while todo:
        child = subprocess.run(
            [sys.executable, __file__, str(n), *(f"{name}:{at}" for name, at in todo)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        todo = _left(child, outcomes, dict(todo), n)
    return outcomes


def _left(child, outcomes, todo, n):
    """Add what a child told; cases that are not done yet, and where to go on."""
    name = number = None
    for line in child.stdout.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "begin":
            name, number = rest.split()
            todo[name] = int(number) + 1
            continue
        outcome = outcomes.get(name)
        if kind == "read":
            outcome.read += 1
        elif kind == "sentence":
            outcome.sentences += 1
        elif kind == "failed":
            outcome.failures.append(f"{name} {number}: {rest}")
        elif kind == "took":
            seconds, mib = rest.split()
            outcome.slowest = max(outcome.slowest, float(seconds))
            outcome.growth_mib = max(outcome.growth_mib, int(mib))
    if child.returncode:
        last = child.stderr.strip().splitlines()[-1:] or [""]
        if name is None:
            raise RuntimeError(f"no file was read: {child.stderr}")
        failure = f"{name} {number}: the process ended ({child.returncode}) {last[0]}"
        outcomes[name].failures.append(failure)
    return [
        (case, at)
        for case, at in todo.items()
        if at < n and len(outcomes[case].failures) < MAX_FAILURES and child.returncode
    ]


def _child(n, *todo):
    from enrolled import CASES
    from other_files import OTHERS

    warnings.simplefilter("ignore")
    cases = {case.name: case for case in [*CASES, *OTHERS]}
    named = [(cases[name], int(at)) for name, _, at in (each.partition(":") for each in todo)]
    with tempfile.TemporaryDirectory() as folder:
        for case, at in named:
            _read_all(case, at, int(n), Path(folder) / case.name / case.file)


def _read_all(case, start, stop, path):
    path.parent.mkdir()
    _say(f"begin {case.name} {start}")
    content = case.make()
    failure = _outcome(case, content, path)  # and what is imported is no part of a file's time
    if failure != "read":
        raise RuntimeError(f"{case.name} as it is made: {failure}")
    before_all = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_addresses() + MEMORY_BYTES, before_all[1]))
    # A process inherits the peak of the one that started it.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    slowest, before = 0.0, _peak()
    for number in range(start, stop):
        _say(f"begin {case.name} {number}")
        changed = mutated(content, number, case.structure)
        signal.setitimer(signal.ITIMER_PROF, SECONDS_A_FILE)
        signal.alarm(int(PATIENCE))  # where it waits and computes nothing
        begun = time.process_time()
        _say(_outcome(case, changed, path))
        slowest = max(slowest, time.process_time() - begun)
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
    resource.setrlimit(resource.RLIMIT_AS, before_all)
    _say(f"took {slowest:.3f} {_peak() - before}")


def _peak():
    """Most of this process that was in memory, MiB."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.partition("VmHWM:")[2].split()[0]) >> 10


def _addresses():
    """Of this process, bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _outcome(case, content, path):
    from stormlens.errors import InputError

    try:
        if hasattr(case, "take"):
            path.write_bytes(content)
            case.take(path)
            return "read"
        return _mosaic(case, content)
    except InputError as error:
        return _sentence(error)
    except BaseException as error:  # what a decoder may raise besides
        return f"failed {type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _mosaic(case, content):
    from stormlens.readers import Options, read

    mosaic = read(content, Options(**case.options), name=case.file)
    whole = mosaic.reflectivity.dtype == np.uint8 and mosaic.coverage.dtype == bool
    # A radar that a mutation moved elsewhere has a grid of its own.
    alike = mosaic.reflectivity.shape == mosaic.coverage.shape == (mosaic.y.size, mosaic.x.size)
    return "read" if whole and alike else "failed no mosaic"


def _sentence(error):
    from stormlens.errors import printable

    text, cause = str(error), error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return f"failed memory was asked for, and not had: {text[:200]}"
        cause = cause.__cause__ or cause.__context__
    is_one = text and text == printable(text) and len(text.splitlines()) == 1
    return "sentence" if is_one else f"failed not a sentence: {text!r:.200}"


def _say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _child(*sys.argv[1:])
