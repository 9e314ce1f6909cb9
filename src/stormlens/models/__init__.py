"""Networks by name, as plain Keras models, and the classifier a training leaves."""

from stormlens.models._card import read_provenance
from stormlens.models._classifier import Classifier
from stormlens.models._compiled import keep_compiled
from stormlens.models._confidence import Confidence, calibrate
from stormlens.models._fuse import Forward, fuse, scale
from stormlens.models._keras import import_keras
from stormlens.models._modes import CLEAR, MISSING, NO_STORM_BOX, UNSURE, heed_context, name_modes
from stormlens.models._registry import Architecture, build, list_models, model_info
from stormlens.models._saved import load_keras_file
from stormlens.models._shipped import shipped_folder
from stormlens.models._sliding import slide

__all__ = [
    "CLEAR",
    "MISSING",
    "NO_STORM_BOX",
    "UNSURE",
    "Architecture",
    "Classifier",
    "Confidence",
    "Forward",
    "build",
    "calibrate",
    "fuse",
    "heed_context",
    "import_keras",
    "keep_compiled",
    "list_models",
    "load_keras_file",
    "model_info",
    "name_modes",
    "read_provenance",
    "scale",
    "shipped_folder",
    "slide",
]
