"""A browser with the pages in it, for the programs here that photograph them."""

import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image
from playwright.sync_api import Browser, Locator, sync_playwright

from stormlens.learn import serve


@contextmanager
def browser_and_pages() -> Iterator[tuple[Browser, str]]:
    """Headless Chromium, and the address of the pages' front page without its hash."""
    places: list[str] = []
    server = serve(started=places.extend, show=False, threaded=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser, places[0]
        browser.close()
    if server is not None:
        server.stop()


def train(place: Locator, epochs: int) -> None:
    """Let the page of training learn until it pauses by itself."""
    place.get_by_role("button", name="Play").click()
    done = place.get_by_text(f"Epoch {epochs} of {epochs}", exact=True)
    done.wait_for(timeout=600_000)


def photograph(place: Locator) -> Image.Image:
    """An element as it stands on the page."""
    return Image.open(io.BytesIO(place.screenshot())).convert("RGB")
