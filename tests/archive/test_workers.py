"""Workers: with cores of their own, replaced when they die, and their like elsewhere."""

import json
import os
import subprocess
import sys
import time

import pytest

from stormlens.archive._plugins import carried
from stormlens.archive._results import Results
from stormlens.archive._workers import (
    _SETTINGS,
    check_workers,
    connect,
    cores,
    prepare,
    share_cores,
)
from stormlens.errors import InputError


def each(function):
    """The same of a list of items, of which nothing is kept."""
    return lambda items: (None, [function(item) for item in items])


@pytest.mark.slow
def test_a_worker_that_its_nanny_gave_up_is_replaced(monkeypatch):
    monkeypatch.setitem(_SETTINGS, "distributed.deploy.lost-worker-timeout", "1s")
    with connect(1) as client:
        first = client.submit(os.getpid).result()
        (nanny,) = client.cluster.workers.values()
        client.cluster.sync(nanny.close)
        ((_, second),) = Results(client, each(lambda _: os.getpid()), [0])
    assert second != first


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
    assert sorted(found.values()) == sorted(share_cores(cores(), workers)[: len(found)])
    assert os.getpid() not in found


def test_cores_are_shared_evenly():
    assert share_cores([3, 5, 8, 9], 2) == [[3, 5], [8, 9]]
    assert share_cores([0, 1, 2], 2) == [[0], [1, 2]]
    assert share_cores([0, 1], 4) == [[0], [1], [0], [1]]
    assert share_cores([4], 1) == [[4]]


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
    from stormlens.archive import _workers

    monkeypatch.setattr(_workers, "_TIMEOUT", 1.0)
    with pytest.raises(InputError, match=sentence), connect(None, address):
        pass


def test_a_missing_library_is_told(monkeypatch):

    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r'pip install -e "\.\[archive\]"'), connect(1):
        pass


HEAVY = """
import sys
from stormlens.archive._results import Results
from stormlens.archive._workers import connect

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
