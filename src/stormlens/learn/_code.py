"""JavaScript without its comments, as far as its house style needs it."""

import re

_STRING = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'")
_PATTERN = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*")
# What stands before a slash that begins a regular expression; before one that divides is a value.
_BEFORE_PATTERN = re.compile(r"(?:^|[(,=:\[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of))\s*\Z")
_PLAIN = re.compile(r"[^\"'`/{}]+")


def without_comments(code: str) -> str:
    r"""
    Remove the comments of JavaScript code, and lines with nothing but a comment.

    Parameters
    ----------
    code : str
        An ES module.

    Returns
    -------
    code : str

    Examples
    --------
    >>> print(without_comments('// Why.\nconst half = /[/*]/; /* Later */ const b = "//";'))
    const half = /[/*]/;  const b = "//";
    """
    return _kept(code, 0)[0]


def _kept(code: str, start: int) -> tuple[str, int]:
    """Code from a place on, without comments, and where it ends: behind an unmatched brace."""
    kept: list[str] = []
    depth, at = 0, start
    while at < len(code):
        letter = code[at]
        if letter == "}" and depth == 0 and start > 0:
            return "".join(kept), at
        if code.startswith(("//", "/*"), at):
            at = _behind_comment(code, at, kept)
            continue
        if letter == "`":
            text, at = _template(code, at)
        elif letter in "\"'/":
            text = _quoted(code, at, "".join(kept[-3:]))
            at += len(text)
        elif letter in "{}":
            depth += 1 if letter == "{" else -1
            text, at = letter, at + 1
        else:
            text = _PLAIN.match(code, at)[0]  # type: ignore[index]
            at += len(text)
        kept.append(text)
    return "".join(kept), at


def _quoted(code: str, at: int, before: str) -> str:
    """A string, a regular expression, or the single sign that is neither."""
    if code[at] == "/" and not _BEFORE_PATTERN.search(before):
        return "/"
    found = (_PATTERN if code[at] == "/" else _STRING).match(code, at)
    return code[at] if found is None else found[0]


def _template(code: str, at: int) -> tuple[str, int]:
    """A template with what is inserted in it, and where it ends."""
    kept, at = ["`"], at + 1
    while code[at] != "`":
        if code[at] == "\\":
            kept.append(code[at : at + 2])
            at += 2
        elif code.startswith("${", at):
            inner, end = _kept(code, at + 2)
            kept.append(f"${{{inner}}}")
            at = end + 1
        else:
            kept.append(code[at])
            at += 1
    return "".join([*kept, "`"]), at + 1


def _behind_comment(code: str, at: int, kept: list[str]) -> int:
    """Where a comment ends; with its line, where nothing else is on it."""
    ending = "\n" if code[at + 1] == "/" else "*/"
    end = code.find(ending, at)
    end = len(code) if end < 0 else end + (0 if ending == "\n" else 2)
    line, _, tail = "".join(kept[-1:]).rpartition("\n")
    alone = tail.strip() == "" and (kept == [] or "\n" in kept[-1]) and code[end : end + 1] == "\n"
    if not alone:
        return end
    if kept:
        kept[-1] = f"{line}\n"
    return end + 1
