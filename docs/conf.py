"""
How `make docs` builds the site: pages and lessons in MyST, the API from its docstrings.

Nothing is fetched: the theme brings its own files, and formulas are written as
MathML, which browsers draw themselves. Lessons live beside the package in
``lessons/``; they are copied here, run from a clean kernel each, and stop the
build where one fails. The model card is written anew by ``stormlens card``.

Components are elements in the HTML of a cell's output. The pages of ``stormlens learn`` are
exported beneath the site, in ``learn/``, and from there come the modules that make them live.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx

from stormlens import __version__
from stormlens.learn import export

HERE = Path(__file__).parent
LESSONS = HERE.parent / "lessons"
STORMLENS = (sys.executable, "-m", "stormlens")

project = "Stormlens"
author = "The Stormlens developers"
copyright = "2026, the Stormlens developers"
release = version = __version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "jupyter_execute"]
default_role = "autolink"
autodoc_member_order = "groupwise"
autodoc_typehints = "none"  # types stand in the docstrings, with shapes and units
autosummary_generate = False
numpydoc_show_class_members = False  # autodoc lists them

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
# A component's own HTML, not a view that asks for a kernel and for scripts from elsewhere.
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_ipywidgets_js = {}

html_math_renderer = "mathml"
html_theme = "furo"
html_title = "Stormlens"
html_static_path = ["_static"]
html_favicon = "../src/stormlens/learn/web/icon.svg"
html_css_files = ["stormlens.css"]
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#005a8e", "color-brand-content": "#005a8e"},
    "dark_css_variables": {"color-brand-primary": "#7cc4ef", "color-brand-content": "#7cc4ef"},
}


def bring_lessons(app: Sphinx) -> None:
    """Copy the lessons to where Sphinx reads."""
    here = HERE / "lessons"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir()
    for path in sorted(LESSONS.glob("*.md")):
        shutil.copy(path, here)


def bring_card(app: Sphinx) -> None:
    """Write the card of the classifier in the package to where a page includes it."""
    here = HERE / "_build" / "model-card"
    here.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [*STORMLENS, "card", "--out", here / "card.md"], check=True, stdout=subprocess.DEVNULL
    )


def point_at_copies(app: Sphinx, page: str, source: list[str]) -> None:
    """Links between documents and lessons, which are right in the repository, made right here."""
    to_pages = source[0].replace("](../docs/", "](../")
    source[0] = to_pages if page.startswith("lessons/") else source[0]
    source[0] = source[0].replace("](../lessons/", "](lessons/")
    source[0] = source[0].replace("](../../lessons/", "](../lessons/")  # of a page in a folder


def point_included_at_copies(app: Sphinx, file: Path, page: str, source: list[str]) -> None:
    """The same for a document that a page of this folder includes whole."""
    point_at_copies(app, page, source)


def leave_out_widgets(app: Sphinx, doctree: nodes.document) -> None:
    """What a kernel knew of its widgets: over a megabyte each, and nothing on a page reads it."""
    files = NbMetadataCollector.get_js_files(app.env, app.env.current_document.docname)
    files.pop("ipywidgets_state", None)


def bring_components(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """The script that makes components live, on pages that hold one."""
    if "<stormlens-" in context.get("body", ""):
        app.add_js_file("components.js", type="module")


def write_pages(app: Sphinx, error: Exception | None) -> None:
    """The pages with all components, and the modules that this site's own pages take from them."""
    if error is None and app.builder.format == "html":
        export(Path(app.outdir) / "learn")


def write_inline_math(translator: object, node: nodes.math) -> None:
    """A formula inside a line, as MathML."""
    _write_mathml(translator, node, display=False)


def write_block_math(translator: object, node: nodes.math_block) -> None:
    """A formula on lines of its own, as MathML."""
    _write_mathml(translator, node, display=True)


def _write_mathml(translator: object, node: nodes.Element, *, display: bool) -> None:
    source = re.sub(r"\s+", " ", node.astext())
    translator.body.append(latex2mathml.tex2mathml(source, as_block=display))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Attach what this site adds to Sphinx."""
    app.connect("builder-inited", bring_lessons)
    app.connect("builder-inited", bring_card)
    app.connect("source-read", point_at_copies)
    app.connect("include-read", point_included_at_copies)
    app.connect("doctree-read", leave_out_widgets)
    app.connect("html-page-context", bring_components)
    app.connect("build-finished", write_pages)
    app.add_html_math_renderer("mathml", (write_inline_math, None), (write_block_math, None))
    return {"parallel_read_safe": True}
