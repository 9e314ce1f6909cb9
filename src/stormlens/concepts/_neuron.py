"""
A neuron: weigh the inputs, add up, and answer.

z = sum_i w_i x_i + b, then a = f(z). A neuron with weights 1 and -2 and a bias
of 0.5 makes of the inputs 3 and 1 the sum 3 - 2 + 0.5 = 1.5; with ReLU it
answers 1.5, and to the inputs 0 and 1, whose sum is -1.5, it answers 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormlens.concepts._activations import find_activation, relu
from stormlens.errors import InputError


@dataclass(frozen=True)
class Neuron:
    """
    One artificial neuron.

    Attributes
    ----------
    weights : sequence of float, length n
        One for each input.
    bias : float
        Added to the weighted sum.
    activation : str
        As in `ACTIVATIONS`, but for softmax, which takes several neurons.

    Raises
    ------
    InputError
        If the weights are no row, or there is no such activation.

    Examples
    --------
    >>> neuron = Neuron(weights=(1, -2), bias=0.5)
    >>> print(neuron.aggregate([3, 1]), neuron.activate([3, 1]), neuron.activate([0, 1]))
    1.5 1.5 0.0
    """

    weights: Sequence[float]
    bias: float = 0.0
    activation: str = "relu"

    def __post_init__(self) -> None:
        if np.ndim(self.weights) != 1:
            shape = np.shape(self.weights)
            raise InputError(f"A neuron has a row of weights, one an input, not shape {shape}.")
        if find_activation(self.activation).name == "softmax":
            raise InputError(
                "A single neuron cannot have softmax, which compares several; take sigmoid, or "
                "concepts.softmax on the sums of all of them."
            )

    def aggregate(self, x: ArrayLike) -> NDArray[np.float64]:
        """
        Weigh the inputs and add up: z = sum_i w_i x_i + b.

        Parameters
        ----------
        x : array_like of float, shape (..., n)
            Inputs, as many as weights.

        Returns
        -------
        z : ndarray of float64, shape (...)

        Raises
        ------
        InputError
            If there are not as many inputs as weights.
        """
        inputs, weights = np.asarray(x, float), np.asarray(self.weights, float)
        if not inputs.ndim or inputs.shape[-1] != weights.size:
            given = inputs.shape[-1] if inputs.ndim else 1
            raise InputError(
                f"A neuron with {weights.size} weights takes {weights.size} inputs, not {given}."
            )
        return inputs @ weights + self.bias

    def activate(self, x: ArrayLike) -> NDArray[np.float64]:
        """
        The neuron's answer: a = f(z).

        Parameters
        ----------
        x : array_like of float, shape (..., n)
            Inputs, as many as weights.

        Returns
        -------
        a : ndarray of float64, shape (...)

        Raises
        ------
        InputError
            If there are not as many inputs as weights.
        """
        return find_activation(self.activation).function(self.aggregate(x))

    def explain(self, x: Sequence[float]) -> str:
        """
        Work the answer out on one line.

        Parameters
        ----------
        x : sequence of float, length n
            Inputs, as many as weights.

        Returns
        -------
        line : str
            Products, sum and answer, two decimals each.

        Raises
        ------
        InputError
            If there are not as many inputs as weights.

        Examples
        --------
        >>> print(Neuron((1, -2), 0.5).explain([3, 1]))
        z = (1.00)(3.00) + (-2.00)(1.00) + (0.50) = 1.50; a = relu(1.50) = 1.50
        """
        z, a = float(self.aggregate(x)), float(self.activate(x))
        terms = [f"({w:.2f})({v:.2f})" for w, v in zip(self.weights, x, strict=True)]
        total = " + ".join([*terms, f"({self.bias:.2f})"])
        return f"z = {total} = {z:.2f}; a = {self.activation}({z:.2f}) = {a:.2f}"


@dataclass(frozen=True)
class PatchResponse:
    """
    What a neuron behind a max pool makes of a patch.

    Attributes
    ----------
    pooled : float
        Highest value of the patch, dBZ.
    z : float
        weight pooled + bias - threshold.
    a : float
        max(0, z): above 0 where the neuron fires.
    """

    pooled: float
    z: float
    a: float


def fires(
    patch: ArrayLike, threshold: float = 40.0, weight: float = 1.0, bias: float = 0.0
) -> PatchResponse:
    """
    Pool a patch to its maximum and let one ReLU neuron answer to it.

    Parameters
    ----------
    patch : array_like, shape (rows, columns)
        Reflectivity in dBZ.
    threshold : float, optional
        dBZ that the weighted maximum has to pass.
    weight, bias : float, optional
        Of the neuron.

    Returns
    -------
    response : PatchResponse

    Raises
    ------
    InputError
        If the patch is empty.

    Examples
    --------
    >>> fires([[20, 49], [31, 40]])
    PatchResponse(pooled=49.0, z=9.0, a=9.0)
    """
    values = np.asarray(patch, float)
    if not values.size:
        raise InputError("An empty patch has no maximum; choose a place inside the box.")
    pooled = float(values.max())
    z = weight * pooled + bias - threshold
    return PatchResponse(pooled, z, float(relu(z)))
