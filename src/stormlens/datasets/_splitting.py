"""
Splits for images that come without any: by the archive's years, else by day from a seed.

One storm system recurs in many boxes of a day, so a random split would let a
classifier see its test storms in training. A UTC day is therefore never
divided; images of unknown day stand each for itself.
"""

from typing import TYPE_CHECKING

import numpy as np

from stormlens.datasets._join import with_split
from stormlens.errors import InputError
from stormlens.stormbox import SPLITS, split_of_year

if TYPE_CHECKING:
    import xarray as xr

SHARES = {"train": 0.70, "validation": 0.15, "test": 0.15}
"""Part of the images that each split aims at."""


def assign_splits(dataset: "xr.Dataset", seed: int, *, where: str) -> "xr.Dataset":
    """
    A labelled container with a coordinate `split` and, in `split_rule`, how it came about.

    Parameters
    ----------
    dataset : xarray.Dataset
        The container, labelled.
    seed : int
        Decides where the years do not.
    where : str
        What to call the images in an error.

    Returns
    -------
    dataset : xarray.Dataset

    Raises
    ------
    InputError
        If there are fewer than three days (or images of unknown day) to divide.
    """
    times = dataset["time"].values
    by_year = _by_archive_years(times)
    if by_year is not None:
        rule = "years of the archive: train 1996-2011, validation 2012-13, test 2014-17"
        return with_split(dataset, by_year).assign_attrs(split_rule=rule)
    split = stratify(dataset["mode"].values, days(times), seed, where=where)
    rule = f"stratified 70/15/15 by class from seed {seed}, no UTC day in two splits"
    return with_split(dataset, split).assign_attrs(split_rule=rule)


def _by_archive_years(times: np.ndarray) -> np.ndarray | None:
    """Split names by year, or None where a time is unknown or a split would stay empty."""
    if np.isnat(times).any():
        return None
    years = times.astype("datetime64[Y]").astype(int) + 1970
    try:
        by_year = {year: split_of_year(int(year)) for year in np.unique(years)}
    except InputError:
        return None
    if set(by_year.values()) != set(SPLITS):
        return None
    return np.array([by_year[year] for year in years])


def days(times: np.ndarray) -> np.ndarray:
    """
    Group numbers: one for each UTC day, and one for each image of unknown time.

    Parameters
    ----------
    times : ndarray of datetime64, shape (n,)
        UTC; NaT is unknown.

    Returns
    -------
    groups : ndarray of int, shape (n,)
    """
    day = times.astype("datetime64[D]").astype(np.int64)
    unknown = np.isnat(times)
    day[unknown] = np.iinfo(np.int64).max - np.arange(unknown.sum())
    return np.unique(day, return_inverse=True)[1]


def stratify(codes: np.ndarray, groups: np.ndarray, seed: int, *, where: str) -> np.ndarray:
    """
    Divide whole groups over the splits, each class about 70/15/15.

    The groups, largest first and equal ones in an order drawn from the seed, each go to the
    split that lacks most of their classes, as a share of what it should hold (after
    Sechidis, Tsoumakas and Vlahavas 2011, On the stratification of multi-label data).

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Class of each image.
    groups : ndarray of int, shape (n,)
        Group number of each image, 0 to the number of groups less 1.
    seed : int
        0 or more.
    where : str
        What to call the images in an error.

    Returns
    -------
    split : ndarray of str, shape (n,)

    Raises
    ------
    InputError
        If there are fewer than three groups, or the seed is negative.
    """
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed is {seed!r}, it must be a whole number of 0 or more.")
    n_groups = int(groups.max()) + 1
    if n_groups < len(SPLITS):
        msg = (
            f"{where}: {n_groups} day(s) or image(s) cannot be divided into train, validation "
            "and test; bring at least three, or make the three folders yourself."
        )
        raise InputError(msg)
    _, codes = np.unique(codes, return_inverse=True)
    counts = np.zeros((n_groups, codes.max() + 1))
    np.add.at(counts, (groups, codes), 1)
    chosen = _fill(counts, np.random.default_rng(seed))
    return np.array(SPLITS)[chosen][groups]


def _fill(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """
    Split number of each group, from its images by class, shape (group, class).

    No split stays empty. An empty one lacks all of what it should have, so the sum over a group's
    images has its largest value there; another split can equal it, but not in what it lacks of
    all classes. So the first three groups go to three splits.
    """
    shares = np.array([SHARES[split] for split in SPLITS])
    target = shares[:, np.newaxis] * counts.sum(axis=0)
    given = np.zeros_like(target)
    chosen = np.empty(len(counts), int)
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    for group in order:
        lacking = ((target - given) / target) @ counts[group]
        overall = 1 - given.sum(axis=1) / target.sum(axis=1)
        best = np.lexsort((-overall.round(9), -lacking.round(9)))[0]
        chosen[group] = best
        given[best] += counts[group]
    return chosen
