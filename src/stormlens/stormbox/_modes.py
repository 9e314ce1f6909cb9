"""The six storm modes, their codes, and the archive's splits by year."""

from stormlens.errors import InputError, unknown

MODES: tuple[str, ...] = ("Cellular", "QLCS", "Tropical", "Other", "Noise", "Missing")
"""Mode names in the order of their codes, 0 to 5."""

CODES: dict[str, int] = {name: code for code, name in enumerate(MODES)}
"""Code of each mode name."""

SPLITS: tuple[str, ...] = ("train", "validation", "test")

SPLIT_YEARS: dict[str, range] = {
    "train": range(1996, 2012),
    "validation": range(2012, 2014),
    "test": range(2014, 2018),
}
"""Years of each split; splitting at random would leak, as one storm recurs in many boxes."""

SPLIT_COUNTS: dict[str, tuple[int, ...]] = {
    "train": (541, 456, 214, 35, 15, 70),
    "validation": (45, 43, 16, 3, 2, 1),
    "test": (78, 152, 33, 11, 2, 24),
}
"""Boxes of each mode (codes 0 to 5) in SVRIMG's labelled splits."""


def mode_code(name: str) -> int:
    """
    Code of a mode by its name, case ignored.

    Parameters
    ----------
    name : str
        Such as ``"QLCS"``.

    Returns
    -------
    code : int
        0 to 5.

    Raises
    ------
    InputError
        If no mode has that name.

    Examples
    --------
    >>> mode_code("qlcs")
    1
    """
    by_folded_name = {mode.casefold(): code for mode, code in CODES.items()}
    try:
        return by_folded_name[name.casefold()]
    except KeyError:
        raise unknown("storm mode", name, MODES) from None


def split_of_year(year: int) -> str:
    """
    The split that a year belongs to.

    Parameters
    ----------
    year : int
        1996 to 2017.

    Returns
    -------
    split : str
        ``"train"``, ``"validation"`` or ``"test"``.

    Raises
    ------
    InputError
        If the year lies outside the archive.

    Examples
    --------
    >>> split_of_year(2011), split_of_year(2012)
    ('train', 'validation')
    """
    for split, years in SPLIT_YEARS.items():
        if year in years:
            return split
    raise InputError(f"Year {year} is in no split: the archive covers 1996 to 2017.")
