import pytest

from stormlens.errors import InputError
from stormlens.stormbox import (
    CODES,
    MODES,
    SPLIT_COUNTS,
    hazard_of_unid,
    mode_code,
    split_of_year,
    time_of_unid,
)


def test_codes_are_those_of_the_label_table():
    # The archive's own notebook swaps Noise and Missing; its label table is right.
    assert CODES == {
        "Cellular": 0,
        "QLCS": 1,
        "Tropical": 2,
        "Other": 3,
        "Noise": 4,
        "Missing": 5,
    }


def test_split_sizes_are_the_published_ones():
    assert [sum(SPLIT_COUNTS[s]) for s in ("train", "validation", "test")] == [1331, 110, 300]
    assert all(len(counts) == len(MODES) for counts in SPLIT_COUNTS.values())


@pytest.mark.parametrize(
    ("year", "split"),
    [(1996, "train"), (2011, "train"), (2012, "validation"), (2013, "validation"), (2017, "test")],
)
def test_splits_go_by_year(year, split):
    assert split_of_year(year) == split


def test_year_outside_the_archive_is_refused():
    with pytest.raises(InputError, match="2018 is in no split"):
        split_of_year(2018)


def test_unknown_mode_suggests_the_nearest():
    with pytest.raises(InputError, match="Did you mean 'Tropical'"):
        mode_code("tropcal")


def test_unid_gives_time_and_hazard():
    assert str(time_of_unid("201104272154z000000001_wind")) == "2011-04-27T21:54"
    assert hazard_of_unid("201104272154z000000001_wind") == "wind"
    assert hazard_of_unid("201104272154z000000001") == "tor"


@pytest.mark.parametrize("bad", ["", "201104272154", "201113272154z000000001", "x" * 22])
def test_what_is_no_unid_is_refused(bad):
    with pytest.raises(InputError):
        time_of_unid(bad)
