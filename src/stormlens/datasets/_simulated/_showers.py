"""Scattered weak showers, which fill the gaps of every kind of storm."""

from stormlens.datasets._simulated._scene import Scene
from stormlens.datasets._simulated._texture import Field


def showers(scene: Scene, level: float, contrast: float = 1.0) -> Field:
    """
    Small cells with no order, thicker where the air is moist.

    Parameters
    ----------
    scene : Scene
        The box.
    level : float
        dBZ between the cells where the air is moist; the cells rise 10 to 30 above it.
    contrast : float, optional
        How far the cells stand out, 1 as a rule.

    Returns
    -------
    dbz : ndarray of float32, shape (136, 136)
    """
    rng = scene.rng
    moist = rng.uniform(7, 11) * scene.cut("broad") - 8
    rough = rng.uniform(6, 10) * scene.cut("fractal")
    return level + moist + rough + contrast * rng.uniform(4, 8) * scene.cut("cells")
