"""
Mutated files of every kind: read or a sentence, never a crash, a hang or a flood of memory.

Twenty files a kind are read by default. ``STORMLENS_FUZZ=10000`` reads as many of each, and
``STORMLENS_FUZZ_FIRST=5000`` leaves out those before, for a run in pieces.
"""

import os

import fuzz
import numpy as np
import pytest
from enrolled import CASES
from other_files import OTHERS

FIRST = int(os.environ.get("STORMLENS_FUZZ_FIRST", "0"))
FILES = int(os.environ.get("STORMLENS_FUZZ", "20"))
NAMES = [case.name for case in [*CASES, *OTHERS]]


@pytest.fixture(scope="module")
def outcomes(request):
    """Of all that are asked for, in one process, as importing takes longest."""
    # Of a whole suite, items of doctests have no such name.
    asked = [
        item.callspec.params["name"]
        for item in request.session.items
        if getattr(item, "originalname", "") == "test_mutated_files"
    ]
    return fuzz.run(asked, FILES, FIRST)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_mutated_files(outcomes, name):
    outcome = outcomes[name]
    assert outcome.failures == []
    assert outcome.read + outcome.sentences == FILES - FIRST
    # What is whole of a volume is kept, so that few of them are refused.
    assert outcome.sentences > 0 or (name == "nexrad-legacy" and FILES - FIRST < 1000)
    assert outcome.growth_mib < 1024


@pytest.mark.parametrize("case", [*CASES, *OTHERS], ids=NAMES)
def test_a_number_gives_the_same_file_again(case):
    content = case.make()
    for number in (6, 7, 9):
        # HDF5 writes the second of a change into the file, and it may be another one by then.
        assert any(
            fuzz.mutated(content, number, case.structure)
            == fuzz.mutated(content, number, case.structure)
            for _ in range(5)
        )
    assert fuzz.mutated(content, 6) != fuzz.mutated(content, 8)


@pytest.mark.parametrize("case", [*CASES, *OTHERS], ids=NAMES)
def test_changes_of_structure_change_something(case):
    content = case.make()
    rngs = [np.random.default_rng(number) for number in range(20)]
    changed = {case.structure(content, rng) for rng in rngs} - {content}
    assert len(changed) > 8
