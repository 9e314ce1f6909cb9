"""
Draw docs/images/learn-*.png: each interactive component as a browser shows it.

    python docs/make_component_pictures.py [NAME...]

Needs Chromium and ``pip install -e ".[test]"``. All are drawn unless some are named.
"""

import sys
from pathlib import Path

from photographs import browser_and_pages, photograph, train
from PIL import Image
from playwright.sync_api import Locator

from stormlens.learn import COMPONENTS

WIDTH, HEIGHT = 1336, 1000
EPOCHS = 12

ADDRESSES = {
    "neuron": "w1=1.5&w2=-0.8&bias=0.5",
    "augmentation-studio": "rotation_range=40&zoom_range=0.8,1.1&horizontal_flip=true",
    "train": f"epochs={EPOCHS}",
}
"""Settings that show what a component can do, where those at first do not."""

KEPT = {"augmentation-studio": 1450, "train": 1636, "inside": 1668}
"""Pixels from the top that are kept of long ones."""


def main() -> None:
    """Photograph each."""
    names = sys.argv[1:] or COMPONENTS
    with browser_and_pages() as (browser, place):
        for name in names:
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", bypass_csp=True
            )
            page.goto(f"{place}#/{name}?{ADDRESSES.get(name, '')}")
            component = page.locator(f"stormlens-{name}")
            component.wait_for()
            page.wait_for_load_state("networkidle")
            if name == "train":
                train(component, EPOCHS)
            page.add_style_tag(content="header { display: none !important; }")
            page.wait_for_timeout(1000)
            save(component, name)
            page.close()


def save(component: Locator, name: str) -> None:
    """Its upper part as a picture of 256 colours, near to its own, a third of the size."""
    image = photograph(component)
    image = image.crop((0, 0, image.width, min(image.height, KEPT.get(name, image.height))))
    path = Path(__file__).parent / "images" / f"learn-{name}.png"
    near = image.quantize(256, kmeans=5, dither=Image.Dither.NONE)
    near.save(path, optimize=True)


if __name__ == "__main__":
    main()
