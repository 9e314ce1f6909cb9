"""Floating-point and byte counts against sums done by hand."""

import pytest

from stormlens.bench import Layer, Machine, describe, epoch_seconds, measure_machine, work
from stormlens.bench._roofline import epoch_work
from stormlens.errors import InputError
from stormlens.models import build

# One 136 x 136 image: a 3 x 3 convolution leaves 134 x 134, of which whole 3 x 3 pool windows
# cover 132 x 132 = 17,424 and leave 44 x 44 = 1,936 windows; with 32 filters, 61,952 values.
TAPS = 3 * 3 * 1 * 32
CONV = 2 * 17_424 * TAPS + 2 * 1_936 * TAPS  # forward, gradient of the weights
DENSE = 3 * 2 * 61_952 * 128
LAST = 3 * 2 * 128 * 6


@pytest.mark.parametrize("name", ["chapter-linear", "chapter-relu"])
def test_the_chapters_networks_by_hand(name):
    parts = work(describe(build(name)), batch=32)
    assert [part.layer for part in parts] == ["conv", "dense", "dense"]
    assert [part.flops for part in parts] == [32 * CONV, 32 * DENSE, 32 * LAST]
    weights = [TAPS + 32, 61_952 * 128 + 128, 128 * 6 + 6]
    assert [part.bytes for part in parts] == [7 * 4 * count for count in weights]


def test_a_later_convolution_also_needs_its_inputs_gradient():
    second = work(describe(build("svrimg-3conv")), batch=1)[1]
    # 44 x 44 x 32 in; 42 x 42 out, all of it in whole windows, and 14 x 14 = 196 windows.
    assert second.flops == 2 * 42 * 42 * 9 * 32 * 64 + 2 * 2 * 196 * 9 * 32 * 64


def test_a_convolution_without_a_pool_is_computed_everywhere():
    (part,) = work([Layer("conv", units=1, size=3)], batch=1, size=5)
    assert part.flops == 2 * 9 * 9 + 2 * 9 * 9


def test_the_longer_of_operations_and_bytes_is_the_bound():
    (part,) = work([Layer("flatten"), Layer("dense", units=3)], batch=10, size=2)
    assert part.seconds(Machine(gflops=480e-9, gbytes=210e-9)) == pytest.approx(2)
    assert part.seconds(Machine(gflops=160e-9, gbytes=480e-9)) == pytest.approx(3)


def test_an_epoch_ends_with_a_smaller_step():
    layers, machine = [Layer("flatten"), Layer("dense", units=3)], Machine(1.0, 1e9)
    assert sum(part.flops for part in epoch_work(layers, images=70, batch=32)) == (
        work(layers, batch=70)[0].flops
    )
    assert len(epoch_work(layers, images=64, batch=32)) == 2
    assert epoch_seconds(layers, 70, 32, machine) == pytest.approx(
        work(layers, batch=70)[0].flops / 1e9
    )


@pytest.mark.slow
def test_the_machine_gives_some_of_each_and_the_best_is_kept():
    machine = measure_machine(repeats=1)
    assert machine.gflops > 0
    assert machine.gbytes > 0
    assert Machine(1, 4).best(Machine(2, 3)) == Machine(2, 4)


def test_a_network_that_peers_cannot_build_is_refused():
    with pytest.raises(InputError, match=r"Model lenet5 has a layer .*, such as chapter-relu"):
        describe(build("lenet5"))
