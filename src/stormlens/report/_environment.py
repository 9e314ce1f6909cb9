"""What fills the templates of pages: all text is escaped, and a missing value is an error."""

import jinja2

from stormlens.report import _words as words


def environment() -> jinja2.Environment:
    """
    The environment of all HTML templates, with filters for numbers.

    Returns
    -------
    environment : jinja2.Environment
        A new one, to which a page may add filters of its own.
    """
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("stormlens.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    found.filters.update(
        score=words.score,
        percent=words.percent,
        share=words.share,
        span=words.span,
        between=words.between,
        thousands=words.thousands,
    )
    return found
