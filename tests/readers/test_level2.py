"""Level II messages: against xradar and MetPy, and against rays of which the test knows all."""

import bz2
import gzip
import io
import os
import struct
import subprocess
import sys
import tarfile

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nexrad_files import (
    SCALES,
    Turn,
    code,
    legacy_radials,
    legacy_volume,
    legacy_volume_of,
    message,
    pattern_message,
    radials,
    volume,
    volume_of,
)
from shared import shared_file
from xradar.io.backends.nexrad_level2 import NEXRADLevel2File

from stormlens.errors import InputError
from stormlens.readers import Options, read
from stormlens.readers._level2 import Gates, decode
from stormlens.stormbox import NATIONAL

MOMENTS = ("REF", "RHO")
WIDE = {"REF": 40, "RHO": 5000}
RADIAL = 28  # bytes of a message before its radial
STATUS, CUT, BLANKED = RADIAL + 21, RADIAL + 22, RADIAL + 28
REAL = [
    "KLBB20160601_150025_V06",
    "KLIX20050828_180149.gz",
    "KLOT19950413_132143.gz",
    "KTLX20140101_000624_V06.gz",
    "KLOT_realtime_chunks_20260328.tar.gz",
]


def real(name):
    """A real volume, its records unpacked; chunks are put together in their order."""
    content = shared_file(f"radar/{name}").read_bytes()
    if name.endswith(".tar.gz"):
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            parts = sorted((m for m in archive.getmembers() if m.isfile()), key=lambda m: m.name)
            content = b"".join(archive.extractfile(part).read() for part in parts)
    elif name.endswith(".gz"):
        content = gzip.decompress(content)
    return content[:24] + b"".join(records(content))


def records(content):
    if content[28:31] != b"BZh":
        return [content[24:]]
    found, at = [], 24
    while at + 4 < len(content):
        length = abs(struct.unpack_from(">i", content, at)[0])
        found.append(bz2.decompress(content[at + 4 : at + 4 + length]))
        at += 4 + length
    return found


def decoded(content, moments=MOMENTS):
    return decode(records(content), moments, "KTLX")


def of_moment(turn, moment):
    """First gate, spacing and values of a moment on gates of its own."""
    gates = turn.gates(moment)
    return gates.first, gates.spacing, turn.values(moment, gates)


def put(content, at, form, *values):
    """A message with something else in one place."""
    changed = bytearray(content)
    struct.pack_into(f">{form}", changed, at, *values)
    return bytes(changed)


def block(content, name):
    """Where a message has the block of a name."""
    return content.index(name)


def expected(codes, moment="REF"):
    """What raw values mean, by the scale and offset of the files that tests write."""
    scale, offset = SCALES[moment]
    values = (np.asarray(codes, float) - offset) / scale
    values[np.asarray(codes) == 0] = -np.inf
    values[np.asarray(codes) == 1] = np.nan
    return values.astype(np.float32)


def random_codes(rng, rays, gates, high=256):
    return rng.integers(0, high, (rays, gates)).astype(np.uint16 if high > 256 else np.uint8)


def varied(seed=0, **shape):
    """Two cuts: far and in two moments, near and in three."""
    rng = np.random.default_rng(seed)
    low = {"REF": random_codes(rng, 30, 90), "RHO": random_codes(rng, 30, 60)}
    high = {name: random_codes(rng, 24, 50) for name in ("REF", "VEL", "RHO")}
    return [Turn(0.48, low, **shape), Turn(1.5, high, **shape)]


def legacy(seed=0):
    rng = np.random.default_rng(seed)
    # xradar takes a volume to have 134 messages at the least.
    reflectivity, velocity = random_codes(rng, 60, 70), random_codes(rng, 60, 90)
    shape = {"first_gate": 0, "spacing": 1000}
    return [
        Turn(0.48, {"REF": reflectivity}, **shape),
        Turn(0.48, {"VEL": velocity}, **shape),
        Turn(2.4, {"REF": reflectivity[::-1], "VEL": velocity}, **shape),
    ]


# Against decoders of others.


def same_as_xradar(content):
    theirs = NEXRADLevel2File(content)
    assert not theirs.incomplete_sweeps
    ours = decoded(content)
    assert ours.last_cut == len(ours.turns)
    for number, turn in zip(theirs.data, ours.turns, strict=True):
        theirs.get_sweep(number)
        held = theirs.data[number]["sweep_data"]
        headers = theirs.msg_31_header[number]
        is_legacy = theirs.data[number]["msg_type"] == 1
        for angle, field in (("azimuth_angle", "azimuth"), ("elevation_angle", "elevation")):
            angles = np.array([header[angle] for header in headers], float)
            npt.assert_array_equal(turn.rays[field], angles * (360 / 65536 if is_legacy else 1))
        for field, key in (("collect_ms", "ms"), ("collect_date", "day")):
            npt.assert_array_equal(turn.rays[key], [header[field] for header in headers])
        assert turn.has_velocity == ("VEL" in held)
        for moment in MOMENTS:
            assert turn.holds(moment) == (moment in held)
            if turn.holds(moment):
                theirs.get_data(number, moment)
                same_moment(of_moment(turn, moment), held[moment])
    return len(ours.turns)


def same_moment(ours, theirs):
    first, spacing, values = ours
    assert (first, spacing) == (theirs["first_gate"], theirs["gate_spacing"])
    raw = np.stack(theirs["data"])
    wanted = (raw.astype(np.float32) - theirs["offset"]) / theirs["scale"]
    wanted[raw == 0], wanted[raw == 1] = -np.inf, np.nan
    npt.assert_array_equal(values, wanted.astype(np.float32))


@pytest.mark.parametrize(
    "content",
    [
        volume(varied(), packed=False),
        volume(varied(wide=True, scale_offset={"REF": (64.0, 2112.0)}), packed=False),
        legacy_volume(legacy()),
    ],
    ids=["message 31", "wide words", "message 1"],
)
def test_as_xradar_reads_it(content):
    assert same_as_xradar(content) >= 2


@pytest.mark.parametrize("name", REAL)
def test_real_volumes_as_xradar_reads_them(name):
    assert same_as_xradar(real(name)) >= 7


@pytest.mark.parametrize("name", REAL)
def test_real_volumes_as_metpy_reads_them(name):
    nexrad = pytest.importorskip("metpy.io")
    content = real(name)
    theirs, ours = nexrad.Level2File(io.BytesIO(content)).sweeps, decoded(content).turns
    assert len(theirs) == len(ours)
    for sweep, turn in zip(theirs, ours, strict=True):
        npt.assert_allclose([ray[0].az_angle for ray in sweep], turn.rays["azimuth"], atol=1e-4)
        for moment in MOMENTS:
            held = [ray[-1].get(moment) or ray[-1].get(moment.encode()) for ray in sweep]
            assert turn.holds(moment) == all(held) == any(held)
            if turn.holds(moment):
                same_as_metpy(of_moment(turn, moment), held)


def same_as_metpy(ours, theirs):
    first, spacing, values = ours
    wanted = np.stack([held for _, held in theirs])  # no echo and folded range are both NaN
    seen = np.isfinite(values)
    npt.assert_array_equal(seen, np.isfinite(wanted))
    npt.assert_allclose(values[seen], wanted[seen], rtol=1e-6)
    # MetPy counts in kilometres.
    assert {round(held.first_gate * 1000) for held, _ in theirs} == {first}
    assert {round(held.gate_width * 1000) for held, _ in theirs} == {spacing}


# Each ray by its own header.


def test_rays_of_different_length():
    # More than a record holds, and the longest is not in the first.
    codes = [np.full(n, 2 * n, np.uint8) for n in (40, 65, 0, *[50] * 120, 90)]
    (turn,) = decoded(volume([Turn(0.5, {"REF": codes})])).turns
    first, spacing, values = of_moment(turn, "REF")
    assert (first, spacing, values.shape) == (2125, 250, (124, 90))
    for ray, written in enumerate(codes):
        npt.assert_array_equal(values[ray, : len(written)], expected(written))
        assert np.isnan(values[ray, len(written) :]).all()


def test_rays_with_gates_elsewhere():
    codes = [np.arange(60, 70, dtype=np.uint8) + ray for ray in range(5)]
    # The third begins two gates earlier, the fourth three later, the fifth has wider gates.
    first_gate, spacing = [1000, 1000, 500, 1750, 1000], [250, 250, 250, 250, 500]
    turns = [Turn(0.5, {"REF": codes}, first_gate=first_gate, spacing=spacing)]
    for turn in (decoded(f).turns[0] for f in (volume(turns), legacy_volume(turns))):
        gates = turn.gates("REF")
        assert gates == Gates(500, 250, 21)  # to 5,500 m, where the fifth ends
        values = turn.values("REF", gates)
        for ray, begin in enumerate((2, 2, 0, 5)):
            npt.assert_array_equal(values[ray, begin : begin + 10], expected(codes[ray]))
            assert np.isfinite(values[ray]).sum() == 10
        npt.assert_array_equal(values[4, 2::2], expected(codes[4]))


def test_a_first_gate_behind_the_radar():
    turns = [Turn(0.5, {"REF": np.full((4, 30), 90, np.uint8)}, first_gate=-375)]
    for content in (volume(turns), legacy_volume(turns)):
        assert decoded(content).turns[0].gates("REF") == Gates(-375, 250, 30)


def test_correlation_lies_on_the_gates_of_reflectivity():
    rng = np.random.default_rng(2)
    reflectivity, correlation = random_codes(rng, 6, 80), random_codes(rng, 6, 30) | 2
    near = Turn(0.5, {"REF": reflectivity, "RHO": correlation})
    (turn,) = decoded(volume([near])).turns
    values = turn.values("RHO", turn.gates("REF"))
    npt.assert_array_equal(values[:, :30], expected(correlation, "RHO"))
    assert np.isnan(values[:, 30:]).all()
    coarse = Gates(2125 + 250, 500, 10)  # every other gate from the second
    npt.assert_array_equal(turn.values("RHO", coarse), expected(correlation[:, 1:21:2], "RHO"))
    assert np.isnan(turn.values("RHO", Gates(90_000, 250, 4))).all()


def test_scales_that_change_from_ray_to_ray_and_a_scale_of_zero():
    rays = radials([Turn(0.5, {"REF": np.full((4, 20), 100, np.uint8)})])
    at = block(rays[0], b"DREF") + 20
    rays[1] = put(rays[1], at, "ff", 4.0, 20.0)
    rays[2] = put(rays[2], at, "ff", 0.0, 66.0)
    (turn,) = decoded(volume_of(rays)).turns
    npt.assert_array_equal(of_moment(turn, "REF")[2][:, 0], [17, 20, 100, 17])


def test_blanked_rays_see_nothing():
    for rays, whole, at in (
        (radials(varied()[:1]), volume_of, BLANKED),
        (legacy_radials(legacy()[:1]), legacy_volume_of, RADIAL + 67),
    ):
        plain = of_moment(decoded(whole(rays)).turns[0], "REF")[2]
        # Only the first of its bits is about the ray; others say that some ray is blanked.
        rays[3], rays[4] = put(rays[3], at, "B", 7), put(rays[4], at, "B", 6)
        blanked = of_moment(decoded(whole(rays)).turns[0], "REF")[2]
        assert np.isnan(blanked[3]).all()
        npt.assert_array_equal(np.delete(blanked, 3, 0), np.delete(plain, 3, 0))


def test_blocks_in_any_order_and_of_kinds_not_known():
    (ray,) = radials([Turn(0.5, varied()[0].codes)])[:1]
    rest = radials([Turn(0.5, varied()[0].codes)])[1:]
    count = struct.unpack_from(">H", ray, RADIAL + 30)[0]
    pointers = struct.unpack_from(f">{count}I", ray, RADIAL + 32)
    # Seven more blocks of no known name, and the pointers back to front.
    more = tuple(len(ray) - RADIAL + 4 * k for k in range(7))
    body = bytearray(ray[RADIAL:] + b"DNEW" * 7)
    moved = 4 * (count + 7) - 40  # pointers need more room than their ten places
    turned = [pointer + moved for pointer in (*more, *pointers[::-1])]
    body[30:72] = struct.pack(f">H{count + 7}I", count + 7, *turned)
    content = volume_of([message(31, bytes(body)), *rest])
    same = volume_of([ray, *rest])
    for moment in MOMENTS:
        found, wanted = (of_moment(decoded(c).turns[0], moment)[2] for c in (content, same))
        npt.assert_array_equal(found, wanted)


def test_messages_between_rays_and_the_size_of_large_ones():
    rays = radials(varied())
    wanted = decoded(volume_of(rays)).turns
    size = len(rays[5]) - 12
    rays[5] = put(put(rays[5], 12, "H", 65535), 24, "HH", size >> 16, size & 0xFFFF)
    rays[8:8] = [message(2, bytes(96), least=2432), message(29, bytes(90)), bytes(2432)]
    for packed in (True, False):
        found = decoded(volume_of(rays, packed=packed)).turns
        for one, other in zip(found, wanted, strict=True):
            npt.assert_array_equal(of_moment(one, "REF")[2], of_moment(other, "REF")[2])


def test_where_the_radar_stands():
    assert decoded(legacy_volume(legacy())).place is None
    npt.assert_allclose(decoded(volume(varied())).place, (35.33, -97.28), rtol=1e-6)
    rays = radials(varied())
    silent = [ray.replace(b"RVOL", b"ROLD") for ray in rays]
    for told in ([silent[0], *rays[1:30]], silent), (silent, [silent[0], *rays[1:30]]):
        place = decode([b"".join(messages) for messages in told], MOMENTS, "KTLX").place
        npt.assert_allclose(place, (35.33, -97.28), rtol=1e-6)


# What archives lose, double and mix up.


def by_azimuth(turns):
    """Every ray's values by cut and azimuth."""
    found = {}
    for turn in turns:
        values = of_moment(turn, "REF")[2]
        for ray, row in zip(turn.rays, values, strict=True):
            found[int(ray["cut"]), round(float(ray["azimuth"]), 3)] = row
    return found


@pytest.mark.parametrize(
    "lost", [[0], [29], [30], [0, 1, 30], [28, 29, 30, 31], list(range(5, 20))]
)
def test_lost_rays_are_missed_and_no_others(lost):
    turns = varied()
    rays, whole = radials(turns), by_azimuth(decoded(volume(turns)).turns)
    kept = [ray for number, ray in enumerate(rays) if number not in lost]
    found = decoded(volume_of(kept))
    assert found.last_cut == 2
    assert [len(t.rays) for t in found.turns] == [
        sum(number not in lost for number in numbers) for numbers in (range(30), range(30, 54))
    ]
    for key, row in by_azimuth(found.turns).items():
        npt.assert_array_equal(row, whole[key])


@pytest.mark.parametrize("packed", [True, False])
def test_repeated_and_mixed_up_rays_give_the_same_mosaic(packed):
    codes = np.full((90, 60), code(20), np.uint8)
    codes[20:50, 20:] = code(50)
    cuts = [Turn(0.5, {"REF": codes}, spacing=1000), Turn(3.0, {"REF": codes[::-1]}, spacing=1000)]
    whole = read(volume(cuts))
    rays = radials(cuts)
    rng = np.random.default_rng(5)
    mixed = [*rays[:-1], rays[0], rays[91], *rays[40:60]]
    mixed = [mixed[number] for number in rng.permutation(len(mixed))]
    found = read(volume_of([*mixed, rays[-1]], packed=packed))
    for layer in ("reflectivity", "coverage"):
        npt.assert_array_equal(found[layer], whole[layer])


def test_a_cut_that_is_begun_anew_is_a_turn_of_its_own():
    rays = radials(varied()[:1])
    later = [put(ray, RADIAL + 4, "I", 72_600_000 + 15 * n) for n, ray in enumerate(rays)]
    turns = decoded(volume_of(rays[:12] + later)).turns
    assert [len(turn.rays) for turn in turns] == [12, 30]
    # A beginning that only comes late is none.
    turns = decoded(volume_of(rays[5:12] + rays[:5] + rays[12:])).turns
    assert [len(turn.rays) for turn in turns] == [30]


def test_one_ray_with_a_wrong_number_of_its_cut_does_no_harm():
    rays = radials(varied())
    rays[40] = put(rays[40], CUT, "B", 9)
    found = decoded(volume_of(rays))
    assert found.last_cut == 2
    assert [len(turn.rays) for turn in found.turns] == [30, 23, 1]


def test_bits_above_the_status_change_nothing():
    """MetPy takes the upper four bits for a mark of bad data, the lower for the status."""
    for rays, whole, at in (
        (radials(varied()), volume_of, RADIAL + 21),
        (legacy_radials(legacy()), legacy_volume_of, RADIAL + 13),
    ):
        plain = decoded(whole(rays))
        rays = [put(ray, at, "B", ray[at] | 0x80) for ray in rays]
        marked = decoded(whole(rays))
        assert marked.last_cut == plain.last_cut is not None
        for found, wanted in zip(marked.turns, plain.turns, strict=True):
            npt.assert_array_equal(found.rays["status"], wanted.rays["status"])
            assert found.expected == wanted.expected == len(found.rays)


def test_rays_of_a_cut_that_cannot_be_are_damaged():
    """Read at a wrong place, a message of the old kind may seem to be of cut 460."""
    rays = legacy_radials(legacy())
    for number in (3, 4, 5):
        rays[number] = put(rays[number], RADIAL + 16, "H", 460)
    found = decoded(legacy_volume_of(rays))
    assert found.damaged == 3
    assert [turn.cut for turn in found.turns] == [1, 2, 3]


@st.composite
def volumes(draw):
    """Cuts whose rays have gates of their own, and what is done to the train of messages."""
    turns = []
    for _ in range(draw(st.integers(1, 3))):
        n = draw(st.integers(2, 7))
        lengths = draw(st.lists(st.integers(0, 12), min_size=n, max_size=n))
        wide = draw(st.booleans())
        word = st.integers(0, 65535 if wide else 255)
        codes = [np.array(draw(st.lists(word, min_size=m, max_size=m)), np.uint16) for m in lengths]
        steps = draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n))
        turns.append(
            Turn(0.5 + len(turns), {"REF": codes}, first_gate=[250 * k for k in steps], wide=wide)
        )
    total = sum(turn.rays for turn in turns)
    order = draw(st.lists(st.integers(0, total - 1), min_size=1, max_size=2 * total))
    return turns, order


@given(volumes())
@settings(deadline=None, max_examples=60)
def test_any_rays_in_any_order(made):
    turns, order = made
    rays = radials(turns)
    numbers = [(cut, ray) for cut, turn in enumerate(turns) for ray in range(turn.rays)]
    found = decoded(volume_of([rays[number] for number in order])).turns
    told = {}
    for turn in found:
        if not turn.holds("REF"):
            continue
        first, spacing, values = of_moment(turn, "REF")
        for ray, row in zip(turn.rays, values, strict=True):
            told.setdefault((int(ray["cut"]) - 1, int(ray["number"]) - 1), []).append(
                {first + spacing * gate: value for gate, value in enumerate(row)}
            )
    for cut, ray in {numbers[number] for number in order}:
        codes, first = turns[cut].codes["REF"][ray], turns[cut].first_gate[ray]
        wanted = {first + 250 * gate: v for gate, v in enumerate(expected(codes))}
        rows = told.get((cut, ray), [{}])
        assert len(rows) == 1
        seen = {place: v for place, v in rows[0].items() if not np.isnan(v)}
        assert seen == {place: v for place, v in wanted.items() if not np.isnan(v)}


# Damage.


def ray_with(at, form, *values):
    rays = radials(varied())
    where = at if isinstance(at, int) else block(rays[3], at[0]) + at[1]
    return [*rays[:3], put(rays[3], where, form, *values), *rays[4:]]


def points_to_its_end(ray):
    return put(ray, RADIAL + 32, "I", len(ray) - RADIAL - 2)


BREAKS_OFF = "the file breaks off within a message"
ONE_RADIAL = "1 radial is damaged"
ALL_BUT_ONE = [put(ray, block(ray, b"DREF") + 12, "h", 1) for ray in radials(varied())[1:]]
NARROW = radials([Turn(0.5, {name: np.zeros((2, n), np.uint8) for name, n in WIDE.items()})])


@pytest.mark.parametrize(
    ("rays", "reason", "left"),
    [
        (ray_with(12, "H", 0), BREAKS_OFF, 3),
        (ray_with(12, "H", 20), ONE_RADIAL, 3),
        (ray_with(12, "H", 65535), BREAKS_OFF, 3),
        (ray_with(RADIAL + 30, "H", 60_000), ONE_RADIAL, 53),
        (ray_with(RADIAL + 32, "I", 2**31), ONE_RADIAL, 53),
        ([*radials(varied())[:-1], points_to_its_end(radials(varied())[-1])], ONE_RADIAL, 53),
        (ray_with((b"DREF", 8), "H", 60_000), ONE_RADIAL, 53),
        (ray_with((b"DREF", 8), "H", 2000), ONE_RADIAL, 53),
        ([*radials(varied())[:40], *NARROW[:1]], ONE_RADIAL, 40),
        (ray_with((b"DREF", 12), "h", -250), ONE_RADIAL, 53),
        ([*radials(varied())[:1], *ALL_BUT_ONE], "53 radials are damaged", 1),
        (ray_with((b"DREF", 19), "B", 4), ONE_RADIAL, 53),
        (ray_with((b"DREF", 20), "f", np.nan), ONE_RADIAL, 53),
        (ray_with(RADIAL + 12, "f", np.inf), ONE_RADIAL, 53),
        (ray_with(RADIAL + 24, "f", np.nan), ONE_RADIAL, 53),
        ([*radials(varied())[:40], radials(varied())[40][:100]], BREAKS_OFF, 40),
    ],
    ids=[
        "no size",
        "smaller than its header",
        "larger than its record",
        "blocks without end",
        "block outside",
        "block half outside",
        "gates without end",
        "gates outside",
        "more gates than there are",
        "gates backward",
        "gates too near",
        "word of half a byte",
        "scale is no number",
        "azimuth is no number",
        "elevation is no number",
        "message cut short",
    ],
)
def test_damage_costs_its_own_ray_or_the_rest_of_its_record(rays, reason, left):
    content = volume_of(rays, packed=False)
    found, whole = (by_azimuth(decoded(c).turns) for c in (content, volume(varied())))
    assert len(found) == left
    assert set(found) <= set(whole)
    for key, row in found.items():
        there = np.isfinite(whole[key])
        npt.assert_array_equal(row[: len(there)][there[: len(row)]], whole[key][: len(row)][there])
    mosaic = read(content, Options(quality_control=True), name="KTLX")
    assert reason in mosaic.attrs["product"]
    with pytest.raises(InputError, match=rf"^KTLX is not whole: it gives the column .*{reason}"):
        read(content, Options(quality_control=True, strict=True), name="KTLX")


@pytest.mark.parametrize(
    "rays",
    [
        [put(ray, RADIAL + 24, "f", np.nan) for ray in radials(varied())],
        [put(bytes(16), 12, "HxB", 2, 29), *radials(varied())],
    ],
    ids=["no elevation is a number", "smaller than its header, and no radial"],
)
def test_where_nothing_is_whole_nothing_is_read(rays):
    with pytest.raises(InputError, match=r"^KTLX holds no sweep that can be read: "):
        read(volume_of(rays, packed=False), name="KTLX")


@pytest.mark.parametrize(
    "rays",
    [
        [put(radials(varied())[0], CUT, "B", cut) for cut in range(150)],
        radials(varied())[:1] * (2**15 + 1),
    ],
    ids=["cuts without end", "rays without end"],
)
def test_more_than_a_volume_has_is_refused(rays):
    with pytest.raises(InputError, match=r"^KTLX holds more records, cuts, rays or gates than a"):
        read(volume_of(rays, packed=False), Options(quality_control=True), name="KTLX")


def test_odd_scales_mean_nothing_and_do_no_harm():
    (turn, _) = decoded(volume_of(ray_with((b"DREF", 20), "f", 1e-38))).turns
    assert not np.isfinite(of_moment(turn, "REF")[2][3, 10:20]).all()
    signalling = 0x7FA00000  # a NaN at which processors take offence
    assert decoded(volume_of(ray_with(RADIAL + 12, "I", signalling))).damaged == 1


def test_a_legacy_ray_that_points_outside_is_damaged():
    rays = legacy_radials(legacy())
    rays[3] = put(rays[3], RADIAL + 36, "H", 2380)
    found, whole = (decoded(c) for c in (legacy_volume_of(rays), legacy_volume(legacy())))
    assert found.damaged == 1
    assert [len(t.rays) for t in found.turns] == [59, 60, 60]
    npt.assert_array_equal(
        of_moment(found.turns[0], "REF")[2], np.delete(of_moment(whole.turns[0], "REF")[2], 3, 0)
    )


@pytest.mark.slow
def test_nothing_heavy_is_imported_for_it(tmp_path):
    path = tmp_path / "KTLX20130520_200000"
    path.write_bytes(volume([Turn(0.5, {"REF": np.full((36, 40), 90, np.uint8)}, spacing=1000)]))
    code = f"import sys; from stormlens.readers import read; read({str(path)!r})"
    told = subprocess.run(
        [sys.executable, "-c", f"{code}; print('xradar' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "False\n"


# Geometry and data of a ray by its own header, through the reader (ICD 2620002, tables III, XVII).

SITE = 35.33, -97.28


def split_cuts():
    """
    Three split cuts with a storm at azimuth 225, 45 to 75 km away, and nothing else.

    Each sweep begins elsewhere, as the antenna does; the second turns hold velocities whose
    values read as reflectivity would be 67 dBZ, and reflectivity that is folded all over.
    """
    turns = []
    for number in range(6):
        azimuths = (np.arange(180) * 2.0 + 1 + 62 * number) % 360
        storm = np.zeros((180, 120), np.uint8)
        storm[np.abs(azimuths - 225) <= 10, 43:73] = code(50)
        codes = {"REF": storm}
        if number % 2:
            codes = {"REF": np.full_like(storm, 1), "VEL": np.full_like(storm, 200)}
        turns.append(Turn(0.5 + number // 2, codes, azimuths=azimuths, spacing=1000))
    return turns


def storm_cells(mosaic):
    """Echo cells, and whether each lies where the storm is, on a sphere (haversine)."""
    y, x = np.nonzero(mosaic.reflectivity.values)
    longitude, latitude = (np.deg2rad(v) for v in NATIONAL.lonlat(x, y))
    north, east = np.deg2rad(SITE)
    across = np.cos(latitude) * np.sin(longitude - east)
    along = np.cos(north) * np.sin(latitude) - np.sin(north) * np.cos(latitude) * np.cos(
        longitude - east
    )
    azimuth = np.rad2deg(np.arctan2(across, along)) % 360
    distance = 6371 * np.arcsin(np.hypot(across, along))
    return (np.abs(azimuth - 225) < 12) & (distance > 44) & (distance < 76)


@pytest.mark.parametrize("sweep", range(1, 7))
def test_a_sweep_that_lost_its_first_radial_keeps_its_azimuths(sweep):
    turns = split_cuts()
    rays, whole = radials(turns), read(volume(turns))
    content = volume_of([ray for n, ray in enumerate(rays) if n != 180 * (sweep - 1)])
    mosaic = read(content)
    told = storm_cells(mosaic)
    assert told.all()
    assert len(told) == int((whole.reflectivity > 0).sum()) > 10
    npt.assert_array_equal(mosaic.reflectivity, whole.reflectivity)
    # The second turns do not count; of a first one the ray is missed and said to be.
    lacks = sweep % 2 == 1
    wanted = "2 of 3 sweeps and of 179 of 180 rays of 1 more" if lacks else "3 sweeps"
    assert mosaic.attrs["product"] == f"column maximum of {wanted}"


def mixed(turns, others, which):
    """Some rays of a volume in place of another's."""
    return volume_of(
        [b if which(n) else a for n, (a, b) in enumerate(zip(turns, others, strict=True))]
    )


def test_blocks_in_another_order_on_some_rays():
    turns = split_cuts()[:1]
    turns[0].codes["VEL"] = np.full((180, 120), 200, np.uint8)
    turned = [Turn(**{**vars(turns[0]), "codes": dict(reversed(turns[0].codes.items()))})]
    mosaic = read(mixed(radials(turns), radials(turned), lambda n: n % 3 == 1))
    npt.assert_array_equal(mosaic.reflectivity, read(volume(turns)).reflectivity)
    assert storm_cells(mosaic).all()
    assert set(np.unique(mosaic.reflectivity)) == {0, 50}


def test_a_first_ray_that_lacks_a_moment():
    turns = split_cuts()[:1]
    turns[0].codes["VEL"] = np.full((180, 120), 200, np.uint8)
    bare = [Turn(**{**vars(turns[0]), "codes": {"VEL": turns[0].codes["VEL"]}})]
    mosaic = read(mixed(radials(turns), radials(bare), lambda n: n == 0))
    npt.assert_array_equal(mosaic.reflectivity, read(volume(turns)).reflectivity)
    assert mosaic.attrs["product"] == "column maximum of 179 of 180 rays of 1 of 1 sweep"


@pytest.mark.parametrize("others", [55, 300], ids=["fewer", "more"])
def test_later_rays_with_other_numbers_of_gates(others):
    turns = split_cuts()[:1]
    longer = np.zeros((180, others), np.uint8)
    shared = min(others, 120)
    longer[:, :shared] = turns[0].codes["REF"][:, :shared]
    longer[130:160, 250:] = code(35)
    other = [Turn(**{**vars(turns[0]), "codes": {"REF": longer}})]
    mosaic = read(mixed(radials(turns), radials(other), lambda n: n >= 100))
    same = read(volume(turns)).reflectivity
    echo = mosaic.reflectivity.values
    if others == 55:  # its rays end within the storm, at azimuths of 201 degrees and more
        assert storm_cells(mosaic).all()
        assert 0 < (echo == 50).sum() < int((same == 50).sum())
    else:
        npt.assert_array_equal(echo == 50, same == 50)
        assert (echo == 35).sum() > 100  # 252 to 302 km away
    assert mosaic.attrs["product"] == "column maximum of 1 sweep"


# Damage that keeps to the structure: counts, lengths, pointers, the order of messages.

EXTREMES = (0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x7F800000)


def damaged_train(rays, rng):
    """A train of messages with fields at their extremes, and messages lost, doubled and moved."""
    rays = list(rays)
    for _ in range(rng.integers(1, 6)):
        at, few = int(rng.integers(len(rays))), int(rng.integers(1, 40))
        kind = rng.choice(["field", "fields", "lose", "double", "turn", "cut", "pattern"])
        if kind in ("field", "fields"):
            size = int(rng.choice([1, 2, 4]))
            value = int(rng.choice(EXTREMES)) & (256**size - 1)
            where = int(rng.integers(12, 190))
            for number in range(at, min(at + (few if kind == "fields" else 1), len(rays))):
                if where + size <= len(rays[number]):
                    rays[number] = put(rays[number], where, "?BH?I"[size], value)
        elif kind == "lose":
            rays[at : at + few] = []
        elif kind == "double":
            rays[at:at] = rays[at : at + few]
        elif kind == "turn":
            rays = rays[at:] + rays[:at]
        elif kind == "cut":
            rays[at] = rays[at][: int(rng.integers(len(rays[at]) + 1))]
        else:
            rays.insert(at, pattern_message([(float(rng.uniform(0, 20)), 4)] * few))
        rays = rays or [b""]
    return rays


@pytest.mark.parametrize("part", range(4))
def test_damage_to_the_structure_gives_a_mosaic_or_a_sentence(part):
    files = int(os.environ.get("STORMLENS_FUZZ", "60")) // 4
    whole, old = radials(varied()), legacy_radials(legacy())
    for number in range(part * files, (part + 1) * files):
        rng = np.random.default_rng([20110427, number])
        is_old, packed, checked = rng.random(3) < 0.4
        rays = damaged_train(old if is_old else whole, rng)
        content = legacy_volume_of(rays) if is_old else volume_of(rays, packed=packed)
        try:
            mosaic = read(content, Options(quality_control=bool(checked)), name="KTLX")
        except InputError:
            continue
        assert mosaic.attrs["product"].startswith("column maximum of "), number
        if "incomplete" in mosaic.attrs:
            with pytest.raises(InputError, match="is not whole"):
                read(content, Options(quality_control=bool(checked), strict=True), name="KTLX")
