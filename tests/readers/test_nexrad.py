"""Level II volumes: against files written to the specification, and a real one."""

import bz2
import gzip

import numpy as np
import numpy.testing as npt
import pytest
from nexrad_files import Turn, code, legacy_volume, volume
from shared import shared_file

from stormlens.errors import InputError
from stormlens.readers import read
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
    with pytest.raises(InputError, match="'NONE' is not known"):
        read(path.read_bytes(), name="none")


def test_quality_control_takes_out_low_correlation_and_specks():
    rho_good, rho_bad = (
        np.full((RAYS, GATES), round(r * 300 - 60.5), np.uint8) for r in (0.98, 0.5)
    )
    weather, birds = (turn(0.5, 30, RHO=rho) for rho in (rho_good, rho_bad))
    assert around(read(volume([weather]), quality_control=True)).reflectivity.values.max() == 30
    clean = around(read(volume([birds]), quality_control=True))
    assert not clean.reflectivity.values.any()
    assert clean.coverage.values.all()
    unknown = turn(0.5, 30, RHO=empty())  # below the threshold of detection, so not measured
    assert around(read(volume([unknown]), quality_control=True)).reflectivity.values.max() == 30
    speck = turn()
    speck.codes["REF"][10, 50] = code(60)
    assert read(volume([speck])).reflectivity.values.max() == 60
    assert not read(volume([speck]), quality_control=True).reflectivity.values.any()


def test_the_highest_gate_of_a_cell_on_request():
    # Gates of 250 m: fifteen to a cell. One of them holds a core that no cell centre meets.
    codes = empty(720, 800)
    codes[:] = code(20)
    codes[181, 401] = code(60)
    content = volume([Turn(0.5, {"REF": codes})])
    nearest, highest = read(content), read(content, sampling="maximum")
    assert nearest.reflectivity.values.max() == 20
    assert highest.reflectivity.values.max() == 60
    assert (highest.reflectivity.values == 60).sum() == 1
    assert (highest.reflectivity.values >= nearest.reflectivity.values).all()
    npt.assert_array_equal(highest.coverage, nearest.coverage)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (volume([turn()])[:20], "cut short"),
        (volume([turn(), turn(1.5)])[:-50], "cut short"),
        (volume([turn()], packed=False)[:-3000], "cut short"),
        (volume([turn()], packed=False)[: 24 + 134 * 2432], "no sweep"),
        (volume([Turn(0.5, {"VEL": empty()})]), "no reflectivity"),
        (volume([turn()], latitude=float("nan")), "no place on earth"),
        (volume([turn()])[:24] + b"\0\0\1\0BZh9" + bytes(252), "damaged bzip2 record"),
    ],
    ids=["stub", "record cut", "ray cut", "no sweep", "no reflectivity", "NaN", "bzip2"],
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
