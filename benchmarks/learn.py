"""
How long an interactive component takes to answer.

    python benchmarks/learn.py [RUN]

For each setting, the median and the longest time of 20 changes: in Python, from the new value to
the new data of the plots; and, where Chromium is found, in a page, from a key pressed on the
slider to the next frame after the new data arrived. Prints a table in Markdown.
"""

import shutil
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import param

from stormlens.learn import COMPONENTS, Component, serve
from stormlens.models import Classifier

CHANGES = 20
# The n-th slider of each page, moved with the arrow keys.
SLIDERS = {
    "neuron": ("w1", 2),
    "pool-and-fire": ("threshold", 2),
    "convolution-walker": ("row", 1),
    "augmentation-studio": ("rotation_range", 1),
    "network-microscope": ("storm", 0),
}
# A source's own signal: the document tells of changes made in the page alone.
_NEXT_FRAME = """
() => new Promise((done, failed) => {
    const start = performance.now();
    const sources = [...Bokeh.documents[0]._all_models.values()].filter(
        model => model.type === "ColumnDataSource");
    const drawn = () => done(performance.now() - start);
    const seen = () => {
        for (const source of sources) source.properties.data.change.disconnect(seen);
        requestAnimationFrame(() => requestAnimationFrame(drawn));
    };
    for (const source of sources) source.properties.data.change.connect(seen);
    setTimeout(() => failed("no data came"), 10000);
})
"""


def main() -> None:
    """Measure and print."""
    classifier = Classifier.load(sys.argv[1]) if len(sys.argv) > 1 else None
    print("| component | setting | in Python, ms: median, longest |")
    print("| --- | --- | --- |")
    for name, kind in COMPONENTS.items():
        component = kind(classifier=classifier) if name == "network-microscope" else kind()
        for setting, values in settings(component):
            times = [timed(component, setting, value) for value in values]
            print(f"| `{name}` | {setting} | {np.median(times):.1f}, {max(times):.1f} |")
    if shutil.which("chromium"):
        in_browser(classifier)


def settings(component: Component) -> Iterator[tuple[str, list[Any]]]:
    """Numbers and choices of a component, with values that differ from one to the next."""
    rng = np.random.default_rng(0)
    for name, held in component.param.objects().items():
        if isinstance(held, param.Selector):
            choices = list(held.objects)
            yield name, [choices[i % len(choices)] for i in range(CHANGES)]
        elif isinstance(held, param.Integer) and None not in held.bounds:
            low, high = held.bounds
            yield name, [int(i) for i in rng.integers(low, high + 1, CHANGES)]
        elif type(held) is param.Number:
            low, high = held.bounds
            yield name, [float(i) for i in rng.uniform(low, high, CHANGES)]


def timed(component: Component, setting: str, value: Any) -> float:
    """Milliseconds of a change."""
    start = time.perf_counter()
    setattr(component, setting, value)
    return 1e3 * (time.perf_counter() - start)


def in_browser(classifier: Classifier | None) -> None:
    """From a key on a slider to the frame that shows what follows."""
    from playwright.sync_api import sync_playwright

    addresses: list[str] = []
    server = serve(classifier=classifier, started=addresses.append, show=False, threaded=True)
    print("\n| component | slider | on the page, ms: median, longest |")
    print("| --- | --- | --- |")
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            for name, (setting, number) in SLIDERS.items():
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(addresses[0] + name)
                times = on_page(page, number)
                print(f"| `{name}` | {setting} | {np.median(times):.0f}, {max(times):.0f} |")
                page.close()
            browser.close()
    finally:
        server.stop()


def on_page(page: Any, number: int) -> list[float]:
    """Milliseconds of changes made with the arrow keys."""
    page.wait_for_selector("canvas", state="attached")
    page.wait_for_timeout(2000)
    page.locator(".noUi-handle").nth(number).focus()
    times = []
    for i in range(CHANGES):
        # In braces, or the page would be asked to wait for its answer before the key.
        page.evaluate(f"() => {{ window.answered = ({_NEXT_FRAME})() }}")
        page.keyboard.press("ArrowRight" if i % 4 < 2 else "ArrowLeft")
        times.append(page.evaluate("window.answered"))
        page.wait_for_timeout(150)
    return times


if __name__ == "__main__":
    main()
