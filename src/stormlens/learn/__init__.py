"""Interactive components."""

from stormlens.learn._base import Component
from stormlens.learn._convolution_walker import ConvolutionWalker
from stormlens.learn._neuron import Neuron
from stormlens.learn._pool_and_fire import PoolAndFire

__all__ = ["Component", "ConvolutionWalker", "Neuron", "PoolAndFire"]
