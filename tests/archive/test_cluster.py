"""Handing out work: in order, a bounded number at a time, and past a task that kills."""

import json
import os
import time

import pytest
from distributed import Client

from stormlens.archive._cluster import _SETTINGS, IN_FLIGHT, Lost, Results, connect, cores, shares
from stormlens.archive._plugins import carried
from stormlens.errors import InputError


@pytest.fixture
def client(scheduler):
    with Client(scheduler, set_as_default=False) as made:
        yield made


def test_results_come_in_order_and_a_bounded_number_is_in_flight(client):
    def slow(number):
        time.sleep(0.05 if number % 5 == 0 else 0.0)
        return number**2

    taken = []

    def numbers():
        for number in range(60):
            taken.append(number)
            yield number

    done = 0
    for number, result in Results(client, slow, numbers()):
        assert (number, result) == (done, done**2)
        done += 1
        assert len(taken) - done <= IN_FLIGHT * 2  # two workers of one thread
    assert done == 60


def test_results_that_nobody_takes_are_cancelled(client):
    results = iter(Results(client, lambda number: number, range(50)))
    assert next(results) == (0, 0)
    results.close()


def test_a_task_that_kills_its_workers_is_given_up_and_no_other(client):
    def deadly(number):
        if number == 7:
            time.sleep(0.2)
            os._exit(1)
        return number

    results = Results(client, deadly, range(16))
    found = {
        number: results.alone(number) if isinstance(result, Lost) else result
        for number, result in results
    }
    assert isinstance(found.pop(7), Lost)
    assert found == {number: number for number in range(16) if number != 7}


def test_a_worker_that_its_nanny_gave_up_is_replaced(monkeypatch):
    monkeypatch.setitem(_SETTINGS, "distributed.deploy.lost-worker-timeout", "1s")
    with connect(1) as client:
        first = client.submit(os.getpid).result()
        (nanny,) = client.cluster.workers.values()
        client.cluster.sync(nanny.close)
        ((_, second),) = Results(client, lambda _: os.getpid(), [0])
    assert second != first


def test_an_error_of_ours_comes_through(client):
    def wrong(number):
        raise InputError(f"Number {number} is wrong.")

    with pytest.raises(InputError, match="Number 0 is wrong"):
        list(Results(client, wrong, range(3)))


def test_what_all_tasks_need_is_carried(scheduler):
    with connect(None, scheduler, {"stormlens-test": {"content": 5}}) as client:
        found = list(Results(client, lambda _: carried("stormlens-test")["content"], range(4)))
    assert [result for _, result in found] == [5] * 4


def test_a_schedulers_file_is_as_good_as_its_address(cluster, tmp_path):
    path = tmp_path / "scheduler.json"
    path.write_text(json.dumps({"type": "Scheduler", "address": cluster.scheduler_address}))
    with connect(None, str(path)) as client:
        assert len(client.nthreads()) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_local_workers_have_cores_of_their_own(workers):
    def held(_):
        time.sleep(0.1)
        return sorted(os.sched_getaffinity(0)), os.getpid()

    with connect(workers) as client:
        found = {pid: mine for _, (mine, pid) in Results(client, held, range(6))}
    assert sorted(found.values()) == sorted(shares(cores(), workers)[: len(found)])
    assert os.getpid() not in found


def test_cores_are_shared_evenly():
    assert shares([3, 5, 8, 9], 2) == [[3, 5], [8, 9]]
    assert shares([0, 1, 2], 2) == [[0], [1, 2]]
    assert shares([0, 1], 4) == [[0], [1], [0], [1]]
    assert shares([4], 1) == [[4]]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((0, None), "number of workers is 0"),
        ((2, "tcp://127.0.0.1:1"), "not both"),
        ((None, "tcp://127.0.0.1:1"), "No Dask scheduler answers at tcp://127.0.0.1:1"),
        ((None, "nonsense://x"), "No Dask scheduler answers"),
        ((None, "nowhere.json"), r"No Dask scheduler answers at nowhere\.json"),
    ],
)
def test_workers_that_cannot_be_had_are_told(options, sentence, monkeypatch):
    from stormlens.archive import _cluster

    monkeypatch.setattr(_cluster, "_TIMEOUT", 1.0)
    with pytest.raises(InputError, match=sentence), connect(*options):
        pass


def test_a_missing_library_is_told(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install \"stormlens\[archive\]\""), connect(1):
        pass
