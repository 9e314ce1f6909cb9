"""
Draw the small pictures of the pages' front page, each from the page that it leads to.

    python docs/make_front_page_pictures.py [NAME...]

Needs Chromium and ``pip install -e ".[test]"``. All are drawn unless some are named.
"""

import sys
from typing import NamedTuple

from photographs import browser_and_pages, photograph, train
from PIL import Image
from playwright.sync_api import Page

from stormlens.learn import COMPONENTS, WEB

WIDTH, HEIGHT = 400, 225
MOST_BYTES = 25_000
EPOCHS = 12


class View(NamedTuple):
    """What of a page is photographed: a part, the settings it shows and a window's width."""

    part: str
    query: str = ""
    window: int = 1440
    zoom: float = 1.0
    left: float = 0.0
    top: float = 0.0


VIEWS = {
    "neuron": View(".drawing", "w1=1.5&w2=-0.8&bias=0.5", zoom=0.86),
    "pool-and-fire": View(
        ".picture.map", "size=9&places=54,70,74,104,58,36&storm=0", 900, 1.3, 0.12, 0.2
    ),
    "convolution-walker": View(".picture.sums", "storm=0", 900, 1.5, 0.17, 0.24),
    "augmentation-studio": View(".nine", "rotation_range=40&zoom_range=0.8,1.1&storm=1", 900),
    "train": View(".chart", f"epochs={EPOCHS}&storms=150"),
    "inside": View(".overview", window=1100, zoom=2, left=0.13, top=0.1),
}
"""Of a page that is not named, its first picture."""


def main() -> None:
    """Photograph each in light and in dark."""
    names = sys.argv[1:] or COMPONENTS
    with browser_and_pages() as (browser, place):
        for name in names:
            view = VIEWS.get(name, View(".picture"))
            page = browser.new_page(viewport={"width": view.window, "height": 1200})
            page.goto(f"{place}#/{name}?{view.query}")
            page.locator(view.part).first.wait_for()
            if name == "train":
                train(page.locator("main"), EPOCHS)
            if name == "inside":  # its own work behind the scenes comes first
                page.get_by_text("of these 24 storms wrong").wait_for()
            page.wait_for_load_state("networkidle")
            for scheme in ("light", "dark"):
                save(page, view, f"{name}-{scheme}", scheme)
            page.close()


def save(page: Page, view: View, name: str, scheme: str) -> None:
    """One part as a picture of few colours that moves quickly."""
    page.select_option("#tools select", scheme)
    page.wait_for_timeout(800)
    image = photograph(page.locator(view.part).first)
    scale = view.zoom * max(WIDTH / image.width, HEIGHT / image.height)
    image = image.resize(
        (round(scale * image.width), round(scale * image.height)), Image.Resampling.LANCZOS
    )
    x = min(round(view.left * image.width), image.width - WIDTH)
    y = min(round(view.top * image.height), image.height - HEIGHT)
    around = image.getpixel((2, 2))
    whole = Image.new("RGB", (WIDTH, HEIGHT), around)
    whole.paste(image, (max(-x, 0) // 2 - max(x, 0), max(-y, 0) // 2 - max(y, 0)))
    path = WEB / "pictures" / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    for colours in (64, 32, 16, 8):
        few = whole.quantize(colours, dither=Image.Dither.NONE)
        few.save(path, optimize=True)
        if path.stat().st_size <= MOST_BYTES:
            break


if __name__ == "__main__":
    main()
