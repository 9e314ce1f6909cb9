"""
Mutated files of every format: a mosaic or a sentence, never a crash, a hang or a flood of memory.

Sixty files a format are read by default. ``STORMLENS_FUZZ=10000`` reads
as many of each, in about half an hour.
"""

import os

import fuzz
import pytest
from enrolled import CASES

FILES = int(os.environ.get("STORMLENS_FUZZ", "60"))


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_mutated_files(name):
    outcome = fuzz.run(name, FILES)
    assert outcome.failures == []
    assert outcome.mosaics + outcome.sentences == FILES
    assert outcome.sentences > 0


def test_a_number_gives_the_same_file_again():
    content = bytes(range(200))
    assert fuzz.mutated(content, 7) == fuzz.mutated(content, 7) != fuzz.mutated(content, 8)
