"""Storms whose numbers are known, and a browser with the components in it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr
from apart import browser_path
from patience import PATIENCE

from stormlens.datasets import make_dataset


@pytest.fixture
def storms() -> xr.Dataset:
    """Three boxes: a column of rain, a single core, and nothing."""
    images = np.zeros((3, 136, 136), np.uint8)
    images[0, :, 68:80] = 45
    images[1, 60:65, 60:65] = 49
    return make_dataset(images, [1, 0, 5], source="SIMULATED by hand", simulated=True)


class Patient:
    """A browser whose pages wait as long as a busy machine takes: only a hang takes longer."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser

    def new_context(self, **given: Any) -> Any:
        """What shares nothing with other visits."""
        context = self._browser.new_context(**given)
        context.set_default_timeout(1000 * PATIENCE)
        return context

    def new_page(self, **given: Any) -> Any:
        """A page in a context of its own, which is closed with it."""
        page = self._browser.new_page(**given)
        page.set_default_timeout(1000 * PATIENCE)
        return page


@pytest.fixture(scope="session")
def chromium() -> Iterator[Patient]:
    """Headless Chromium, or a skip that says what is missing."""
    path = browser_path()
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield Patient(browser)
        browser.close()
