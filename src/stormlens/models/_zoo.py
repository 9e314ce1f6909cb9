"""What has a name: networks, layer by layer as their sources give them, and baselines."""

from stormlens.models._registry import BOOSTED, LOGISTIC, Architecture, network
from stormlens.models.blocks import (
    Block,
    Conv,
    Dense,
    Dropout,
    Flatten,
    LocalResponse,
    MaxPool,
    MeanAndMax,
    MeanPool,
    ResidualBlock,
    SpatialDropout,
)


@network("chapter-linear", "The chapter's first CNN: one linear 3x3 convolution, pool 3, dense 128")
def _chapter_linear(n_classes: int) -> list[Block]:
    return [
        Conv(32, 3),
        MaxPool(3),
        Flatten(),
        Dense(128, "relu"),
        Dense(n_classes, "softmax"),
    ]


@network("chapter-relu", "The chapter's second CNN: the same with ReLU and spatial dropout 0.3")
def _chapter_relu(n_classes: int) -> list[Block]:
    return [
        Conv(32, 3, "relu"),
        SpatialDropout(0.3),
        MaxPool(3),
        Flatten(),
        Dense(128, "relu"),
        Dense(n_classes, "softmax"),
    ]


@network("svrimg-3conv", "SVRIMG's notebook: three convolutions (32-64-128), pool 3 each, dropout")
def _svrimg_3conv(n_classes: int) -> list[Block]:
    blocks: list[Block] = []
    for filters in (32, 64, 128):
        blocks += [Conv(filters, 3, "relu"), SpatialDropout(0.3), MaxPool(3)]
    return [
        *blocks,
        Flatten(),
        Dense(128, "relu"),
        Dropout(0.6),
        Dense(n_classes, "softmax"),
    ]


@network(
    "storm-residual",
    "Convolutions with pool 2 (16-32-64-128), two residual blocks, global mean and maximum",
)
def _storm_residual(n_classes: int) -> list[Block]:
    # Residual blocks as of He, Zhang, Ren and Sun (2016), CVPR, behind a stem of pooled
    # convolutions, which `fuse` computes natively. No dense layer knows where in the box
    # something lies; the maximum keeps what is small and decides, as an eye or a hook.
    return [
        *(Conv(16, 3, "relu"), MaxPool(2)),
        *(Conv(32, 3, "relu"), MaxPool(2)),
        *(Conv(64, 3, "relu"), MaxPool(2)),
        ResidualBlock(),
        *(Conv(128, 3, "relu"), MaxPool(2)),
        ResidualBlock(),
        MeanAndMax(),
        Dropout(0.3),
        Dense(n_classes, "softmax"),
    ]


@network("lenet5", "LeNet-5 (LeCun et al. 1998): tanh, average pooling, 6-16-120-84")
def _lenet5(n_classes: int) -> list[Block]:
    # LeCun, Bottou, Bengio and Haffner (1998), Proc. IEEE 86, fig. 2. Its partial connections
    # (S2 to C3) are full here and its radial-basis output is a softmax, as is usual since.
    return [
        Conv(6, 5, "tanh"),
        MeanPool(2),
        Conv(16, 5, "tanh"),
        MeanPool(2),
        Conv(120, 5, "tanh"),
        Flatten(),
        Dense(84, "tanh"),
        Dense(n_classes, "softmax"),
    ]


@network("alexnet", "AlexNet (Krizhevsky et al. 2012) for one channel: five convolutions")
def _alexnet(n_classes: int) -> list[Block]:
    # Krizhevsky, Sutskever and Hinton (2012), NeurIPS 25, section 3.5, on one processor (no
    # halves) and one channel.
    return [
        Conv(96, 11, "relu", strides=4, padding="same"),
        LocalResponse(),
        MaxPool(3, strides=2),
        Conv(256, 5, "relu", padding="same"),
        LocalResponse(),
        MaxPool(3, strides=2),
        Conv(384, 3, "relu", padding="same"),
        Conv(384, 3, "relu", padding="same"),
        Conv(256, 3, "relu", padding="same"),
        MaxPool(3, strides=2),
        Flatten(),
        *(Dense(4096, "relu"), Dropout(0.5)),
        *(Dense(4096, "relu"), Dropout(0.5)),
        Dense(n_classes, "softmax"),
    ]


NETWORKS = (
    _chapter_linear,
    _chapter_relu,
    _svrimg_3conv,
    _storm_residual,
    _lenet5,
    _alexnet,
)
"""In the order of the chapter and of what came after it."""

BASELINES = (
    Architecture(
        LOGISTIC, "Logistic regression on features of the box: areas, shapes, texture", None
    ),
    Architecture(BOOSTED, "Gradient-boosted trees on the same features", None),
)
