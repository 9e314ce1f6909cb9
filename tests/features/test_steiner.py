import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stormlens.features import convective

KM = 3.75


def plainly(image):
    """Steiner, Houze and Yuter (1995), section 2, pixel by pixel, as the paper tells it."""
    echoes = [(int(y), int(x)) for y, x in np.argwhere(image >= 5)]
    found = np.zeros(image.shape, bool)
    for centre in echoes:
        around = [10 ** (float(image[echo]) / 10) for echo in echoes if apart(centre, echo) <= 11]
        background = 10 * math.log10(sum(around) / len(around))
        if not is_centre(float(image[centre]), background):
            continue
        for echo in echoes:
            if apart(centre, echo) <= convective_radius(background):
                found[echo] = True
    return found


def apart(one, other):
    return KM * math.hypot(one[0] - other[0], one[1] - other[1])


def is_centre(dbz, background):
    if background < 0:
        excess = 10.0
    elif background < 42.43:
        excess = 10 - background**2 / 180
    else:
        excess = 0.0
    return dbz >= 40 or dbz - background >= excess


def convective_radius(background):
    for limit, radius in ((25, 1), (30, 2), (35, 3), (40, 4)):
        if background < limit:
            return radius
    return 5


@settings(max_examples=40, deadline=None)
@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.sampled_from([0, 1, 4, 5, 12, 20, 28, 33, 38, 39, 40, 47, 62, 80]),
    )
)
def test_every_pixel_is_as_the_paper_has_it(image):
    np.testing.assert_array_equal(convective(image[None])[0], plainly(image))


def test_images_do_not_reach_into_each_other():
    stack = np.zeros((3, 6, 7), np.uint8)
    stack[1] = 50
    assert convective(stack).sum(axis=(1, 2)).tolist() == [0, 42, 0]


def test_a_worked_example():
    # Rain of 30 dBZ with one pixel of 36: the background there is that of 24 pixels of 1,000 and
    # one of 3,981 mm6 m-3, 1,119, which is 30.49 dBZ. 10 - 30.49^2 / 180 = 4.84 is less than
    # 36 - 30.49 = 5.51, so it is a centre; of 30 to 35 dBZ the radius is 3 km, less than a pixel.
    box = np.full((1, 11, 11), 30, np.uint8)
    box[0, 5, 5] = 36
    assert np.argwhere(convective(box)[0]).tolist() == [[5, 5]]
    # With 35 it exceeds the 30.37 dBZ by 4.63, not by 4.88.
    box[0, 5, 5] = 35
    assert not convective(box).any()
    # In rain of 39 dBZ the background of a 45 lies at 39.5, and 4 km reach the four neighbours.
    box[:] = 39
    box[0, 5, 5] = 45
    assert np.argwhere(convective(box)[0]).tolist() == [[4, 5], [5, 4], [5, 5], [5, 6], [6, 5]]
