"""Words of the pages stand in one file, so that others can translate them."""

import re

import pytest

from stormlens.learn._code import without_comments
from stormlens.learn._site import WEB

_WORDS = WEB / "base" / "strings.js"
_MODULES = [path for path in sorted(WEB.rglob("*.js")) if path != _WORDS]
_LITERAL = re.compile(
    r"\"(?P<one>(?:\\.|[^\"\\\n])*)\"|'(?P<two>(?:\\.|[^'\\\n])*)'"
    r"|`(?P<three>(?:\\.|\$\{[^{}`]*\}|[^`\\])*)`"
)
_VALUE = re.compile(r"\$\{([^{}]*)\}")
_SENTENCE = re.compile(r"[A-Za-z]{2,}[,;:.]? +[A-Za-z]{2,}")
_CODE = ("train/recipe.js", "ideas/recipe-text.js")  # write Python and TOML
_NAMES = {  # of what Python, the archive, the formats or the web call so
    *("sobel x", "sobel y", "laplacian, diagonal", "your own", "SVRIMG notebook"),
    *("global mean", "global highest", "global both"),
    *("grey with opacity", "colour with opacity", "WebAssembly SIMD", "container queries"),
}


def code_of(path):
    """A module without its comments and the names of classes."""
    code = without_comments(path.read_text(encoding="utf-8"))
    return re.sub(r"\bclass: (\"[^\"]*\"|`[^`]*`)", "class: _", code)


def literals(code, put_in=""):
    """Texts between quotes, with `put_in` where a value goes; those within a value, too."""
    for found in _LITERAL.finditer(code):
        text = next(text for text in found.groups() if text is not None)
        yield _VALUE.sub(put_in, text)
        for value in _VALUE.findall(text):
            yield from literals(value, put_in)


@pytest.fixture(scope="module")
def classes():
    """Names that style sheets of the pages know."""
    sheets = [text for path in _MODULES for text in literals(code_of(path)) if "{" in text]
    return set(re.findall(r"\.([a-z][\w-]*)", " ".join(sheets)))


def is_style(text, classes):
    """A style sheet, a declaration, a question to the browser, or a list of classes."""
    begins = re.match(r"\s*(\.|:host|[a-z-]+: |\([a-z-]+: [a-z]+\)$)", text)
    return begins is not None or set(text.split()) <= classes


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: path.relative_to(WEB).as_posix())
def test_sentences_stand_in_the_file_of_words(path, classes):
    found = [text for text in literals(code_of(path)) if _SENTENCE.search(text)]
    if path.relative_to(WEB).as_posix() in _CODE:
        found = [
            text.partition("#")[2] for text in found if _SENTENCE.search(text.partition("#")[2])
        ]
    assert [text for text in found if text not in _NAMES and not is_style(text, classes)] == []


@pytest.mark.parametrize("path", _MODULES, ids=lambda path: path.relative_to(WEB).as_posix())
def test_what_people_read_or_hear_is_named_not_written(path):
    read = r"\"?(?:aria-label|aria-valuetext|title|alt|placeholder)\"?: (\"[^\"]+\"|`[^`$]+`)"
    assert re.findall(read, code_of(path)) == []
    thrown = r"new (?:Error|Fault)\((\"[^\"]* [^\"]*\"|`[^`]*`)"
    assert re.findall(thrown, code_of(path)) == []


def english():
    """Names of words, and the words."""
    code = without_comments(_WORDS.read_text(encoding="utf-8")).partition("let table")[0]
    joined = re.sub(r"\" \+\s+\"", "", code)
    return dict(re.findall(r"^  \"?([^\"\n]+?)\"?:\s+\"((?:\\.|[^\"\\\n])*)\",$", joined, re.M))


@pytest.mark.slow
def test_no_word_is_left_over():
    """Each name is written somewhere, whole or with a part that is put in."""
    slug = re.compile(r"^[a-z]+(?:-[a-z]+)*\.")
    written = set()
    for path in _MODULES:
        for text in literals(code_of(path), put_in="\0"):
            if re.search(r"[a-z]{3}", text):
                written.add(re.escape(text).replace(re.escape("\0"), ".+"))
    for group in re.findall(r"knownWords\(\"(\w+)\"", _WORDS.read_text(encoding="utf-8")):
        written.add(rf"{group}\..+")
    asked = re.compile("|".join(sorted(written)))
    left = [
        name
        for name in english()
        if not asked.fullmatch(name) and not asked.fullmatch(slug.sub("", name))
    ]
    assert len(english()) > 600
    assert left == []


def test_the_first_paint_says_what_the_words_say():
    """What stands before any module runs cannot be taken from the file."""
    page = (WEB / "index.html").read_text(encoding="utf-8")
    body = page.partition("<body>")[2].partition("<noscript>")[0]
    # An old browser reads no words but these; they name the versions that the others name.
    body, old = re.subn(
        r"<p [^>]*id=\"old\".*?Chrome and Edge 123,\nFirefox 120, Safari 17.5.*?</p>",
        "",
        body,
        flags=re.S,
    )
    assert old == 1
    assert english()["browser.versions"].startswith("Chrome and Edge 123, Firefox 120, Safari 17.5")
    found = re.findall(r">([^<]+)<|aria-label=\"([^\"]+)\"", body)
    shown = {text.strip() for pair in found for text in pair}
    assert {"Skip to the content", "Pages"} <= shown
    assert shown - {""} <= set(english().values())
