"""
Draw docs/images/learn-*.png: each interactive component as a browser shows it.

    python docs/make_component_pictures.py [NAME...]

Needs Chromium and ``pip install -e ".[test]"``. All are drawn unless some are named.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, sync_playwright

from stormlens.learn import COMPONENTS, serve

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
    """Serve the pages, and photograph each."""
    names = sys.argv[1:] or COMPONENTS
    places: list[str] = []
    server = serve(started=places.extend, show=False, threaded=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name in names:
            page = browser.new_page(
                viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light", bypass_csp=True
            )
            page.goto(f"{places[0]}#/{name}?{ADDRESSES.get(name, '')}")
            component = page.locator(f"stormlens-{name}")
            component.wait_for()
            page.wait_for_load_state("networkidle")
            if name == "train":
                train(component)
            page.add_style_tag(content="header { display: none !important; }")
            page.wait_for_timeout(1000)
            save(component, name)
            page.close()
        browser.close()
    if server is not None:
        server.stop()


def train(component: Locator) -> None:
    """Let it learn until it pauses by itself."""
    component.get_by_role("button", name="Play").click()
    done = component.get_by_text(f"Epoch {EPOCHS} of {EPOCHS}", exact=True)
    done.wait_for(timeout=600_000)


def save(component: Locator, name: str) -> None:
    """Its upper part as a picture of 256 colours, near to its own, a third of the size."""
    image = Image.open(io.BytesIO(component.screenshot())).convert("RGB")
    image = image.crop((0, 0, image.width, min(image.height, KEPT.get(name, image.height))))
    path = Path(__file__).parent / "images" / f"learn-{name}.png"
    near = image.quantize(256, kmeans=5, dither=Image.Dither.NONE)
    near.save(path, optimize=True)


if __name__ == "__main__":
    main()
