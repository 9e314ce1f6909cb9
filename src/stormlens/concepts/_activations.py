"""
Activations: what a neuron makes of its sum z, and how steep each is.

The slope decides how fast a neuron learns: training multiplies each hint for a
weight by it, so where an activation is flat its neuron learns nothing. Without
an activation (linear), any number of layers is worth no more than one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr

from stormlens.errors import unknown

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Activation:
    """
    An activation with its slope and formula.

    Attributes
    ----------
    name : str
        As in `ACTIVATIONS`.
    function : callable
        From z, of any shape, to a of the same shape.
    derivative : callable
        From z to da/dz of the same shape; to the Jacobian, shape (..., k, k), for softmax.
    formula : str
        f(z) in LaTeX.
    """

    name: str
    function: Callable[[ArrayLike], Values]
    derivative: Callable[[ArrayLike], Values]
    formula: str


def linear(z: ArrayLike) -> Values:
    """
    Pass the sum on: a = z.

    Parameters
    ----------
    z : array_like of float
        Sums, any shape.

    Returns
    -------
    a : ndarray of float64
    """
    return np.asarray(z, float)


def relu(z: ArrayLike) -> Values:
    """
    Rectified linear unit: a = max(0, z).

    Parameters
    ----------
    z : array_like of float
        Sums, any shape.

    Returns
    -------
    a : ndarray of float64
        0 or more.

    References
    ----------
    .. [1] Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines,
       ICML 27.

    Examples
    --------
    >>> print(relu([-2, 0, 3]))
    [0. 0. 3.]
    """
    return np.maximum(0.0, np.asarray(z, float))


def leaky_relu(z: ArrayLike, slope: float = 0.01) -> Values:
    """
    ReLU that leaks: a = z where z > 0, else slope z.

    Parameters
    ----------
    z : array_like of float
        Sums, any shape.
    slope : float, optional
        Of the left side, 0 to 1; 0.01 as in [1]_ (Keras takes 0.2).

    Returns
    -------
    a : ndarray of float64

    References
    ----------
    .. [1] Maas, Hannun and Ng (2013), Rectifier nonlinearities improve neural network acoustic
       models, ICML 30.

    Examples
    --------
    >>> print(leaky_relu([-2, 3]))
    [-0.02  3.  ]
    """
    z = np.asarray(z, float)
    return np.where(z > 0, z, slope * z)


def sigmoid(z: ArrayLike) -> Values:
    """
    Squeeze the sum into a probability: a = 1 / (1 + exp(-z)).

    Parameters
    ----------
    z : array_like of float
        Sums, any shape.

    Returns
    -------
    a : ndarray of float64
        0 to 1.

    Examples
    --------
    >>> print(sigmoid([-1000, 0, 1000]))
    [0.  0.5 1. ]
    """
    return expit(np.asarray(z, float))


def tanh(z: ArrayLike) -> Values:
    """
    Squeeze the sum between -1 and 1: a = tanh z = 2 sigmoid(2 z) - 1.

    Parameters
    ----------
    z : array_like of float
        Sums, any shape.

    Returns
    -------
    a : ndarray of float64
        -1 to 1.
    """
    return np.tanh(np.asarray(z, float))


def gelu(z: ArrayLike) -> Values:
    """
    Gaussian error linear unit: a = z P(X <= z), X standard normal.

    Parameters
    ----------
    z : array_like of float
        Sums, any shape.

    Returns
    -------
    a : ndarray of float64
        -0.17 or more.

    References
    ----------
    .. [1] Hendrycks and Gimpel (2016), Gaussian error linear units, arXiv:1606.08415.

    Examples
    --------
    >>> print(gelu([-1, 0, 1]).round(4))
    [-0.1587  0.      0.8413]
    """
    z = np.asarray(z, float)
    return z * ndtr(z)


def softmax(z: ArrayLike) -> Values:
    """
    Make the sums of several neurons into probabilities: a_i = exp(z_i) / sum_j exp(z_j).

    Parameters
    ----------
    z : array_like of float, shape (..., k)
        Sums of k neurons.

    Returns
    -------
    a : ndarray of float64, shape (..., k)
        0 to 1; each row adds up to 1.

    Examples
    --------
    >>> print(softmax(np.log([1, 2, 5])))
    [0.125 0.25  0.625]
    """
    z = np.asarray(z, float)
    # The largest sum cancels, and without it no exponential can overflow.
    powers = np.exp(z - z.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _linear_slope(z: ArrayLike) -> Values:
    return np.ones_like(np.asarray(z, float))


def _relu_slope(z: ArrayLike) -> Values:
    return np.heaviside(np.asarray(z, float), 0.0)


def _leaky_relu_slope(z: ArrayLike) -> Values:
    return np.where(np.asarray(z, float) > 0, 1.0, 0.01)


def _sigmoid_slope(z: ArrayLike) -> Values:
    a = sigmoid(z)
    return a * (1 - a)


def _tanh_slope(z: ArrayLike) -> Values:
    return 1 - tanh(z) ** 2


def _gelu_slope(z: ArrayLike) -> Values:
    z = np.asarray(z, float)
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return ndtr(z) + z * density


def _softmax_jacobian(z: ArrayLike) -> Values:
    a = softmax(z)
    return a[..., :, None] * (np.eye(a.shape[-1]) - a[..., None, :])


ACTIVATIONS: dict[str, Activation] = {
    entry.name: entry
    for entry in (
        Activation("linear", linear, _linear_slope, r"z"),
        Activation("relu", relu, _relu_slope, r"\max(0, z)"),
        Activation("leaky_relu", leaky_relu, _leaky_relu_slope, r"\max(0.01\,z, z)"),
        Activation("sigmoid", sigmoid, _sigmoid_slope, r"1 / (1 + e^{-z})"),
        Activation("tanh", tanh, _tanh_slope, r"\tanh z"),
        Activation("gelu", gelu, _gelu_slope, r"z\,\Phi(z)"),
        Activation("softmax", softmax, _softmax_jacobian, r"e^{z_i} / \sum_j e^{z_j}"),
    )
}
"""Activations by name, each with its slope and formula."""


def find_activation(name: str) -> Activation:
    """The activation of a name, or a sentence with the nearest one."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]


def derivative(name: str, z: ArrayLike) -> Values:
    """
    How steep an activation is: da/dz.

    ReLU and leaky ReLU have a corner at 0; the slope to its left stands for it. Keras on JAX takes
    the same for ReLU, and the slope to the right for leaky ReLU.

    Parameters
    ----------
    name : str
        As in `ACTIVATIONS`.
    z : array_like of float
        Sums, any shape; (..., k) for softmax.

    Returns
    -------
    slope : ndarray of float64
        Of the shape of `z`; for softmax the Jacobian da_i/dz_j, shape (..., k, k).

    Raises
    ------
    InputError
        If there is no such activation.

    Examples
    --------
    >>> print(derivative("sigmoid", [0, 10]).round(4), derivative("relu", [-1, 0, 1]))
    [0.25 0.  ] [0. 0. 1.]
    """
    return find_activation(name).derivative(z)
