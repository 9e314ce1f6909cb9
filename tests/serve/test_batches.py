"""Requests that wait share a forward pass, and none waits for all of a large one."""

import asyncio
import threading

import numpy as np
import pytest
from apart import apart
from patience import PATIENCE

from stormlens.errors import InputError
from stormlens.serve._batches import Batches
from stormlens.stormbox import Predictions

SHAPE = (4, 5)


class Asked:
    """A classifier whose first mode is as probable as a box is bright, and that can be held up."""

    image_shape = SHAPE

    def __init__(self):
        self.sizes, self.may_go_on = [], threading.Event()
        self.may_go_on.set()

    def predict(self, boxes):
        self.may_go_on.wait(PATIENCE)
        self.sizes.append(len(boxes))
        if (boxes.reflectivity == 99).any():
            raise InputError("no number")
        bright = boxes.reflectivity[:, 0, 0] / np.float32(100)
        probability = np.stack([bright, 1 - bright], axis=1).astype(np.float32)
        return Predictions(probability, ("QLCS", "Other"), boxes.storm, "a test", "a test")


def filled(*values):
    return np.stack([np.full(SHAPE, value, np.uint8) for value in values])


def run(work):
    """Run with batches of a classifier of the kind above."""

    async def main():
        asked, passes = Asked(), []
        batches = Batches(asked, passes.append)
        batches.start()
        try:
            return await work(batches, asked), passes
        finally:
            asked.may_go_on.set()
            await asyncio.to_thread(batches.close)

    return apart(asyncio.run, main())


async def held_up(batches, asked):
    """Let a request of one box be at the classifier, so that all others wait."""
    asked.may_go_on.clear()
    first = batches.ask(filled(1))
    while batches._waiting:
        await asyncio.sleep(0.001)
    return first


def test_those_who_wait_share_a_pass_and_get_their_own():
    async def work(batches, asked):
        first = await held_up(batches, asked)
        rest = [batches.ask(filled(*range(i, i + 3))) for i in range(20)]
        asked.may_go_on.set()
        answers = await asyncio.gather(first, *rest)
        assert asked.sizes == [1, 1, 60]  # a blank one first
        for i, answer in enumerate(answers[1:]):
            bright = [box["probabilities"]["QLCS"] for box in answer]
            assert bright == pytest.approx([i / 100, (i + 1) / 100, (i + 2) / 100])
            assert [box["id"] for box in answer] == ["box-00000", "box-00001", "box-00002"]

    _, passes = run(work)
    assert passes == [1, 60]


def test_a_request_alone_is_answered_at_once():
    async def work(batches, asked):
        for _ in range(3):
            await asyncio.wait_for(batches.ask(filled(5)), PATIENCE)
        assert asked.sizes == [1, 1, 1, 1]

    run(work)


def test_a_small_request_does_not_wait_for_all_of_a_large_one():
    async def work(batches, asked):
        first = await held_up(batches, asked)
        large = batches.ask(filled(*range(90)).repeat(10, axis=0))
        small = batches.ask(filled(7))
        ended = []
        for name, answer in (("large", large), ("small", small)):
            answer.add_done_callback(lambda _, name=name: ended.append(name))
        asked.may_go_on.set()
        told = await large
        assert ended[0] == "small"
        bright = [box["probabilities"]["QLCS"] for box in told]
        assert bright == pytest.approx([i / 100 for i in range(90) for _ in range(10)])
        assert [box["id"] for box in told] == [f"box-{i:05d}" for i in range(900)]
        assert sum(asked.sizes) == 1 + 1 + 900 + 1
        await first

    run(work)


def test_what_is_known_of_one_box_is_not_told_of_another():
    storm = {
        "unid": np.array(["a radar's"]),
        "time": np.array(["2011-04-27T20:00"], "datetime64[ns]"),
        **{name: np.array([0.25]) for name in ("coverage", "echo", "latitude", "longitude")},
    }

    async def work(batches, asked):
        first = await held_up(batches, asked)
        bare, placed = batches.ask(filled(3)), batches.ask(filled(4), storm)
        asked.may_go_on.set()
        (bare,), (placed,), _ = await asyncio.gather(bare, placed, first)
        assert "coverage" not in bare
        assert "time" not in bare
        assert placed["coverage"] == 0.25
        assert placed["time"] == "2011-04-27T20:00:00Z"
        assert placed["id"] == "a radar's"

    run(work)


def test_a_failure_reaches_those_whose_box_it_is_and_no_others():
    async def work(batches, asked):
        first = await held_up(batches, asked)
        good, bad = batches.ask(filled(3)), batches.ask(filled(99))
        asked.may_go_on.set()
        with pytest.raises(InputError, match="no number"):
            await bad
        assert len(await good) == 1
        await first

    run(work)


def test_who_has_left_is_not_computed_for():
    async def work(batches, asked):
        first = await held_up(batches, asked)
        left, stays = batches.ask(filled(3)), batches.ask(filled(4))
        left.cancel()
        asked.may_go_on.set()
        await asyncio.gather(stays, first)
        assert asked.sizes == [1, 1, 1]

    run(work)
