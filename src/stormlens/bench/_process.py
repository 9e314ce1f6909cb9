"""The parent of a contender's process: start it, send it requests, and say why it ended."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any, cast

from stormlens.bench._contenders import Contender
from stormlens.bench._job import Job


class ContenderError(Exception):
    """A contender's process ended early; the message is a sentence that says why."""


class Process:
    """
    One contender's process. It waits between its passes.

    Parameters
    ----------
    contender : Contender
        Whose environment it gets.
    job : Job
        What it is to do.

    Raises
    ------
    ContenderError
        From every method, if the process has ended.
    """

    def __init__(self, contender: Contender, job: Job) -> None:
        self.contender, self.job = contender, job
        self._open = ExitStack()

    def __enter__(self) -> "Process":
        self._stderr = self._open.enter_context(tempfile.TemporaryFile())
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stormlens.bench._worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env={**os.environ, **self.contender.environment},
            text=True,
            encoding="utf-8",
        )
        self._open.callback(self._process.communicate)
        self._open.callback(self._process.kill)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open.close()

    def start(self) -> None:
        """Send the job, and wait until the contender is ready."""
        self._ask(self.job.to_dict())

    def run(self) -> float:
        """
        One pass over the images.

        Returns
        -------
        seconds : float
        """
        return float(self._ask("run")["seconds"])

    def finish(self) -> int | None:
        """
        End the passes.

        Returns
        -------
        peak_bytes : int or None
            Peak resident memory of the process; None where the system does not report it.
        """
        return self._ask("finish")["peak_bytes"]

    def _ask(self, request: Any) -> Any:
        requests = cast(IO[str], self._process.stdin)
        answers = cast(IO[str], self._process.stdout)
        try:
            requests.write(json.dumps(request) + "\n")
            requests.flush()
            answer = answers.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise ContenderError(self._last_words())
        return json.loads(answer)

    def _last_words(self) -> str:
        code = self._process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        what = f"{self.job.task} {self.job.model}".strip()
        reason = said[-1] if said else f"exit code {code}"
        return f"{self.job.contender} ended early in {what}: {reason}"
