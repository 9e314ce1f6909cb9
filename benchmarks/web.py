"""
The pages of `stormlens learn` in a browser: training beside TensorFlow.js and Keras, and answers.

    python benchmarks/web.py train    # a step of training, TensorFlow.js in the same browser
    python benchmarks/web.py epochs   # an epoch, Keras on TensorFlow natively, in turn
    python benchmarks/web.py pages    # from the command to the page, from a key to the pixels

Needs Chromium and ``pip install -e ".[test,bench]"``; `train` fetches TensorFlow.js by npm into
the folder benchmarks/web. Prints tables in Markdown.
"""

import functools
import http.server
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from stormlens import bench

HERE = Path(__file__).parent
BATCH = 32
NETWORKS = ("chapter-linear", "chapter-relu", "svrimg-3conv")
# Of TensorFlow.js, what can train where there is no GPU; its WebAssembly lacks the gradients of
# convolutions, and headless Chromium without a GPU gives no WebGPU.
BACKENDS = ("webgl", "cpu")
STEPS, STEPS_OF_PEER = 20, 2
SHIPPED_BOXES = 300
KEYS = 40
IDEAS = ("neuron", "pool-and-fire", "convolution-walker", "augmentation-studio")


def main() -> None:
    """Measure what the command line names, and print it."""
    asked = {"train": train, "epochs": epochs, "pages": pages}
    if len(sys.argv) != 2 or sys.argv[1] not in asked:
        sys.exit(__doc__)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox"],
        )
        print(f"Chromium {browser.version}, headless, without a GPU.\n")
        asked[sys.argv[1]](browser)
        browser.close()


# In the page that `stormlens learn` serves.
_OURS = """async ([name, batch, threads, steps, boxes]) => {
  const at = (path) => new URL(path, document.baseURI);
  const { Engine } = await import(at("network/client.js"));
  const { planOfZoo } = await import(at("network/plan.js"));
  const { Storms } = await import(at("data/storms.js"));
  const zoo = await (await fetch(at("network/zoo.json"))).json();
  const storms = await Storms.open();
  const { images, modes } = await storms.split("train", { count: boxes || undefined });
  const engine = await Engine.start({ threads });
  const { rows, columns, classes } = storms;
  const facts = { shape: [rows, columns, 1], classes, minimum: 0, maximum: 80 };
  const plan = planOfZoo(zoo, name, facts);
  const train = { images, modes };
  const run = await engine.train({ plan, train, settings: { batchSize: batch, seed: 0 } });
  const timed = async (work) => {
    const start = performance.now();
    await work();
    return (performance.now() - start) / 1000;
  };
  const seconds = [];
  if (steps > 0) {
    for (let step = -2; step < steps; ++step) {
      const taken = await timed(() => run.step());
      if (step >= 0) seconds.push(taken);
    }
  } else {
    for (let epoch = 0; epoch < -steps; ++epoch) {
      seconds.push(
        await timed(async () => {
          while ((await run.step()).step < run.progress.steps);
        }),
      );
    }
  }
  const found = { seconds, threads: engine.threads, boxes: modes.length };
  engine.stop();
  return found;
}"""

_PEERS = """async ([backend, name, batch, steps]) => {
  const boxes = Uint8Array.from({ length: batch * 136 * 136 }, (_, i) => (i * 7919) % 71);
  return timeSteps(backend, name, batch, steps, boxes);
}"""


def train(browser: Browser) -> None:
    """A step of training, ours and TensorFlow.js's in turn."""
    subprocess.run(["npm", "ci", "--silent", "--ignore-scripts"], cwd=HERE / "web", check=True)
    print(
        f"Milliseconds a step of {BATCH} boxes, medians of {STEPS}, "
        f"of TensorFlow.js {STEPS_OF_PEER}.\n"
    )
    print("| network | ours, 1 thread | 2 threads | TensorFlow.js | times faster on 1 thread |")
    print("| --- | --- | --- | --- | --- |")
    with our_pages() as ours, folder_served(HERE / "web") as theirs:
        for name in NETWORKS:
            one, two = (
                1000 * statistics.median(ours_timed(browser, ours, name, threads, STEPS))
                for threads in (1, 2)
            )
            peers = {backend: peer_timed(browser, theirs, backend, name) for backend in BACKENDS}
            best = min(peers, key=lambda backend: peers[backend])
            peer = 1000 * peers[best]
            print(
                f"| `{name}` | {one:.0f} | {two:.0f} | {peer:.0f} ({best}) | {peer / one:.0f} |",
                flush=True,
            )


def epochs(browser: Browser) -> None:
    """An epoch of the archive's 1,331 boxes, ours and Keras's in turn; the shipped network's."""
    print("Seconds an epoch of 1,331 boxes after a first one, Keras by `stormlens bench`.\n")
    print("| network | browser, 1 thread | 2 threads | Keras on TensorFlow, 2 cores |")
    print("| --- | --- | --- | --- |")
    with our_pages() as ours:
        for name in NETWORKS[1:]:
            keras = keras_epoch(name)
            one, two = (min(ours_timed(browser, ours, name, threads, -3)[1:]) for threads in (1, 2))
            keras = min(keras, keras_epoch(name))
            print(f"| `{name}` | {one:.1f} | {two:.1f} | {keras:.1f} |", flush=True)
        for threads in (1, 2):
            seconds = ours_timed(browser, ours, "storm-residual", threads, -3, boxes=SHIPPED_BOXES)
            print(
                f"\n`storm-residual`, {SHIPPED_BOXES} boxes, {threads} thread(s): "
                f"{min(seconds[1:]):.2f} s an epoch."
            )


def ours_timed(
    browser: Browser, address: str, name: str, threads: int, steps: int, boxes: int = 0
) -> list[float]:
    """Seconds of each step, or of each of -steps epochs."""
    page = browser.new_page()
    page.goto(address)
    found = page.evaluate(_OURS, [name, BATCH, threads, steps, boxes])
    page.close()
    if found["threads"] != threads:
        sys.exit(f"The page computed with {found['threads']} threads, not {threads}.")
    return list(found["seconds"])


def peer_timed(browser: Browser, address: str, backend: str, name: str) -> float:
    """Seconds of a median step of TensorFlow.js."""
    page = browser.new_page()
    page.set_default_timeout(0)
    page.goto(f"{address}tfjs.html")
    seconds = page.evaluate(_PEERS, [backend, name, BATCH, STEPS_OF_PEER])
    page.close()
    return statistics.median(seconds)


def keras_epoch(name: str) -> float:
    """Seconds of Keras's epoch, in a process of its own."""
    settings = bench.Settings(
        tasks=("train",), models=(name,), peers=("keras-tensorflow",), epochs=2
    )
    for entry in bench.run(settings).measurements:
        if "keras" in entry.contender:
            return settings.images / entry.rate
    sys.exit("Keras on TensorFlow is not installed: pip install -e '.[bench]'")


@contextmanager
def our_pages() -> Iterator[str]:
    """Address of what `stormlens learn` serves; its first line says it."""
    command = [sys.executable, "-m", "stormlens", "learn", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield str(process.stdout and process.stdout.readline()).strip()
        process.terminate()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def folder_served(folder: Path) -> Iterator[str]:
    """Address of a folder's files."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def pages(browser: Browser) -> None:
    """From the command to the page, its bytes, and from a key to the pixels."""
    starts = [start_seconds() for _ in range(5)]
    print(f"From the command to the first byte of its page: {statistics.median(starts):.2f} s.")
    with our_pages() as address:
        first, whole = bytes_moved(browser, address)
        print(
            f"First view {first / 1000:.0f} kB; every page, without storms, {whole / 1e6:.2f} MB."
        )
        print(f"\nMilliseconds from a key on a slider to the next pixels, {KEYS} keys.\n")
        print("| page | median | most | of it computing and drawing, median |")
        print("| --- | --- | --- | --- |")
        for slug in IDEAS:
            waited, worked = key_times(browser, address, slug)
            print(
                f"| `{slug}` | {statistics.median(waited):.1f} | {max(waited):.1f} | "
                f"{statistics.median(worked):.1f} |",
                flush=True,
            )
        for how in ("storm", "brush"):
            times = answer_times(browser, address, how)
            print(
                f"\n`inside`, {how}, to all maps on the page: {statistics.median(times):.0f} ms "
                f"at the median of {len(times)}, {max(times):.0f} at most."
            )


_ANSWER_TIMES = """async ([count, how]) => {
  const inside = document.querySelector("stormlens-inside");
  const answered = () => new Promise((done) => {
    const seen = () => {
      const channel = new MessageChannel();  // answered after the pixels
      channel.port1.onmessage = () => done(performance.now());
      requestAnimationFrame(() => channel.port2.postMessage(null));
    };
    inside.addEventListener("stormlens-outputs", seen, { once: true });
    setTimeout(() => done(NaN), 1500);  // the answer stayed as it was
  });
  const pause = () => new Promise((done) => setTimeout(done, 400));
  const brush = inside.shadowRoot.querySelector("[data-drag]");
  const times = [];
  for (let i = 0; i < count; ++i) {
    const after = answered();
    const start = performance.now();
    if (how === "storm") {
      inside.set({ storm: 1 + (i % 20) });
    } else {
      const box = brush.getBoundingClientRect();
      const clientX = box.left + (0.3 + 0.02 * i) * box.width;
      const clientY = box.top + 0.5 * box.height;
      const event = { clientX, clientY, buttons: 1, pointerId: 1, bubbles: true, composed: true };
      brush.dispatchEvent(new PointerEvent(i === 0 ? "pointerdown" : "pointermove", event));
    }
    times.push((await after) - start);
    await pause();
  }
  return times.filter((time) => time > 0);
}"""


def answer_times(browser: Browser, address: str, how: str) -> list[float]:
    """Milliseconds from another storm, or a touch of the brush, to all maps on the page."""
    page = browser.new_page(viewport={"width": 1440, "height": 1200})
    page.goto(f"{address}#/inside" + ("?view=paint" if how == "brush" else ""))
    page.get_by_text("That is its label").first.wait_for(timeout=60_000)
    page.wait_for_timeout(4000)
    times = page.evaluate(_ANSWER_TIMES, [20, how])
    page.close()
    return list(times)


def start_seconds() -> float:
    """Seconds from starting the command to the page it serves."""
    began = time.perf_counter()
    with our_pages() as address, urllib.request.urlopen(address) as answer:
        answer.read(1)
        return time.perf_counter() - began


def bytes_moved(browser: Browser, address: str) -> tuple[int, int]:
    """Bytes of the first view, and of all pages without their storms."""
    page = browser.new_page()
    sizes: dict[str, int] = {}

    def count(response: Any) -> None:
        sizes[response.url] = len(response.body())

    page.on("response", count)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    first = sum(sizes.values())
    for slug in (*IDEAS, "train", "inside"):
        page.goto(f"{address}#/{slug}")
        page.wait_for_timeout(3000)
    page.close()
    return first, sum(size for url, size in sizes.items() if "/storms/" not in url)


_KEY_TIMES = """(slug) => {
  const element = document.querySelector(`stormlens-${slug}`);
  const show = element.show.bind(element);
  const times = (globalThis.times = { waited: [], worked: [] });
  let pressed = 0;
  addEventListener("input", (event) => { pressed = event.timeStamp; }, true);
  element.show = (changed) => {
    const start = performance.now();
    show(changed);
    times.worked.push(performance.now() - start);
    const channel = new MessageChannel();  // answered after this frame's pixels
    channel.port1.onmessage = () => times.waited.push(performance.now() - pressed);
    channel.port2.postMessage(null);
  };
}"""


def key_times(browser: Browser, address: str, slug: str) -> tuple[list[float], list[float]]:
    """Milliseconds from a key to the pixels, and of the work between."""
    page: Page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{address}#/{slug}")
    slider = page.locator(f"stormlens-{slug} input[type=range]").first
    slider.wait_for()
    page.wait_for_timeout(1500)
    page.evaluate(_KEY_TIMES, slug)
    slider.focus()
    for number in range(KEYS):
        page.keyboard.press("ArrowRight" if number % 2 else "ArrowLeft")
        page.wait_for_timeout(40)
    times = page.evaluate("globalThis.times")
    page.close()
    return times["waited"], times["worked"]


if __name__ == "__main__":
    main()
