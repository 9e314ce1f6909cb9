"""
How fast and in how much memory a whole archive is built and classified on this machine.

    python benchmarks/archive.py RUN [--folder DIR] [--boxes 10000 100000 500000]
    python benchmarks/archive.py --handing-out 1000 [--seconds 0.35]
    python benchmarks/archive.py --starting

For each size: a SIMULATED store is built, then classified by one worker on one core, by one on
all cores, and by one a core. Rates include starting the workers, reading and writing. Bare
prediction is `Classifier.probabilities` on boxes in memory, in a process of its own, on one core
or on all. Every five seconds the classification stops, with all its processes, for a pass of it:
a machine whose speed drifts slows both. The passes' mean counts. Memory is the resident
size of each process, sampled five times a second; pages that processes share count in each.
Prints tables in Markdown. Stores and labels are left in DIR; what is there is not made again.

`--handing-out` feeds so many workers that speak Dask's protocol and do nothing (`idle_workers.py`)
with files that each take so long, and counts the processor time of client and scheduler together,
which bounds how many files a second they can hand out. `--starting` is the time from the start of
a client to its first result, and what a worker weighs that has done nothing yet.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

STARTING = """
import os, time
began = time.perf_counter()
from stormlens.archive._results import Results
from stormlens.archive._workers import connect


def resident(items):
    told = dict(line.split(":", 1) for line in open("/proc/self/smaps_rollup") if ":" in line)
    return None, [(os.getpid(), int(told["Rss"].split()[0]) / 1024) for _ in items]


if __name__ == "__main__":
    modules = ("stormlens.archive._label", "zarr", "pyarrow.parquet")
    with connect(2, None, None, modules) as client:
        ((_, (_, held)),) = Results(client, resident, [0])
        print(f"first result after {time.perf_counter() - began:.2f} s, a worker {held:.0f} MiB")
"""

BARE = """
import sys, time
from pathlib import Path
from stormlens.archive._store import Store
from stormlens.models import Classifier
classifier, store = Classifier.load(sys.argv[1]), Store(Path(sys.argv[2]))
images = store.images(0, 2048)
classifier.probabilities(images)
for _ in sys.stdin:
    start = time.perf_counter()
    classifier.probabilities(images)
    print(time.perf_counter() - start, len(images), flush=True)
"""
BARE_EVERY = 5.0  # seconds


@dataclass
class Measured:
    """Seconds and megabytes (1e6 bytes) of a command with its children."""

    seconds: float
    client: float
    worker: float
    together: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "archive")
    parser.add_argument("--boxes", type=int, nargs="+", default=[10_000, 100_000, 500_000])
    parser.add_argument("--handing-out", type=int, metavar="WORKERS")
    parser.add_argument("--seconds", type=float, default=0.35, help="that a file takes")
    parser.add_argument("--starting", action="store_true")
    options = parser.parse_args()
    if options.handing_out:
        report_handing_out(options.handing_out, options.seconds)
    if options.starting:
        report_starting()
    if options.run:
        report_sizes(options)


def report_sizes(options: argparse.Namespace) -> None:
    """Both tables of whole archives."""
    cores = sorted(os.sched_getaffinity(0))
    stores = {boxes: options.folder / f"store-{boxes}" for boxes in options.boxes}
    print("| boxes | built in s | boxes/s | on disk, MB | client, MB | a worker, MB | all, MB |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for boxes, store in stores.items():
        report_build(boxes, store)
    print(f"\nClassified by `{options.run.name}`; bare prediction is on the same cores.\n")
    print(
        "| boxes | workers | cores | s | boxes/s | bare, boxes/s | of bare | client, MB "
        "| a worker, MB | all, MB |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for boxes, store in stores.items():
        for workers, used in ((1, cores[:1]), (1, cores), (len(cores), cores)):
            report_classify(options.run, boxes, store, workers, used)


def nothing(items: list[int]) -> tuple[None, list[int]]:
    """Done at once; idle workers say that it took long."""
    return None, items


def report_handing_out(workers: int, seconds: float) -> None:
    """Files that one client and its scheduler can hand out in a second of processor time."""
    import dask
    from distributed import Client, LocalCluster

    from stormlens.archive._results import Results
    from stormlens.archive._workers import _SETTINGS

    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    script = Path(__file__).with_name("idle_workers.py")
    kwargs = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set(_SETTINGS),
        LocalCluster(n_workers=0, protocol="tcp", scheduler_kwargs=kwargs) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        address = cluster.scheduler_address
        command = [sys.executable, str(script), address, str(workers), str(seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()  # all are there
            files = int(workers / seconds * 30)  # of half a minute
            print("| workers | files/s they can read | kept | files/s | s of processor | at most |")
            print("| ---: | ---: | --- | ---: | ---: | ---: |")
            for weigh in (None, one_byte):
                spent, began = time.process_time(), time.perf_counter()
                for _ in Results(client, nothing, range(files), weigh):
                    pass
                spent, took = time.process_time() - spent, time.perf_counter() - began
                print(
                    f"| {workers:,} | {workers / seconds:,.0f} | {'boxes' if weigh else 'nothing'} "
                    f"| {files / took:,.0f} | {spent:.1f} | {files / spent:,.0f} |",
                    flush=True,
                )
            process.terminate()


def one_byte(_: int) -> float:
    """What a file's boxes weigh, so that a worker keeps them."""
    return 1.0


def report_starting() -> None:
    """From the start of a client to its first result, five times."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "starting.py"
        script.write_text(STARTING)
        for _ in range(5):
            subprocess.run([sys.executable, str(script)], check=True)


def report_build(boxes: int, store: Path) -> None:
    """One row of the first table."""
    there = (store / "catalogue.jsonl").exists()
    command = ["build", "simulated", str(store), "--count", str(boxes)]
    took = measure(command, sorted(os.sched_getaffinity(0)))
    if there:
        print(f"| {boxes:,} | was there | | {size_of(store):,.0f} | | | |")
        return
    print(
        f"| {boxes:,} | {took.seconds:,.1f} | {boxes / took.seconds:,.0f} | {size_of(store):,.0f} "
        f"| {took.client:,.0f} | {took.worker:,.0f} | {took.together:,.0f} |",
        flush=True,
    )


def report_classify(run: Path, boxes: int, store: Path, workers: int, cores: list[int]) -> None:
    """One row of the second table."""
    out = store.with_name(f"labels-{boxes}-{workers}-{len(cores)}")
    shutil.rmtree(out, ignore_errors=True)
    command = ["classify", str(store), "--run", str(run), "--out", str(out)]
    command += ["--workers", str(workers)]
    with Bare(run, store, cores) as bare:
        took = measure(command, cores, bare)
    rate, bare = boxes / took.seconds, bare.rate
    print(
        f"| {boxes:,} | {workers} | {len(cores)} | {took.seconds:,.1f} | {rate:,.0f} "
        f"| {bare:,.0f} | {rate / bare:.0%} | {took.client:,.0f} | {took.worker:,.0f} "
        f"| {took.together:,.0f} |",
        flush=True,
    )


def size_of(folder: Path) -> float:
    """Megabytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


class Bare:
    """Prediction alone, a pass whenever it is asked."""

    def __init__(self, run: Path, store: Path, cores: list[int]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", BARE, str(run), str(store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: bind(cores),
        )
        self._seconds, self._boxes = 0.0, 0
        self.pass_once()

    def __enter__(self) -> "Bare":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()

    def pass_once(self) -> None:
        """One pass more."""
        print(file=self._process.stdin, flush=True)
        seconds, boxes = self._process.stdout.readline().split()
        self._seconds, self._boxes = self._seconds + float(seconds), self._boxes + int(boxes)

    @property
    def rate(self) -> float:
        """Boxes a second of all passes so far."""
        return self._boxes / self._seconds


def bind(cores: list[int]) -> None:
    """Leave this process these cores."""
    os.sched_setaffinity(0, cores)


def measure(arguments: list[str], cores: list[int], bare: Bare | None = None) -> Measured:
    """Run a command of archives on some cores and watch it, but for the passes of the bare one."""
    command = [sys.executable, "-m", "stormlens", "archive", *arguments]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=lambda: bind(cores))
    watch = Watch(process.pid)
    stopped = 0.0
    while bare is not None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(BARE_EVERY)
            break
        stopped += paused(psutil.Process(process.pid), bare.pass_once)
    code = process.wait()
    took = time.perf_counter() - start - stopped
    watch.stop()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with code {code}")
    return Measured(took, watch.client / 1e6, watch.worker / 1e6, watch.together / 1e6)


def paused(process: psutil.Process, work: Callable[[], None]) -> float:
    """Do some work while a process and its children stop; the seconds that it took."""
    began = time.perf_counter()
    with suppress(psutil.NoSuchProcess):
        family = [process, *process.children(recursive=True)]
        for member in family:
            member.suspend()
        work()
        for member in reversed(family):
            member.resume()
    return time.perf_counter() - began


class Watch:
    """The largest resident sizes of a process and its children, in bytes."""

    def __init__(self, pid: int) -> None:
        self.client = self.worker = self.together = 0
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def stop(self) -> None:
        """Look no longer."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.2):
            try:
                own = self._process.memory_info().rss
                children = [self._size(child) for child in self._process.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            self.client = max(self.client, own)
            self.worker = max([self.worker, *children])
            self.together = max(self.together, own + sum(children))

    @staticmethod
    def _size(process: psutil.Process) -> int:
        try:
            return process.memory_info().rss
        except psutil.NoSuchProcess:
            return 0


if __name__ == "__main__":
    main()
