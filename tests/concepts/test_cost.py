"""Multiplications counted by hand, and what a measurement holds."""

import pytest

from stormlens import concepts
from stormlens.errors import InputError


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (((4, 4), (3, 3), "direct"), 4 * 9),
        (((4, 4), (3, 3), "winograd"), 16),  # one tile
        (((5, 4), (3, 3), "winograd"), 2 * 16),  # three rows of outputs need two tiles
        (((136, 136), (3, 3), "gemm"), 134 * 134 * 9),
        (((6, 5), (3, 2), "direct", "same"), 6 * 5 * 6),
        (((6, 5), (3, 2), "direct", "full"), 8 * 6 * 6),
        (((4, 4), (3, 3), "gemm", "valid", 32), 32 * 36),
        # 16 values: 3 transforms of 16 * 4 and 8 complex products of 4.
        (((4, 4), (3, 3), "fft"), 3 * 16 * 4 + 8 * 4),
        (((4, 4), (3, 3), "fft", "valid", 2), 5 * 16 * 4 + 2 * 8 * 4),
    ],
)
def test_multiplications_counted_by_hand(arguments, count):
    assert concepts.multiplications(*arguments) == count


def test_winograd_saves_20_products_of_36_wherever_tiles_are_whole():
    direct, winograd = (
        concepts.multiplications((136, 136), (3, 3), method) for method in ("direct", "winograd")
    )
    assert direct / winograd == 36 / 16


def test_a_measurement_holds_each_method_and_size_with_its_count():
    timings = concepts.time_methods(
        (3, 5), image_size=12, methods=("direct", "winograd"), kernels=2, repeats=1
    )
    assert [(timing.method, timing.size) for timing in timings] == [
        ("direct", 3),
        ("winograd", 3),
        ("direct", 5),
    ]
    assert [timing.multiplications for timing in timings] == [1800, 800, 3200]
    assert all(timing.seconds > 0 for timing in timings)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: concepts.multiplications((3, 3), (4, 4)),
            "4 x 4 is larger than the image of 3 x 3",
        ),
        (lambda: concepts.multiplications((9, 9), (5, 5), "winograd"), "made for kernels of 3 x 3"),
        (lambda: concepts.multiplications((9, 9), (3, 3), "gem"), "Did you mean 'gemm'"),
        (lambda: concepts.multiplications((9, 9), (3, 3), mode="sam"), "Did you mean 'same'"),
        (lambda: concepts.time_methods(repeats=0), "at least 1 repeat and 1 kernel, not 0 and 32"),
    ],
)
def test_bad_input_gets_its_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()
