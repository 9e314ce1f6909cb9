"""
Storms as packs that the pages in a browser read: a catalogue, and parts of some hundred boxes.

The first parts of the simulated storms lie in the package, so that pages show storms at once. The
rest is made when somebody asks for it, and kept in the cache folder.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stormlens.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

Content = Path | Callable[[], bytes]
"""Where the content of a file is, or what makes it."""

CATALOGUE = "storms.json"
FORMAT = 1
_FOLDER = Path(__file__).with_name("web") / "storms"
_PART = 300  # boxes
_FEW = 24
_STEP = 2  # dBZ
_MOST_EXACT = 8_000_000  # bytes of a pack whose values are not rounded
_MOST_BOXES = 6_000  # of a split
_TRIED = 50  # boxes, to tell how many bytes all will take
_SEEN_ALONE = "test"  # the split of boxes that nothing can be trained on


def simulated_pack() -> dict[str, Content]:
    """
    The simulated storms, of which parts that do not lie in the package are made when called.

    Returns
    -------
    files : dict of str to Path or callable
        By name, with `CATALOGUE` among them.
    """
    rest = _Rest()
    names = [CATALOGUE, *_part_names(_first_catalogue())]
    lying = {name: _FOLDER / name for name in names}
    return {
        name: path if path.is_file() else partial(rest.content, name)
        for name, path in lying.items()
    }


def some_pack(*splits: str) -> dict[str, Content]:
    """
    Simulated storms that lie in the package, with a catalogue that names no others.

    Parameters
    ----------
    *splits : str
        Of "few", "train" (the first 300) and "validation".

    Returns
    -------
    files : dict of str to Path or callable
        As for `simulated_pack`.
    """
    catalogue = _first_catalogue()
    catalogue["splits"] = {name: catalogue["splits"][name] for name in splits}
    for split in catalogue["splits"].values():
        first = split["parts"][:1]
        split |= {"parts": first, "count": first[0]["count"]}
        split["modes"] = split["modes"][: split["count"]]
    counts = {name: split["count"] for name, split in catalogue["splits"].items() if name != "few"}
    catalogue["boxes"] = sum(counts.values())
    files: dict[str, Content] = {name: _FOLDER / name for name in _part_names(catalogue)}
    return {CATALOGUE: partial(_as_json, catalogue), **files}


def own_pack(dataset: "xr.Dataset") -> dict[str, Callable[[], bytes]]:
    """
    A user's own storms.

    Parameters
    ----------
    dataset : xarray.Dataset
        The container. Where it has labels and the coordinate `split`, pages can train on it.

    Returns
    -------
    files : dict of str to callable
        As for `simulated_pack`; a part is encoded when called. Values are exact where all fit
        into 8 MB, else rounded to 2 dBZ, which the catalogue says.

    Raises
    ------
    InputError
        If it is no container with boxes of reflectivity in it.
    """
    check_storms(dataset)
    kept = _kept(dataset)
    catalogue, parts = _pack(kept, few_of(dataset), _own_step(kept), dataset.sizes["storm"])
    return {CATALOGUE: partial(_as_json, catalogue), **parts}


def own_files(dataset: "xr.Dataset | None") -> dict[str, bytes]:
    """
    A user's own storms as a component in a notebook asks for them.

    Parameters
    ----------
    dataset : xarray.Dataset or None
        As for `own_pack`; None for the simulated ones, which the component has.

    Returns
    -------
    files : dict of str to bytes
        By path.

    Raises
    ------
    InputError
        As `own_pack`.
    """
    if dataset is None:
        return {}
    return {f"storms/{name}": make() for name, make in own_pack(dataset).items()}


def check_storms(dataset: Any) -> None:
    """
    Refuse what pages and components cannot show.

    Parameters
    ----------
    dataset : xarray.Dataset
        To be a container of storm boxes.

    Raises
    ------
    InputError
        If it is none, holds no box, or no reflectivity.
    """
    import xarray as xr

    if not isinstance(dataset, xr.Dataset) or "reflectivity" not in dataset:
        raise InputError(
            "These pages show the storms of a Dataset as stormlens.load gives it, not a "
            f"{type(dataset).__name__}."
        )
    images = dataset["reflectivity"]
    if images.dims != ("storm", "y", "x") or not images.size or images.dtype != "uint8":
        raise InputError(
            "These pages show boxes of dimensions (storm, y, x), at least one, in whole numbers "
            f"from 0 to 255 (uint8); these have {dict(images.sizes)}, in {images.dtype}."
        )
    units = images.attrs.get("units", "dBZ")
    if units != "dBZ":
        raise InputError(
            f"These pages show reflectivity in dBZ; these images have the unit {units!r}. Choose "
            "storms with --data."
        )


def few_of(dataset: "xr.Dataset") -> "xr.Dataset":
    """
    The storms that the pages show first.

    Parameters
    ----------
    dataset : xarray.Dataset
        The container.

    Returns
    -------
    few : xarray.Dataset
        At most 24, in their order: of all modes, as many of each as there are and fit; of the
        test split where there is one.
    """
    return _few(_splits_of(dataset).get(_SEEN_ALONE, dataset))


def boxes_of_split(dataset: "xr.Dataset | None", split: str, number: int) -> "NDArray[np.uint8]":
    """
    A box of a split as the pages show it.

    Parameters
    ----------
    dataset : xarray.Dataset or None
        The container; None for the simulated storms.
    split : str
    number : int
        Of the box in its split.

    Returns
    -------
    box : ndarray of uint8, shape (y, x)
        Whole dBZ, rounded as a pack has it.

    Raises
    ------
    InputError
        If there is no such split or box.
    """
    import numpy as np

    from stormlens.learn._pack import to_levels

    if dataset is None:
        splits, step = _kept_simulated(), _STEP
        splits = {name: splits[name] for name in ("train", "validation")}
    else:
        splits = _kept(dataset)
        step = _own_step(splits)
    if split not in splits:
        raise InputError(f"There are no {split} storms here; choose of {', '.join(splits)}.")
    images = splits[split]["reflectivity"].values
    if not 0 <= number < len(images):
        raise InputError(f"There is no storm {number}; they go from 0 to {len(images) - 1}.")
    return to_levels(images[number], step) * np.uint8(step)


def write_first_parts() -> None:
    """
    Write the files that lie in the package; for who changed the simulator.

    ``python -c "from stormlens.learn import _storms; _storms.write_first_parts()"`` in the clone.
    """
    from stormlens.storage import write_bytes

    catalogue, parts = _simulated()
    for listed in catalogue["splits"].values():
        for number, part in enumerate(listed["parts"]):
            content = parts[part["file"]]()
            part["bytes"] = len(content)
            if number == 0:
                write_bytes(_FOLDER / part["file"], content)
    write_bytes(_FOLDER / CATALOGUE, _as_json(catalogue))


class _Rest:
    """The parts of the simulated storms that are made on this machine, once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Mapping[str, bytes] = {}

    def content(self, name: str) -> bytes:
        """A part, from the cache folder where it lies there."""
        with self._lock:
            path = _cache_folder() / name
            if path.is_file():
                return path.read_bytes()
            if not self._made:
                self._made = self._make()
            return self._made[name]

    def _make(self) -> Mapping[str, bytes]:
        from stormlens.storage import write_bytes

        _, parts = _simulated()
        made = {name: make() for name, make in parts.items() if not (_FOLDER / name).is_file()}
        try:
            for name, content in made.items():
                write_bytes(_cache_folder() / name, content)
        except InputError:
            pass  # kept in memory; `stormlens doctor` says that the cache cannot be written
        return made


def _cache_folder() -> Path:
    """Apart for each simulator: another one's storms do not fit the first parts."""
    from stormlens.datasets import cache_folder

    digest = hashlib.sha256()
    for path in sorted(_FOLDER.iterdir()):
        digest.update(path.read_bytes())
    return cache_folder() / "storms-for-pages" / digest.hexdigest()[:16]


def _simulated_splits() -> "dict[str, xr.Dataset]":
    from stormlens.datasets import load_splits

    return load_splits("simulated", progress=False)


_kept_simulated = cache(_simulated_splits)  # for notebooks; a server need not hold them


def _simulated() -> tuple[dict[str, Any], dict[str, Callable[[], bytes]]]:
    made = _simulated_splits()
    splits = {name: made[name] for name in ("train", "validation")}
    boxes = sum(split.sizes["storm"] for split in splits.values())
    return _pack(splits, _few(made["test"]), _STEP, boxes)


def _pack(
    splits: "Mapping[str, xr.Dataset]", few: "xr.Dataset", step: int, boxes: int
) -> tuple[dict[str, Any], dict[str, Callable[[], bytes]]]:
    """A catalogue, of so many boxes at hand and with guesses of bytes, and what makes the parts."""
    from stormlens.datasets import class_names, is_simulated
    from stormlens.stormbox import PIXEL_KM

    listed: dict[str, Any] = {}
    parts: dict[str, Callable[[], bytes]] = {}
    for name, (split, fineness) in {
        "few": (few, 1),
        **{name: (split, step) for name, split in splits.items()},
    }.items():
        listed[name] = _listed(name, split, fineness)
        parts |= _encoders(listed[name]["parts"], split, fineness)
    catalogue = {
        "format": FORMAT,
        "simulated": is_simulated(few),
        "source": str(few.attrs.get("source", "")),
        "units": "dBZ",
        "rows": few.sizes["y"],
        "columns": few.sizes["x"],
        "pixel_km": PIXEL_KM,
        "classes": list(class_names(few)) if "mode" in few else [],
        "boxes": boxes,
        "splits": listed,
    }
    return catalogue, parts


def _listed(name: str, boxes: "xr.Dataset", step: int) -> dict[str, Any]:
    count, each = boxes.sizes["storm"], _bytes_a_box(boxes, step)
    parts = []
    for number, first in enumerate(range(0, count, _PART)):
        some = min(_PART, count - first)
        file = f"{name}-{number}.bin"
        parts.append(
            {
                "file": file,
                "first": first,
                "count": some,
                "bytes": round(some * each),
            }
        )
    modes = boxes["mode"].values.tolist() if "mode" in boxes else None
    return {"count": count, "step": step, "modes": modes, "parts": parts}


def _encoders(
    parts: list[dict[str, Any]], boxes: "xr.Dataset", step: int
) -> dict[str, Callable[[], bytes]]:
    from stormlens.learn._pack import encode

    images = boxes["reflectivity"].values
    return {
        part["file"]: partial(encode, images[part["first"] : part["first"] + part["count"]], step)
        for part in parts
    }


def _own_step(splits: "Mapping[str, xr.Dataset]") -> int:
    """1 where the boxes fit exactly."""
    most = max(splits.values(), key=lambda boxes: boxes.sizes["storm"])
    count = sum(boxes.sizes["storm"] for boxes in splits.values())
    return 1 if count * _bytes_a_box(most, 1) <= _MOST_EXACT else _STEP


def _bytes_a_box(boxes: "xr.Dataset", step: int) -> float:
    from stormlens.learn._pack import encode

    apart = -(-boxes.sizes["storm"] // _TRIED)
    tried = boxes["reflectivity"].values[::apart]
    return len(encode(tried, step)) / len(tried)


def _splits_of(dataset: "xr.Dataset") -> "dict[str, xr.Dataset]":
    from stormlens.stormbox import SPLITS

    if "split" not in dataset.coords or "mode" not in dataset:
        return {_SEEN_ALONE: dataset}
    split = dataset["split"].values
    return {name: dataset.isel(storm=split == name) for name in SPLITS if (split == name).any()}


def _kept(dataset: "xr.Dataset") -> "dict[str, xr.Dataset]":
    """Splits, and of each as many boxes as a pack takes."""
    splits = _splits_of(dataset)
    return {name: boxes.isel(storm=slice(_MOST_BOXES)) for name, boxes in splits.items()}


def _few(boxes: "xr.Dataset") -> "xr.Dataset":
    """Some of all modes, as many of each as there are and fit, in their order."""
    import numpy as np

    if "mode" not in boxes:
        return boxes.isel(storm=slice(_FEW))
    codes = boxes["mode"].values
    rank = np.empty(len(codes), int)  # of a box among those of its mode
    for code in np.unique(codes):
        rank[codes == code] = np.arange(np.count_nonzero(codes == code))
    chosen = np.sort(np.lexsort((codes, rank))[:_FEW])
    return boxes.isel(storm=chosen)


def _first_catalogue() -> dict[str, Any]:
    catalogue: dict[str, Any] = json.loads((_FOLDER / CATALOGUE).read_bytes())
    return catalogue


def _part_names(catalogue: Mapping[str, Any]) -> list[str]:
    return [part["file"] for split in catalogue["splits"].values() for part in split["parts"]]


def _as_json(catalogue: Mapping[str, Any]) -> bytes:
    return json.dumps(catalogue, separators=(",", ":")).encode()
