"""Parts of a table: what is written is read, and a promise of more costs a sentence."""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stormlens.archive._layout import BLOCK, as_arrays
from stormlens.archive._table import Part, make_table, read_columns, read_part, write_part
from stormlens.datasets import make_boxes
from stormlens.errors import InputError

N = 5


@pytest.fixture
def part():
    return Part(0, N, N, model="abc")


def table_of(part, disagreement=None):
    known = as_arrays(make_boxes(np.zeros((N, 136, 136)), source="blank"))
    known["time"] = np.full(N, np.datetime64("2011-04-27T19:05:30", "s"))
    known["source"] = np.arange(N, dtype=np.int32)
    modes = np.array(["QLCS"] * N)
    chances = np.full((N, 2), 0.5, np.float32)
    classes = ("QLCS", "Cellular")
    return make_table(np.arange(N), known, chances, classes, modes, part, disagreement)


def test_a_part_comes_back(tmp_path, part):
    write_part(tmp_path, table_of(part), part)
    assert read_part(tmp_path / part.name) == part
    read = read_columns(tmp_path / part.name, ("mode", "box"))
    assert read.column_names == ["mode", "box"]
    assert read["box"].to_pylist() == list(range(N))
    assert set(read["mode"].to_pylist()) == {"QLCS"}


def test_the_disagreement_of_an_ensemble_is_a_column(tmp_path, part):
    differ = np.linspace(0, 0.6, N, dtype=np.float32)
    write_part(tmp_path, table_of(part, differ), part)
    read = read_columns(tmp_path / part.name, ["disagreement"])
    assert read["disagreement"].to_pylist() == list(differ)
    assert "disagreement" not in table_of(part).column_names


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux")
def test_a_folder_of_any_name_will_do(tmp_path, part):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    write_part(folder, table_of(part), part)
    assert read_part(folder / part.name) == part
    assert len(read_columns(folder / part.name, ["id"])) == N


def test_more_rows_than_a_part_are_refused_before_they_are_read(tmp_path, part):
    # Two million equal rows take a few hundred bytes.
    table = pa.table({"mode": pa.array(np.zeros(2**21, np.int64))})
    path = tmp_path / part.name
    pq.write_table(table, path, compression="zstd")
    assert path.stat().st_size < 10_000
    for read in (read_part, lambda path: read_columns(path, ["mode"])):
        with pytest.raises(InputError, match=f"promises {2**21} rows .* classify again"):
            read(path)
    assert BLOCK < 2**21


def test_a_pipe_or_a_file_cut_short_is_no_part(tmp_path, part):
    write_part(tmp_path, table_of(part), part)
    path = tmp_path / part.name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="is no part of a classification, or is damaged"):
        read_part(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="is a pipe"):
        read_part(path)
