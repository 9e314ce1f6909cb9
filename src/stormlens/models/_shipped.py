"""Where the classifier lies that comes with stormlens."""

from pathlib import Path


def shipped_folder() -> Path:
    """
    The folder of the classifier that comes with stormlens, a run folder in all but its training.

    Returns
    -------
    folder : Path
        With `classifier.json`, `weights.safetensors` and `confidence.safetensors`, and the facts
        of its card: `appraisal.json` and `failures.npz`.
    """
    return Path(__file__).with_name("shipped")
