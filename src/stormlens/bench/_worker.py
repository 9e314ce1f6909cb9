"""
The process of one contender: ``python -m stormlens.bench._worker``.

It reads one JSON document a line: first a `Job`, then ``"run"`` as often as
wanted and ``"finish"``. It answers each by a line: ``{}`` when it is ready,
``{"seconds"}`` after a pass, ``{"peak_bytes"}`` at the end. What a
library writes to stdout goes to stderr, so that it cannot disturb the answers.
"""

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TextIO

import numpy as np

from stormlens.bench._job import Job, Pass


def main() -> None:
    """Answer the lines on stdin until it closes."""
    answers = _own_stdout()
    job = Job.from_dict(json.loads(sys.stdin.readline()))
    one_pass: Pass = import_module(job.home).start(job)
    _answer(answers)
    found = None
    for line in sys.stdin:
        if json.loads(line) == "run":
            began = time.perf_counter()
            found = one_pass()
            _answer(answers, seconds=time.perf_counter() - began)
        else:
            if found is not None:
                np.save(job.answer, found)
            _answer(answers, peak_bytes=peak_bytes())


def _own_stdout() -> TextIO:
    """The stream of answers, which no library can write to."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _answer(stream: TextIO, **values: object) -> None:
    stream.write(json.dumps(values) + "\n")
    stream.flush()


def peak_bytes() -> int | None:
    """
    Peak resident memory of this process.

    Returns
    -------
    count : int or None
        In bytes; None where the system does not report it.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    main()
