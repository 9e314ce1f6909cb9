"""A small network that does not know where in the box a storm lies."""

from stormlens.models import network
from stormlens.models.blocks import Block, Conv, Dense, MaxPool, MeanAndMax, SpatialDropout


@network("small-mean", "Two convolutions (8-16), then mean and maximum of each feature map")
def small_mean(n_classes: int) -> list[Block]:
    """Layers from the first convolution to the softmax."""
    return [
        *(Conv(8, 5, "relu"), SpatialDropout(0.2), MaxPool(4)),
        *(Conv(16, 3, "relu"), MaxPool(3)),
        MeanAndMax(),
        Dense(n_classes, "softmax"),
    ]
