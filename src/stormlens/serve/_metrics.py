"""What the server counts, in the text format that Prometheus reads."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_BOXES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Histogram:
    """
    How often values fell up to each bound.

    Parameters
    ----------
    bounds : tuple of float
        In ascending order.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds, self._counts, self._sum = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str) -> list[str]:
        """Counts up to each bound, sum and number, as Prometheus writes them."""
        lines, total = [], 0
        for bound, count in zip((*self._bounds, "+Inf"), self._counts, strict=True):
            total += count
            lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
        return [*lines, f"{name}_sum {self._sum:.9g}", f"{name}_count {total}"]


class Metrics:
    """
    Counters of a server; all but `batch` are written by its event loop alone.

    Attributes
    ----------
    requests : Counter
        Answers by (operation, status).
    boxes : int
        Boxes that were answered.
    seconds : Histogram
        From a request's first byte to its answer, of `/v1/classify`.
    batch : Histogram
        Boxes of a forward pass.
    gauges : dict of str to callable
        What is asked when somebody looks: text of help, and the value.
    """

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.boxes = 0
        self.seconds = Histogram(_SECONDS)
        self.batch = Histogram(_BOXES)
        self.gauges: dict[str, tuple[str, Callable[[], float | Mapping[str, float]]]] = {}

    def text(self) -> str:
        """
        All counts.

        Returns
        -------
        text : str
        """
        lines = [
            *_headed("stormlens_requests_total", "counter", "Answers by operation and status."),
            *(
                f'stormlens_requests_total{{operation="{operation}",status="{status}"}} {n}'
                for (operation, status), n in sorted(self.requests.items())
            ),
            *_headed("stormlens_boxes_total", "counter", "Boxes that were answered."),
            f"stormlens_boxes_total {self.boxes}",
            *_headed("stormlens_request_seconds", "histogram", "Seconds of a classification."),
            *self.seconds.lines("stormlens_request_seconds"),
            *_headed("stormlens_batch_boxes", "histogram", "Boxes of a forward pass."),
            *self.batch.lines("stormlens_batch_boxes"),
        ]
        for name, (words, ask) in self.gauges.items():
            lines += [*_headed(name, "gauge", words)]
            value = ask()
            if isinstance(value, Mapping):
                lines += [f'{name}{{state="{state}"}} {n:g}' for state, n in value.items()]
            else:
                lines.append(f"{name} {value:g}")
        return "\n".join(lines) + "\n"


def _headed(name: str, kind: str, words: str) -> list[str]:
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]
