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


@keras.saving.register_keras_serializable(package="stormlens")
class Residual(keras.layers.Layer):  # type: ignore[name-defined]
    """
    Add two 3x3 convolutions of the values to the values: relu(x + conv(relu(conv(x)))).

    Both keep the size of the map and its number of channels. The second kernel starts at
    zero, so that a new layer gives relu(x) and learns what to add [1]_.

    Parameters
    ----------
    kernel_initializer : str or keras.Initializer, optional
        Of the first kernel.
    **kwargs
        For `keras.layers.Layer`.

    References
    ----------
    .. [1] Goyal et al. (2017), Accurate, large minibatch SGD, section 5.1, of the blocks of
       He, Zhang, Ren and Sun (2016), CVPR.
    """

    def __init__(self, kernel_initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the two convolutions for (N, H, W, channels) values."""
        self.first = self._convolution(input_shape, "relu", self.kernel_initializer, "first")
        self.second = self._convolution(input_shape, None, "zeros", "second")

    def _convolution(
        self, input_shape: tuple[int | None, ...], activation: str | None, kernel: Any, name: str
    ) -> Any:
        convolution = keras.layers.Conv2D(
            input_shape[-1],
            3,
            padding="same",
            activation=activation,
            kernel_initializer=kernel,
            dtype=self.dtype_policy,
            name=name,
        )
        convolution.build(input_shape)
        return convolution

    def call(self, inputs: Any) -> Any:
        """Add to (N, H, W, channels) values."""
        return keras.ops.relu(inputs + self.second(self.first(inputs)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """As the input's."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Arguments that make this layer again."""
        kernel = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "kernel_initializer": kernel}


@keras.saving.register_keras_serializable(package="stormlens")
class GlobalMeanMax(keras.layers.Layer):  # type: ignore[name-defined]
    """Mean and maximum of each channel over the map, side by side: (N, 2 * channels) values."""

    def call(self, inputs: Any) -> Any:
        """Pool (N, H, W, channels) values, the means first."""
        mean, largest = keras.ops.mean(inputs, (1, 2)), keras.ops.max(inputs, (1, 2))
        return keras.ops.concatenate([mean, largest], -1)
