"""
Interactive components: a neuron, pooled patches, a convolution, augmentation, a network.

Each is shown where a notebook's cell ends with it (JupyterLab, VS Code, Colab),
and `serve`, or ``stormlens learn``, gives each a page of its own. Needs the
extra ``app``.
"""

from stormlens.learn._augmentation_studio import AugmentationStudio
from stormlens.learn._base import Component
from stormlens.learn._convolution_walker import ConvolutionWalker
from stormlens.learn._network_microscope import NetworkMicroscope
from stormlens.learn._neuron import Neuron
from stormlens.learn._pool_and_fire import PoolAndFire
from stormlens.learn._serve import COMPONENTS, serve

__all__ = [
    "COMPONENTS",
    "AugmentationStudio",
    "Component",
    "ConvolutionWalker",
    "NetworkMicroscope",
    "Neuron",
    "PoolAndFire",
    "serve",
]
