"""What a person sees while a network trains: a bar a step, a line an epoch, on stderr."""

from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_COLUMNS = (
    ("epoch", 9),
    ("seconds", 9),
    ("loss", 8),
    ("accuracy", 10),
    ("val. loss", 11),
    ("val. accuracy", 15),
)


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
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}  {task.fields[scores]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._title = title
        self._task: TaskID | None = None
        self._headed = False

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
        """Print the epoch's line, before the first the names of its columns."""
        if not self._headed:
            self._print(f"{self._title}\n" + "".join(f"{name:>{w}}" for name, w in _COLUMNS))
            self._headed = True
        cells = (
            f"{row['epoch']:.0f}/{epochs}",
            f"{row['seconds']:.1f}",
            *(f"{row[key]:.3f}" for key in ("loss", "accuracy", "val_loss", "val_accuracy")),
        )
        self._print("".join(f"{c:>{w}}" for c, (_, w) in zip(cells, _COLUMNS, strict=True)))

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
