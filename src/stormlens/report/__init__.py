"""
The report of a run: one HTML file that a person enjoys reading and can send on.

`write` arranges what the layers below computed and drew into ``report.html``:
styles and pictures lie inside it, so that it opens anywhere, asks no server
for anything, needs no scripts, and prints. `write_chapter` does the same for the
chapter's three experiments, `write_sweep` for a sweep, `write_comparison` for runs side by side, of
which `comparison_headline` is the answer in a sentence or two, `write_climatology` for an archive.
`card` is a classifier's model card in Markdown, with what `read_appraisal` and `readings` find
in its folder.
chapter's three experiments, `write_climatology` for an archive, `write_reproduction` for what
was published beside what came out here. `card` is a
classifier's model card in Markdown, with what `read_appraisal` and `readings` find in its folder.
"""

from typing import TYPE_CHECKING

from stormlens._lazy import on_first_use

if TYPE_CHECKING:
    from stormlens.report._appraisal import Appraisal, on_real, read_appraisal
    from stormlens.report._card import card, card_dict, model_files, write_card
    from stormlens.report._chapter import write_chapter
    from stormlens.report._climatology import climatology_dict, write_climatology
    from stormlens.report._comparison import write_comparison
    from stormlens.report._comparison_words import (
        better,
        comparison_headline,
        ordered_pairs,
        short_p,
    )
    from stormlens.report._readings import READINGS, readings, readings_in_words
    from stormlens.report._reproduction import reproduction_headline, write_reproduction
    from stormlens.report._sweep import write_sweep
    from stormlens.report._write import write

__all__ = [
    "READINGS",
    "Appraisal",
    "better",
    "card",
    "card_dict",
    "climatology_dict",
    "comparison_headline",
    "model_files",
    "on_real",
    "ordered_pairs",
    "read_appraisal",
    "readings",
    "readings_in_words",
    "reproduction_headline",
    "short_p",
    "write",
    "write_card",
    "write_chapter",
    "write_climatology",
    "write_comparison",
    "write_reproduction",
    "write_sweep",
]

_HOMES = {
    "_appraisal": "Appraisal on_real read_appraisal",
    "_card": "card card_dict model_files write_card",
    "_chapter": "write_chapter",
    "_climatology": "climatology_dict write_climatology",
    "_comparison": "write_comparison",
    "_comparison_words": "better comparison_headline ordered_pairs short_p",
    "_readings": "READINGS readings readings_in_words",
    "_reproduction": "reproduction_headline write_reproduction",
    "_sweep": "write_sweep",
    "_write": "write",
}

on_first_use(__name__, _HOMES)
