"""
The chapter's ideas as small exact functions: neurons, pooling, convolution, kernels, a radar.

NumPy and SciPy alone, one idea a module, each worked through with numbers that
can be checked by hand. Images are arrays (y, x). Nothing here uses networks, files
or drawings.
"""

from stormlens.concepts._activations import (
    ACTIVATIONS,
    Activation,
    derivative,
    gelu,
    leaky_relu,
    linear,
    relu,
    sigmoid,
    softmax,
    tanh,
)
from stormlens.concepts._convolution import (
    METHODS,
    MODES,
    Step,
    convolution_step,
    convolve,
    correlate,
    im2col,
)
from stormlens.concepts._cost import Timing, multiplications, time_methods
from stormlens.concepts._kernels import (
    EDGE,
    blur,
    flip,
    gaussian,
    identity,
    kernels,
    laplacian,
    sharpen,
    sobel,
)
from stormlens.concepts._neuron import Neuron, PatchResponse, fires
from stormlens.concepts._pooling import (
    EXAMPLE_3X3,
    EXAMPLE_6X6,
    EXAMPLE_PATCHES,
    PATCH_PLACES,
    ShiftEffect,
    pool,
    pool_argmax,
    pool_windows,
    shift_effect,
)
from stormlens.concepts._radar_chain import Chain, Stage, radar_chain
from stormlens.concepts._winograd import WINOGRAD_A, WINOGRAD_B, WINOGRAD_G

__all__ = [
    "ACTIVATIONS",
    "EDGE",
    "EXAMPLE_3X3",
    "EXAMPLE_6X6",
    "EXAMPLE_PATCHES",
    "METHODS",
    "MODES",
    "PATCH_PLACES",
    "WINOGRAD_A",
    "WINOGRAD_B",
    "WINOGRAD_G",
    "Activation",
    "Chain",
    "Neuron",
    "PatchResponse",
    "ShiftEffect",
    "Stage",
    "Step",
    "Timing",
    "blur",
    "convolution_step",
    "convolve",
    "correlate",
    "derivative",
    "fires",
    "flip",
    "gaussian",
    "gelu",
    "identity",
    "im2col",
    "kernels",
    "laplacian",
    "leaky_relu",
    "linear",
    "multiplications",
    "pool",
    "pool_argmax",
    "pool_windows",
    "radar_chain",
    "relu",
    "sharpen",
    "shift_effect",
    "sigmoid",
    "sobel",
    "softmax",
    "tanh",
    "time_methods",
]
