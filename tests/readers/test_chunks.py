"""Chunks of the real-time feed: joined by the names that NOAA gave them, read as far as they go."""

import io
import tarfile
from pathlib import Path

import numpy as np
import numpy.testing as npt
import pytest
from nexrad_files import BATCH, Turn, chunks, code, volume
from shared import shared_file

from stormlens.errors import InputError
from stormlens.readers import Chunks, Options, read, read_mosaic, volumes_of

ANGLES = (0.5, 1.5, 2.4)
STAMP = "20260328-120000"


def content():
    """Three sweeps of 240 rays, which six records of 120 hold, behind that of the metadata."""
    turns = [
        Turn(angle, {"REF": np.full((240, 40), code(20 + 10 * n), np.uint8)}, spacing=1000)
        for n, angle in enumerate(ANGLES)
    ]
    return volume(turns, pattern=[(angle, BATCH) for angle in ANGLES])


@pytest.fixture
def feed(tmp_path):
    """The seven chunks of a volume, in files named as the feed names them."""
    parts = chunks(content())
    kinds = ["S", *"I" * (len(parts) - 2), "E"]
    files = []
    for number, (part, kind) in enumerate(zip(parts, kinds, strict=True), 1):
        files.append(tmp_path / f"{STAMP}-{number:03d}-{kind}")
        files[-1].write_bytes(part)
    return files


def product(source, **options):
    return read(source, Options(**options)).attrs["product"].removeprefix("column maximum of ")


def test_all_chunks_are_the_volume(feed):
    whole = read(content())
    assert read(feed).identical(whole)
    assert read([str(file) for file in feed[::-1]], Options(strict=True)).identical(whole)
    assert read(b"".join(file.read_bytes() for file in feed)).identical(whole)


def test_finished_sweeps_are_used_and_the_rest_is_said(feed):
    unfinished = "the volume is unfinished or has lost its end"
    assert product(feed[:3]) == f"1 of 3 sweeps ({unfinished})"
    assert product(feed[:4]) == f"1 of 3 sweeps and of 120 of 240 rays of 1 more ({unfinished})"
    assert product(feed[:6]).startswith("2 of 3 sweeps and of 120 of 240 rays of 1 more (")
    assert product(feed[:2]) == f"120 of 240 rays of 1 of 3 sweeps ({unfinished})"
    joined = b"".join(file.read_bytes() for file in feed[:4])
    assert product(joined) == product(feed[:4])
    values = read(feed[:3]).reflectivity.values
    assert set(np.unique(values)) == {0, 20}
    with pytest.raises(InputError, match=r"001-S to 20260328-120000-003-I is not whole: .*1 of 3"):
        read(feed[:3], Options(strict=True))


def test_a_chunk_missing_in_the_middle_is_said(feed):
    assert product([*feed[:2], *feed[3:]]) == (
        "2 of 3 sweeps and of 120 of 240 rays of 1 more (chunk 3 is missing)"
    )
    assert product([feed[0], feed[3], *feed[5:]]).endswith("(chunks 2, 3, 5 are missing)")
    mosaic = read_mosaic([feed[0], *feed[2:]])
    assert not mosaic.is_whole
    assert mosaic.to_xarray().attrs["incomplete"] == 1


def test_a_chunk_alone_says_what_it_is(feed):
    with pytest.raises(InputError, match=r"003-I is a chunk from within a volume.*-001-S"):
        read(feed[2])
    with pytest.raises(InputError, match=r"holds no sweep yet, as the first chunk.*that follow"):
        read(feed[0])
    with pytest.raises(InputError, match=f"begins the volume is missing; give {STAMP}-001-S too"):
        read(feed[1:])


def test_files_of_several_volumes_are_told_apart():
    here, there = Path("KTLX"), Path("KLOT")
    names = [f"{STAMP}-00{n}-{kind}" for n, kind in ((1, "S"), (3, "I"), (2, "I"))]
    files = [here / names[1], there / names[0], Path("KTLX20130520_200000_V06"), here / names[0]]
    files += [here / names[2], here / "20260328-120500-001-S"]
    assert volumes_of(files) == [
        Chunks((here / names[0], here / names[2], here / names[1])),
        there / names[0],
        Path("KTLX20130520_200000_V06"),
        here / "20260328-120500-001-S",
    ]
    with pytest.raises(InputError, match="4 volumes or files are given together"):
        read(list(map(str, files)))
    with pytest.raises(InputError, match="0 volumes"):
        read([])


def test_the_real_feed(tmp_path):
    archive = shared_file("radar/KLOT_realtime_chunks_20260328.tar.gz").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar.getmembers():
            if member.isfile():
                (tmp_path / Path(member.name).name).write_bytes(tar.extractfile(member).read())
    files = sorted(tmp_path.iterdir())
    assert len(files) == 55
    mosaic = read(files, Options(strict=True))
    assert mosaic.attrs["product"] == "column maximum of 9 sweeps"
    assert (mosaic.reflectivity.values.max(), (mosaic.reflectivity.values >= 5).sum()) == (36, 82)
    begun = read(files[:30])
    assert begun.attrs["product"].startswith("column maximum of 2 of 9 sweeps and of 600 of 720")
    assert (begun.reflectivity <= mosaic.reflectivity).all()
    npt.assert_array_equal(begun.time, mosaic.time)
