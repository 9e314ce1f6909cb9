"""
The SVRIMG archive: over 500,000 radar images of US severe storms, 1996 to 2017.

Files come from the archive's server, a mirror or a folder
(``STORMLENS_SVRIMG_URL``), are checked as they arrive, and are kept in a cache
(``STORMLENS_CACHE``) whose hashes are compared on every use. Cite Haberlie,
Ashley and Karpinski (2020) and GridRad (Bowman and Homeyer 2017).
"""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.datasets.svrimg._archive import BASE_URL, CITATION
    from stormlens.datasets.svrimg._boxes import image, images, paste_on_grid
    from stormlens.datasets.svrimg._fetch import PARTS, fetch, is_cached
    from stormlens.datasets.svrimg._grids import example_mosaic, geography
    from stormlens.datasets.svrimg._splits import splits
    from stormlens.datasets.svrimg._tables import index, labels, read_index, reports

__all__ = [
    "BASE_URL",
    "CITATION",
    "PARTS",
    "example_mosaic",
    "fetch",
    "geography",
    "image",
    "images",
    "index",
    "is_cached",
    "labels",
    "paste_on_grid",
    "read_index",
    "reports",
    "splits",
]

on_first_use(
    __name__,
    {
        "_archive": "BASE_URL CITATION",
        "_boxes": "image images paste_on_grid",
        "_fetch": "PARTS fetch is_cached",
        "_grids": "example_mosaic geography",
        "_splits": "splits",
        "_tables": "index labels read_index reports",
    },
)
