"""What the documents point to is there: files, headings, names, lesson cells and commands."""

import glob
import importlib
import re
import shlex
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from stormlens.cli.main import app
from stormlens.datasets import write_samples
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


@pytest.mark.slow
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


def command_lines(text):
    """Commands of Stormlens that a text shows on lines of their own, as lists of arguments."""
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if re.match(r"\s*stormlens [a-z]", line):
            arguments = shlex.split(line, comments=True)[1:]
            cut = [i for i, word in enumerate(arguments) if word in (">", "|", "&", "2>")]
            yield arguments[: cut[0]] if cut else arguments


def shown_in(page):
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [arguments for block in blocks for arguments in command_lines(block)]


def every_command(group, parent=None):
    context = click.Context(group, info_name="stormlens", parent=parent)
    for name in group.list_commands(context):
        _, command, _ = group.resolve_command(context, [name])
        yield command
        if isinstance(command, click.Group):
            yield from every_command(command, context)


def parse(arguments):
    """Raise what the command line would say of options and arguments, and run nothing."""
    command, context = app, None
    while isinstance(command, click.Group):
        context = command.make_context("stormlens", list(arguments), parent=context)
        _, command, arguments = command.resolve_command(context, context._protected_args)
        arguments = [*arguments, *context.args]
    command.make_context("stormlens", arguments, parent=context)


@pytest.mark.parametrize("page", [p for p in PAGES if shown_in(p)], ids=lambda p: p.name)
def test_commands_on_a_page_are_known_with_their_options(page):
    for arguments in shown_in(page):
        parse(arguments)


def test_examples_of_every_help_are_known_with_their_options():
    shown = [
        arguments
        for command in [app, *every_command(app)]
        for arguments in command_lines(command.epilog or "")
    ]
    assert len(shown) > 40
    for arguments in shown:
        parse(arguments)


@pytest.fixture(scope="module")
def place_of_samples(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    write_samples(place / "sample")
    return place


QUICK = {("classify",), ("data", "info"), ("data", "show")}


def quick_commands():
    """What pages and help show that works on the samples alone, in seconds."""
    shown = [arguments for page in PAGES for arguments in shown_in(page)]
    for command in [app, *every_command(app)]:
        shown += command_lines(command.epilog or "")
    on_samples = [a for a in shown if any(word.startswith("sample/") for word in a)]
    assert len(on_samples) > 12
    return sorted(
        {
            tuple(a)
            for a in on_samples
            if (a[0],) in QUICK or tuple(a[:2]) in QUICK
            if "--run" not in a
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize("arguments", quick_commands(), ids=" ".join)
def test_what_is_shown_on_samples_works(arguments, place_of_samples, monkeypatch):
    monkeypatch.chdir(place_of_samples)
    files = [sorted(glob.glob(word)) if "*" in word else [word] for word in arguments]
    result = CliRunner().invoke(app, [word for words in files for word in words])
    assert result.exit_code == 0, result.output


def test_every_sample_that_is_named_is_written(place_of_samples):
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    texts += [command.epilog or "" for command in [app, *every_command(app)]]
    named = {name for text in texts for name in re.findall(r"\bsample/[\w./-]+", text)}
    assert len(named) > 6
    assert [name for name in named if not (place_of_samples / name.rstrip(".")).exists()] == []
