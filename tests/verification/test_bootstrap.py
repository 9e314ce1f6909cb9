"""Groups of boxes and draws of them, against counting by hand."""

import numpy as np
import numpy.testing as npt
from hypothesis import given
from hypothesis import strategies as st

from stormlens.verification._bootstrap import day_groups


@given(st.lists(st.integers(-1, 5), max_size=30))
def test_boxes_share_a_group_if_and_only_if_they_share_a_known_day(days):
    """A day of -1 is unknown."""
    time = np.array(
        ["NaT" if day < 0 else f"2014-05-0{day + 1}T0{day}:30" for day in days], "M8[m]"
    )
    group, by = day_groups(time)
    together = group[:, np.newaxis] == group
    known = np.array(days) >= 0
    expected = (np.array(days)[:, np.newaxis] == days) & known[:, np.newaxis]
    npt.assert_array_equal(together, expected | np.eye(len(days), dtype=bool))
    # Codes without a gap: they are places in the table of sums.
    assert set(group.tolist()) == set(range(len(set(group.tolist()))))
    if not known.any():
        assert by == "box"
    else:
        assert ("unknown" in by) == (not known.all())
