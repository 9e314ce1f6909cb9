"""Where the classifier lies that comes with stormlens."""

from pathlib import Path


def shipped_folder() -> Path:
    """
    The folder of the classifier that comes with stormlens, a run folder in all but its training.

    Returns
    -------
    folder : Path
        Holds `classifier.json`, `weights.safetensors`, `confidence.safetensors`, and what its
        card tells: `appraisal.json` and `failures.npz`.
    """
    return Path(__file__).with_name("shipped")
