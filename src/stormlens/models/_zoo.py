"""The networks that can be built by name, layer by layer as their sources give them."""

from collections.abc import Callable
from typing import Any

from stormlens.models._registry import LayerList, register

Initialiser = Callable[[], Any]


@register(
    "chapter-linear", "The chapter's first CNN: one linear 3x3 convolution, pool 3, dense 128"
)
def _chapter_linear(keras: Any, n_classes: int, kernel: Initialiser) -> LayerList:
    layers = keras.layers
    return [
        layers.Conv2D(32, 3, kernel_initializer=kernel()),
        layers.MaxPooling2D(3),
        layers.Flatten(),
        layers.Dense(128, activation="relu", kernel_initializer=kernel()),
        layers.Dense(n_classes, activation="softmax", kernel_initializer=kernel()),
    ]


@register("chapter-relu", "The chapter's second CNN: the same with ReLU and spatial dropout 0.3")
def _chapter_relu(keras: Any, n_classes: int, kernel: Initialiser) -> LayerList:
    layers = keras.layers
    return [
        layers.Conv2D(32, 3, activation="relu", kernel_initializer=kernel()),
        layers.SpatialDropout2D(0.3),
        layers.MaxPooling2D(3),
        layers.Flatten(),
        layers.Dense(128, activation="relu", kernel_initializer=kernel()),
        layers.Dense(n_classes, activation="softmax", kernel_initializer=kernel()),
    ]


@register("svrimg-3conv", "SVRIMG's notebook: three convolutions (32-64-128), pool 3 each, dropout")
def _svrimg_3conv(keras: Any, n_classes: int, kernel: Initialiser) -> LayerList:
    layers = keras.layers
    blocks: LayerList = []
    for filters in (32, 64, 128):
        blocks += [
            layers.Conv2D(filters, 3, activation="relu", kernel_initializer=kernel()),
            layers.SpatialDropout2D(0.3),
            layers.MaxPooling2D(3),
        ]
    return [
        *blocks,
        layers.Flatten(),
        layers.Dense(128, activation="relu", kernel_initializer=kernel()),
        layers.Dropout(0.6),
        layers.Dense(n_classes, activation="softmax", kernel_initializer=kernel()),
    ]


@register(
    "storm-residual",
    "Convolutions with pool 2 (16-32-64-128), two residual blocks, global mean and maximum",
)
def _storm_residual(keras: Any, n_classes: int, kernel: Initialiser) -> LayerList:
    # Residual blocks as of He, Zhang, Ren and Sun (2016), CVPR, behind a stem of pooled
    # convolutions, which `fuse` computes natively. No dense layer knows where in the box
    # something lies; the maximum keeps what is small and decides, as an eye or a hook.
    from stormlens.models._layers import GlobalMeanMax, Residual

    layers = keras.layers

    def pooled(filters: int) -> LayerList:
        return [
            layers.Conv2D(filters, 3, activation="relu", kernel_initializer=kernel()),
            layers.MaxPooling2D(2),
        ]

    return [
        *pooled(16),
        *pooled(32),
        *pooled(64),
        Residual(kernel_initializer=kernel()),
        *pooled(128),
        Residual(kernel_initializer=kernel()),
        GlobalMeanMax(),
        layers.Dropout(0.3),
        layers.Dense(n_classes, activation="softmax", kernel_initializer=kernel()),
    ]


@register("lenet5", "LeNet-5 (LeCun et al. 1998): tanh, average pooling, 6-16-120-84")
def _lenet5(keras: Any, n_classes: int, kernel: Initialiser) -> LayerList:
    # LeCun, Bottou, Bengio and Haffner (1998), Proc. IEEE 86, fig. 2. Its partial connections
    # (S2 to C3) are full here and its radial-basis output is a softmax, as is usual since.
    layers = keras.layers
    return [
        layers.Conv2D(6, 5, activation="tanh", kernel_initializer=kernel()),
        layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="tanh", kernel_initializer=kernel()),
        layers.AveragePooling2D(2),
        layers.Conv2D(120, 5, activation="tanh", kernel_initializer=kernel()),
        layers.Flatten(),
        layers.Dense(84, activation="tanh", kernel_initializer=kernel()),
        layers.Dense(n_classes, activation="softmax", kernel_initializer=kernel()),
    ]


@register("alexnet", "AlexNet (Krizhevsky et al. 2012) for one channel: five convolutions")
def _alexnet(keras: Any, n_classes: int, kernel: Initialiser) -> LayerList:
    # Krizhevsky, Sutskever and Hinton (2012), NeurIPS 25, section 3.5, on one processor (no
    # halves) and one channel.
    from stormlens.models._layers import LocalResponseNormalization

    layers = keras.layers

    def conv(filters: int, size: int, strides: int = 1) -> Any:
        return layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding="same",
            activation="relu",
            kernel_initializer=kernel(),
        )

    def dense(units: int) -> LayerList:
        return [
            layers.Dense(units, activation="relu", kernel_initializer=kernel()),
            layers.Dropout(0.5),
        ]

    return [
        conv(96, 11, strides=4),
        LocalResponseNormalization(),
        layers.MaxPooling2D(3, strides=2),
        conv(256, 5),
        LocalResponseNormalization(),
        layers.MaxPooling2D(3, strides=2),
        conv(384, 3),
        conv(384, 3),
        conv(256, 3),
        layers.MaxPooling2D(3, strides=2),
        layers.Flatten(),
        *dense(4096),
        *dense(4096),
        layers.Dense(n_classes, activation="softmax", kernel_initializer=kernel()),
    ]
