"""
How fast `stormlens serve` answers, beside batch prediction in the same minute.

    python benchmarks/serve.py [--clients 200] [--seconds 60] [--networks chapter-relu ...]

Clients in a closed loop, each with one SIMULATED box a request on a connection that it keeps, ask
a server on 127.0.0.1; both share the cores of this machine. Before and after, the same boxes go
through `Classifier.predict` in batches. Beside rates and times there is the processor's time a box
of either, whose ratio other work on the machine changes less. The networks, but for the shipped
one, are untrained: weights decide no time. Clients in a closed loop wait clients / rate on the
average, whatever the server does; `--pace` has each client ask so often a second instead.
"""

import argparse
import io
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from stormlens.datasets import load, make_boxes
from stormlens.models import Classifier, Network

BOXES = 64
TOGETHER = 1024
NETWORKS = ("chapter-relu", "svrimg-3conv", "storm-residual", "shipped")
HEAD = (
    b"POST /v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n"
)
STARTS = 5


def images():
    """Boxes of all modes."""
    return load("simulated", "validation", count=BOXES).reflectivity.values


def requests(form):
    """One request a box."""
    made = []
    for image in images():
        file = io.BytesIO()
        if form == "npy":
            np.save(file, image)
        else:
            picture = Image.fromarray(image)
            picture.putpalette([0] * 768)
            picture.save(file, "PNG")
        body = file.getvalue()
        kind = b"image/png" if form == "png" else b"application/x-npy"
        made.append(HEAD % (kind, len(body)) + body)
    return made


class Client:
    """A connection, and what it waits for."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**18)
        self.held, self.sent, self.due = b"", 0.0, 0.0

    def send(self, request, now):
        """Ask."""
        self.sent, self.held = now, b""
        self.socket.sendall(request)

    def answered(self):
        """Status once an answer is whole, else None."""
        self.held += self.socket.recv(65536)
        end = self.held.find(b"\r\n\r\n")
        if end < 0:
            return None
        length = int(re.search(rb"content-length: (\d+)", self.held[:end])[1])
        return int(self.held[9:12]) if len(self.held) >= end + 4 + length else None


def ask(port, clients, seconds, form, pace):
    """Ask for so long; what came of it, as a dict."""
    made, took, errors, n = requests(form), [], 0, 0
    held = {}
    poll = select.epoll()
    cpu = processor(resource.RUSAGE_SELF)
    begin = time.perf_counter()
    for i in range(clients):
        client = Client(port)
        client.due = begin + (i / clients / pace if pace else 0)
        held[client.socket.fileno()] = client
        poll.register(client.socket, select.EPOLLIN)
    waiting = sorted(held.values(), key=lambda client: client.due)
    open_ = clients
    while open_:
        now = time.perf_counter()
        while waiting and waiting[0].due <= now:
            client = waiting.pop(0)
            if now >= begin + seconds:
                open_ -= 1
                continue
            client.send(made[n % BOXES], now)
            n += 1
        rest = max(waiting[0].due - now, 0) if waiting else 1
        for number, _ in poll.poll(rest):
            client = held[number]
            status = client.answered()
            if status is None:
                continue
            now = time.perf_counter()
            took.append(now - client.sent)
            errors += status != 200
            client.due = client.due + 1 / pace if pace else now
            waiting.append(client)
    seconds = time.perf_counter() - begin
    times = np.array(took) * 1000
    return {
        "requests": len(took),
        "errors": errors,
        "rate": len(took) / seconds,
        "median": float(np.median(times)),
        "p95": float(np.quantile(times, 0.95)),
        "p99": float(np.quantile(times, 0.99)),
        "cpu": (processor(resource.RUSAGE_SELF) - cpu) / len(took),
    }


def processor(who):
    """Seconds that were used."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def batch(classifier, seconds):
    """Boxes a second of `Classifier.predict`, and the processor's seconds a box."""
    boxes = make_boxes(np.tile(images(), (TOGETHER // BOXES, 1, 1)), source="SIMULATED")
    classifier.predict(boxes.chosen(slice(0, BOXES)))
    rates, n = [], 0
    cpu, end = processor(resource.RUSAGE_SELF), time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        classifier.predict(boxes)
        rates.append(len(boxes) / (time.perf_counter() - begin))
        n += len(boxes)
    return float(np.median(rates)), (processor(resource.RUSAGE_SELF) - cpu) / n


def started(run):
    """A server, its port, and the seconds from the command to the first answer."""
    request = requests("npy")[0]
    begin = time.perf_counter()
    command = [sys.executable, "-m", "stormlens", "serve", *run, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    port = int(re.search(rb":(\d+)/", process.stdout.readline())[1])
    client = Client(port)
    client.send(request, begin)
    while client.answered() is None:
        pass
    took = time.perf_counter() - begin
    client.socket.close()
    return process, port, took


def ended(process):
    """Tell a server to end, as it should."""
    process.send_signal(signal.SIGTERM)
    if process.wait() != 0:
        raise SystemExit("the server did not end well")
    process.stdout.close()


def used_by(process):
    """Processor's seconds of a process."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name, options, folder):
    """A network by both ways, printed."""
    if name == "shipped":
        classifier, run = Classifier.shipped(), []
    else:
        network = Network.untrained(name, (136, 136, 1), 6, 0)
        classifier, run = Classifier(network, name), [str(folder / name)]
        classifier.save(folder / name)
    before, cpu = batch(classifier, options.batch_seconds)
    process, port, _ = started(run)
    used = used_by(process)
    asked = [port, options.clients, options.seconds, options.form, options.pace]
    done = subprocess.run(
        [sys.executable, __file__, "--ask", json.dumps(asked)], capture_output=True, check=True
    )
    used = used_by(process) - used
    ended(process)
    after, _ = batch(classifier, options.batch_seconds)
    told = json.loads(done.stdout)
    rate = (before + after) / 2
    server = used / told["requests"]
    print(
        f"{name}, {options.form}: {told['requests']} requests, {told['errors']} errors, "
        f"{told['rate']:.0f}/s; batch prediction {before:.0f} and {after:.0f}/s: "
        f"{told['rate'] / rate:.0%}\n"
        f"  median {told['median']:.1f} ms, 95 % {told['p95']:.1f}, 99 % {told['p99']:.1f} "
        f"(clients / rate: {1000 * options.clients / told['rate']:.1f})\n"
        f"  processor a box: batch {1e6 * cpu:.0f} us, server {1e6 * server:.0f} us, client "
        f"{1e6 * told['cpu']:.0f} us: {cpu / (server + told['cpu']):.0%}",
        flush=True,
    )


def main():
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--batch-seconds", type=float, default=5)
    parser.add_argument("--form", choices=("npy", "png"), default="npy")
    parser.add_argument("--pace", type=float, default=0, help="requests a second of each client")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        print(json.dumps(ask(*json.loads(options.ask))))
        return
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when it began")
    starts = []
    for _ in range(STARTS):
        process, _, took = started([])
        ended(process)
        starts.append(took)
    print("from the command to the first answer:", ", ".join(f"{took:.2f}" for took in starts), "s")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.networks:
            measure(name, options, Path(folder))


if __name__ == "__main__":
    main()
