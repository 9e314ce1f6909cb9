"""Labelled radar images from every source, in one container."""

from stormlens.datasets import svrimg
from stormlens.datasets._borders import BORDERS_CREDIT, border_lines, fetch_borders
from stormlens.datasets._boxes import check_reflectivity, join_boxes, make_boxes
from stormlens.datasets._cache import cache_folder
from stormlens.datasets._container import (
    class_names,
    is_simulated,
    make_dataset,
    read_netcdf,
    validate,
    write_netcdf,
)
from stormlens.datasets._images import check_images, read_boxes, read_images
from stormlens.datasets._join import join
from stormlens.datasets._load import (
    Source,
    SourceInfo,
    fetch,
    info,
    list_sources,
    load,
    load_splits,
    simulated_families,
)

__all__ = [
    "BORDERS_CREDIT",
    "Source",
    "SourceInfo",
    "border_lines",
    "cache_folder",
    "check_images",
    "check_reflectivity",
    "class_names",
    "fetch",
    "fetch_borders",
    "info",
    "is_simulated",
    "join",
    "join_boxes",
    "list_sources",
    "load",
    "load_splits",
    "make_boxes",
    "make_dataset",
    "read_boxes",
    "read_images",
    "read_netcdf",
    "simulated_families",
    "svrimg",
    "validate",
    "write_netcdf",
]
