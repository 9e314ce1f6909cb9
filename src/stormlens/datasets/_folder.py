"""
A user's own boxes: a folder with one sub-folder a class, or a NetCDF file.

Either ``folder/Cellular/*.png, folder/QLCS/*.npy, ...``, which is divided into
splits here, or ``folder/train/Cellular/...`` with all of train, validation and
test. Where every class is a storm mode, codes and order are the archive's.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stormlens.datasets._container import make_dataset, read_netcdf
from stormlens.datasets._images import ARRAY_SUFFIXES, image_names, read_array, time_of_name
from stormlens.datasets._join import join, with_split
from stormlens.datasets._png import Pictures, file_says_simulated
from stormlens.datasets._splitting import assign_splits, days
from stormlens.errors import InputError
from stormlens.stormbox import MODES, SPLITS

if TYPE_CHECKING:
    import xarray as xr

_IGNORED = {"thumbs.db", "desktop.ini"}


def load_folder(
    path: str | Path,
    seed: int = 0,
    *,
    colors: str | None = None,
    dbz_scale: tuple[float, float] | None = None,
    first_row: str | None = None,
) -> "xr.Dataset":
    """
    Labelled images of a folder, with a split for each.

    Parameters
    ----------
    path : str or Path
        Folder of class folders, or of train, validation and test with class folders each.
    seed : int, optional
        Decides the splits where neither folders nor the archive's years do.
    colors, dbz_scale, first_row : optional
        What the pixels are, as for `read_images`.

    Returns
    -------
    dataset : xarray.Dataset
        The container, with the coordinate `split`.

    Raises
    ------
    InputError
        If a folder is empty or a split is missing, a file cannot be read, or sizes differ;
        the sentence names it.
    """
    path, are = Path(path), Pictures(colors, dbz_scale, first_row)
    names = {folder.name for folder in _folders(path)}
    if not names:
        msg = f"{path} holds no sub-folders; make one for each class, such as {path / 'QLCS'}."
        raise InputError(msg)
    if not names & set(SPLITS):
        dataset = _read_classes(path, _class_names(path), are)
        return assign_splits(dataset, seed, where=str(path))
    absent, strange = set(SPLITS) - names, names - set(SPLITS)
    if absent or strange:
        wrong = f"lacks {min(absent)!r}" if absent else f"also holds {min(strange)!r}"
        msg = f"{path} {wrong}; its folders must be train, validation and test, or the classes."
        raise InputError(msg)
    classes = _class_names(path / "train")
    parts = [with_split(_read_classes(path / split, classes, are), split) for split in SPLITS]
    joined = join(parts, where=str(path))
    return joined.assign_attrs(source=f"folder {path.name}", split_rule="folders")


def load_netcdf(path: str | Path, seed: int = 0) -> "xr.Dataset":
    """
    Labelled images of a NetCDF file in the container's format, with a split for each.

    Parameters
    ----------
    path : str or Path
        The file.
    seed : int, optional
        Decides the splits where neither the file nor the archive's years do.

    Returns
    -------
    dataset : xarray.Dataset
        The container; `split` is absent where the file has no labels to divide by, or
        fewer than three days.

    Raises
    ------
    InputError
        If the file is no container.
    """
    dataset = read_netcdf(path)
    too_few = days(dataset["time"].values).max() + 1 < len(SPLITS)
    if "split" in dataset.coords or "mode" not in dataset or too_few:
        return dataset
    return assign_splits(dataset, seed, where=str(path))


def _folders(path: Path) -> list[Path]:
    return sorted(
        entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )


def _class_names(root: Path) -> tuple[str, ...]:
    """Class names in code order: the storm modes' own, else alphabetical."""
    names = [folder.name for folder in _folders(root)]
    if not names:
        raise InputError(f"{root} holds no class folders; make one for each class.")
    modes = {mode.casefold() for mode in MODES}
    return MODES if all(name.casefold() in modes for name in names) else tuple(names)


def _read_classes(root: Path, classes: tuple[str, ...], pictures: Pictures) -> "xr.Dataset":
    """Images of the class folders in `root`, in alphabetical order of class and file."""
    code_of = {name.casefold() if classes is MODES else name: i for i, name in enumerate(classes)}
    images: list[np.ndarray] = []
    codes: list[int] = []
    files: list[Path] = []
    _class_names(root)
    for folder in _folders(root):
        name = folder.name.casefold() if classes is MODES else folder.name
        if name not in code_of:
            msg = f"{folder} is a class that the train folder lacks; it has {', '.join(classes)}."
            raise InputError(msg)
        for file in _files(folder):
            images.append(_read_like(images, files, file, pictures))
            files.append(file)
            codes.append(code_of[name])
    sizes = [len(image) for image in images]
    return make_dataset(
        np.concatenate(images),
        np.repeat(codes, sizes),
        classes=classes,
        unid=_names(files, sizes),
        time=np.repeat(np.array([time_of_name(file.stem) for file in files]), sizes),
        source=f"folder {root.name}",
        simulated=any(map(file_says_simulated, files)),
        where=str(root),
    )


def _files(folder: Path) -> list[Path]:
    files = sorted(
        entry
        for entry in folder.iterdir()
        if not entry.name.startswith(".") and entry.name.lower() not in _IGNORED
    )
    if not files:
        msg = f"{folder} holds no image; put {' or '.join(ARRAY_SUFFIXES)} files in, or remove it."
        raise InputError(msg)
    return files


def _read_like(
    images: list[np.ndarray], files: list[Path], file: Path, pictures: Pictures
) -> np.ndarray:
    """Images of one file, of the first file's size."""
    array = read_array(file, pictures=pictures)
    if images and array.shape[1:] != images[0].shape[1:]:
        sizes = [f"{rows} x {columns}" for _, rows, columns in (array.shape, images[0].shape)]
        msg = f"{file} has {sizes[0]} pixels where {files[0]} has {sizes[1]}; bring one size."
        raise InputError(msg)
    return array


def _names(files: list[Path], sizes: list[int]) -> list[str]:
    """File stems, with the class folder before those that two files share, or the whole name."""
    stems = Counter(file.stem for file in files)
    places = Counter((file.parent, file.stem) for file in files)
    names: list[str] = []
    for file, size in zip(files, sizes, strict=True):
        prefix = f"{file.parent.name}/" if stems[file.stem] > 1 else ""
        if places[file.parent, file.stem] > 1:
            prefix = f"{file.parent.name}/{file.name}:"
        names.extend(prefix + name for name in image_names(file, size))
    return names
