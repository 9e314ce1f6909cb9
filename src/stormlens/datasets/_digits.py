"""
scikit-learn's bundled handwritten digits, as LeNet-5 reads them.

1,797 real images of 43 writers (UCI Optical Recognition of Handwritten Digits),
8 x 8 counts of 0 to 16, enlarged to LeNet-5's 32 x 32 by linear interpolation.
Row 0 of the container is the bottom, as in a storm box, so a digit stands
upright when it is drawn as a box is: with its first row at the bottom.
"""

from typing import TYPE_CHECKING

import numpy as np

from stormlens.datasets._container import make_dataset
from stormlens.datasets._join import with_split
from stormlens.datasets._splitting import stratify

if TYPE_CHECKING:
    import xarray as xr

SIZE = 32
"""Pixels along each side: LeNet-5's input."""

CITATION = (
    "Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine "
    "Learning Repository, doi:10.24432/C50P49; copy of its test set bundled with scikit-learn."
)


def load_digits(seed: int = 0) -> "xr.Dataset":
    """
    All digits, with stratified splits of 70, 15 and 15 percent.

    Parameters
    ----------
    seed : int, optional
        Decides which digit lies in which split.

    Returns
    -------
    dataset : xarray.Dataset
        The container: `reflectivity` holds ink from 0 to 255 (units ``"1"``), `mode` the
        classes ``"0"`` to ``"9"``, `split` the splits.

    Raises
    ------
    InputError
        If the seed is negative.
    """
    from sklearn import datasets

    bundled = datasets.load_digits()
    n = len(bundled.target)
    dataset = make_dataset(
        _enlarged(bundled.images)[:, ::-1],
        bundled.target,
        classes=[str(name) for name in bundled.target_names],
        unid=[f"digit-{i:04d}" for i in range(n)],
        source="handwritten digits bundled with scikit-learn",
        units="1",
        where="digits",
    )
    dataset["reflectivity"].attrs["long_name"] = "ink"
    split = stratify(bundled.target, np.arange(n), seed, where="digits")
    rule = f"stratified 70/15/15 by class from seed {seed}"
    return with_split(dataset, split).assign_attrs(split_rule=rule, references=CITATION)


def _enlarged(images: np.ndarray) -> np.ndarray:
    """Linear interpolation between pixel centres, as uint8 with 16 counts at 255."""
    small = images.shape[-1]
    centres = (np.arange(SIZE) + 0.5) * small / SIZE - 0.5
    weights = np.maximum(0, 1 - np.abs(np.clip(centres, 0, small - 1)[:, None] - np.arange(small)))
    return np.rint(weights @ images @ weights.T * (255 / 16)).astype(np.uint8)
