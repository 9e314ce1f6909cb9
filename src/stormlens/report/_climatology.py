"""The folder of a climatology: one page to read, pictures, tables, and one JSON document."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from stormlens import plots, storage
from stormlens.archive import REGIONS, shares
from stormlens.report._environment import environment
from stormlens.report._figures import Picture, png

_CYCLES = ("month", "hour", "solar_hour", "year")
_TABLES = (*_CYCLES, "region")
_TIMES = (
    "Months and hours are in UTC, of the radar's time for radar files, of the report's for SVRIMG "
    "images; local mean solar time is UTC plus longitude divided by 15 degrees."
)
_PLACES = (
    "A box counts where its centre lies. If boxes were cut around storm reports, maps show where "
    "people and radars are as much as where storms are."
)


def write_climatology(folder: str | Path, climatology: xr.Dataset) -> Path:
    """
    Write the climatology of an archive's labels.

    Parameters
    ----------
    folder : str or Path
        Made if missing; files of these names in it are replaced: ``index.html``, which needs
        no other file, ``summary.json``, ``by-month.csv`` and so on, and PNG pictures.
    climatology : xarray.Dataset
        As `stormlens.archive.summarise` gives it.

    Returns
    -------
    page : Path
        ``index.html``.

    Raises
    ------
    InputError
        If the place cannot be written.
    """
    folder = Path(folder)
    drawn, narrow = _pictures(climatology), _pictures(climatology, narrow=True)
    for name, picture in drawn.items():
        storage.write_bytes(folder / f"{name}.png", png(picture)[0])
    for name in (*_TABLES, "cell"):
        storage.write_text(folder / f"by-{name.replace('_', '-')}.csv", _csv(climatology, name))
    text = json.dumps(climatology_dict(climatology), indent=2, allow_nan=False)
    storage.write_text(folder / "summary.json", text + "\n")
    page = environment().get_template("climatology.html.j2")
    return storage.write_text(
        folder / "index.html", page.render(_content(climatology, drawn, narrow))
    )


def climatology_dict(climatology: xr.Dataset) -> dict[str, Any]:
    """
    A climatology, ready for JSON.

    Parameters
    ----------
    climatology : xarray.Dataset
        As `stormlens.archive.summarise` gives it.

    Returns
    -------
    values : dict
        ``boxes``, ``modes`` and, for each mode, ``counts`` by month and so on in the order of
        ``axes``; ``simulated``, ``simulated_training``, ``problems``, ``model``, ``store``.
    """
    counts = {
        str(mode): {
            "all": int(climatology["count"].sel(mode=mode)),
            **{
                f"by_{name}": climatology[f"by_{name}"].sel(mode=mode).values.tolist()
                for name in _TABLES
            },
        }
        for mode in climatology["mode"].values
    }
    return {
        "boxes": int(climatology["count"].sum()),
        "modes": list(counts),
        "counts": counts,
        "axes": {name: climatology[name].values.tolist() for name in _TABLES},
        **climatology.attrs,
    }


def _pictures(climatology: xr.Dataset, narrow: bool = False) -> dict[str, Figure]:
    drawn = {
        name.replace("_", "-"): _of(plots.mode_cycle(climatology, name, narrow=narrow))
        for name in _CYCLES
    }
    drawn["region"] = _of(plots.mode_shares(climatology, narrow=narrow))
    if climatology["by_cell"].any():
        drawn["map"] = plots.climatology_map(climatology, narrow=narrow)
    return drawn


def _of(ax: Any) -> Figure:
    figure: Figure = ax.get_figure(root=True)
    return figure


def _content(
    climatology: xr.Dataset, drawn: dict[str, Figure], narrow: dict[str, Figure]
) -> dict[str, Any]:
    pictures = {
        name: {"wide": png(figure)[1], "narrow": png(narrow[name])[1]}
        for name, figure in drawn.items()
    }
    total = int(climatology["count"].sum())
    modes: list[dict[str, Any]] = [
        {"mode": str(mode), "boxes": int(count), "share": int(count) / total}
        for mode, count in zip(climatology["mode"].values, climatology["count"].values, strict=True)
    ]
    ranked = sorted(modes, key=lambda row: -row["boxes"])[:3]
    years = climatology["year"].values
    return {
        "banner": _banner(climatology),
        "store": Path(climatology.attrs["store"]).name,
        "model": climatology.attrs["model"],
        "problems": climatology.attrs["problems"],
        "total": total,
        "years": f"{years[0]} to {years[-1]}" if len(years) else "",
        "modes": modes,
        "clear": any(row["mode"] == "Clear" for row in modes),
        "commonest": ", ".join(f"{row['mode']} {row['share']:.0%}" for row in ranked),
        "colours": plots.class_colours([row["mode"] for row in modes]),
        "sections": _sections(pictures),
        "regions": REGIONS,
    }


def _sections(pictures: dict[str, dict[str, Picture]]) -> list[dict[str, Any]]:
    when = [pictures[name.replace("_", "-")] for name in _CYCLES]
    where = [pictures[name] for name in ("region", "map") if name in pictures]
    return [
        {"id": "when", "title": "When", "pictures": when, "note": _TIMES},
        {"id": "where", "title": "Where", "pictures": where, "note": _PLACES},
    ]


def _banner(climatology: xr.Dataset) -> str:
    made = []
    if climatology.attrs["simulated"]:
        made.append("A simulator made boxes that are counted here; no radar saw them.")
    if climatology.attrs["simulated_training"]:
        made.append("The classifier was trained on simulated storms only.")
    return " ".join(made)


def _csv(climatology: xr.Dataset, name: str) -> str:
    """Rows of mode, place or time, boxes and share; of cells, those with a box."""
    counts = climatology[f"by_{name}"]
    share = shares(climatology)[f"by_{name}"].values
    axes = counts.dims[1:]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["mode", *axes, "boxes", "share"])
    for place, count in np.ndenumerate(counts.values):
        if name == "cell" and not count:
            continue
        at = [counts[axis].values[i] for axis, i in zip(axes, place[1:], strict=True)]
        known = "" if np.isnan(share[place]) else f"{share[place]:.4f}"
        writer.writerow([counts["mode"].values[place[0]], *at, count, known])
    return text.getvalue()
