"""
What a folder of pages holds: a path and a content for each file, for a server and for an export.

Nothing heavy is imported to list them; what takes time is made when it is asked for.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from stormlens import __version__
from stormlens.errors import InputError, unknown
from stormlens.learn._networks import own_network, shipped_network
from stormlens.learn._storms import Content, own_pack, simulated_pack
from stormlens.storage import check_writable, disk_errors, write_bytes, write_text

if TYPE_CHECKING:
    import xarray as xr

    from stormlens.models import Classifier

COMPONENTS: tuple[str, ...] = tuple(
    json.loads(Path(__file__).with_name("settings.json").read_text(encoding="utf-8"))
)
"""Pages by the name that `stormlens learn` calls them, in the order of the chapter."""

WEB = Path(__file__).with_name("web")
"""Folder of the components' modules, styles and pictures."""

_WIDGET = "stormlens-widget.mjs"
_LISTED = "stormlens-pages.json"
_GUIDE = "README.txt"
_UNFINISHED = re.compile(r"\.(.+)\.[0-9a-f]{12}(\.\w+)?")  # as `write_bytes` calls it


def site(
    dataset: "xr.Dataset | None" = None, classifier: "Classifier | None" = None, title: str = ""
) -> dict[str, Content]:
    """
    All files of the pages.

    Parameters
    ----------
    dataset : xarray.Dataset, optional
        Own storms; by default the simulated ones.
    classifier : Classifier, optional
        Own network, shown before the one that comes with Stormlens.
    title : str, optional
        What the pages call it.

    Returns
    -------
    files : dict of str to Path or callable
        By path, with "/" between its parts and none before.

    Raises
    ------
    InputError
        If the storms cannot be shown, or the network not be taken apart.
    """
    storms = simulated_pack() if dataset is None else own_pack(dataset)
    networks = (
        shipped_network()
        if classifier is None
        else own_network(classifier, title or "Your classifier")
    )
    return {
        **_modules(),
        **{f"storms/{name}": content for name, content in storms.items()},
        **{f"networks/{name}": content for name, content in networks.items()},
    }


def check_page(name: str | None) -> None:
    """
    Refuse a page that is not there.

    Parameters
    ----------
    name : str or None
        Of `COMPONENTS`; None for the first page.

    Raises
    ------
    InputError
        With the nearest name.
    """
    if name is not None and name not in COMPONENTS:
        raise unknown("page", name, COMPONENTS, "See `stormlens learn --help`.")


def read_content(content: Content) -> bytes:
    """
    The bytes of a file.

    Parameters
    ----------
    content : Path or callable
        As `site` lists it.

    Returns
    -------
    content : bytes
    """
    return content.read_bytes() if isinstance(content, Path) else content()


def export(
    folder: str | Path,
    *,
    dataset: "xr.Dataset | None" = None,
    classifier: "Classifier | None" = None,
    title: str = "",
) -> Path:
    """
    Write the pages as a folder, for any web host and any place on it.

    Nothing in it asks for anything from elsewhere. What an earlier export left there is replaced.

    Parameters
    ----------
    folder : str or Path
        Made if missing; must be empty, or hold an export and nothing else.
    dataset, classifier, title
        As for `site`.

    Returns
    -------
    folder : Path

    Raises
    ------
    InputError
        As `site`, if the folder cannot be written, or it holds a file of somebody else's.
    """
    folder = Path(folder)
    earlier = _check_ours(folder)
    files = site(dataset, classifier, title)
    given = {"storms": dataset, "networks": classifier}
    own = {kind: _within(files, kind) for kind, value in given.items() if value is not None}
    files |= _widgets(own)
    listed = [*files, _GUIDE]
    # Named first, so that what a killed export leaves is known as ours.
    _list_files(folder, sorted({*earlier, *listed}))
    for name, content in files.items():
        write_bytes(folder / name, read_content(content))
    write_text(folder / _GUIDE, _guide(files))
    for name in set(earlier) - set(listed):
        with disk_errors(folder / name):
            (folder / name).unlink(missing_ok=True)
    _list_files(folder, sorted(listed))
    return folder


def _modules() -> dict[str, Content]:
    """Files of the folder `web`, but for the storms, which a catalogue names."""
    found = (path for path in sorted(WEB.rglob("*")) if path.is_file())
    named = {path.relative_to(WEB).as_posix(): path for path in found}
    return {name: path for name, path in named.items() if not name.startswith("storms/")}


def _widgets(own: Mapping[str, Mapping[str, Content]]) -> dict[str, Content]:
    """Modules for notebooks and MyST: of each component, and of all."""
    from stormlens.learn._bundle import bundle

    def of(components: tuple[str, ...]) -> Callable[[], bytes]:
        return lambda: bundle(components, **own).encode()

    each = {f"widgets/{name}.mjs": of((name,)) for name in COMPONENTS}
    return {_WIDGET: of(COMPONENTS), **each}


def _within(files: Mapping[str, Content], folder: str) -> dict[str, Content]:
    inner = f"{folder}/"
    return {
        name.removeprefix(inner): content
        for name, content in files.items()
        if name.startswith(inner)
    }


def _check_ours(folder: Path) -> list[str]:
    """Files of an earlier export; refuses a folder with any other."""
    check_writable(folder / _LISTED)
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the pages.")
    inside = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
    }
    listed = {*_earlier(folder), _LISTED}
    listed |= {name for name in inside if _meant(name) in listed}
    foreign = sorted(inside - listed)
    if foreign:
        raise InputError(
            f"{folder} holds {foreign[0]}, which is not of these pages; give an empty folder, or "
            "one that pages were exported to before."
        )
    return sorted(inside & listed - {_LISTED})


def _meant(name: str) -> str:
    """The file that one is, which a killed export had not put in its place yet."""
    path = PurePosixPath(name)
    unfinished = _UNFINISHED.fullmatch(path.name)
    return str(path.with_name(unfinished[1])) if unfinished else name


def _earlier(folder: Path) -> list[str]:
    from stormlens.storage import read_json

    path = folder / _LISTED
    if not path.is_file():
        return []
    content = read_json(path, "remove it, and the files in its folder")
    names = content.get("files") if isinstance(content, dict) else None
    if not isinstance(names, list) or not all(map(_is_relative, names)):
        raise InputError(f"{path} lists no exported pages; give an empty folder.")
    return names


def _is_relative(name: object) -> bool:
    return (
        isinstance(name, str)
        and not PurePosixPath(name).is_absolute()
        and ".." not in PurePosixPath(name).parts
    )


def _list_files(folder: Path, names: list[str]) -> None:
    text = json.dumps({"made_by": f"Stormlens {__version__}", "files": names}, indent=1)
    write_text(folder / _LISTED, text + "\n")


def _guide(files: Mapping[str, Content]) -> str:
    catalogue = json.loads(read_content(files["storms/storms.json"]))
    networks = json.loads(read_content(files["networks/networks.json"]))
    counts = ", ".join(f"{name} {split['count']}" for name, split in catalogue["splits"].items())
    return f"""Pages of Stormlens {__version__}

Put this folder anywhere on a web host and open index.html there. It needs no program behind it
and asks for nothing from elsewhere. Opened as a file, without a host, browsers refuse to load it;
try it on your own machine with: python -m http.server

What lies here
  index.html, app.js        the pages: {", ".join(COMPONENTS)}
  stormlens.js              the same as elements for a page of your own:
                            <script type="module" src="stormlens.js"></script>
                            <stormlens-neuron w1="2"></stormlens-neuron>
  {_WIDGET}      all of it in one module, for notebooks and MyST's {{anywidget}} directive,
                            which names a component: {{"component": "neuron", "w1": 2}}
  widgets/                  the same for each component alone, which is smaller
  storms/                   {catalogue["source"]}
                            boxes: {counts}
  networks/                 {"; ".join(network["title"] for network in networks)}
  {_LISTED}      what was written here; a later export replaces these files alone

Networks are trained on several threads where the host sends, with every file, the headers
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
"""
