"""
An ensemble: networks of one architecture, trained alike from different first weights.

Its answer is the mean of theirs. How far they differ shows how little the training determined
the answer (Lakshminarayanan, Pritzel and Blundell 2017, Simple and scalable predictive
uncertainty estimation using deep ensembles, NeurIPS 30).
"""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from stormlens.engine import Step
from stormlens.errors import InputError
from stormlens.models._network import Bounds, Floats, Layer, Network

MOST_MEMBERS = 64
"""Networks of the largest ensemble that is trained or read."""


class Ensemble:
    """
    Networks whose answers are averaged; a `Classifier` has it in place of one `Network`.

    Parameters
    ----------
    members : sequence of Network
        From 2 to `MOST_MEMBERS`, of one shape of images and one number of classes.

    Attributes
    ----------
    members : tuple of Network
    input_shape : tuple of int
        (rows, columns, channels) of an image.
    outputs : int
        Classes.

    Raises
    ------
    InputError
        If they are too few or too many, or do not fit each other.
    """

    def __init__(self, members: Sequence[Network]) -> None:
        self.members = tuple(members)
        if not 2 <= len(self.members) <= MOST_MEMBERS:
            raise InputError(
                f"An ensemble has 2 to {MOST_MEMBERS} networks; {len(self.members)} are given."
            )
        shapes = {(member.input_shape, member.outputs) for member in self.members}
        if len(shapes) > 1:
            raise InputError(
                "The networks of an ensemble take images of other sizes, or give other numbers of "
                "classes; give networks of one architecture."
            )
        ((self.input_shape, self.outputs),) = shapes

    @property
    def model(self) -> NoReturn:
        """There is none: a sentence says what to do."""
        raise self._refusal("no one Keras model, and nothing in it that one layer shows")

    @property
    def steps(self) -> list[Step] | None:
        """None, for the reason `why_none`; each of its members has its own."""
        return None

    @property
    def why_none(self) -> str:
        """Why it has no steps."""
        return f"an ensemble of {len(self.members)} networks answers"

    @property
    def is_loaded(self) -> bool:
        """Whether the Keras model of a member has been made."""
        return any(member.is_loaded for member in self.members)

    @property
    def is_engines(self) -> bool:
        """Whether the engine answers; else Keras does, on JAX."""
        return all(member.is_engines for member in self.members)

    @property
    def parameters(self) -> int:
        """How many numbers the weights of all members are."""
        return sum(member.parameters for member in self.members)

    @property
    def computed_by(self) -> str:
        """What answers, in words; known once something was asked."""
        return f"{len(self.members)} networks on {self.members[0].computed_by}"

    def layers(self) -> list[Layer]:
        """
        The layers of one member, which those of the others are like.

        Returns
        -------
        layers : list of Layer
        """
        return self.members[0].layers()

    def steps_by_layer(self) -> NoReturn:
        """
        Nothing: see `model`.

        Raises
        ------
        InputError
            Always.
        """
        raise self._refusal("no one chain of layers")

    def tensors(self) -> dict[str, NDArray[Any]]:
        """
        The current weights, by member, position and name.

        Returns
        -------
        tensors : dict of str to ndarray
            Such as ``03/000.kernel``.
        """
        return {
            f"{member_prefix(number)}{key}": values
            for number, member in enumerate(self.members)
            for key, values in member.tensors().items()
        }

    def probabilities(self, images: NDArray[np.uint8], bounds: Bounds) -> Floats:
        """
        Mean of the members' class probabilities of raw images.

        Parameters
        ----------
        images : ndarray of uint8, shape (N, rows, columns)
            Whole dBZ.
        bounds : tuple of float
            Values that become 0 and 1.

        Returns
        -------
        probabilities : ndarray of float32, shape (N, classes)

        Raises
        ------
        InputError
            If a weight is not finite.
        """
        total = np.zeros((len(images), self.outputs), np.float32)
        for member in self.members:
            total += member.probabilities(images, bounds)
        return total / np.float32(len(self.members))

    def scores(self, _images: Floats, _bounds: Bounds) -> None:
        """None: a mean of probabilities has no one score before a softmax."""

    def copy(self) -> "Ensemble":
        """
        An ensemble of its own with equal weights.

        Returns
        -------
        ensemble : Ensemble
        """
        return Ensemble([member.copy() for member in self.members])

    def __deepcopy__(self, memo: Any) -> "Ensemble":
        return self.copy()

    def _refusal(self, what: str) -> InputError:
        return InputError(
            f"The classifier is an ensemble of {len(self.members)} networks, with {what}. Look "
            "at one of classifier.network.members, or distil the ensemble into one network: "
            "stormlens train RECIPE --teacher RUN."
        )


def member_prefix(number: int) -> str:
    """
    What the names of a member's tensors begin with.

    Parameters
    ----------
    number : int
        From 0.

    Returns
    -------
    prefix : str
    """
    return f"{number:02d}/"


def disagreement(probability: Floats) -> Floats:
    """
    How far networks disagree about images: the mutual information of answer and network.

    The entropy of the mean of their answers less the mean of their entropies [1]_ [2]_. It is 0
    where all say the same, sure of it or not: doubt that they share is in their probabilities.

    Parameters
    ----------
    probability : ndarray of float, shape (members, ..., classes)
        Each row sums to 1.

    Returns
    -------
    information : ndarray of float32, shape (...)
        Nats, from 0 to the logarithm of the smaller of members and classes, which it is where
        each member is sure of another class.

    References
    ----------
    .. [1] Houlsby, Huszar, Ghahramani and Lengyel (2011), Bayesian active learning for
       classification and preference learning, arXiv 1112.5745.
    .. [2] Smith and Gal (2018), Understanding measures of uncertainty for adversarial example
       detection, UAI.

    Examples
    --------
    >>> import numpy as np
    >>> print(disagreement(np.array([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]])))
    [0.6931472 0.       ]
    """
    exact = np.asarray(probability, np.float64)
    information = _entropy(exact.mean(0)) - _entropy(exact).mean(0)
    return np.maximum(information, 0).astype(np.float32)  # below 0 by what is rounded off


def _entropy(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithm = np.log(probability, out=np.zeros_like(probability), where=probability > 0)
    entropy: NDArray[np.float64] = -(probability * logarithm).sum(-1)
    return entropy
