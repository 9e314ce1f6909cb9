"""Networks by name, as plain Keras models, and the classifier a training leaves."""

from stormlens.models._classifier import Classifier
from stormlens.models._forward import Forward, forward_pass
from stormlens.models._registry import Architecture, build, list_models, model_info

__all__ = [
    "Architecture",
    "Classifier",
    "Forward",
    "build",
    "forward_pass",
    "list_models",
    "model_info",
]
