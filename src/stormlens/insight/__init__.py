"""
A look inside a network: its layers, its kernels, what it sees in a storm, and why it answers so.

Every function takes a `Classifier`, built by name or a user's own, sequential
or functional; those that need no image take a bare Keras model too. Boxes come
in the container, and plain data go out with the storm's coordinates, for
`stormlens.plots` to draw.
"""

from stormlens.insight._layers import LayerInfo, cut_off, list_layers

__all__ = ["LayerInfo", "cut_off", "list_layers"]
