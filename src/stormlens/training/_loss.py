"""The training loss: cross-entropy, with smoothed labels, mixed pairs and a teacher where asked."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

_LEAST = 1e-7  # as Keras clips in its categorical cross-entropy


class Mixture(NamedTuple):
    """
    Pairs of a batch's samples, each of which is replaced by its weighted mean [1]_.

    Attributes
    ----------
    partner : Array of int, shape (N,)
        Which sample each one is mixed with.
    share : Array of float, shape (N,)
        Of each sample in its own mixture, 0.5 to 1, so that its class stays the main one.

    References
    ----------
    .. [1] Zhang, Cisse, Dauphin and Lopez-Paz (2018), mixup: beyond empirical risk minimization,
       ICLR.
    """

    partner: Array
    share: Array

    @classmethod
    def draw(cls, key: Array, alpha: float, present: Array) -> "Mixture":
        """
        Draw a batch's mixture.

        Parameters
        ----------
        key : Array
            Random key.
        alpha : float
            Shares come from Beta(alpha, alpha); above 0.
        present : Array of bool, shape (N,)
            False for the padding at the end, which nothing is mixed with. As the batch is
            in random order, each sample's partner is the next one.

        Returns
        -------
        mixture : Mixture
        """
        following = jnp.arange(1, len(present) + 1)
        partner = jnp.where(following < present.sum(), following, 0)
        share = jax.random.beta(key, alpha, alpha, present.shape)
        return cls(partner, jnp.maximum(share, 1 - share))

    def blend(self, own: Array, other: Array) -> Array:
        """
        The mixtures of values.

        Parameters
        ----------
        own, other : Array of float, shape (N, ...)
            The samples' own values and their partners'.

        Returns
        -------
        mixed : Array of float, shape (N, ...)
        """
        share = self.share.reshape(-1, *[1] * (own.ndim - 1))
        return share * own + (1 - share) * other


def cross_entropy(log_p: Array, codes: Array, smoothing: float = 0.0) -> Array:
    """
    Cross-entropy of each sample.

    Parameters
    ----------
    log_p : Array of float, shape (N, classes)
        Logarithms of probabilities.
    codes : Array of int, shape (N,)
        True classes.
    smoothing : float, optional
        Share of the truth that is spread over all classes alike, 0 to below 1 [1]_.

    Returns
    -------
    losses : Array of float, shape (N,)

    References
    ----------
    .. [1] Szegedy et al. (2016), Rethinking the Inception architecture, CVPR, section 7.
    """
    of_class = -jnp.take_along_axis(log_p, codes[:, None], 1)[:, 0]
    if smoothing == 0:
        return of_class
    return (1 - smoothing) * of_class - smoothing * log_p.mean(1)


class Taught(NamedTuple):
    """
    A teacher's answers for a batch, and how much they count.

    Attributes
    ----------
    probabilities : Array of float, shape (N, classes)
    temperature : float
        1 or more.
    weight : float
        Its share in the loss, above 0, to 1.
    """

    probabilities: Array
    temperature: float
    weight: float


def divergence(log_p: Array, probabilities: Array, temperature: float) -> Array:
    """
    How far a network's answers are from its teacher's, softened [1]_.

    Parameters
    ----------
    log_p : Array of float, shape (N, classes)
        Logarithms of the network's probabilities.
    probabilities : Array of float, shape (N, classes)
        The teacher's; what is below 1e-7 counts as that.
    temperature : float
        By which the logarithms of both are divided.

    Returns
    -------
    losses : Array of float, shape (N,)
        temperature^2 times the Kullback-Leibler divergence, 0 where both say the same. With that
        factor gradients are about as large as those of labels at any temperature.

    References
    ----------
    .. [1] Hinton, Vinyals and Dean (2015), Distilling the knowledge in a neural network, arXiv
       1503.02531, section 2.
    """
    target = jax.nn.log_softmax(jnp.log(jnp.maximum(probabilities, _LEAST)) / temperature)
    own = jax.nn.log_softmax(log_p / temperature)
    return temperature**2 * (jnp.exp(target) * (target - own)).sum(1)


def losses(
    log_p: Array,
    codes: Array,
    class_weights: Array,
    smoothing: float,
    mixture: Mixture | None,
    taught: Taught | None = None,
) -> tuple[Array, Array]:
    """
    The loss of each sample of a batch, plain and by the weights of its classes.

    Parameters
    ----------
    log_p : Array of float, shape (N, classes)
    codes : Array of int, shape (N,)
    class_weights : Array of float, shape (classes,)
    smoothing : float
        As in `cross_entropy`.
    mixture : Mixture or None
        A mixture has the loss of both its classes, in its shares.
    taught : Taught or None
        The teacher's share takes the place of as much of the labels' loss.

    Returns
    -------
    plain, weighted : Array of float, shape (N,)
    """
    plain = cross_entropy(log_p, codes, smoothing)
    if taught is not None:
        distance = divergence(log_p, taught.probabilities, taught.temperature)
        plain = (1 - taught.weight) * plain + taught.weight * distance
    weighted = plain * class_weights[codes]
    if mixture is None:
        return plain, weighted
    others = codes[mixture.partner]
    if taught is not None:
        taught = taught._replace(probabilities=taught.probabilities[mixture.partner])
    other_plain, other_weighted = losses(log_p, others, class_weights, smoothing, None, taught)
    return mixture.blend(plain, other_plain), mixture.blend(weighted, other_weighted)
