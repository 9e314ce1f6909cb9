"""Handing out work: in order, a bounded number at a time, and past a task that kills."""

import json
import os
import subprocess
import sys
import time

import pytest
from distributed import Client

from stormlens.archive._cluster import (
    _SETTINGS,
    IN_FLIGHT,
    GroupSize,
    Lost,
    Results,
    check_workers,
    connect,
    cores,
    prepare,
    shares,
)
from stormlens.archive._plugins import carried
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


@pytest.mark.slow
def test_a_worker_that_its_nanny_gave_up_is_replaced(monkeypatch):
    monkeypatch.setitem(_SETTINGS, "distributed.deploy.lost-worker-timeout", "1s")
    with connect(1) as client:
        first = client.submit(os.getpid).result()
        (nanny,) = client.cluster.workers.values()
        client.cluster.sync(nanny.close)
        ((_, second),) = Results(client, each(lambda _: os.getpid()), [0])
    assert second != first


def test_an_error_of_ours_comes_through(client):
    def wrong(number):
        raise InputError(f"Number {number} is wrong.")

    with pytest.raises(InputError, match="Number 0 is wrong"):
        list(Results(client, each(wrong), range(3)))


def test_what_all_tasks_need_is_carried(scheduler):
    with connect(None, scheduler, {"stormlens-test": {"content": 5}}) as client:
        told = each(lambda _: carried("stormlens-test")["content"])
        found = list(Results(client, told, range(4)))
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
        found = {pid: mine for _, (mine, pid) in Results(client, each(held), range(6))}
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
    ],
)
def test_workers_that_cannot_be_are_told(options, sentence):
    with pytest.raises(InputError, match=sentence):
        check_workers(*options)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("tcp://127.0.0.1:1", "No Dask scheduler answers at tcp://127.0.0.1:1"),
        ("nonsense://x", "No Dask scheduler answers"),
        ("nowhere.json", r"No Dask scheduler answers at nowhere\.json"),
    ],
)
def test_workers_that_cannot_be_had_are_told(address, sentence, monkeypatch):
    from stormlens.archive import _cluster

    monkeypatch.setattr(_cluster, "_TIMEOUT", 1.0)
    with pytest.raises(InputError, match=sentence), connect(None, address):
        pass


def test_a_missing_library_is_told(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r'pip install -e "\.\[archive\]"'), connect(1):
        pass


HEAVY = """
import sys
from stormlens.archive._cluster import Results, connect

HEAVY = {"pandas", "xarray", "scipy", "jax", "keras", "matplotlib", "bokeh", "sklearn"}


def told(items):
    return None, [sorted(HEAVY & set(sys.modules)) for _ in items]


if __name__ == "__main__":
    from stormlens import archive

    modules = ("stormlens.archive._label", "stormlens.archive._extract")
    with connect(1, None, None, modules) as client:
        ((_, heavy),) = Results(client, told, [0])
    print(heavy, sorted(HEAVY & set(sys.modules)))
"""


@pytest.mark.slow
def test_neither_a_worker_nor_its_client_imports_what_it_does_not_use(tmp_path):
    (tmp_path / "script.py").write_text(HEAVY)
    command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"


def test_the_variables_of_this_process_are_left_as_they_were(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    prepare(())
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "MKL_NUM_THREADS" not in os.environ
