"""
Draw docs/images/learn-*.png: each interactive component as a browser shows it.

    python docs/make_component_pictures.py [RUN]

Needs Chromium and ``pip install -e ".[test]"``. RUN is a run folder for the
microscope; without one its network has random weights, and says so.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Page, sync_playwright

from stormlens.learn import COMPONENTS, serve
from stormlens.models import Classifier

WIDTH, HEIGHT = 1180, 1000
NAVIGATION = 32  # pixels above the component


def main() -> None:
    """Serve the components, and photograph each."""
    classifier = Classifier.load(sys.argv[1]) if len(sys.argv) > 1 else None
    addresses: list[str] = []
    server = serve(classifier=classifier, started=addresses.append, show=False, threaded=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        for name in COMPONENTS:
            photograph(page, addresses[0] + name, name)
        browser.close()
    server.stop()


def photograph(page: Page, address: str, name: str) -> None:
    """One component, cut to what it fills."""
    page.goto(address)
    page.wait_for_selector("canvas", state="attached")
    page.wait_for_timeout(2500)  # until Bokeh has drawn
    if name == "augmentation-studio":  # at rest, it shows nine times the same
        page.get_by_role("button", name="SVRIMG notebook").click()
        page.wait_for_timeout(1000)
    image = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    image = image.crop((0, NAVIGATION, *image.size))
    filled = ImageChops.difference(image, Image.new("RGB", image.size, "white")).getbbox()
    left, top, right, bottom = filled or (0, 0, *image.size)
    framed = image.crop((max(0, left - 12), max(0, top - 12), right + 12, bottom + 12))
    path = Path(__file__).parent / "images" / f"learn-{name}.png"
    framed.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
