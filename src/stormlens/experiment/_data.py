"""Data by name, so that a run can record what it was trained on and load it again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from stormlens import datasets
from stormlens.errors import InputError
from stormlens.models import Classifier


@dataclass(frozen=True)
class Data:
    """
    Data by name, so that it can be loaded again.

    Attributes
    ----------
    name : str
        A source such as ``"svrimg"``, or the path of a folder or a file.
    options : dict
        Other arguments of `datasets.load`, such as the simulator's seed.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str | Path, options: Mapping[str, Any] | None = None) -> "Data":
        """
        Data by name or path; a path is made absolute, since a run may be read from elsewhere.

        Parameters
        ----------
        name : str or Path
            As for `datasets.load`.
        options : mapping, optional
            Its other arguments.

        Returns
        -------
        data : Data
        """
        known = {source.name for source in datasets.list_sources()}
        path = Path(name).expanduser()
        is_path = isinstance(name, Path) or name not in known
        found = str(path.resolve()) if is_path and path.exists() else str(name)
        return cls(found, dict(options or {}))

    def is_of(self, name: str | Path) -> bool:
        """
        Whether these data have a name, whatever their options.

        Parameters
        ----------
        name : str or Path
            As for `of`.

        Returns
        -------
        same : bool
        """
        return Data.of(name).name == self.name

    def load(self, split: str | None) -> xr.Dataset:
        """
        One split; every box for None.

        Parameters
        ----------
        split : str or None
            ``"train"``, ``"validation"`` or ``"test"``.

        Returns
        -------
        dataset : xarray.Dataset
            The container.
        """
        return datasets.load(self.name, split=split, **self.options)


def data_of(
    classifier: Classifier,
    run: str | Path,
    name: str | Path | None,
    options: Mapping[str, Any] | None,
) -> Data:
    """The data named, or those that the run was trained on."""
    own = classifier.provenance.get("data")
    own_options = classifier.provenance.get("data_options", {})
    if name is None:
        if own is None:
            raise InputError(f"{run} does not say what it was trained on; name data with --data.")
        return Data(str(own), {**own_options, **(options or {})})
    named = Data.of(name, options)
    return Data(own, {**own_options, **named.options}) if named.name == own else named
