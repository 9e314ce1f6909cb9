import ml_dtypes
import numpy as np
import numpy.testing as npt
import pytest
import safetensors
import safetensors.numpy

from stormlens.errors import InputError
from stormlens.storage import is_finite, read_sealed_tensors, sealed, write_tensors


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64, np.bool_])
def test_what_is_written_is_what_the_library_reads(tmp_path, dtype):
    given = {"b": np.arange(6).reshape(2, 3).astype(dtype), "a": np.ones((), dtype)}
    write_tensors(tmp_path / "file", given)
    read = safetensors.numpy.load_file(tmp_path / "file")
    assert {name: array.dtype for name, array in read.items()} == {"a": dtype, "b": dtype}
    for name, array in given.items():
        npt.assert_array_equal(read[name], array)


def test_half_precision_has_its_own_code(tmp_path):
    write_tensors(tmp_path / "file", {"a": np.ones(3, ml_dtypes.bfloat16)})
    with safetensors.safe_open(tmp_path / "file", framework="numpy") as file:
        assert file.get_slice("a").get_dtype() == "BF16"


def test_metadata_is_kept_and_may_be_missing(tmp_path):
    for metadata in ({"history": "[]"}, None):
        write_tensors(tmp_path / "file", {"a": np.ones(3)}, metadata)
        with safetensors.safe_open(tmp_path / "file", framework="numpy") as file:
            assert file.metadata() == metadata


def test_sealed_tensors_are_read_as_they_were_written(tmp_path):
    given = {
        "b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a": np.ones((), ml_dtypes.bfloat16),
        "c": np.zeros((0, 2), np.int8),
    }
    write_tensors(tmp_path / "file", given, sealed(given, {"history": "[]"}))
    tensors, metadata = read_sealed_tensors(tmp_path / "file", "train again")
    assert metadata == {"history": "[]"}
    assert {name: (v.shape, v.dtype) for name, v in tensors.items()} == {
        name: (v.shape, v.dtype) for name, v in given.items()
    }
    for name, array in given.items():
        npt.assert_array_equal(tensors[name], array)


@pytest.mark.slow
def test_each_flipped_bit_of_a_sealed_file_is_found(tmp_path):
    given = {"a": np.arange(4, dtype=np.float32), "b": np.ones((2, 2), np.int32)}
    write_tensors(tmp_path / "whole", given, sealed(given, {"history": "[1]", "e": "x"}))
    whole = (tmp_path / "whole").read_bytes()
    path = tmp_path / "file"
    passed = []
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            read_sealed_tensors(path, "train again")
        except InputError as error:
            assert str(error).startswith(str(path))  # noqa: PT017  thousands of them
            assert str(error).endswith("; train again.")  # noqa: PT017
        else:
            passed.append(bit)
    assert passed == []


def test_a_file_without_a_seal_or_cut_short_is_refused(tmp_path):
    given = {"a": np.ones(3)}
    write_tensors(tmp_path / "file", given)
    with pytest.raises(InputError, match=r"has no checksum, as an older .*; train again\."):
        read_sealed_tensors(tmp_path / "file", "train again")
    write_tensors(tmp_path / "file", given, sealed(given))
    (tmp_path / "file").write_bytes((tmp_path / "file").read_bytes()[:-8])
    with pytest.raises(InputError, match="is damaged"):
        read_sealed_tensors(tmp_path / "file", "train again")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ml_dtypes.bfloat16])
def test_one_value_in_many_that_is_not_finite_is_found(value, dtype, tmp_path):
    sound = np.linspace(-9, 9, 1001).astype(dtype).reshape(7, 143)
    assert is_finite(sound)
    for place in (0, 500, 1000):
        wrong = sound.copy()
        wrong.flat[place] = value
        assert not is_finite(wrong)
    path, tensors = tmp_path / "x.safetensors", {"sound": sound, "wrong": wrong}
    write_tensors(path, tensors, sealed(tensors))
    with pytest.raises(InputError, match=r"x\.safetensors: tensor wrong holds .*; train again\."):
        read_sealed_tensors(path, "train again")


@pytest.mark.parametrize("dtype", ["int8", "uint64", "bool"])
def test_whole_numbers_and_nothing_are_finite(dtype):
    assert is_finite(np.ones(3, dtype))
    assert is_finite(np.empty((0, 4), np.float32))
