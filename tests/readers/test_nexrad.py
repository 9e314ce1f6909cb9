"""Level II volumes: against files written to the specification, and a real one."""

import bz2
import gzip
import struct
import tracemalloc

import numpy as np
import numpy.testing as npt
import pytest
from nexrad_files import (
    BATCH,
    DOPPLER,
    SURVEILLANCE,
    Turn,
    chunks,
    code,
    legacy_volume,
    radials,
    volume,
    volume_of,
)
from shared import shared_file

from stormlens.errors import InputError
from stormlens.readers import Options, read
from stormlens.readers._nexrad import sites
from stormlens.stormbox import NATIONAL

RAYS, GATES = 36, 200
PLACE = {"latitude": 35.33, "longitude": -97.28}
TLX = tuple(round(float(v)) for v in NATIONAL.cell(-97.28, 35.33))


def empty(rays=RAYS, gates=GATES):
    return np.zeros((rays, gates), np.uint8)


def turn(elevation=0.5, dbz=None, **moments):
    """A sweep with one value everywhere, or without echo, and other moments."""
    codes = empty()
    if dbz is not None:
        codes[:] = code(dbz)
    return Turn(elevation, {"REF": codes, **moments}, spacing=1000)


def around(mosaic, half=20):
    x, y = TLX
    return mosaic.isel(y=slice(y - half, y + half + 1), x=slice(x - half, x + half + 1))


def test_an_echo_lies_where_azimuth_and_range_say():
    codes = empty(360, 400)
    codes[89:92, 190:211] = code(50)  # due east, 50 km away: gate (50,000 - 2,125) / 250 = 191.5
    mosaic = read(volume([Turn(0.5, {"REF": codes})]))
    y, x = np.nonzero(mosaic.reflectivity.values)
    # On the ground 50 km along the parallel, where a degree of longitude is 111.32 km cos(lat).
    east = NATIONAL.cell(-97.28 + 50 / (111.32 * np.cos(np.deg2rad(35.33))), 35.33)
    assert abs(x.mean() - east[0]) < 1.0
    assert abs(y.mean() - east[1]) < 1.0
    assert set(np.unique(mosaic.reflectivity.values[y, x])) == {50}


def test_the_highest_sweep_counts():
    low, high = turn(0.5, 20), turn(6.0, 35)
    mosaic = around(read(volume([low, high])))
    assert (mosaic.reflectivity.values[15:26, 15:26] == 35).all()


def test_below_threshold_is_clear_air_and_folded_range_is_not_covered():
    codes = empty()
    codes[: RAYS // 2] = 1  # folded on the eastern half
    mosaic = around(read(volume([Turn(0.5, {"REF": codes}, spacing=1000)])))
    assert not mosaic.reflectivity.values.any()
    assert mosaic.coverage.values[20, 10]  # west
    assert not mosaic.coverage.values[20, 30]  # east


def test_another_sweep_covers_what_folds_in_one():
    codes = np.ones_like(empty())
    mosaic = around(read(volume([Turn(0.5, {"REF": codes}, spacing=1000), turn(2.0)])))
    assert mosaic.coverage.values[20, 30]


def test_the_second_turn_of_a_split_cut_is_passed_over():
    velocity = np.full((RAYS, GATES), 129, np.uint8)
    cuts = [turn(0.5, 20), turn(0.52, 60, VEL=velocity)]
    assert around(read(volume(cuts))).reflectivity.values.max() == 20
    # A batch cut stands alone: reflectivity and velocity in one turn.
    batch = [turn(0.5, 20), turn(2.4, 60, VEL=velocity)]
    assert around(read(volume(batch))).reflectivity.values.max() == 60


def test_a_blanked_sector_is_not_covered():
    azimuths = np.arange(36) * 5.0  # 0 to 175 degrees only
    sector = Turn(0.5, {"REF": empty()}, azimuths=azimuths, spacing=1000)
    mosaic = around(read(volume([sector])))
    assert mosaic.coverage.values[20, 30]
    assert not mosaic.coverage.values[20, 10]


def test_wide_words():
    codes = np.full((RAYS, GATES), 2 * 41 + 66, np.uint16)
    mosaic = read(volume([Turn(0.5, {"REF": codes}, spacing=1000, wide=True)]))
    assert around(mosaic).reflectivity.values.max() == 41


def test_time_is_that_of_the_first_ray():
    mosaic = read(volume([turn()]))
    assert mosaic.time.values == np.datetime64("2013-05-20T20:00:00", "ns")


@pytest.mark.parametrize(
    "pack", [gzip.compress, bz2.compress, bytes], ids=["gzip", "bzip2", "none"]
)
@pytest.mark.parametrize("packed", [True, False], ids=["records packed", "records plain"])
def test_packing_inside_and_out(pack, packed):
    turns = [turn(0.5, 33), turn(1.5, 20)]
    plain = read(volume(turns, packed=False))
    assert read(pack(volume(turns, packed=packed))).identical(plain)


def test_records_need_not_hold_120_rays(monkeypatch):
    import nexrad_files

    turns = [turn(0.5, 33), turn(1.5, 20)]
    whole = read(volume(turns))
    monkeypatch.setattr(nexrad_files, "_records", lambda messages: [b"".join(messages)])
    assert read(volume(turns)).identical(whole)


def test_message_1_knows_its_radar_by_name():
    codes = np.full((360, 100), 2 * 30 + 66, np.uint8)
    mosaic = read(legacy_volume([Turn(0.5, {"REF": codes}, first_gate=0, spacing=1000)]))
    latitude, longitude = sites()["KLIX"]
    x, y = (round(float(v)) for v in NATIONAL.cell(longitude, latitude))
    assert mosaic.reflectivity.values[y + 5, x] == 30
    assert mosaic.attrs["source"] == "NEXRAD Level II, KLIX"


def test_message_1_takes_the_radar_from_the_file_name(tmp_path):
    turns = [Turn(0.5, {"REF": np.full((180, 100), 126, np.uint8)}, first_gate=0, spacing=1000)]
    path = tmp_path / "KLIX20050828_180149"
    path.write_bytes(legacy_volume(turns, site="\0\0\0\0"))
    assert read(path).attrs["source"] == "NEXRAD Level II, KLIX"
    with pytest.raises(InputError, match=r"radar 'NONE' is not known.* --site LAT,LON"):
        read(path.read_bytes(), name="none")
    with pytest.raises(InputError, match="neither where its radar stands nor which it is"):
        read(path.read_bytes(), name="20050828")


def test_quality_control_takes_out_low_correlation_and_specks():
    rho_good, rho_bad = (
        np.full((RAYS, GATES), round(r * 300 - 60.5), np.uint8) for r in (0.98, 0.5)
    )
    weather, birds = (turn(0.5, 30, RHO=rho) for rho in (rho_good, rho_bad))
    assert (
        around(read(volume([weather]), Options(quality_control=True))).reflectivity.values.max()
        == 30
    )
    clean = around(read(volume([birds]), Options(quality_control=True)))
    assert not clean.reflectivity.values.any()
    assert clean.coverage.values.all()
    unknown = turn(0.5, 30, RHO=empty())  # below the threshold of detection, so not measured
    assert (
        around(read(volume([unknown]), Options(quality_control=True))).reflectivity.values.max()
        == 30
    )
    speck = turn()
    speck.codes["REF"][10, 50] = code(60)
    assert read(volume([speck])).reflectivity.values.max() == 60
    assert not read(volume([speck]), Options(quality_control=True)).reflectivity.values.any()


def test_the_highest_gate_of_a_cell_on_request():
    # Gates of 250 m: fifteen to a cell. One of them holds a core that no cell centre meets.
    codes = empty(720, 800)
    codes[:] = code(20)
    codes[181, 401] = code(60)
    content = volume([Turn(0.5, {"REF": codes})])
    nearest, highest = read(content), read(content, Options(sampling="maximum"))
    assert nearest.reflectivity.values.max() == 20
    assert highest.reflectivity.values.max() == 60
    assert (highest.reflectivity.values == 60).sum() == 1
    assert (highest.reflectivity.values >= nearest.reflectivity.values).all()
    # A cell at the edge of reach may hold echo although its centre lies beyond.
    assert (highest.coverage.values >= nearest.coverage.values).all()
    assert (highest.coverage.values != nearest.coverage.values).mean() < 1e-3


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (volume([turn()])[:20], "holds no sweep yet"),
        (volume([turn()], packed=False)[: 24 + 134 * 2432], "holds no sweep yet"),
        (volume([turn()], packed=False)[: 27 + 134 * 2432 + 60], "no sweep that can be read"),
        (volume([Turn(0.5, {"VEL": empty()})]), "no reflectivity"),
        (volume([turn()], latitude=float("nan"), site="KXYZ"), "'KXYZ' is not known"),
        (volume([turn()])[:24] + b"\0\0\1\0BZh91AY&SY" + bytes(252), "1 record is damaged"),
    ],
    ids=["stub", "no sweep", "ray cut", "no reflectivity", "NaN", "bzip2"],
)
def test_what_is_wrong_is_one_sentence(content, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        read(content, name="KTLX.ar2v")
    assert str(caught.value).startswith("KTLX.ar2v")


def test_the_katrina_volume():
    mosaic = read(shared_file("radar/KLIX20050828_180149.gz"))
    assert mosaic.time.values == np.datetime64("2005-08-28T18:01:29.465", "ns")
    assert mosaic.attrs["product"] == "column maximum of 14 sweeps"
    assert mosaic.reflectivity.values.max() == 54  # 54.0 in the first cut, as Py-ART 2.3 reads it
    # A disc of 460 km: 47,285 cells, a little more where the projection stretches.
    assert abs(int(mosaic.coverage.sum()) - np.pi * 460**2 / 3.75**2) < 0.03 * 47_285
    # The hurricane's centre stood at 25.9 N 88.3 W: its rain lies south-east of the radar.
    longitude, latitude = -89.83, 30.34
    x, y = (round(float(v)) for v in NATIONAL.cell(longitude, latitude))
    echo = mosaic.reflectivity.values >= 20
    assert echo[:y, x:].sum() > 2 * echo[y:, :x].sum()


# Volumes that lack something.

ANGLES = (0.5, 1.5, 2.4, 3.4, 4.3, 5.3, 6.2, 7.5, 8.7, 10.0, 12.0, 14.0, 16.7, 19.5)
PATTERN = [(angle, BATCH) for angle in ANGLES]


def fourteen():
    """Fourteen sweeps, the higher the stronger: each reaches as far as all others."""
    return [turn(angle, 10 + 2 * number) for number, angle in enumerate(ANGLES)]


def told(content, **options):
    mosaic = read(content, Options(**options), name="KTLX.ar2v")
    return mosaic.attrs["product"].removeprefix("column maximum of "), mosaic


def near(mosaic):
    """Cells 30 km about the radar, which every sweep covers."""
    return around(mosaic, 4).reflectivity.values


UNFINISHED = "the volume is unfinished or has lost its end"


@pytest.mark.parametrize("lost", [35, 5 * RAYS + 35, 14 * RAYS - 1])
@pytest.mark.parametrize("pattern", [(), PATTERN], ids=["no pattern", "pattern"])
def test_a_lost_end_radial_costs_that_ray_alone(lost, pattern):
    rays = radials(fourteen())
    product, mosaic = told(volume_of(rays[:lost] + rays[lost + 1 :], pattern=pattern))
    why = f" ({UNFINISHED})" if lost == 14 * RAYS - 1 else ""
    assert product == f"13 of 14 sweeps and of 35 of 36 rays of 1 more{why}"
    whole = read(volume(fourteen()))
    same = mosaic.reflectivity.values == whole.reflectivity.values
    assert same.mean() > 0.99
    # The gap lies about the last ray's azimuth, 355 degrees: the other 35 sweeps' rays stand.
    y, x = np.nonzero(~same)
    assert all(np.abs((np.rad2deg(np.arctan2(x - TLX[0], y - TLX[1])) + 5 + 180) % 360 - 180) < 12)


@pytest.mark.parametrize("number", [0, 7])
def test_a_block_of_no_gates_costs_its_own_ray_or_sweep(number):
    turns = fourteen()
    codes = [np.asarray(row) for row in turns[number].codes["REF"]]
    codes[3] = codes[3][:0]
    turns[number].codes["REF"] = codes
    assert told(volume(turns))[0] == "13 of 14 sweeps and of 35 of 36 rays of 1 more"
    turns[number].codes["REF"] = [row[:0] for row in codes]
    product, mosaic = told(volume(turns))
    assert product == "13 of 14 sweeps"
    assert near(mosaic).max() == 36  # 10 + 2 x 13


@pytest.mark.parametrize("packed", [True, False])
def test_the_last_sweeps_cut_off(packed):
    rays = radials(fourteen())[: 11 * RAYS + 12]
    product, mosaic = told(volume_of(rays, pattern=PATTERN, packed=packed))
    assert product == f"11 of 14 sweeps and of 12 of 36 rays of 1 more ({UNFINISHED})"
    assert set(np.unique(near(mosaic))) == {30, 32}  # the eleventh, and a third of the twelfth
    # Without a pattern no more is known than begun.
    product, _ = told(volume_of(rays, packed=packed))
    assert product == f"11 of 12 sweeps and of 12 of 36 rays of 1 more ({UNFINISHED})"
    product, mosaic = told(volume_of(rays[: 11 * RAYS], pattern=PATTERN, packed=packed))
    assert product == f"11 of 14 sweeps ({UNFINISHED})"
    assert set(np.unique(near(mosaic))) == {30}


def test_a_volume_that_ends_before_its_pattern_is_whole():
    # AVSET leaves out high cuts where nothing is seen; the last ray then ends the volume.
    product, _ = told(volume(fourteen()[:11], pattern=PATTERN), strict=True)
    assert product == "11 sweeps"


def test_lost_sweeps_within_are_counted():
    rays = radials(fourteen())
    gap = rays[: 3 * RAYS] + rays[6 * RAYS :]
    for pattern in ((), PATTERN):
        assert told(volume_of(gap, pattern=pattern))[0] == "11 of 14 sweeps"


def test_a_lost_turn_of_a_split_cut_counts_if_it_is_the_first():
    velocity = np.full((RAYS, GATES), 129, np.uint8)
    folded = np.ones_like(velocity)
    turns = [
        turn(0.5, 20),
        Turn(0.5, {"REF": folded, "VEL": velocity}, spacing=1000),
        turn(1.5, 30),
        Turn(1.5, {"REF": folded, "VEL": velocity}, spacing=1000),
        turn(2.4, 40, VEL=velocity),
    ]
    pattern = [
        (0.5, SURVEILLANCE), (0.5, DOPPLER), (1.5, SURVEILLANCE), (1.5, DOPPLER), (2.4, BATCH)
    ]  # fmt: skip
    rays = radials(turns)

    def without(cut):
        return rays[: cut * RAYS] + rays[(cut + 1) * RAYS :]

    for told_pattern in ((), pattern):
        assert told(volume_of(rays, pattern=told_pattern), strict=True)[0] == "3 sweeps"
        # The second turn of the first cut is lost: nothing of the column maximum is.
        assert told(volume_of(without(1), pattern=told_pattern))[0] == "3 sweeps"
        assert told(volume_of(without(4), pattern=told_pattern))[0].startswith("2 of ")
    product, mosaic = told(volume_of(without(2), pattern=pattern))
    assert product == "2 of 3 sweeps"
    assert set(np.unique(around(mosaic).reflectivity.values)) == {40}


def test_both_turns_with_velocity_of_a_longer_split_cut_are_passed_over():
    # VCP 121 turns four times at one elevation, thrice with velocities.
    velocity = np.full((RAYS, GATES), 129, np.uint8)
    again = [turn(0.5, 60, VEL=velocity) for _ in range(3)]
    product, mosaic = told(volume([turn(0.5, 20), *again, turn(2.4, 30, VEL=velocity)]))
    assert product == "2 sweeps"
    assert around(mosaic).reflectivity.values.max() == 30


def records_of(content):
    return [content[:24], *(part[24 * (n == 0) :] for n, part in enumerate(chunks(content)))]


def test_a_file_cut_within_a_record():
    content = volume(fourteen(), pattern=PATTERN)
    records = records_of(content)  # header, metadata, five records of 120 rays
    cut = b"".join(records[:4]) + records[4][:200]
    product, mosaic = told(cut)
    assert product == (
        "6 of 14 sweeps and of 24 of 36 rays of 1 more (the file ends within a record, "
        f"{UNFINISHED})"
    )
    assert set(np.unique(near(mosaic))) <= {20, 22}
    plain = volume(fourteen(), packed=False, pattern=PATTERN)
    product, _ = told(plain[: 24 + 134 * 2432 + (len(plain) - 24 - 134 * 2432) // 2 + 100])
    assert product == (f"7 of 14 sweeps (the file breaks off within a message, {UNFINISHED})")
    with pytest.raises(InputError, match=r"^KTLX.ar2v is not whole: .*6 of 14 sweeps.*record") as e:
        told(cut, strict=True)
    assert "get it again" not in str(e.value)


@pytest.mark.parametrize("at", [0, 8, 30, -10], ids=["size", "magic", "data", "end"])
def test_a_damaged_record_costs_its_own_rays(at):
    records = records_of(volume(fourteen(), pattern=PATTERN))
    damaged = bytearray(records[3])  # rays 121 to 240: 24 of the fourth sweep to 24 of the seventh
    damaged[at] ^= 0x55
    product, mosaic = told(b"".join([*records[:3], bytes(damaged), *records[4:]]))
    if at == 0:  # the size is not needed
        assert product == "14 sweeps"
        assert mosaic.identical(read(volume(fourteen(), pattern=PATTERN), name="KTLX.ar2v"))
    else:
        assert product.startswith("10 of 14 sweeps and of 24 of 72 rays of 2 more")
    assert near(mosaic).max() == 36


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress], ids=["gzip", "bzip2"])
def test_a_compressed_file_cut_short_is_read_as_far_as_it_goes(pack):
    # Incompressible, as records packed within are: cut within the fourth record of five.
    content = volume(fourteen(), pattern=PATTERN)
    packed = pack(content, 1) if pack is bz2.compress else pack(content)
    cut = packed[: int(len(packed) * 0.8)]
    if pack is bz2.compress:  # one block, of which nothing can be had
        with pytest.raises(InputError, match="is bzip2 data cut short"):
            told(cut)
        return
    product, mosaic = told(cut)
    assert product.startswith(("8", "9", "10", "11"))
    assert "the file is cut short" in product
    assert near(mosaic).max() < 36
    with pytest.raises(InputError, match="is gzip data cut short"):
        told(cut, strict=True)


def test_bytes_behind_the_end_are_passed_over():
    assert told(volume(fourteen()) + bytes(1000), strict=True)[0] == "14 sweeps"
    assert told(volume(fourteen(), packed=False) + bytes(1000), strict=True)[0] == "14 sweeps"


def test_a_real_archive_with_a_gap():
    mosaic = read(shared_file("radar/KLOT19950413_132143.gz"))
    # Its last sweep holds rays number 1 to 362 but for 26, which MetPy and xradar miss as well.
    assert mosaic.attrs["product"] == (
        "column maximum of 8 of 9 sweeps and of 336 of 362 rays of 1 more"
    )
    assert int((mosaic.reflectivity >= 5).sum()) == 102
    assert mosaic.reflectivity.values.max() == 42


# Radars and their places.


def test_the_table_of_radars():
    # Jackson, Mississippi, until 2003: 32 19 04 N 90 04 48 W in NASA's Radar Software Library,
    # 32.32 N 90.07 W in GEMPAK's nexrad.tbl.
    npt.assert_allclose(
        sites()["KJAN"], (32 + 19 / 60 + 4 / 3600, -90 - 4 / 60 - 48 / 3600), atol=1e-4
    )
    # Alaska, Hawaii, Puerto Rico, Guam, Korea, Japan, Azores.
    assert {"PAHG", "PHKI", "TJUA", "PGUA", "RKSG", "RKJK", "RODN", "LPLA"} <= set(sites())
    assert len(sites()) >= 166
    # North Webster, Indiana: 41 21 32 N 85 41 59 W there, 41.35 N 85.70 W in GEMPAK's.
    npt.assert_allclose(sites()["KIWX"], (41 + 21 / 60 + 32 / 3600, -85.7), atol=1e-3)
    for latitude, longitude in sites().values():
        assert 13 < latitude < 66
        assert -167 < longitude < -26 or 126 < longitude < 146


def test_a_place_that_is_told():
    turns = [Turn(0.5, {"REF": np.full((180, 100), 126, np.uint8)}, first_gate=0, spacing=1000)]
    unknown = legacy_volume(turns, site="QQQQ")
    latitude, longitude = sites()["KLIX"]
    found = read(unknown, Options(site=(latitude, longitude, 7)))
    npt.assert_array_equal(found.reflectivity, read(legacy_volume(turns)).reflectivity)
    assert found.attrs["source"] == "NEXRAD Level II, QQQQ"
    # What the volume says counts more; a place of 0, 0 says nothing.
    said = volume([turn(0.5, 20)])
    assert read(said, Options(site=(latitude, longitude))).identical(read(said))
    silent = volume([turn(0.5, 20)], latitude=0.0, longitude=0.0, site="QQQQ")
    npt.assert_array_equal(
        read(silent, Options(site=(35.33, -97.28))).reflectivity, read(said).reflectivity
    )
    for place in ((35.0,), (91.0, 0.0), (35.0, float("nan")), (1.0, 2.0, 3.0, 4.0)):
        with pytest.raises(InputError, match="A radar's place is latitude and longitude"):
            read(said, Options(site=place))


def test_a_name_of_control_characters_is_none():
    turns = [Turn(0.5, {"REF": np.full((180, 100), 126, np.uint8)}, first_gate=0, spacing=1000)]
    content = legacy_volume(turns, site="\x1b[2J")
    with pytest.raises(InputError, match="neither where its radar stands nor which it is") as e:
        read(content, name="a.raw")
    assert str(e.value).isprintable()


# Memory.


@pytest.mark.slow
def test_one_wide_ray_among_thousands_takes_no_room_for_all():
    narrow, wide = (
        radials([Turn(0.5, {"REF": np.full((3, n), 90, np.uint8)}, spacing=1000)])[1]
        for n in (2, 1840)
    )
    rays = []
    for number in range(32_000):
        ray = bytearray(narrow)
        struct.pack_into(">IHHf", ray, 32, 72_000_000 + number, 15_846, number % 2000 + 1, 1.0)
        ray[50] = number // 2000 + 1  # the cut
        rays.append(bytes(ray))
    content = volume_of([*rays, wide], packed=False)
    tracemalloc.start()
    try:
        read(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 400 * 2**20  # 1.8 GB when all rays were as wide as the widest
