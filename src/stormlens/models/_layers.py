"""Keras layers that the zoo needs and Keras lacks; imported only where Keras already is."""

from typing import Any

from stormlens.models._keras import import_keras

keras = import_keras()


@keras.saving.register_keras_serializable(package="stormlens")
class LocalResponseNormalization(keras.layers.Layer):  # type: ignore[name-defined]
    """
    Divide each channel by a power of its neighbours' summed squares.

    b = a / (k + alpha * sum of a^2 over `size` adjacent channels) ** beta.

    Parameters
    ----------
    size : int, optional
        Adjacent channels in the sum, odd.
    k, alpha, beta : float, optional
        As in [1]_.
    **kwargs
        For `keras.layers.Layer`.

    References
    ----------
    .. [1] Krizhevsky, Sutskever and Hinton (2012), NeurIPS 25, section 3.3.
    """

    def __init__(
        self,
        size: int = 5,
        k: float = 2.0,
        alpha: float = 1e-4,
        beta: float = 0.75,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size, self.k, self.alpha, self.beta = size, k, alpha, beta

    def call(self, inputs: Any) -> Any:
        """Normalise (N, H, W, channels) values."""
        half = self.size // 2
        channels = inputs.shape[-1]
        squares = keras.ops.pad(keras.ops.square(inputs), [[0, 0]] * 3 + [[half, half]])
        total = sum(squares[..., i : i + channels] for i in range(self.size))
        return inputs / (self.k + self.alpha * total) ** self.beta

    def get_config(self) -> dict[str, Any]:
        """Arguments that make this layer again."""
        own = {"size": self.size, "k": self.k, "alpha": self.alpha, "beta": self.beta}
        return {**super().get_config(), **own}
