"""
Networks by name, and the classifier that training makes.

A classifier whose layers the engine knows answers without Keras and JAX; modules that need them
are imported when they are first used.
"""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.models import blocks
    from stormlens.models._baseline import FeatureModel, prepared
    from stormlens.models._card import read_provenance
    from stormlens.models._classifier import Classifier
    from stormlens.models._compiled import keep_compiled
    from stormlens.models._confidence import Confidence, calibrate
    from stormlens.models._described import confidence_of, describe
    from stormlens.models._ensemble import MOST_MEMBERS, Ensemble, disagreement
    from stormlens.models._fuse import Forward, fuse, scale
    from stormlens.models._keras import import_keras
    from stormlens.models._modes import (
        CLEAR,
        MISSING,
        NO_STORM_BOX,
        UNSURE,
        apply_context,
        name_modes,
    )
    from stormlens.models._network import Network
    from stormlens.models._onnx import Exported, export_onnx
    from stormlens.models._onnx_graph import network_graph
    from stormlens.models._registry import (
        ADDED_NETWORKS,
        Architecture,
        build,
        list_models,
        model_info,
        network,
        network_from,
    )
    from stormlens.models._saved import load_keras_file
    from stormlens.models._shipped import shipped_folder
    from stormlens.models._sliding import slide

__all__ = [
    "ADDED_NETWORKS",
    "CLEAR",
    "MISSING",
    "MOST_MEMBERS",
    "NO_STORM_BOX",
    "UNSURE",
    "Architecture",
    "Classifier",
    "Confidence",
    "Ensemble",
    "Exported",
    "FeatureModel",
    "Forward",
    "Network",
    "apply_context",
    "blocks",
    "build",
    "calibrate",
    "confidence_of",
    "describe",
    "disagreement",
    "export_onnx",
    "fuse",
    "import_keras",
    "keep_compiled",
    "list_models",
    "load_keras_file",
    "model_info",
    "name_modes",
    "network",
    "network_from",
    "network_graph",
    "prepared",
    "read_provenance",
    "scale",
    "shipped_folder",
    "slide",
]

on_first_use(
    __name__,
    {
        "_baseline": "FeatureModel prepared",
        "_card": "read_provenance",
        "_classifier": "Classifier",
        "_compiled": "keep_compiled",
        "_confidence": "Confidence calibrate",
        "_described": "confidence_of describe",
        "_ensemble": "MOST_MEMBERS Ensemble disagreement",
        "_fuse": "Forward fuse scale",
        "_keras": "import_keras",
        "_modes": "CLEAR MISSING NO_STORM_BOX UNSURE apply_context name_modes",
        "_network": "Network",
        "_onnx": "Exported export_onnx",
        "_onnx_graph": "network_graph",
        "_registry": "ADDED_NETWORKS Architecture build list_models model_info network "
        "network_from",
        "_saved": "load_keras_file",
        "_shipped": "shipped_folder",
        "_sliding": "slide",
        "blocks": "blocks",
    },
)
