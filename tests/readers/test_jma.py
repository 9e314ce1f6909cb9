"""
JMA's radar products: run lengths of levels (WMO Manual on Codes 306, templates 5.200 and 7.200).

Runs are worked by hand here; files of `jma` were decoded by ecCodes 2.50.0 too (template 4.8 in
place of JMA's own 4.50008, which it does not know), with the same values in every cell.
"""

import time

import numpy as np
import numpy.testing as npt
import pytest
from grib_files import grib, jma, run

from stormlens.errors import InputError
from stormlens.readers import Options, read_mosaic
from stormlens.readers._grib import field_of, messages
from stormlens.readers._runs import _BLOCK, levels_of_runs
from stormlens.readers._sampling import MAX_CELLS

# Technical information 162: level 1 is 0 mm/h, 2 is 0.1, then 0.25, 0.35, ... in hundredths.
TABLE = [0, 10, 25, 35, 45, 1000, 5150]
TOKYO, NAHA = (139.77, 35.69), (127.68, 26.21)


def levels(codes, *, bits=8, highest=3, n):
    return levels_of_runs(memoryview(bytes(codes)), bits, highest, n).tolist()


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        # Of 8 bits and levels to 3, codes 4 to 255 are the digits 0 to 251 of base 252.
        ([0, 1, 2, 3], [0, 1, 2, 3]),
        ([2, 5], [2, 2]),  # 1 + 1
        ([2, 4], [2]),  # 1 + 0
        ([3, 7, 1], [3, 3, 3, 3, 1]),  # 1 + 3
        ([1, 255, 2], [1] * 252 + [2]),  # 1 + 251
        ([1, 4, 5, 2], [1] * 253 + [2]),  # 1 + 0 + 1 * 252
        ([0, 14, 6, 5], [0] * (1 + 10 + 2 * 252 + 252**2)),
    ],
)
def test_runs_worked_by_hand(codes, expected):
    assert levels(codes, n=len(expected)) == expected


def test_codes_of_other_widths():
    # 2, then 15 (11): 12 cells; then 1 alone, and four bits that fill the byte.
    assert levels([0x2F, 0x10], bits=4, n=13) == [2] * 12 + [1]
    # Of 12 bits and levels to 300: 0x12C is 300, 0x12F the digit 2.
    assert levels([0x12, 0xC1, 0x2F], bits=12, highest=300, n=3) == [300] * 3


@pytest.mark.parametrize(
    ("codes", "n"),
    [
        ([5, 2], 2),  # a digit first
        ([2, 5], 3),  # too few
        ([2, 5, 1], 2),  # too many
        ([2, 255], 100),
        ([2] + [255] * 60, 10**6),
        ([2] + [4] * 60 + [5], 10**6),
        ([], 3),
    ],
)
def test_runs_that_do_not_fill_a_grid_are_refused(codes, n):
    with pytest.raises(ValueError, match="run"):
        levels(codes, n=n)


def test_runs_are_taken_apart_alike_over_blocks():
    rng = np.random.default_rng(3)
    n = 3 * _BLOCK
    made = rng.integers(0, 4, n).astype(np.uint8)
    for at in (_BLOCK - 2, 2 * _BLOCK - 3):  # runs that go on behind a block
        made[at : at + 3] = (1, 250, 5)
    expected = []
    level, power = 0, 0
    for code in made.tolist():
        if code <= 3:
            level, power = code, 0
            expected.append(level)
        else:
            expected += [level] * ((code - 4) * 252**power)
            power += 1
    npt.assert_array_equal(levels_of_runs(memoryview(made), 8, 3, len(expected)), expected)


@pytest.mark.parametrize("seed", range(20))
def test_what_is_packed_comes_back(seed):
    rng = np.random.default_rng(seed)
    bits = int(rng.integers(2, 17))
    highest = int(rng.integers(0, min(2**bits - 3, 400)))
    lengths = rng.integers(1, [2, 30, 5000][seed % 3], 200)
    values = rng.integers(0, highest + 1, 200)
    codes = [c for v, n in zip(values, lengths, strict=True) for c in run(v, n, highest, bits)]
    stream = "".join(f"{code:0{bits}b}" for code in codes)
    stream += "0" * (-len(stream) % 8)
    data = int(stream, 2).to_bytes(len(stream) // 8, "big")
    found = levels_of_runs(memoryview(data), bits, highest, int(lengths.sum()))
    npt.assert_array_equal(found, np.repeat(values, lengths))


def national():
    """Rows of 1/120 and columns of 1/80 of a degree over Japan, by level; and its runs."""
    image = np.zeros((3360, 2560), np.uint8)
    image[300:3000, 300:2300] = 1
    for (longitude, latitude), level in ((TOKYO, 7), (NAHA, 6)):
        row, column = int((48 - latitude) * 120), int((longitude - 118) * 80)
        image[row - 12 : row + 13, column - 8 : column + 9] = level
    flat = image.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=255))
    return list(zip(flat[starts].tolist(), np.diff(starts, append=flat.size).tolist(), strict=True))


def at(mosaic, longitude, latitude):
    x, y = (round(float(axis)) for axis in mosaic.grid.cell(longitude, latitude))
    return int(mosaic.reflectivity[y, x]), bool(mosaic.coverage[y, x])


@pytest.mark.parametrize("product", [(0, 1, 201), (0, 1, 203)])
def test_a_national_composite(product):
    # As in files of 1 km: the last place is 20.004167 N, 0.13 of a row from 3359 steps of 8333.
    last = 20_004_167, 149_993_750
    content = jma(national(), TABLE, rows=3360, columns=2560, last=last, product=product)
    began = time.process_time()
    mosaic = read_mosaic(content)
    assert time.process_time() - began < 5
    # 10 log10(200 R^1.6): 51.5 mm/h is 50.4 dBZ, 10 mm/h is 39.0.
    assert at(mosaic, *TOKYO) == (50, True)
    assert at(mosaic, *NAHA) == (39, True)
    assert at(mosaic, 135.0, 30.0) == (0, True)  # no rain
    assert at(mosaic, 119.0, 47.0) == (0, False)  # no radar
    for place, dbz in ((TOKYO, 50), (NAHA, 39)):
        y, x = np.nonzero(mosaic.reflectivity == dbz)
        npt.assert_allclose((x.mean(), y.mean()), mosaic.grid.cell(*place), atol=0.6)
    assert mosaic.source == "JMA"
    assert mosaic.product.startswith("JMA")
    assert "Marshall" in mosaic.derived
    assert mosaic.time == np.datetime64("2019-10-12T09:00")


def small(**how):
    runs = how.pop("runs", [(0, 1000), (1, 1100), (7, 300)])
    return jma(runs, how.pop("table", TABLE), rows=40, columns=60, **how)


def test_the_last_place_settles_a_rounded_step():
    def latitudes(**how):
        return field_of(messages(small(step=(1000, 83), **how), "it")[0], "it").latitude

    # 39 steps of 1/12,000 of a degree are 3,250 millionths; of 83, 3,237.
    last = 47_995_833 - 3_250, 118_006_250 + 59_000
    npt.assert_allclose(latitudes(last=last), 47.995833 - np.arange(40) / 12_000, atol=1e-7)
    npt.assert_allclose(latitudes(), 47.995833 - np.arange(40) * 83e-6, atol=1e-9)
    astray = 10_000_000, 118_006_250
    npt.assert_allclose(latitudes(last=astray), latitudes(), atol=1e-9)


def test_values_of_levels_and_of_none():
    field = field_of(
        messages(small(table=[0, 10, 1 << 15 | 25, 35, 45, 1000, 5150]), "it")[0], "it"
    )
    values = field.values(slice(None))
    assert np.isnan(values.ravel()[:1000]).all()
    assert (values.ravel()[1000:2100] == 0).all()
    assert (values.ravel()[2100:] == 51.5).all()
    assert field.packing.table[3] == -0.25  # the first bit is the sign (regulation 92.1.5)


def test_a_nowcast_holds_at_its_end():
    later = small(product=(0, 1, 203), product_template=50011, end=(2019, 10, 12, 9, 35, 0))
    assert read_mosaic(later).time == np.datetime64("2019-10-12T09:35")


@pytest.mark.parametrize("end", [(0, 0, 0, 0, 0, 0), (1, 2, 3, 4, 5, 6)])
def test_an_end_that_is_none_leaves_the_reference_time(end):
    assert read_mosaic(small(end=end)).time == np.datetime64("2019-10-12T09:00")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"product": (0, 1, 200)}, "JMA's rain summed over an hour, which is no rate"),
        ({"product": (0, 1, 206)}, r"a field that centre 34 numbers for itself \(discipline 0"),
        ({"centre": 54}, "a field that centre 54 numbers for itself"),
        ({"grid_template": 50120, "times": 3}, "a sweep of one radar.*take a composite"),
        ({"grid_template": 50120}, "a sweep of one radar.*take a composite"),
        ({"times": 2}, "several fields in one message"),
        ({"runs": [(0, 1000)]}, "damaged GRIB2"),
        ({"runs": [(0, 5000)]}, "damaged GRIB2"),
        ({"highest": 9}, "table of 7 levels"),
        ({"highest": 300, "table": [0] * 300}, "table of 300 levels"),
    ],
)
def test_what_is_not_read_is_said(how, message):
    with pytest.raises(InputError, match=message):
        read_mosaic(small(**how))


def test_a_number_of_its_own_means_nothing_of_another_centre():
    assert read_mosaic(small()).reflectivity.max() == 50
    with pytest.raises(InputError, match=r"Read are: .*JMA radar composite"):
        read_mosaic(small(centre=7))
    with pytest.raises(InputError, match="not JMA nowcast, rain intensity"):
        read_mosaic(small(), Options(field="JMA nowcast, rain intensity"))


def test_few_bytes_ask_for_no_more_than_a_grid_holds():
    # The largest grid that is taken, of one run: four codes.
    n = 4096 * 8191
    assert n <= MAX_CELLS
    content = jma(
        [(7, n)], TABLE, rows=4096, columns=8191, step=(3000, 3000), west=120.0, north=45.0
    )
    assert len(content) < 400
    assert read_mosaic(content, Options(grid="38,132")).reflectivity.max() == 50


def test_mrms_is_read_as_before():
    assert read_mosaic(grib(np.full((40, 60), 30.5))).source == "MRMS"
