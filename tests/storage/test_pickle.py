"""Pickles give up their arrays and nothing else; whatever else they ask for is never run."""

import builtins
import contextlib
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stormlens.errors import InputError
from stormlens.storage import MAX_PICKLE_BYTES, load_pickled_arrays

ARRAYS = {
    "boxes": np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
    "labels": np.arange(5),
    "Fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big-endian": np.array([1, 256, 70000], ">i4"),
    "text": np.array(["201104041310z000282671", "é"]),
    "big-endian text": np.array(["ab", "é"], ">U3"),
    "bytes": np.array([b"ab", b"c"]),
    "bools": np.array([True, False]),
    "scalar": np.array(2.5),
}


def load(tmp_path, content):
    path = tmp_path / "some.pkl"
    path.write_bytes(content)
    return load_pickled_arrays(path)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back_as_pickle_itself_gives_them(tmp_path, name, protocol):
    content = pickle.dumps(ARRAYS[name], protocol=protocol)
    expected = pickle.loads(content)
    found = load(tmp_path, content)
    assert found.dtype == expected.dtype.newbyteorder("=")
    npt.assert_array_equal(found, expected)


@pytest.mark.parametrize("protocol", range(6))
def test_lists_tuples_text_and_numbers_come_back(tmp_path, protocol):
    content = (ARRAYS["boxes"], [np.int64(3), 4, True, None, 1.5], ("a", b"c"), [])
    found = load(tmp_path, pickle.dumps(content, protocol=protocol))
    assert isinstance(found, tuple)
    npt.assert_array_equal(found[0], ARRAYS["boxes"])
    assert found[1:] == content[1:]
    assert type(found[1][0]) is np.int64


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("shape", [(3,), (0,), (3, 1)])
def test_objects_that_are_all_text_come_back_as_text(tmp_path, shape, protocol):
    names = np.array(["201104041310z000282671", "é", ""][: shape[0]], dtype=object).reshape(shape)
    found = load(tmp_path, pickle.dumps(names, protocol=protocol))
    assert found.dtype.kind == "U"
    npt.assert_array_equal(found, names.astype(str))


@pytest.mark.parametrize("core", ["core", "_core"])
def test_old_and_new_numpy_module_names(tmp_path, core):
    """NumPy 2 renamed numpy.core; pickles of both ages must load with either."""
    state = pickle.dumps(ARRAYS["boxes"], protocol=2)
    renamed = state.replace(b"numpy._core.", f"numpy.{core}.".encode())
    npt.assert_array_equal(load(tmp_path, renamed), ARRAYS["boxes"])


def test_a_shared_array_is_read_once(tmp_path):
    box = ARRAYS["boxes"]
    first, second = load(tmp_path, pickle.dumps([box, box]))
    assert first is second


class Asks:
    """Pickles as a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def hostile(marker):
    """Objects whose ordinary loading would make the folder `marker`, or worse."""
    holder = np.empty(1, dtype=object)
    holder[0] = Asks(os.mkdir, str(marker))
    return {
        "os.system": Asks(os.system, f"mkdir {marker}"),
        "builtins.eval": Asks(eval, f"__import__('os').mkdir({str(marker)!r})"),
        "builtins.exec": Asks(exec, f"import os; os.mkdir({str(marker)!r})"),
        "builtins.getattr": Asks(getattr, "text", "format"),
        "numpy.load": Asks(np.load, "other.npy", None, True),
        "numpy.fromfile": Asks(np.fromfile, "/etc/hostname"),
        "pathlib": Asks(Path.mkdir, Path(marker)),
        "functools.partial": Asks(__import__("functools").partial, os.mkdir, str(marker)),
        "object array with a payload": holder,
        "list beside an array": [np.zeros(3), Asks(os.mkdir, str(marker))],
        "breakpoint": Asks(builtins.breakpoint),
    }


@pytest.mark.parametrize("name", hostile("x"))
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_hostile_pickle_is_refused_and_never_run(tmp_path, name, protocol):
    marker = tmp_path / "was-run"
    content = pickle.dumps(hostile(marker)[name], protocol=protocol)
    with pytest.raises(InputError, match=r"some\.pkl .*(asks for|cannot be read)") as caught:
        load(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        np.array(["a", 1], dtype=object),
        np.array([None], dtype=object),
        np.array(["long" * 10_000] * 2_000, dtype=object),
        np.array([("a", 1)], dtype=[("name", "U3"), ("code", "i4")]),
        np.array(["2011-04-04"], dtype="datetime64[D]"),
        np.array([1 + 1j]),
        np.ma.masked_array([1, 2], [True, False]),
        np.rec.array([(1, 2)]),
        np.dtype("u1"),
        np.ndarray,
        {"images": 1},
        {1, 2},
        range(3),
        1j,
        np.random.default_rng(0),
    ],
    ids=lambda content: type(content).__name__ + str(getattr(content, "dtype", "")),
)
def test_anything_but_plain_arrays_is_refused(tmp_path, content):
    with pytest.raises(InputError, match=r"some\.pkl"):
        load(tmp_path, pickle.dumps(content))


def array_pickle(shape, dtype="u1", content=b"abc"):
    """A hand-made pickle of one array (protocol 5), whatever its notes say."""
    core = np.zeros(3, np.uint8).__reduce_ex__(5)[0]
    return pickle.dumps(Asks(core, content, np.dtype(dtype), shape, "C"), protocol=5)


@pytest.mark.parametrize("shape", [(10**12,), (2**62, 4), (-3,), (3, 1, 1, 1, 1, 1, 1, 1, 1), (2,)])
def test_a_shape_that_its_bytes_do_not_fill_is_refused(tmp_path, shape):
    """The size is compared before anything is allocated."""
    with pytest.raises(InputError, match=r"array of? ?(shape|has shape)|an array has shape"):
        load(tmp_path, array_pickle(shape))


def test_text_beyond_unicode_is_refused(tmp_path):
    with pytest.raises(InputError, match="no character"):
        load(tmp_path, array_pickle((1,), "<U1", struct.pack("<I", 0x110000)))


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04Nr\xff\xff\xff\xff.",  # memo entry 4294967295: pickle would make room for it
        b"Np4294967295\n.",
        b"\x80\x05\x96\xff\xff\xff\xff\xff\x00\x00\x00.",  # bytearray of 1 TB
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\x00\x00\x00.",  # bytes of 1 TB
        b"\x80\x04]\x94(" + b"h\x00" * 9 + b"e.",  # a list that holds itself nine times
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff.",  # an endless frame
        b"cos\nsystem\n(S'true'\ntR.",
        b"\x80\x02\x82\x01.",  # extension registry
        b"Pid\n.",  # persistent id
    ],
)
def test_memory_bombs_and_rare_instructions_are_refused(tmp_path, content):
    with pytest.raises(InputError, match=r"some\.pkl"):
        load(tmp_path, content)


def test_missing_empty_and_folder_are_named(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_pickled_arrays(tmp_path / "none.pkl")
    with pytest.raises(InputError, match="is a directory"):
        load_pickled_arrays(tmp_path)
    with pytest.raises(InputError, match="is empty"):
        load(tmp_path, b"")


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "some.pkl"
    with path.open("wb") as file:
        file.truncate(MAX_PICKLE_BYTES + 1)  # a hole: takes no space
    with pytest.raises(InputError, match="are refused"):
        load_pickled_arrays(path)


GOOD = [
    pickle.dumps((ARRAYS["boxes"], ARRAYS["labels"], ["a", "b"]), protocol=protocol)
    for protocol in range(6)
]


@pytest.mark.slow
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_mutated_pickles_load_or_give_a_sentence(tmp_path, data):
    """Whatever bytes change: arrays, or an InputError; never another exception."""
    content = bytearray(data.draw(st.sampled_from(GOOD)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        change = data.draw(st.sampled_from(["set", "insert", "delete", "cut"]))
        if change == "set":
            content[at] = data.draw(st.integers(0, 255))
        elif change == "insert":
            content[at:at] = data.draw(st.binary(max_size=9))
        elif change == "delete":
            del content[at : at + data.draw(st.integers(1, 9))]
        else:
            del content[at + 1 :]
        if not content:
            break
    with contextlib.suppress(InputError):
        load(tmp_path, bytes(content))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(min_size=1, max_size=200))
def test_random_bytes_give_a_sentence_or_a_plain_value(tmp_path, content):
    with contextlib.suppress(InputError):
        load(tmp_path, content)
