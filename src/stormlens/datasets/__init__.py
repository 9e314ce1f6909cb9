"""Labelled radar images from every source, in one container."""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
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
    from stormlens.datasets._content import (
        TooManyError,
        check_number,
        is_container,
        is_images,
        parse_container,
        parse_images,
    )
    from stormlens.datasets._images import (
        check_images,
        npy_array,
        read_boxes,
        read_images,
        time_of_name,
    )
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
    from stormlens.datasets._png import Pictures, palette_indices, says_simulated
    from stormlens.datasets._samples import write_samples
    from stormlens.datasets._simulated import simulate

__all__ = [
    "BORDERS_CREDIT",
    "Pictures",
    "Source",
    "SourceInfo",
    "TooManyError",
    "border_lines",
    "cache_folder",
    "check_images",
    "check_number",
    "check_reflectivity",
    "class_names",
    "fetch",
    "fetch_borders",
    "info",
    "is_container",
    "is_images",
    "is_simulated",
    "join",
    "join_boxes",
    "list_sources",
    "load",
    "load_splits",
    "make_boxes",
    "make_dataset",
    "npy_array",
    "palette_indices",
    "parse_container",
    "parse_images",
    "read_boxes",
    "read_images",
    "read_netcdf",
    "says_simulated",
    "simulate",
    "simulated_families",
    "svrimg",
    "time_of_name",
    "validate",
    "write_netcdf",
    "write_samples",
]

_HOMES = {
    "_borders": "BORDERS_CREDIT border_lines fetch_borders",
    "_boxes": "check_reflectivity join_boxes make_boxes",
    "_cache": "cache_folder",
    "_container": "class_names is_simulated make_dataset read_netcdf validate write_netcdf",
    "_content": "TooManyError check_number is_container is_images parse_container parse_images",
    "_images": "check_images npy_array read_boxes read_images time_of_name",
    "_join": "join",
    "_load": "Source SourceInfo fetch info list_sources load load_splits simulated_families",
    "_png": "Pictures palette_indices says_simulated",
    "_samples": "write_samples",
    "_simulated": "simulate",
    "svrimg": "svrimg",
}

on_first_use(__name__, _HOMES)
