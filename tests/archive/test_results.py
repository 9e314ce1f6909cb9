"""Handing out work: in order, a bounded number at a time, and past a task that kills."""

import os
import time

import pytest
from distributed import Client

from stormlens.archive._results import IN_FLIGHT, GroupSize, Lost, Results
from stormlens.errors import InputError


@pytest.fixture
def client(scheduler):
    with Client(scheduler, set_as_default=False) as made:
        yield made


def each(function):
    """The same of a list of items, of which nothing is kept."""
    return lambda items: (None, [function(item) for item in items])


@pytest.mark.slow
def test_results_come_in_order_and_a_bounded_number_is_in_flight(client):
    def slow(number):
        time.sleep(0.3 if number % 5 == 0 else 0.2)
        return number**2

    taken = []

    def numbers():
        for number in range(30):
            taken.append(number)
            yield number

    done = 0
    for number, result in Results(client, each(slow), numbers()):
        assert (number, result) == (done, done**2)
        done += 1
        most = 2 * IN_FLIGHT + 1  # tasks of two workers of one thread, and the one at hand
        assert len(taken) - done < most * 5  # as a second holds five items at most
    assert done == 30


@pytest.mark.slow
def test_quick_items_go_together_and_slow_ones_alone(client):
    def told(items):
        time.sleep(sum(items))
        return None, [(len(items), os.getpid())] * len(items)

    quick = [result[0] for _, result in Results(client, told, [0.001] * 2000)]
    assert quick[0] == 1
    assert max(quick) > 50
    slow = [result[0] for _, result in Results(client, told, [0.7] * 6)]
    assert set(slow) == {1}


def test_tasks_hold_a_seconds_work_and_more_where_many_workers_ask():
    size = GroupSize()
    assert size.of(1) == 1  # nothing is known
    size.learn(1, 0.1, 0.0)
    assert size.of(1) == 4  # grows from what was measured
    size.learn(4, 0.4, 0.0)
    assert size.of(1) == 10
    assert size.of(1000) == 16
    size.learn(16, 1.6, 0.0)
    size.learn(64, 6.4, 0.0)
    assert size.of(1000) == 100  # ten milliseconds a task for each of them
    size.learn(100, 100 * 40.0, 0.0)
    assert size.of(1000) == 1


def test_tasks_whose_results_are_large_hold_few_items():
    size = GroupSize()
    size.learn(1, 0.001, 2.0**20)
    size.learn(4, 0.004, 4 * 2.0**20)
    assert size.of(1000) == 8


def test_results_that_nobody_takes_are_cancelled(client):
    results = iter(Results(client, each(abs), range(50)))
    assert next(results) == (0, 0)
    results.close()


@pytest.mark.slow
def test_a_task_that_kills_its_workers_is_given_up_and_no_other(client):
    def deadly(number):
        if number == 7:
            time.sleep(0.2)
            os._exit(1)
        return number

    found = dict(Results(client, each(deadly), range(16)))
    assert isinstance(found.pop(7), Lost)
    assert found == {number: number for number in range(16) if number != 7}


def test_an_error_of_ours_comes_through(client):
    def wrong(number):
        raise InputError(f"Number {number} is wrong.")

    with pytest.raises(InputError, match="Number 0 is wrong"):
        list(Results(client, each(wrong), range(3)))
