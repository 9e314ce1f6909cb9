"""What the documents point to is there: files, headings, names and lesson cells."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stormlens.datasets._colours import _table

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for folder in ("", "docs", "docs/howto", "lessons")
    for page in (ROOT / folder).glob("*.md")
)
LESSONS = [page for page in PAGES if page.parent.name == "lessons"]
CHAPTER_MAP = ROOT / "docs" / "chapter-map.md"


def anchor(heading):
    """A heading's anchor as GitHub and MyST write it."""
    kept = re.sub(r"[^\w\s-]", "", heading.lower().replace("`", ""))
    return re.sub(r"\s", "-", kept.strip())


def anchors(page):
    return {anchor(line.lstrip("# ")) for line in headings(page)}


def headings(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [line for line in text.splitlines() if re.match("#+ ", line)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http", "mailto:")):
            continue
        file, _, section = target.partition("#")
        path = page.parent / file
        assert not file or path.exists(), target
        if section:
            assert section in anchors(path if file else page), target


def resolve(name):
    """The object of a dotted name under stormlens."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(["stormlens", *parts[:cut]]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            value = getattr(value, part)
        return value
    return getattr(importlib.import_module("stormlens"), parts[0])


def rows_of_the_map():
    for line in CHAPTER_MAP.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if len(cells) == 3 and "](../lessons/" in cells[2]:
            yield cells


def test_every_function_of_the_chapter_map_exists():
    rows = list(rows_of_the_map())
    assert len(rows) > 30
    for _, functions, _ in rows:
        names = re.findall(r"`([\w.]+)`", functions)
        assert names, functions
        for name in names:
            assert resolve(name) is not None


def test_every_lesson_heading_of_the_chapter_map_exists():
    for _, _, place in rows_of_the_map():
        links = re.findall(r"\]\(\.\./(lessons/[\w-]+\.md)#([\w-]+)\)", place)
        assert links, place
        for file, section in links:
            assert section in anchors(ROOT / file), place


def test_nothing_is_installed_from_where_it_is_not_published():
    texts = [*PAGES, *(ROOT / "src").rglob("*.py"), *ROOT.glob("benchmarks/*.py")]
    for text in texts:
        found = re.findall(r"pip install [\"']?stormlens.*", text.read_text(encoding="utf-8"))
        assert found == [], text


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda page: page.stem)
def test_code_of_a_lesson_fits_its_column(lesson):
    cells = re.findall(r"```{code-cell}.*?\n(.*?)```", lesson.read_text("utf-8"), re.DOTALL)
    assert cells
    assert [line for cell in cells for line in cell.splitlines() if len(line) > 100] == []


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_the_recipe_for_ones_own_pictures_leads_to_a_box(tmp_path, monkeypatch):
    """A composite of 0.005 degrees as IEM lays it out, with 40 dBZ in a square south of a point."""
    monkeypatch.chdir(tmp_path)
    ramp = _table("iem-n0q").colours.astype(np.uint8)
    indices = np.zeros((5400, 12200), np.uint8)
    # From 35.3 N 97.5 W a degree to the south, and a degree to either side.
    row, column = (round(of / 0.005) for of in (50 - 35.3, 126 - 97.5))
    indices[row : row + 200, column - 200 : column + 200] = 145
    composite = Image.frombytes("P", (12200, 5400), indices.tobytes())
    composite.putpalette([0, 0, 0, *ramp.ravel().tolist()])
    composite.save("n0q_201305202015.png", compress_level=1)
    (code,) = [
        block for block in blocks(ROOT / "docs/howto/own-images.md", "python") if "crop" in block
    ]
    found = {}
    exec(code, found)
    box = found["boxes"]["reflectivity"].values[0]
    assert set(np.unique(box)) == {0, 40}
    rows, columns = np.nonzero(box)
    # 111.2 km and 90.7 km to the degree are 29.6 and 24.2 pixels; row 0 is the southern edge.
    assert abs(rows.min() - (68 - 29.6)) < 1.5
    assert abs(rows.max() - 67) < 1.5
    assert abs(columns.min() - (68 - 24.2)) < 1.5
    assert abs(columns.max() - (67 + 24.2)) < 1.5
