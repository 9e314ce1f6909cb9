"""
Interactive pages and components: neurons, pooling, convolution, augmentation, networks.

One set of web components, in `web/`, for every place: `serve`, or ``stormlens learn``, shows them
as pages from this machine, `export` writes them as a folder for any web host, and in a notebook a
component is shown where a cell ends with it.
"""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.learn._augmentation_studio import AugmentationStudio
    from stormlens.learn._base import Component
    from stormlens.learn._convolution_walker import ConvolutionWalker
    from stormlens.learn._network_microscope import NetworkMicroscope
    from stormlens.learn._neuron import Neuron
    from stormlens.learn._pool_and_fire import PoolAndFire
    from stormlens.learn._server import serve
    from stormlens.learn._site import COMPONENTS, export

__all__ = [
    "COMPONENTS",
    "AugmentationStudio",
    "Component",
    "ConvolutionWalker",
    "NetworkMicroscope",
    "Neuron",
    "PoolAndFire",
    "export",
    "serve",
]

_HOMES = {
    "_augmentation_studio": "AugmentationStudio",
    "_base": "Component",
    "_convolution_walker": "ConvolutionWalker",
    "_network_microscope": "NetworkMicroscope",
    "_neuron": "Neuron",
    "_pool_and_fire": "PoolAndFire",
    "_server": "serve",
    "_site": "COMPONENTS export",
}

__getattr__, __dir__ = on_first_use(__name__, _HOMES)
