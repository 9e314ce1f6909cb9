"""
Interactive pages and components: neurons, pooling, convolution, augmentation, networks.

One set of web components, in `web/`, for every place: `serve`, or ``stormlens learn``, shows them
as pages from this machine, `export` writes them as a folder for any web host, `bundle` makes one
module of them, for pages of MyST, and in a notebook a component is shown where a cell ends with
it; that alone needs the extra ``app``.
"""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.learn._bundle import bundle
    from stormlens.learn._ideas import AugmentationStudio, ConvolutionWalker, Neuron, PoolAndFire
    from stormlens.learn._learning import Inside, Train
    from stormlens.learn._server import serve
    from stormlens.learn._site import COMPONENTS, WEB, export
    from stormlens.learn._widget import Component

__all__ = [
    "COMPONENTS",
    "WEB",
    "AugmentationStudio",
    "Component",
    "ConvolutionWalker",
    "Inside",
    "Neuron",
    "PoolAndFire",
    "Train",
    "bundle",
    "export",
    "serve",
]

_HOMES = {
    "_bundle": "bundle",
    "_ideas": "AugmentationStudio ConvolutionWalker Neuron PoolAndFire",
    "_learning": "Inside Train",
    "_server": "serve",
    "_site": "COMPONENTS WEB export",
    "_widget": "Component",
}

on_first_use(__name__, _HOMES)
