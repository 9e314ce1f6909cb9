"""
Reports: self-contained HTML pages that people can read and send on.

`write` arranges results and pictures of the layers below into a run's ``report.html``.
Styles and pictures are inside the file, so it opens anywhere, asks no server, needs no
scripts, and prints. Others write the pages of the chapter's three experiments
(`write_chapter`), a sweep (`write_sweep`), a comparison (`write_comparison`; its answer in a
sentence or two is `comparison_headline`), an archive (`write_climatology`) and a reproduction
of published results (`write_reproduction`). `card` is a classifier's model card in Markdown,
with what `read_appraisal` and `readings` find in its folder.
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
