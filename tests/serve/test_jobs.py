"""What was acknowledged is done, whatever becomes of the server."""

import asyncio
import json
import os
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import numpy as np
import pyarrow as pa
import pytest
from apart import apart
from click.testing import CliRunner
from patience import PATIENCE, until
from serving import ARROW, Running, npy

from stormlens.cli.main import app
from stormlens.errors import InputError
from stormlens.serve import Limits, _job_folder
from stormlens.serve._jobs import Jobs
from stormlens.serve._refusal import Refusal

BOX = np.full((136, 136), 30, np.uint8)


def finished(client, place):
    """A job once it is done."""

    def ended():
        job = client.get(place).json()
        return job if job["state"] in ("done", "failed") else None

    return until(ended, place)


def test_a_job_is_acknowledged_done_told_and_forgotten(server, images):
    given = server.classify(npy(images), path="/v1/jobs")
    assert given.status_code == 202
    job, place = given.json(), given.headers["location"]
    assert re.fullmatch("[0-9a-f]{32}", job["id"])
    assert place == f"/v1/jobs/{job['id']}"
    done = finished(server.client, place)
    assert done["state"] == "done"
    assert done["answer"] == server.classify(npy(images)).json()
    assert "SIMULATED" in done["answer"]["note"]
    table = pa.ipc.open_stream(server.client.get(place, headers={"Accept": ARROW}).content)
    assert table.read_all().num_rows == 6
    assert server.counted('stormlens_jobs{state="done"}') >= 1
    assert server.client.delete(place).status_code == 204
    assert server.client.get(place).status_code == 404
    assert server.client.delete(place).status_code == 404


def test_a_radar_file_is_a_job_too_and_what_cannot_be_read_says_why(server, sample):
    place = server.classify(sample.read_bytes(), path="/v1/jobs?threshold=45").headers["location"]
    assert len(finished(server.client, place)["answer"]["boxes"]) > 0
    failed = finished(server.client, server.classify(b"no", path="/v1/jobs").headers["location"])
    assert failed["state"] == "failed"
    assert "of no kind that is read" in failed["error"]
    assert "answer" not in failed


@pytest.mark.slow
def test_killed_and_started_again_it_loses_nothing_it_acknowledged(images, tmp_path):
    keep = tmp_path / "jobs"
    server = Running("--keep", keep)
    many = npy(np.tile(images, (10, 1, 1)))
    places = []

    def send(_):
        return server.classify(many, path="/v1/jobs").headers["location"]

    with ThreadPoolExecutor(4) as pool:
        # Killed while it works on some, and while others are being sent.
        sent = [pool.submit(send, i) for i in range(12)]
        until(lambda: sum(each.done() for each in sent) >= 6, "six jobs sent")
        server.process.send_signal(signal.SIGKILL)
        for each in sent:
            with suppress(httpx.HTTPError, KeyError):  # not acknowledged
                places.append(each.result())
    server.stop(signal.SIGKILL)
    assert len(places) >= 6
    (keep / f".{'a' * 32}.job.0123").write_bytes(b"half a file")
    (keep / f"{'b' * 32}.body").write_bytes(b"a body that nobody was told of")
    again = Running("--keep", keep)
    try:
        for place in places:
            job = finished(again.client, place)
            assert job["state"] == "done"
            assert len(job["answer"]["boxes"]) == 60
        assert not any(path.name.startswith((".", "b" * 32)) for path in keep.iterdir())
        # Those too that were kept, though nobody heard of it.
        until(lambda: not any(keep.glob("*.body")), "all jobs done")
    finally:
        assert again.stop() == 0


@pytest.mark.slow
def test_a_folder_belongs_to_one_server(server, tmp_path):
    one = Running("--keep", tmp_path / "jobs")
    try:
        result = CliRunner().invoke(app, ["serve", "--port", "0", "--keep", str(tmp_path / "jobs")])
        assert result.exit_code == 2
        assert "is the folder of a server that runs; stop it" in result.stderr
    finally:
        assert one.stop() == 0
    assert oct((tmp_path / "jobs").stat().st_mode & 0o777) == "0o700"


class Worked:
    """Jobs with work that counts, and that does what a test says."""

    def __init__(self, folder, work=None, **limits):
        self.begun = []

        async def plain(body, asked):
            self.begun.append(body)
            if work is not None:
                await work(body, asked)
            return {"boxes": [len(body)]}

        self.jobs = Jobs(folder, Limits(**limits), plain)

    async def __aenter__(self):
        self.jobs.start()
        return self

    async def __aexit__(self, *_):
        await self.jobs.close()

    async def until(self, job, *states):
        async with asyncio.timeout(PATIENCE):
            while job.state not in states:
                await asyncio.sleep(0.005)


def test_jobs_are_bounded_in_number_and_bytes(tmp_path):
    async def main():
        async with Worked(tmp_path, jobs=2, jobs_mib=1) as held:
            with pytest.raises(Refusal, match="the jobs that are kept take 1 MiB"):
                await held.jobs.add(bytes(2**20 + 1), {})
            one = await held.jobs.add(b"one", {})
            await held.jobs.add(b"two", {})
            with pytest.raises(Refusal, match="2 jobs are kept") as refusal:
                await held.jobs.add(b"three", {})
            assert refusal.value.status == 429
            await held.jobs.delete(one)
            await held.jobs.add(b"three", {})

    apart(asyncio.run, main())


def test_a_job_that_was_told_to_stop_is_begun_again_and_one_that_kills_is_not(tmp_path):
    async def main():
        async def never(body, asked):
            await asyncio.sleep(2 * PATIENCE)

        async with Worked(tmp_path, never) as held:
            job = await held.jobs.add(b"stopped", {"query": "a"})
            await held.until(job, "running")
        path = tmp_path / f"{job.id}.job"
        assert json.loads(path.read_text())["tries"] == 0
        async with Worked(tmp_path) as held:
            await held.until(held.jobs.get(job.id), "done")
            assert held.begun == [b"stopped"]
            killer = await held.jobs.add(b"killer", {})
            await held.until(killer, "done")
        # As it lies on the disk after three starts that it brought down.
        path = tmp_path / f"{killer.id}.job"
        path.write_text(json.dumps({**json.loads(path.read_text()), "tries": 3}))
        (tmp_path / f"{killer.id}.answer").unlink()
        (tmp_path / f"{killer.id}.body").write_bytes(b"killer")
        async with Worked(tmp_path) as held:
            job = held.jobs.get(killer.id)
            await held.until(job, "failed")
            assert held.begun == []
            assert "ended 3 times while" in (await held.jobs.answer(job))["error"]

    apart(asyncio.run, main())


def test_a_stop_in_the_middle_of_counting_a_try_counts_none(tmp_path, monkeypatch):
    write, begun, go_on = _job_folder.write_bytes, threading.Event(), threading.Event()

    def write_slowly(path, content):
        if b'"tries": 1' in content:
            begun.set()
            assert go_on.wait(PATIENCE)
        write(path, content)

    async def main():
        async with Worked(tmp_path) as held:
            job = await held.jobs.add(b"stopped", {})
            assert await asyncio.to_thread(begun.wait, PATIENCE)
            closed = asyncio.create_task(held.jobs.close())
            await asyncio.wait([closed], timeout=0.1)
            go_on.set()
            await closed
        return job.id

    monkeypatch.setattr(_job_folder, "write_bytes", write_slowly)
    name = apart(asyncio.run, main())
    assert json.loads((tmp_path / f"{name}.job").read_text())["tries"] == 0


def test_a_job_deleted_while_it_runs_leaves_nothing(tmp_path):
    async def main():
        go_on = asyncio.Event()

        async def wait(body, asked):
            await go_on.wait()

        async with Worked(tmp_path, wait) as held:
            job = await held.jobs.add(b"deleted", {})
            await held.until(job, "running")
            await held.jobs.delete(job)
            go_on.set()
            other = await held.jobs.add(b"other", {})
            await held.until(other, "done")
            assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {other.id}

    apart(asyncio.run, main())


def test_what_was_kept_its_time_is_forgotten(tmp_path):
    async def main():
        async with Worked(tmp_path) as held:
            job = await held.jobs.add(b"old", {})
            await held.until(job, "done")
        answer = tmp_path / f"{job.id}.answer"
        os.utime(answer, (time.time() - 3 * 86400,) * 2)
        async with Worked(tmp_path, keep_days=4.0) as held:
            await asyncio.sleep(0.1)
            assert held.jobs.get(job.id).state == "done"
        async with Worked(tmp_path, keep_days=2.0) as held:
            async with asyncio.timeout(PATIENCE):
                while list(tmp_path.iterdir()):
                    await asyncio.sleep(0.01)
            with pytest.raises(Refusal, match="There is no such job"):
                held.jobs.get(job.id)

    apart(asyncio.run, main())


def test_a_failure_of_ours_fails_the_job_and_not_the_next(tmp_path, caplog):
    async def main():
        async def fail(body, asked):
            if body == b"bad":
                raise ZeroDivisionError

        async with Worked(tmp_path, fail) as held:
            bad, good = await held.jobs.add(b"bad", {}), await held.jobs.add(b"good", {})
            await held.until(good, "done")
            assert bad.state == "failed"
            assert "a mistake of its own" in (await held.jobs.answer(bad))["error"]

    apart(asyncio.run, main())
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("held", ["[]", "{}", '{"asked": 1, "size": 1, "created": 1, "tries": 0}'])
def test_a_file_that_is_no_job_is_named(tmp_path, held):
    path = tmp_path / f"{'c' * 32}.job"
    path.write_text(held)
    with pytest.raises(InputError, match=f"{path.name} is no job of this server"):
        apart(asyncio.run, _made(tmp_path))


async def _made(folder):
    return Jobs(folder, Limits(), None)


@pytest.mark.slow
def test_without_a_folder_no_jobs_are_taken():
    server = Running()
    try:
        answer = server.classify(npy(BOX), path="/v1/jobs")
        assert answer.status_code == 404
        assert "takes no jobs; it is to be started with --keep" in answer.json()["error"]
    finally:
        assert server.stop() == 0
