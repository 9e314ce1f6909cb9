"""Pages in another language: whatever a person reads or hears comes from the table of words."""

import re
from collections.abc import Iterator

import pytest
from visits import DESK, Visit

from stormlens.learn import COMPONENTS, serve
from stormlens.learn._site import WEB

pytestmark = pytest.mark.browser

_TRANSLATED = """
useStrings(Object.fromEntries(Object.entries(ENGLISH).map(
  ([name, words]) => [name, name === "language" ? "de" : words && `\\u00ab${words}\\u00bb`])));
"""
_SAID = """() => {
  const said = [];
  const read = (node) => {
    if (node.nodeType === Node.TEXT_NODE) said.push(node.data);
    if (!(node instanceof Element)) return [...node.childNodes].forEach(read);
    if (["STYLE", "SCRIPT", "PRE", "NOSCRIPT", "TITLE"].includes(node.tagName)) return;
    for (const name of ["aria-label", "title", "alt", "aria-valuetext", "placeholder"]) {
      if (node.hasAttribute(name)) said.push(node.getAttribute(name));
    }
    [...(node.shadowRoot?.childNodes ?? []), ...node.childNodes].forEach(read);
  };
  read(document.body);
  return said;
}"""
_NAMES = re.compile(  # of networks and activations in code, of the chapter, of files
    r"chapter-(linear|relu)|svrimg-3conv|storm-residual|Stormlens|linear|relu|tanh|sigmoid"
    r"|dBZ"
)


@pytest.fixture(scope="module")
def front() -> Iterator[str]:
    server = serve(show=False, threaded=True)
    yield server.addresses[-1]
    server.stop()


@pytest.fixture
def visit(chromium, front):
    """Pages whose words all stand between guillemets."""
    context = chromium.new_context(viewport=dict(zip(("width", "height"), DESK, strict=True)))
    body = (WEB / "base" / "strings.js").read_text(encoding="utf-8") + _TRANSLATED
    headers = {"Content-Type": "text/javascript; charset=utf-8"}
    context.route("**/base/strings.js", lambda route: route.fulfill(body=body, headers=headers))
    yield Visit(context.new_page(), front, "")
    context.close()


def english(page):
    """What stands between no guillemets, of two letters or more."""
    left = set()
    for words in page.evaluate(_SAID):
        while "\xab" in words:  # an initial of a mode lacks its end
            words = re.sub(r"\xab[^\xab\xbb]*(\xbb|$)", "", words)
        left |= set(re.findall(r"[A-Za-z]{2,}[A-Za-z ,.]*", _NAMES.sub("", words)))
    return left


def test_the_front_page(visit):
    visit.page.goto(visit.front)
    visit.page.locator(".card, .cards a").first.wait_for()
    assert visit.page.evaluate("document.documentElement.lang") == "de"
    assert english(visit.page) == set()


VIEWS = [
    *COMPONENTS[:4],
    "pool-and-fire?split=train&storm=56&everywhere=true",
    "augmentation-studio?rotation_range=90&vertical_flip=true&width_shift_range=0.2&cval=3",
    "train?compare=true&epochs=2&storms=60&augmentation=chapter&storms_b=60&cell=0,1",
    "inside?view=pixel",
    "inside?view=pixel&layer=0&map=1&all=true",
    "inside?view=why&method=grad-cam",
    "inside?view=paint&layer=1000",
]


@pytest.mark.parametrize("address", VIEWS)
def test_a_page(visit, address):
    page = visit.page
    page.goto(f"{visit.front}#/{address}")
    page.locator(".picture canvas").first.wait_for()
    if address.startswith("train"):
        page.get_by_role("button", name="Play").click()
        page.get_by_text("Epoch 2 of 2").wait_for()
    if address.startswith("inside"):
        page.get_by_text("storms wrong").wait_for()
    visit.settle()
    assert english(page) == set()
    assert visit.trouble == []
