"""
A look inside a network: its layers, its kernels, what it sees in a storm, and why it answers so.

Every function takes a `Classifier`, built by name or a user's own, sequential
or functional; those that need no image take a bare Keras model too. Boxes come
in the container, and plain data go out with the storm's coordinates, for
`stormlens.plots` to draw.
"""

from stormlens.insight._explain import METHODS, explain
from stormlens.insight._features import (
    activations,
    feature_maps,
    features,
    inside,
    mean_by_mode,
    mean_feature_maps,
)
from stormlens.insight._grad_cam import grad_cam
from stormlens.insight._gradients import gradient, integrated_gradients, smoothgrad
from stormlens.insight._layers import LayerInfo, cut_off, list_layers
from stormlens.insight._mean import mean_box, mean_boxes, probability_matched_mean
from stormlens.insight._occlusion import occlusion
from stormlens.insight._similar import embedding, neighbours

__all__ = [
    "METHODS",
    "LayerInfo",
    "activations",
    "cut_off",
    "embedding",
    "explain",
    "feature_maps",
    "features",
    "grad_cam",
    "gradient",
    "inside",
    "integrated_gradients",
    "list_layers",
    "mean_box",
    "mean_boxes",
    "mean_by_mode",
    "mean_feature_maps",
    "neighbours",
    "occlusion",
    "probability_matched_mean",
    "smoothgrad",
]
