"""What holds for every format: each enrols by one line in `enrolled.CASES`."""

import bz2
import gzip
import warnings

import numpy as np
import pytest
import xarray as xr
from enrolled import BY_NAME, CASES

from stormlens.errors import InputError
from stormlens.readers import Options, formats, read, read_mosaic
from stormlens.stormbox import MAX_DBZ, NATIONAL, Mosaic

TEXTS = ("source", "product", "derived", "sampling")


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request):
    return request.param


@pytest.fixture
def content(case):
    return case.make()


def test_every_format_is_enrolled():
    assert {kind.name for kind in formats()} == {case.format for case in CASES}


def test_no_other_format_claims_the_file(case, content):
    assert next(kind.name for kind in formats() if kind.fits(content)) == case.format


@pytest.mark.slow
@pytest.mark.parametrize("sampling", ["nearest", "maximum"])
def test_it_gives_a_mosaic(case, content, sampling):
    mosaic = read(content, Options(sampling=sampling, **case.options), name=case.file)
    assert mosaic.reflectivity.dims == mosaic.coverage.dims == ("y", "x")
    assert mosaic.reflectivity.shape == mosaic.coverage.shape == NATIONAL.shape
    assert (mosaic.reflectivity.dtype, mosaic.coverage.dtype) == (np.uint8, bool)
    assert mosaic.time.dtype == "datetime64[ns]"
    assert np.isnat(mosaic.time.values) != case.has_time
    assert mosaic.attrs["simulated"] == 0
    assert all(isinstance(mosaic.attrs[text], str) for text in TEXTS)
    assert mosaic.crs.attrs["grid_mapping_name"] == "lambert_conformal_conic"


def test_it_holds_an_echo_and_nothing_outside_coverage(case, content):
    mosaic = read(content, Options(**case.options), name=case.file)
    dbz, seen = mosaic.reflectivity.values, mosaic.coverage.values
    assert 1 <= dbz.max() <= MAX_DBZ
    assert (dbz[~seen] == 0).all()
    assert seen.any()


def test_the_highest_in_a_cell_is_never_below_the_nearest(case, content):
    nearest = read(content, Options(**case.options), name=case.file)
    highest = read(content, Options(sampling="maximum", **case.options), name=case.file)
    assert (highest.reflectivity.values >= nearest.reflectivity.values).all()


@pytest.mark.slow
def test_a_file_and_its_content_read_alike(case, content, tmp_path):
    path = tmp_path / case.file
    path.write_bytes(content)
    of_file = read(path, Options(**case.options))
    of_content = read(content, Options(**case.options), name=case.file)
    np.testing.assert_array_equal(of_file.reflectivity, of_content.reflectivity)
    np.testing.assert_array_equal(of_file.coverage, of_content.coverage)


@pytest.mark.slow
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_file_reads_like_the_plain_one(case, content, pack):
    name = case.file
    packed = read(pack(content), Options(**case.options), name=name)
    assert packed.identical(read(content, Options(**case.options), name=name))


def _sentence(content, case):
    """What a file that must be whole is refused with; empty where it is not."""
    """What the error says; nothing where a mosaic came."""
    try:
        read(content, Options(strict=True, **case.options), name=case.file)
    except InputError as error:
        return str(error)
    return ""


def test_cut_short_anywhere_gives_a_sentence(case, content):
    lengths = np.unique(np.linspace(1, len(content) - 1, 60).astype(int))
    sentences = [_sentence(content[:length], case) for length in lengths]
    assert all("\n" not in sentence and len(sentence) < 1000 for sentence in sentences)
    # A file cut in the padding at its end is whole as far as it goes.
    assert all(sentences[: len(sentences) // 3])


def test_halved_is_refused(case, content):
    with pytest.raises(InputError):
        read(content[: len(content) // 2], Options(strict=True, **case.options), name=case.file)


@pytest.mark.parametrize("junk", [bytes(2000), b"<html><body>404</body></html>", b"\xff" * 999])
def test_the_start_of_a_format_and_nonsense_behind_gives_a_sentence(case, content, junk):
    with pytest.raises(InputError):
        read(content[:16] + junk, Options(**case.options), name=case.file)


def test_reading_warns_of_nothing(case, content):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(content, Options(**case.options), name=case.file)


@pytest.mark.parametrize("content", [b"", b"x", b"some text that is no radar file" * 9])
def test_no_format_at_all_gives_a_sentence(content):
    with pytest.raises(InputError, match=r"is empty|of no kind that is read"):
        read(content)


def test_names_tell_the_cases_apart():
    assert len(BY_NAME) == len(CASES)


def test_plain_arrays_are_those_of_the_dataset(case, content):
    plain = read_mosaic(content, Options(**case.options), name=case.file)
    assert isinstance(plain, Mosaic)
    xr.testing.assert_identical(
        plain.to_xarray(), read(content, Options(**case.options), name=case.file)
    )
