import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormlens.datasets import class_names, is_simulated, validate
from stormlens.datasets._simulated import load_simulated, simulate
from stormlens.errors import InputError
from stormlens.stormbox import MODES, NATIONAL, SPLIT_COUNTS, SPLIT_YEARS, SPLITS


@pytest.fixture(scope="module")
def test_split():
    return load_simulated("test")


def test_default_size_and_class_counts_are_the_archives(test_split):
    counts = np.bincount(test_split["mode"], minlength=6)
    np.testing.assert_array_equal(counts, SPLIT_COUNTS["test"])


def test_is_a_valid_container_that_says_it_is_simulated(test_split):
    boxes = validate(test_split)
    assert is_simulated(boxes)
    assert "SIMULATED" in boxes.attrs["source"]
    assert class_names(boxes) == MODES
    assert boxes["reflectivity"].dtype == np.uint8
    assert boxes["reflectivity"].shape == (300, 136, 136)
    assert set(np.unique(boxes["split"])) == {"test"}


def test_names_say_simulated_split_and_number(test_split):
    assert test_split["unid"].values[12] == "sim-test-00012"
    assert len(set(test_split["unid"].values)) == 300


def test_modes_are_shuffled(test_split):
    # Sorted labels would put 78 of one mode first.
    assert len(np.unique(test_split["mode"].values[:30])) > 2


def test_same_seed_same_bits():
    first, second = (load_simulated("test", seed=3, count=12) for _ in range(2))
    assert first.identical(second)


def test_another_seed_or_split_gives_other_boxes():
    codes = [0, 1, 2, 3, 4]
    images = [
        simulate(codes, seed, split).reflectivity.values
        for seed, split in ((0, "train"), (1, "train"), (0, "test"))
    ]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        differ = (images[i] != images[j]).any(axis=(1, 2))
        assert differ.all()


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.integers(1, 9), st.sampled_from(SPLITS), st.integers(0, 2**40))
def test_a_box_does_not_depend_on_how_many_follow(count, split, seed):
    longer = load_simulated(split, seed, count=10)
    assert load_simulated(split, seed, count=count).identical(longer.isel(storm=slice(count)))


def test_parts_of_a_large_set_hold_the_modes_and_names_of_the_whole():
    whole = load_simulated("validation", count=130)
    for first, count in ((0, 40), (40, 50), (90, 40)):
        part = load_simulated("validation", count=count, first=first)
        of_whole = whole.isel(storm=slice(first, first + count))
        np.testing.assert_array_equal(part["mode"], of_whole["mode"])
        np.testing.assert_array_equal(part["unid"], of_whole["unid"])
    again = load_simulated("validation", count=40, first=90)
    np.testing.assert_array_equal(again["reflectivity"], part["reflectivity"])


def test_more_boxes_than_the_archive_keep_its_frequencies():
    boxes = load_simulated("validation", count=220)
    np.testing.assert_array_equal(
        np.bincount(boxes["mode"], minlength=6), 2 * np.array(SPLIT_COUNTS["validation"])
    )


@pytest.mark.slow
def test_no_split_gives_all_three_in_order():
    boxes = load_simulated(count=4)
    assert list(boxes["split"].values) == [split for split in SPLITS for _ in range(4)]
    assert is_simulated(boxes)
    alone = load_simulated("test", count=4)
    assert boxes.isel(storm=slice(8, 12)).identical(alone)


@pytest.mark.parametrize("split", SPLITS)
def test_times_lie_in_the_splits_years(split):
    years = load_simulated(split, count=60)["time"].dt.year.values
    assert set(years) <= set(SPLIT_YEARS[split])


def test_boxes_share_days_as_the_archives_do(test_split):
    # The archive's 300 test boxes fall on 135 UTC days.
    days = test_split["time"].dt.floor("D")
    assert 115 <= len(np.unique(days)) <= 155
    shared = test_split["mode"].groupby(days).count()
    assert int(shared.max()) >= 4


def test_places_are_cells_of_the_archives_grid(test_split):
    x, y = NATIONAL.cell(test_split["longitude"], test_split["latitude"])
    # A box of 136 cells has its centre between two cells.
    np.testing.assert_allclose(x % 1, 0.5, atol=1e-6)
    np.testing.assert_allclose(y % 1, 0.5, atol=1e-6)
    assert x.min() > 67
    assert y.min() > 67
    assert x.max() < NATIONAL.shape[1] - 67
    assert y.max() < NATIONAL.shape[0] - 67


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"codes": [0, 6]}, "Mode code 6 does not exist; codes run from 0 to 5"),
        ({"codes": [0.5]}, "Mode code 0.5 does not exist"),
        ({"codes": ["QLCS"]}, "Mode code QLCS does not exist"),
        ({"codes": []}, "Mode codes have shape (0,); give a list"),
        ({"codes": [[0, 1]]}, "Mode codes have shape (1, 2); give a list"),
        ({"codes": [0], "seed": -1}, "The seed of simulated boxes is -1; give a whole number of 0"),
        ({"codes": [0], "seed": 1.5}, "The seed of simulated boxes is 1.5"),
        ({"codes": [0], "seed": True}, "The seed of simulated boxes is True"),
        ({"codes": [0], "split": "tset"}, "Unknown split 'tset'. Did you mean 'test'?"),
    ],
)
def test_simulate_refuses_in_a_sentence(arguments, sentence):
    with pytest.raises(InputError) as error:
        simulate(**arguments)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"split": "training"}, "Unknown split 'training'. Did you mean 'train'?"),
        (
            {"split": "test", "count": 0},
            "The count of simulated boxes is 0; give a whole number of 1",
        ),
        ({"split": "test", "count": 10**8}, "at most 500,000 fit in one dataset"),
        ({"split": "test", "count": "ten"}, "The count of simulated boxes is 'ten'"),
        ({"seed": None}, "The seed of simulated boxes is None"),
    ],
)
def test_load_simulated_refuses_in_a_sentence(arguments, sentence):
    with pytest.raises(InputError) as error:
        load_simulated(**arguments)
    assert sentence in str(error.value)
