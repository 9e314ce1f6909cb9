"""
The report of a run: one HTML file that a person enjoys reading and can send on.

`write` arranges what the floors below computed and drew into ``report.html``:
styles and pictures lie inside it, so that it opens anywhere, asks no server
for anything, needs no scripts, and prints. `write_chapter` does the same for the
chapter's three experiments, `write_climatology` for an archive.
"""

from stormlens.report._chapter import write_chapter
from stormlens.report._climatology import climatology_dict, write_climatology
from stormlens.report._write import write

__all__ = ["climatology_dict", "write", "write_chapter", "write_climatology"]
