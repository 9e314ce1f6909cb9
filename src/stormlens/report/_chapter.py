"""The page of the chapter's experiments: one table, one picture, links to the runs' reports."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stormlens import storage
from stormlens.report._environment import environment


def write_chapter(
    path: str | Path, *, chapter: Mapping[str, Any], curves: bytes, narrow: bytes
) -> Path:
    """
    Write the page of the chapter's experiments as one self-contained HTML file.

    Parameters
    ----------
    path : str or Path
        File to write, atomically; it links to reports as ``RUN/report.html`` in its folder.
    chapter : mapping
        Content of ``chapter.json``.
    curves : bytes
        PNG picture of the accuracy curves.
    narrow : bytes
        The same for a telephone.

    Returns
    -------
    path : Path
    """
    template = environment().get_template("chapter.html.j2")
    wide_uri, narrow_uri = (
        "data:image/png;base64," + base64.b64encode(content).decode()
        for content in (curves, narrow)
    )
    page = template.render(chapter=chapter, picture=wide_uri, narrow=narrow_uri)
    return storage.write_text(path, page)
