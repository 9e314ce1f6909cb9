"""Storms whose numbers are known, and a browser with the components in it."""

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
import xarray as xr

from stormlens.datasets import make_dataset


@pytest.fixture
def storms() -> xr.Dataset:
    """Three boxes: a column of rain, a single core, and nothing."""
    images = np.zeros((3, 136, 136), np.uint8)
    images[0, :, 68:80] = 45
    images[1, 60:65, 60:65] = 49
    return make_dataset(images, [1, 0, 5], source="SIMULATED by hand", simulated=True)


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """Headless Chromium, or a skip that says what is missing."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip(f"no browser found: none of {', '.join(names)} is installed")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
