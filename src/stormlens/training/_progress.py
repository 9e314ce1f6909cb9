"""What a person sees while a network trains: a bar a step, a line an epoch, on stderr."""

from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class Listener(Protocol):
    """Hears of steps and epochs."""

    def step(self, epoch: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        """Hear that `step` of `steps` is done, with means over the epoch so far."""

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        """Hear that an epoch ended, with its history row."""


class Silent:
    """Shows nothing."""

    def step(self, epoch: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        """Ignore a step."""

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        """Ignore an epoch."""


class RichProgress:
    """
    A Rich bar for the epoch in hand and a line for each that ended.

    Parameters
    ----------
    title : str
        Stands before the bar.
    """

    def __init__(self, title: str) -> None:
        self._console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}  {task.fields[scores]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._title = title
        self._task: TaskID | None = None

    def __enter__(self) -> "RichProgress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def step(self, epoch: int, step: int, steps: int, loss: float, accuracy: float) -> None:
        """Move the bar."""
        description = f"{self._title} epoch {epoch}"
        scores = f"loss {loss:.3f}  accuracy {accuracy:.3f}" if step else ""
        if self._task is None:
            self._task = self._bar.add_task(description, total=steps, scores=scores)
        self._bar.update(
            self._task, description=description, completed=step, total=steps, scores=scores
        )

    def epoch(self, row: dict[str, float], epochs: int) -> None:
        """Print the epoch's line."""
        self._console.print(
            f"{self._title} epoch {row['epoch']:>3.0f}/{epochs}  {row['seconds']:5.1f} s  "
            f"loss {row['loss']:.3f}  accuracy {row['accuracy']:.3f}  "
            f"val. loss {row['val_loss']:.3f}  val. accuracy {row['val_accuracy']:.3f}",
            highlight=False,
            soft_wrap=True,
        )
