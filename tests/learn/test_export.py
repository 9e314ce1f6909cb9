"""The pages as a folder: whole, ours alone, and asking for nothing from elsewhere."""

import json
import re

import numpy as np
import pytest

from stormlens.datasets import make_dataset
from stormlens.errors import InputError
from stormlens.learn import _site, export
from stormlens.learn._site import WEB


@pytest.fixture
def boxes():
    """A few boxes, so that nothing need be simulated."""
    images = np.zeros((4, 136, 136), np.uint8)
    images[:, 30:50, 60:90] = 40
    return make_dataset(images, [0, 1, 0, 1], source="SIMULATED by hand", simulated=True)


def names_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_holds_all_pages_storms_and_networks(tmp_path, boxes):
    folder = export(tmp_path / "new" / "pages", dataset=boxes)
    held = names_in(folder)
    modules = {path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js")}
    assert modules <= held
    assert {"index.html", "storms/few-0.bin", "networks/shipped/classifier.json"} <= held
    assert {
        "stormlens-widget.mjs",
        "widgets/neuron.mjs",
        "README.txt",
        "stormlens-pages.json",
    } <= held
    assert set(json.loads((folder / "stormlens-pages.json").read_text())["files"]) == held - {
        "stormlens-pages.json"
    }
    guide = (folder / "README.txt").read_text()
    assert "SIMULATED by hand" in guide
    assert "few 4, test 4" in guide


def test_all_simulated_storms_come_along(tmp_path):
    folder = export(tmp_path / "pages")
    catalogue = json.loads((folder / "storms" / "storms.json").read_text())
    for split in catalogue["splits"].values():
        for part in split["parts"]:
            assert (folder / "storms" / part["file"]).stat().st_size > 10_000


def test_no_page_asks_for_anything_from_elsewhere(tmp_path, boxes):
    folder = export(tmp_path / "pages", dataset=boxes)
    for path in [*folder.rglob("*.html"), *folder.rglob("*.css")]:
        text = path.read_text()
        for address in re.findall(r"""(?:href|src)=["']([^"']+)|url\(([^)]+)""", text):
            asked = "".join(address)
            assert re.match(r"#|[\w./-]+$", asked), (path, asked)
            assert not asked.startswith("/"), (path, asked)
    statement = re.compile(r'^(?:import|export)\b[^;]*?\bfrom "([^"]+)"|import\("([^"]+)"\)', re.M)
    found = 0
    for path in folder.rglob("*.js"):
        for names in statement.findall(path.read_text()):
            asked = "".join(names)
            assert asked.startswith("."), (path, asked)
            assert (path.parent / asked).is_file(), (path, asked)
            found += 1
    assert found > 100


@pytest.mark.slow
def test_a_later_export_takes_the_place_of_an_earlier_one(tmp_path, boxes):
    folder = export(tmp_path / "pages", dataset=boxes)
    first = names_in(folder)
    (folder / "app.js").write_text("old")
    fewer = boxes.drop_vars("mode")
    export(folder, dataset=fewer)
    assert (folder / "app.js").read_bytes() == (WEB / "app.js").read_bytes()
    assert names_in(folder) == first
    more = export(folder, dataset=boxes.assign_coords(split=("storm", ["train", "test"] * 2)))
    assert "storms/train-0.bin" in names_in(more)
    export(folder, dataset=boxes)
    assert names_in(folder) == first


def test_what_is_not_ours_is_left_alone(tmp_path, boxes):
    folder = export(tmp_path / "pages", dataset=boxes)
    (folder / "storms" / "thesis.tex").write_text("years of work")
    before = (folder / "index.html").stat().st_mtime_ns
    with pytest.raises(InputError, match=r"holds storms/thesis\.tex, which is not of these pages"):
        export(folder, dataset=boxes)
    assert (folder / "index.html").stat().st_mtime_ns == before
    own = tmp_path / "own"
    own.mkdir()
    (own / "index.html").write_text("mine")
    with pytest.raises(InputError, match=r"holds index\.html, which is not of these pages"):
        export(own, dataset=boxes)
    assert names_in(own) == {"index.html"}


@pytest.mark.parametrize("name", ["../../outside.txt", "/etc/hostname", 3])
def test_a_list_of_files_that_leads_elsewhere_is_refused(tmp_path, boxes, name):
    folder = tmp_path / "deep" / "pages"
    folder.mkdir(parents=True)
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    (folder / "stormlens-pages.json").write_text(json.dumps({"files": [name]}))
    with pytest.raises(InputError, match="lists no exported pages; give an empty folder"):
        export(folder, dataset=boxes)
    assert outside.read_text() == "mine"


def test_a_killed_export_is_known_as_ours(tmp_path, boxes, monkeypatch):
    folder = tmp_path / "pages"

    def killed(path, content):
        if path.name == "stormlens.css":
            raise KeyboardInterrupt
        return path.parent.mkdir(parents=True, exist_ok=True) or path.write_bytes(content)

    with monkeypatch.context() as patched:
        patched.setattr(_site, "write_bytes", killed)
        with pytest.raises(KeyboardInterrupt):
            export(folder, dataset=boxes)
    assert "index.html" in names_in(folder)
    assert "stormlens.css" not in names_in(folder)
    (folder / ".stormlens.css.0123456789ab.css").write_text("half")
    (folder / "storms").mkdir(exist_ok=True)
    (folder / "storms" / ".few-0.bin.0123456789ab.bin").write_text("half")
    held = names_in(export(folder, dataset=boxes))
    assert "stormlens.css" in held
    assert not [name for name in held if "0123456789ab" in name]


def test_a_folder_that_cannot_be_written_gets_its_sentence(tmp_path, boxes):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"Cannot write .*: a part of this path is a file"):
        export(tmp_path / "file" / "pages", dataset=boxes)
    with pytest.raises(InputError, match="a part of this path is a file"):
        export(tmp_path / "file", dataset=boxes)
