import ml_dtypes
import numpy as np
import numpy.testing as npt
import pytest
import safetensors
import safetensors.numpy

from stormlens.storage import write_tensors


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
