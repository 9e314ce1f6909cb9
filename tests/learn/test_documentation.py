"""
The documentation site with components in its pages, built small from the same configuration.

A lesson that hands over a component, a page with all of them, and a page with none.
"""

import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from visits import until

from stormlens.learn import COMPONENTS
from stormlens.learn._site import site as pages

DOCS = Path(__file__).parents[2] / "docs"
LESSON = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A lesson

```{code-cell} ipython3
from stormlens import learn

learn.Neuron(w1=2, activation="tanh")
```
"""
FRONT = """# Front

```{toctree}
lessons/one
all
```
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built pages, two folders down on the host that serves it."""
    for name in ("furo", "ipykernel", "myst_nb"):
        pytest.importorskip(name, reason=f"{name} is not installed: pip install -e '.[docs]'")
    place = tmp_path_factory.mktemp("site")
    docs = place / "docs"
    shutil.copytree(DOCS / "_static", docs / "_static")
    shutil.copy(DOCS / "conf.py", docs)
    # The favicon is named by where it lies in the clone.
    icon = "src/stormlens/learn/web/icon.svg"
    (place / icon).parent.mkdir(parents=True)
    shutil.copy(DOCS.parent / icon, place / icon)
    (place / "lessons").mkdir()
    (place / "lessons" / "one.md").write_text(LESSON, encoding="utf-8")
    (docs / "index.md").write_text(FRONT, encoding="utf-8")
    elements = (f"<stormlens-{name}>\n<p>{name}</p>\n</stormlens-{name}>" for name in COMPONENTS)
    (docs / "all.md").write_text("# All\n\n" + "\n\n".join(elements), encoding="utf-8")
    built = place / "host" / "some" / "where"
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", docs, built]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return built


@pytest.mark.slow
def test_the_output_of_a_cell_is_the_component_s_element(site):
    text = (site / "lessons" / "one.html").read_text(encoding="utf-8")
    assert re.findall(r"<stormlens-neuron[^>]*>", text) == [
        '<stormlens-neuron w1="2" activation="tanh">'
    ]


def test_nothing_on_a_page_asks_for_a_kernel_or_elsewhere(site):
    text = (site / "lessons" / "one.html").read_text(encoding="utf-8")
    assert "widget" not in re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)
    assert [src for src in re.findall(r'src="([^"]+)"', text) if "://" in src] == []


def test_only_pages_with_a_component_load_the_modules(site):
    loading = {
        page.relative_to(site).as_posix()
        for page in site.rglob("*.html")
        if "components.js" in page.read_text(encoding="utf-8")
    }
    assert loading == {"lessons/one.html", "all.html"}


def test_the_complete_pages_lie_in_the_site(site):
    held = {p.relative_to(site / "learn").as_posix() for p in site.rglob("learn/**/*.*")}
    assert held >= set(pages())


def test_the_frame_is_for_every_component():
    style = (DOCS / "_static" / "stormlens.css").read_text(encoding="utf-8")
    (named,) = re.findall(r":is\((stormlens-[^)]*)\)", style)
    assert named.split(", ") == [f"stormlens-{name}" for name in COMPONENTS]


@pytest.fixture
def host(site):
    """Where the site can be opened."""
    handler = functools.partial(_Quiet, directory=site.parents[1])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/some/where/"
    server.shutdown()
    server.server_close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        """Say nothing."""


@pytest.fixture
def opened(chromium, host):
    """A page of the site by its path, at a width and in a theme; what goes wrong on it fails."""
    wrong = []

    def hear(answer):
        if answer.status >= 400:  # 304, that it is the same as before, is nothing wrong
            wrong.append(f"{answer.status} {answer.url}")

    def look(path, width, scheme):
        page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("console", lambda told: told.type == "error" and wrong.append(told.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
        page.on("request", lambda request: _is_ours(request.url, host) or wrong.append(request.url))
        page.on("response", hear)
        page.goto(host + path)
        return page

    yield look
    assert wrong == []


def _is_ours(address, host):
    return address.startswith((host, "data:", "blob:"))


def _is_too_wide(component):
    return component.evaluate(
        "({ shadowRoot }) => [...shadowRoot.querySelectorAll('section')].some("
        "  (section) => section.scrollWidth > section.clientWidth)"
    )


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_every_component_is_live_in_an_article(opened, width, scheme):
    page = opened("all.html", width, scheme)
    for name in COMPONENTS:
        component = page.locator(f"stormlens-{name}")
        component.scroll_into_view_if_needed()
        component.locator("h2").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    assert page.locator(".note.error").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    too_wide = [name for name in COMPONENTS if _is_too_wide(page.locator(f"stormlens-{name}"))]
    assert too_wide == []
    page.close()


@pytest.mark.browser
def test_a_component_far_below_is_not_loaded_before_it_comes_near(opened):
    page = opened("all.html", 390, "light")
    page.locator("stormlens-neuron h2").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("customElements.get('stormlens-inside') === undefined")
    page.close()


@pytest.mark.browser
@pytest.mark.slow
def test_what_sticks_to_the_window_does_so_in_an_article(opened):
    page = opened("all.html", 390, "light")
    train = page.locator("stormlens-train")
    train.scroll_into_view_if_needed()
    train.locator(".chart").first.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")
    page.mouse.wheel(0, 200)
    play = train.get_by_role("button", name="Play")

    def sticks():
        place = play.bounding_box()
        return 800 < place["y"] + place["height"] <= 900

    until(page, sticks)
    page.close()


@pytest.mark.browser
def test_components_have_the_colours_of_the_page(opened):
    page = opened("lessons/one.html", 1440, "light")
    neuron = page.locator("stormlens-neuron")
    neuron.locator("h2").wait_for()
    assert neuron.get_attribute("theme") == "system"
    seen = set()
    for _ in range(3):
        page.locator(".theme-toggle-header, .theme-toggle-content").locator(
            "visible=true"
        ).first.click()
        theme = page.evaluate("document.body.dataset.theme")
        due = "system" if theme == "auto" else theme
        until(page, lambda due=due: neuron.get_attribute("theme") == due)
        seen.add(theme)
    assert seen == {"auto", "light", "dark"}
    page.close()


@pytest.mark.browser
def test_the_link_below_opens_what_is_set(opened):
    page = opened("lessons/one.html", 1440, "light")
    page.locator("stormlens-neuron h2").wait_for()
    page.evaluate("document.querySelector('stormlens-neuron').set({ bias: -1.5 })")
    page.get_by_role("link", name="Fill the window").click()
    page.locator("main stormlens-neuron h2").wait_for()
    held = page.evaluate("document.querySelector('stormlens-neuron').changedSettings")
    assert held == {"w1": 2, "activation": "tanh", "bias": -1.5}
    page.close()


@pytest.mark.browser
def test_without_scripts_words_stand_in_its_place(chromium, host):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(host + "lessons/one.html")
    assert page.locator("stormlens-neuron p").first.is_visible()
    context.close()
