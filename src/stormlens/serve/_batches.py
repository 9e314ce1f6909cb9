"""
Boxes of all requests that wait, sent through the network together.

One thread asks the classifier. When it is free it takes all that waits, without waiting for more: a
single request is answered at once, and the more requests wait, the more share a forward pass. The
native code of that pass releases Python's lock, so that the event loop reads and writes meanwhile.
A request of many boxes takes part in slices, so that a small one does not wait for all of it.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormlens.models import Classifier, apply_context, describe
from stormlens.stormbox import Boxes

Said = list[dict[str, Any]]
"""What an answer says of each box; see `stormlens.models.describe`."""

PLACE = ("time", "latitude", "longitude", "coverage")
"""What is known of boxes that were cut from a mosaic."""

_TOGETHER = 1024  # boxes of a forward pass, or some more
_SLICE = 64  # of these, at most of one request


@dataclass(eq=False)
class _Asked:
    images: NDArray[np.uint8]
    storm: dict[str, NDArray[Any]]
    answer: "asyncio.Future[Said]"
    loop: asyncio.AbstractEventLoop
    said: Said = field(default_factory=list)
    taken: int = 0  # boxes that were sent through the network


_Part = tuple[_Asked, int, int]
"""A request, and which of its boxes."""


class Batches:
    """
    The queue in front of a classifier.

    Parameters
    ----------
    classifier : Classifier
        Asked by one thread only.
    count : callable
        Called with the number of boxes of each forward pass.
    """

    def __init__(self, classifier: Classifier, count: Callable[[int], None]) -> None:
        self._classifier, self._count = classifier, count
        self._waiting: deque[_Asked] = deque()
        self._change = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="batches", daemon=True)

    def start(self) -> None:
        """Begin to answer; the first pass, of a blank box, packs the network."""
        self._thread.start()

    def close(self) -> None:
        """End, once the pass that runs is over."""
        with self._change:
            self._is_closed = True
            self._change.notify()
        self._thread.join()

    def ask(
        self, images: NDArray[np.uint8], storm: dict[str, NDArray[Any]] | None = None
    ) -> "asyncio.Future[Said]":
        """
        Have boxes classified.

        Parameters
        ----------
        images : ndarray of uint8, shape (n, y, x)
            Checked, of the classifier's size.
        storm : dict, optional
            What is known of them, one value each.

        Returns
        -------
        answer : Future
            What is said of each box; with time and place where `coverage` is known.
        """
        loop = asyncio.get_running_loop()
        asked = _Asked(images, storm or {}, loop.create_future(), loop)
        with self._change:
            self._waiting.append(asked)
            self._change.notify()
        return asked.answer

    def _work(self) -> None:
        shape = self._classifier.image_shape
        self._classifier.predict(Boxes(np.zeros((1, *shape), np.uint8), {}, "a blank box"))
        while parts := self._take():
            self._count(sum(stop - start for _, start, stop in parts))
            self._answer(parts)

    def _answer(self, parts: list[_Part]) -> None:
        try:
            said = self._said(parts)
        except Exception as error:
            if len(parts) > 1:  # asking for each part alone shows whose box is at fault
                for part in parts:
                    self._answer([part])
                return
            self._call(parts, self._fail, error)
        else:
            self._call(parts, self._give, said)

    @staticmethod
    def _call(parts: list[_Part], give: Callable[[list[_Part], Any], None], what: Any) -> None:
        with suppress(RuntimeError):  # where the loop is closed already, nobody waits
            parts[0][0].loop.call_soon_threadsafe(give, parts, what)

    def _take(self) -> list[_Part]:
        """A part of each request that waits; empty when all is over."""
        with self._change:
            while not self._is_closed:
                if parts := self._next_parts():
                    return parts
                self._change.wait()
        return []

    def _next_parts(self) -> list[_Part]:
        parts, n = [], 0
        for _ in range(len(self._waiting)):  # each once: what is left of it waits behind the others
            asked = self._waiting.popleft()
            if asked.answer.done():  # the client has left, or a part of it failed
                continue
            start = asked.taken
            asked.taken = min(start + _SLICE, len(asked.images))
            parts.append((asked, start, asked.taken))
            n += asked.taken - start
            if asked.taken < len(asked.images):
                self._waiting.append(asked)
            if n >= _TOGETHER:
                break
        return parts

    def _said(self, parts: list[_Part]) -> list[Said]:
        """What is said of the boxes of each part."""
        images = [asked.images[start:stop] for asked, start, stop in parts]
        sizes = [len(each) for each in images]
        storm = _together(parts, sizes)
        boxes = Boxes(np.concatenate(images), storm, "requests")
        predictions = apply_context(self._classifier.predict(boxes))
        said = describe(predictions, PLACE if "coverage" in storm else ())
        result, end = [], 0
        for (asked, _, _), size in zip(parts, sizes, strict=True):
            own, end = said[end : end + size], end + size
            if "coverage" in storm and "coverage" not in asked.storm:
                own = [{k: v for k, v in box.items() if k not in PLACE} for box in own]
            result.append(own)
        return result

    @staticmethod
    def _give(parts: list[_Part], said: list[Said]) -> None:
        for (asked, _, stop), own in zip(parts, said, strict=True):
            asked.said += own
            if stop == len(asked.images) and not asked.answer.done():
                asked.answer.set_result(asked.said)

    @staticmethod
    def _fail(parts: list[_Part], error: Exception) -> None:
        for asked, _, _ in parts:
            if not asked.answer.done():
                asked.answer.set_exception(error)


_UNKNOWN: dict[str, tuple[Any, str]] = {
    "time": (np.datetime64("NaT", "ns"), "datetime64[ns]"),
    **dict.fromkeys(("latitude", "longitude", "coverage", "echo"), (np.nan, "float64")),
}


def _together(parts: list[_Part], sizes: list[int]) -> dict[str, NDArray[Any]]:
    """What is known of all boxes; what is known of some only is unknown of the others."""
    names = [
        asked.storm["unid"][start:stop] if "unid" in asked.storm else _numbered(start, stop)
        for asked, start, stop in parts
    ]
    storm: dict[str, NDArray[Any]] = {"unid": np.concatenate(names)}
    for name, (unknown, kind) in _UNKNOWN.items():
        if any(name in asked.storm for asked, _, _ in parts):
            storm[name] = np.concatenate(
                [
                    asked.storm[name][start:stop].astype(kind)
                    if name in asked.storm
                    else np.full(size, unknown, kind)
                    for (asked, start, stop), size in zip(parts, sizes, strict=True)
                ]
            )
    return storm


def _numbered(start: int, stop: int) -> NDArray[Any]:
    return np.array([f"box-{number:05d}" for number in range(start, stop)])
