"""
A look inside a network: its layers, its kernels, what it sees in a storm, and why it answers so.

Every function takes a `Classifier`, built by name or a user's own, sequential
or functional; those that need no image also take a bare Keras model. They take
boxes in a container and return plain data with the storms' coordinates, for
`stormlens.plots` to draw.
"""

from stormlens.insight._explain import METHODS, explain
from stormlens.insight._faithfulness import faithfulness, random_attribution
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
from stormlens.insight._kernels import WeightInfo, apply_kernels, kernel, kernels, weights
from stormlens.insight._layers import LayerInfo, cut_off, list_layers
from stormlens.insight._maximise import maximise
from stormlens.insight._mean import mean_box, mean_boxes, probability_matched_mean
from stormlens.insight._occlusion import occlusion
from stormlens.insight._resemblance import Match, by_chance, layer_resemblance, resemblance
from stormlens.insight._sanity import randomised, rank_correlation, sanity_check
from stormlens.insight._similar import embedding, neighbours

__all__ = [
    "METHODS",
    "LayerInfo",
    "Match",
    "WeightInfo",
    "activations",
    "apply_kernels",
    "by_chance",
    "cut_off",
    "embedding",
    "explain",
    "faithfulness",
    "feature_maps",
    "features",
    "grad_cam",
    "gradient",
    "inside",
    "integrated_gradients",
    "kernel",
    "kernels",
    "layer_resemblance",
    "list_layers",
    "maximise",
    "mean_box",
    "mean_boxes",
    "mean_by_mode",
    "mean_feature_maps",
    "neighbours",
    "occlusion",
    "probability_matched_mean",
    "random_attribution",
    "randomised",
    "rank_correlation",
    "resemblance",
    "sanity_check",
    "smoothgrad",
    "weights",
]
