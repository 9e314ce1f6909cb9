"""What else of a user's is read: boxes, pictures, tables, recipes, the files of a run."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import h5netcdf
import numpy as np
from PIL import Image
from png_files import png
from structures import hdf5, json_text, npy, table, tensors, toml
from structures import png as picture


@dataclass(frozen=True)
class Other:
    """A file: how it is made, its own name, and what reads it from a path."""

    name: str
    make: Callable[[], bytes]
    structure: Callable[[bytes, np.random.Generator], bytes]
    file: str
    take: Callable[[Path], object]


def _storms():
    images = np.zeros((3, 136, 136), np.uint8)
    images[:, 50:90, 40:100] = 47
    return images


def _npy(images):
    memory = io.BytesIO()
    np.save(memory, images)
    return memory.getvalue()


def _container():
    """As `stormlens.datasets.write_netcdf` leaves it, but small: boxes of 20 x 20 pixels."""
    memory = io.BytesIO()
    with h5netcdf.File(memory, "w") as file:
        file.dimensions = {"storm": 3, "y": 20, "x": 20}
        shape = ("storm", "y", "x")
        images = file.create_variable("reflectivity", shape, "u1", data=_storms()[:, 40:60, 30:50])
        images.attrs["units"] = "dBZ"
        names = np.array(["a", "b", "c"], object)
        file.create_variable("unid", ("storm",), h5netcdf.core.h5py.string_dtype(), data=names)
        time = file.create_variable("time", ("storm",), "i8", data=np.arange(3))
        time.attrs["units"] = "seconds since 2011-04-27"
        for name in ("latitude", "longitude", "coverage"):
            file.create_variable(name, ("storm",), "f4", data=np.linspace(0, 1, 3))
        mode = file.create_variable("mode", ("storm",), "i1", data=np.arange(3, dtype="i1"))
        mode.attrs["flag_values"] = np.arange(3, dtype="i1")
        mode.attrs["flag_meanings"] = "one two three"
        file.attrs["source"], file.attrs["simulated"] = "test", 0
    return memory.getvalue()


_NWS_20 = (2, 253, 2)  # 20 to 25 dBZ


def _picture(mode):
    memory = io.BytesIO()
    values = _storms()[0]
    shown = np.where(values[..., np.newaxis] > 0, np.uint8(_NWS_20), 0) if mode == "RGB" else values
    Image.fromarray(shown).save(memory, "PNG")
    return memory.getvalue()


def _reports():
    rows = [f"{35 + i}.5,-97.{i},2011-04-27T19:0{i},r{i}" for i in range(6)]
    return "\n".join(["latitude,longitude,time,unid", *rows, ""]).encode()


def _recipe():
    from stormlens.training import load_recipe

    return load_recipe("default").to_toml().encode()


@cache
def _shipped():
    from stormlens.models import shipped_folder

    return shipped_folder()


def _of_run(name):
    return (_shipped() / name).read_bytes()


def _card(content, rng):
    """A card with one value changed, mostly sealed again, as its own writer would."""
    from stormlens.models._card import sealed

    changed = json_text(content, rng)
    try:
        card = json.loads(changed)
        return json.dumps(sealed(card)).encode() if rng.random() < 0.8 else changed
    except (AttributeError, TypeError, ValueError):
        return changed


def _read_boxes(path, **how):
    from stormlens.datasets import read_boxes

    return read_boxes(path, **how)


def _read_labelled(path):
    from stormlens.datasets import read_netcdf

    return read_netcdf(path)


def _read_reports(path):
    from stormlens.boxes import read_reports

    return read_reports(path)


def _read_recipe(path):
    from stormlens.training import load_recipe

    return load_recipe(path)


def _read_run(path):
    """The shipped classifier with one file of it in another's place."""
    from stormlens.models import Classifier

    for file in _shipped().iterdir():
        if file.name != path.name and not (path.parent / file.name).exists():
            shutil.copy(file, path.parent)
    return Classifier.load(path.parent)


def _read_vouched(path):
    """The same, where the card names the checksum of the changed file, as an attacker's would."""
    from stormlens.models._card import sealed

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    card = json.loads(_of_run("classifier.json"))
    card["confidence" if path.stem == "confidence" else "provenance"]["sha256"] = digest
    (path.parent / "classifier.json").write_text(json.dumps(sealed(card)))
    return _read_run(path)


def _read_appraisal(path):
    from stormlens.report import read_appraisal

    return read_appraisal(path.parent)


_WEIGHTS, _CONFIDENCE = "weights.safetensors", "confidence.safetensors"
_COLOURS = {"colors": "nws"}
_GREYS = {"dbz_scale": (0.5, -32.0)}

OTHERS = [
    Other("boxes", _container, hdf5, "boxes.nc", _read_labelled),
    Other("boxes-npy", lambda: _npy(_storms()), npy, "box.npy", _read_boxes),
    Other("boxes-png", lambda: png(_storms()[0]), picture, "box.png", _read_boxes),
    Other(
        "boxes-colours",
        lambda: _picture("RGB"),
        picture,
        "box.png",
        lambda path: _read_boxes(path, **_COLOURS),
    ),
    Other(
        "boxes-greys",
        lambda: _picture("L"),
        picture,
        "box.png",
        lambda path: _read_boxes(path, **_GREYS),
    ),
    Other("reports", _reports, table, "reports.csv", _read_reports),
    Other("recipe", _recipe, toml, "recipe.toml", _read_recipe),
    Other("run-card", lambda: _of_run("classifier.json"), _card, "classifier.json", _read_run),
    Other("run-weights", lambda: _of_run(_WEIGHTS), tensors, _WEIGHTS, _read_vouched),
    Other("run-confidence", lambda: _of_run(_CONFIDENCE), tensors, _CONFIDENCE, _read_vouched),
    Other(
        "run-appraisal",
        lambda: _of_run("appraisal.json"),
        json_text,
        "appraisal.json",
        _read_appraisal,
    ),
]
