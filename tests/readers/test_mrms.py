"""MRMS: values against another decoder, products and their marks, and what is refused."""

import struct
import sys

import numpy as np
import numpy.testing as npt
import pytest
from grib_files import COMPOSITE, MESH, PRECIP_RATE, decoded, grib
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import shared_file

from stormlens.errors import InputError
from stormlens.readers import Options, grid_lonlat, read
from stormlens.readers._grib import field_of, is_grib, messages
from stormlens.stormbox import NATIONAL

SHAPE, NORTH, WEST, STEP = (40, 50), 45.0, 255.0, 0.05


def values(message, name):
    return field_of(message, name).values(slice(None))


def field(fill=-99.0):
    return np.full(SHAPE, fill)


def cell(row, column):
    """Cell of the national grid over a value, rows from the north."""
    x, y = NATIONAL.cell(WEST - 360 + STEP * column, NORTH - STEP * row)
    return round(float(y)), round(float(x))


def test_clear_air_missing_data_and_echo_are_three_things():
    raw = field()
    raw[:20] = -999
    raw[28:36, 10:20] = 45.5
    mosaic = read(grib(raw))
    states = [
        (int(mosaic.reflectivity.values[place]), bool(mosaic.coverage.values[place]))
        for place in (cell(10, 25), cell(25, 40), cell(32, 15))
    ]
    assert states == [(0, False), (0, True), (45, True)]


def test_each_cell_takes_the_nearest_value():
    raw = np.arange(2000).reshape(SHAPE) % 70 + 1.0
    mosaic = read(grib(raw))
    longitude, latitude = grid_lonlat()
    row = np.rint((NORTH - latitude) / STEP).astype(int)
    column = np.rint((longitude + 360 - WEST) / STEP).astype(int)
    inside = (row >= 0) & (row < SHAPE[0]) & (column >= 0) & (column < SHAPE[1])
    npt.assert_array_equal(mosaic.coverage, inside)
    npt.assert_array_equal(mosaic.reflectivity.values[inside], raw[row[inside], column[inside]])


@settings(max_examples=25, deadline=None)
@given(
    data=st.data(),
    png=st.booleans(),
    decimals=st.integers(0, 2),
    masked=st.booleans(),
    bits=st.sampled_from([8, 16]),
)
def test_values_equal_those_of_another_decoder(data, png, decimals, masked, bits):
    seed = data.draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 2 ** (bits - 1), (6, 7))
    bitmap = rng.random((6, 7)) < 0.7 if masked else None
    if bitmap is not None:
        bitmap[0, 0] = True
    content = grib(codes / 10**decimals, png=png, decimals=decimals, bits=bits, bitmap=bitmap)
    npt.assert_allclose(
        values(messages(content, "x")[0], "x"), decoded(content), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("bits", range(1, 33))
@pytest.mark.parametrize("masked", [False, True])
def test_codes_of_any_number_of_bits_are_decoded(bits, masked):
    codes = np.random.default_rng(bits).integers(0, 2**bits, (5, 7)).astype(float)
    codes[0, 0], codes[4, 6] = 0, 2**bits - 1
    bitmap = codes % 3 > 0 if masked else None
    if masked:
        bitmap[0, 0], bitmap[4, 6] = True, False
    content = grib(codes, bits=bits, decimals=0, png=False, bitmap=bitmap)
    expected = np.where(bitmap, codes, np.nan) if masked else codes
    found = values(messages(content, "x")[0], "x")
    npt.assert_array_equal(found, expected)
    npt.assert_array_equal(found, decoded(content))


@pytest.mark.parametrize("bits", [24, 32])
def test_images_whose_colours_are_the_bytes_of_a_code_are_decoded(bits):
    codes = (np.arange(30).reshape(5, 6) * 0x01_2345_67 + 0x7F) % 2**bits
    codes[0, 0] = 0
    content = grib(codes.astype(float), bits=bits, decimals=0)
    npt.assert_array_equal(values(messages(content, "x")[0], "x"), codes)
    raw = field()
    raw[:20], raw[28:36, 10:20] = -999, 45.5
    assert read(grib(raw, bits=bits, decimals=4)).identical(read(grib(raw)))


def test_an_image_of_another_kind_than_its_bits_is_refused():
    content = bytearray(grib(np.zeros((5, 6)), bits=24, decimals=0))
    at = content.index(b"IHDR")
    content[at + 13] = 0  # grey, of 8 bits
    with pytest.raises(InputError, match="does not hold its 30 values"):
        read(bytes(content))


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_images_of_few_bits_are_decoded(bits):
    codes = np.arange(30).reshape(5, 6) % 2**bits - 3.0
    content = grib(codes, bits=bits, decimals=0)
    npt.assert_array_equal(values(messages(content, "x")[0], "x"), codes)


@pytest.mark.parametrize("masked", [False, True])
def test_a_constant_field_of_no_bits_is_decoded(masked):
    expected, bitmap = np.full((4, 5), -99.9), None
    if masked:
        bitmap = np.eye(4, 5) > 0
        expected[~bitmap] = np.nan
    content = grib(np.full((4, 5), -99.9), png=False, bits=0, bitmap=bitmap)
    npt.assert_allclose(values(messages(content, "x")[0], "x"), expected, rtol=1e-7)


@pytest.mark.parametrize("scan", [0x00, 0x40, 0x80, 0xC0])
def test_every_order_of_rows_and_columns_lands_in_the_same_place(scan):
    raw = field()
    raw[5:12, 30:45] = 50.0
    usual = read(grib(raw))
    turned = raw[::-1] if scan & 0x40 else raw
    turned = turned[:, ::-1] if scan & 0x80 else turned
    north = NORTH - STEP * (SHAPE[0] - 1) if scan & 0x40 else NORTH
    west = WEST + STEP * (SHAPE[1] - 1) if scan & 0x80 else WEST
    mosaic = read(grib(turned, scan=scan, north=north, west=west))
    npt.assert_array_equal(mosaic.reflectivity, usual.reflectivity)


def test_units_of_the_grid_may_be_written_out():
    raw = field()
    raw[5:12, 30:45] = 50.0
    assert read(grib(raw, units=(1, 1_000_000))).identical(read(grib(raw)))


def test_rain_becomes_reflectivity_by_the_stated_relation():
    raw = field(0.0)
    raw[:20], raw[20] = -3, -1
    raw[28:36, 10:20] = 10.0
    content = grib(raw, product=PRECIP_RATE)
    mosaic = read(content)
    # 10 log10(200 x 10^1.6) = 39.01; 10 log10(300 x 10^1.4) = 38.77
    assert mosaic.reflectivity.values[cell(32, 15)] == 39
    assert read(content, Options(rain="wsr-88d")).reflectivity.values[cell(32, 15)] == 38
    assert mosaic.attrs["derived"] == "from rain rate by Z = 200 R^1.6 (Marshall and Palmer 1948)"
    assert "WSR-88D convective" in read(content, Options(rain="wsr-88d")).attrs["derived"]
    assert not mosaic.coverage.values[cell(10, 25)]
    assert mosaic.coverage.values[cell(25, 40)]
    assert mosaic.reflectivity.values[cell(25, 40)] == 0


def test_rain_in_kilograms_a_second_is_converted():
    raw = np.full(SHAPE, 10 / 3600)
    content = grib(raw, product=(0, 1, 7), decimals=8, bits=16, png=False)
    assert read(content).reflectivity.values[cell(20, 25)] == 39


def test_values_left_out_by_a_bitmap_are_not_covered():
    bitmap = np.ones(SHAPE, bool)
    bitmap[:20] = False
    mosaic = read(grib(np.full(SHAPE, 30.0), bitmap=bitmap))
    assert not mosaic.coverage.values[cell(10, 25)]
    assert mosaic.reflectivity.values[cell(30, 25)] == 30


def test_time_and_product_are_told():
    mosaic = read(grib(field(), time=(2019, 6, 10, 23, 58, 36)))
    assert mosaic.time.values == np.datetime64("2019-06-10T23:58:36")
    assert mosaic.attrs["product"] == "MergedReflectivityQCComposite"
    assert mosaic.attrs["derived"] == ""


def test_a_forecast_holds_hours_after_its_reference_time():
    content = grib(field(), time=(2019, 6, 10, 22, 0, 0), hours=3)
    assert read(content).time.values == np.datetime64("2019-06-11T01:00")


def test_one_readable_field_among_others_is_found():
    content = grib(field(1.0), product=MESH) + grib(field(33.0), product=COMPOSITE)
    assert read(content).reflectivity.values[cell(20, 25)] == 33


def cut_section_length(content):
    """The first section says that it is longer than the message."""
    return content[:16] + struct.pack(">I", 10**9) + content[20:]


def flipped_in_image(content):
    at = content.index(b"IDAT") + 10
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (grib(field(), product=MESH), r"holds MESH \(discipline 209, category 3, number 28\)"),
        (grib(field(), product=(209, 99, 7)), "discipline 209, category 99, number 7"),
        (grib(field()) * 2, "holds 2 fields that could be read, all MergedReflectivityQCComposite"),
        (grib(field(), grid_template=30), "grid of template 3.30"),
        (grib(field(), packing=40), "packed by template 5.40.*wgrib2"),
        (grib(field(), scan=0x20), "rows of parallels"),
        (grib(field(), west=10.0), "does not reach the national grid"),
        (grib(field())[:-30], "cut short"),
        (cut_section_length(grib(field())), "sections do not add up"),
        (flipped_in_image(grib(field())), "fails the check of its bytes"),
        (b"GRIB\0\0\0\1" + bytes(40), "GRIB edition 1"),
        (grib(field(), time=(2019, 13, 1, 0, 0, 0)), "damaged GRIB2 file"),
    ],
)
def test_what_is_wrong_is_said(content, message):
    with pytest.raises(InputError, match=message):
        read(content, Options(grid="national"))


def of_cells(rows, columns, held):
    """A small message that says it has so many rows, columns and values."""
    content = bytearray(grib(field(), png=False))
    at = content.index(struct.pack(">4I", SHAPE[1], SHAPE[0], 0, 0xFFFFFFFF))
    content[at : at + 8] = struct.pack(">2I", columns, rows)
    content[at - 24 : at - 20] = struct.pack(">I", held)
    return bytes(content)


@pytest.mark.parametrize(
    ("rows", "columns", "held", "message"),
    [
        (2**31, 2**31, 2000, "cells are not its 2000 values"),
        (7000, 14_000, 98_000_000, "98,000,000 values; up to 33,554,432 are read.*small_grib"),
        (400, 5000, 2_000_000, "2000 values are packed for 2000000 cells"),
    ],
)
def test_a_size_that_no_file_has_is_refused_before_it_is_asked_for(rows, columns, held, message):
    with pytest.raises(InputError, match=message):
        read(of_cells(rows, columns, held))


HEADINGS = [
    b"\x01\r\r\n123 \r\r\nHTUS42 KWBC 100002\r\r\n",  # WMO 386, II, format of bulletins
    b"HTUS42 KWBC 100002\r\r\n",  # as LDM stores one
    b"0000004711" + b"00\x01\r\r\n123\r\r\nHTUS42 KWBC 100002\r\r\n",  # with its length, on FTP
    b"****0000004711****\nHTUS42 KWBC 100002\r\r\n",  # NOAA's file headers
]


@pytest.mark.parametrize("heading", HEADINGS)
@pytest.mark.parametrize("end", [b"", b"\r\r\n\x03", bytes(40)])
def test_a_bulletin_s_heading_and_end_are_passed_over(heading, end):
    content = grib(field(33.0))
    assert read(heading + content + end, name="x").identical(read(content, name="x"))


def test_messages_in_bulletins_one_behind_the_other_are_found():
    content = HEADINGS[0] + grib(field(1.0), product=MESH) + b"\r\r\n\x03"
    content += HEADINGS[0] + grib(field(33.0), product=COMPOSITE) + b"\r\r\n\x03"
    assert read(content).reflectivity.values[cell(20, 25)] == 33


def test_a_message_deep_in_another_file_makes_it_no_grib():
    for start in (b"some text\n" * 100, b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"):
        assert not is_grib(start + grib(field()))


@pytest.mark.parametrize("mark", [95.5, 300.0, 9999.0, -9999.0])
@pytest.mark.parametrize("sampling", ["nearest", "maximum"])
def test_what_no_radar_measures_is_no_coverage(mark, sampling):
    raw = field(33.0)
    raw[:20] = mark
    mosaic = read(grib(raw, bits=24), Options(sampling=sampling))
    assert mosaic.reflectivity.values.max() == 33
    assert not mosaic.coverage.values[cell(10, 25)]
    assert mosaic.coverage.values[cell(25, 25)]


def test_rain_that_never_fell_is_no_coverage():
    raw = field(10.0)
    raw[:20] = 9999
    mosaic = read(grib(raw, product=PRECIP_RATE, bits=24))
    assert mosaic.reflectivity.values.max() == 39
    assert not mosaic.coverage.values[cell(10, 25)]


def test_of_several_products_the_one_that_is_named_is_read():
    base = (209, 11, 0)
    content = grib(field(20.0)) + grib(field(30.0), product=base)
    with pytest.raises(InputError, match="--field MergedReflectivityQCComposite, in Python Op"):
        read(content)
    mosaic = read(content, Options(field="MergedBaseReflectivityQC"))
    assert mosaic.reflectivity.values[cell(20, 25)] == 30
    with pytest.raises(InputError, match="which is not MESH"):
        read(content, Options(field="MESH"))


def test_names_of_what_is_not_read_need_no_other_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "gribberish", None)
    with pytest.raises(InputError, match="holds a field of discipline 209, category 3, number 28"):
        read(grib(field(), product=MESH))


def test_a_file_of_many_messages_is_looked_through_and_no_more():
    small = grib(np.zeros((2, 2)), product=MESH, png=False, bits=0)
    found = read(small * 5000 + grib(field(33.0)))
    assert found.reflectivity.values[cell(20, 25)] == 33
    with pytest.raises(InputError, match="over 10,000 messages"):
        read(small * 10_001)


@pytest.fixture(scope="module")
def real():
    return shared_file("radar/MRMS_PrecipRate_00.00_20190610-000000.grib2").read_bytes()


def test_a_real_mosaic_decodes_as_by_another_decoder(real):
    # 10^-1 is no binary fraction: a division and a product differ in the last bit.
    npt.assert_allclose(values(messages(real, "x")[0], "x"), decoded(real), rtol=1e-15)


def test_a_real_mosaic_is_what_its_own_values_say(real):
    mosaic, raw = read(real), decoded(real)
    longitude, latitude = grid_lonlat()
    # The file: 0.01 degrees, first value at 54.995 N 230.005 E.
    row = np.rint((54.995 - latitude) / 0.01).astype(int)
    column = np.rint((longitude + 360 - 230.005) / 0.01).astype(int)
    inside = (row >= 0) & (row < 3500) & (column >= 0) & (column < 7000)
    rate = raw[np.where(inside, row, 0), np.where(inside, column, 0)]
    npt.assert_array_equal(mosaic.coverage, inside & (rate >= 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        dbz = np.floor(10 * np.log10(200 * np.where(inside, rate, 0) ** 1.6))
    expected = np.clip(np.where(mosaic.coverage & (dbz >= 1), dbz, 0), 0, 80)
    # A product of powers and a sum of logarithms may fall to either side of a whole number.
    assert (mosaic.reflectivity.values == expected).mean() > 0.99999
    assert np.abs(mosaic.reflectivity.values - expected).max() <= 1
    assert mosaic.time.values == np.datetime64("2019-06-10")


def test_a_side_that_no_grid_has_is_refused_before_its_axis_is_made():
    content = grib(np.zeros((2, 70_000)), step=0.001, png=False, bits=1)
    with pytest.raises(InputError, match="70000 x 2 cells are not its 140000 values"):
        read(content)
