"""Files and clients that mean harm are refused, within bounds, while others are served."""

import asyncio
import io
import os
import pickle
import resource
import socket
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
from apart import apart
from hypothesis import given, settings
from hypothesis import strategies as st
from patience import PATIENCE, until
from serving import Running, npy, png

from stormlens.datasets import TooManyError, parse_images
from stormlens.errors import InputError
from stormlens.serve import Limits, _decoders
from stormlens.serve._decoders import Decoders
from stormlens.serve._refusal import Refusal

BOX = np.full((136, 136), 30, np.uint8)


def parsed(content, most=8):
    return parse_images(content, "The body", most=most)


def chunk(kind, held):
    return struct.pack(">I", len(held)) + kind + held + struct.pack(">I", zlib.crc32(kind + held))


def png_of(columns, rows, deflated, extra=b"", interlaced=0):
    head = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + extra
        + chunk(b"PLTE", bytes(768))
        + chunk(b"IDAT", deflated)
        + chunk(b"IEND", b"")
    )


def test_a_pickle_in_npy_is_refused_and_not_loaded(server, tmp_path):
    witness = tmp_path / "loaded"

    class Evil:
        def __reduce__(self):
            return open, (str(witness), "w")

    pickle.loads(pickle.dumps(Evil())).close()  # it would
    witness.unlink()
    file = io.BytesIO()
    np.save(file, np.array([Evil()], object), allow_pickle=True)
    with pytest.raises(InputError, match="holds Python objects"):
        parsed(file.getvalue())
    answer = server.classify(file.getvalue())
    assert answer.status_code == 422
    assert server.classify(pickle.dumps(Evil())).status_code == 422
    assert not witness.exists()


def test_a_png_that_claims_to_be_huge_is_refused_before_it_is_unpacked(server):
    content = png_of(100_000, 100_000, zlib.compress(bytes(1000)))
    tracemalloc.start()
    with pytest.raises(InputError, match="100000 x 100000 pixels; 136 x 136 are needed"):
        parsed(content)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert server.classify(content).status_code == 422


@pytest.mark.parametrize("interlaced", [0, 1])
def test_pixels_that_unpack_far_beyond_their_box_are_refused_in_little_memory(interlaced):
    bomb = zlib.compress(bytes(64 << 20), 9)
    tracemalloc.start()
    with pytest.raises(InputError, match="unpack to more than 136 x 136"):
        parsed(png_of(136, 136, bomb, interlaced=interlaced))
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_what_else_stands_in_a_png_is_not_unpacked():
    lines = zlib.compress(b"".join(b"\0" + bytes(row) for row in BOX))
    bomb = zlib.compress(bytes(16 << 20), 9)
    extra = chunk(b"zTXt", b"a\0\0" + bomb) + chunk(b"iCCP", b"a\0\0" + bomb)
    tracemalloc.start()
    images, _ = parsed(png_of(136, 136, lines, extra))
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert (images == BOX).all()


def test_npy_that_promises_more_than_it_holds_is_refused():
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000, 136, 136), }"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
    with pytest.raises(InputError, match="it holds 0 of 18496000000000 bytes"):
        parsed(content)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_images_get_a_sentence_or_are_images(data):
    base = data.draw(st.sampled_from([npy(BOX), png(BOX), png(BOX) * 2, npy(np.stack([BOX] * 3))]))
    content = bytearray(base)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, min(len(content) - 1, 1200)))
        content[place] = data.draw(st.integers(0, 255))
    content = bytes(content[: data.draw(st.integers(8, len(content)))])
    try:
        images, _ = parsed(content)
    except InputError as error:
        said = str(error)
    else:
        said = "The body is read."
        assert images.dtype == np.uint8
        assert images.shape[1:] == (136, 136)
        assert images.max() <= 80
    assert said.startswith("The body")


def test_more_images_than_are_taken_are_not_read():
    with pytest.raises(TooManyError, match="holds more than 3 boxes"):
        parsed(png(BOX) * 4, most=3)
    with pytest.raises(TooManyError, match="holds 4 boxes and 3 are taken"):
        parsed(npy(np.zeros((4, 136, 136), np.uint8)), most=3)


def absurd_netcdf(shape):
    """A container that promises boxes which take no place in the file."""
    file = io.BytesIO()
    with h5py.File(file, "w") as held:
        held.create_dataset("storm", (shape[0],), "i4", chunks=(1,))
        values = held.create_dataset("reflectivity", shape, "u1", chunks=(1, 136, 136))
        values.attrs["units"] = "dBZ"
        names = zip(("storm", "y", "x"), shape, strict=True)
        for axis, (name, size) in enumerate(names):
            scale = held[name] if name in held else held.create_dataset(name, (size,), "i4")
            scale.make_scale(name)
            values.dims[axis].attach_scale(scale)
    return file.getvalue()


def test_absurd_dimensions_are_refused_while_others_are_served(server):
    content = absurd_netcdf((2**31, 136, 136))
    assert len(content) < 2**20
    answer = server.classify(content)
    assert answer.status_code in (413, 422), answer.text
    assert server.classify(npy(BOX)).status_code == 200


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Decoders of this process are waited for, however long a busy machine takes."""
    monkeypatch.setattr(_decoders, "_START_SECONDS", PATIENCE)
    monkeypatch.setattr(_decoders, "_GRACE", PATIENCE)


def decoded(content, limits, times=1, before=None):
    """What a decoder makes of a file, so many times in a row."""

    async def main():
        decoders, results = Decoders(limits, (136, 136)), []
        try:
            for _ in range(times):
                try:
                    results.append(await decoders.read(content, {}, {}))
                except (InputError, Refusal) as error:
                    results.append(error)
                if before is not None:
                    before(decoders)
            return results, decoders.replaced
        finally:
            await decoders.close()

    return apart(asyncio.run, main())


@pytest.mark.slow
def test_a_file_that_takes_too_much_memory_ends_its_decoder_and_no_more(sample):
    content = sample.read_bytes()
    (error,), replaced = decoded(content, Limits(decoder_mib=60))
    assert isinstance(error, Refusal)
    assert error.status == 422
    assert replaced == 1
    (first, second), replaced = decoded(content, Limits(), times=2)
    assert len(first[0]) == len(second[0]) > 0
    assert replaced == 0


@pytest.mark.slow
def test_a_file_that_takes_too_long_ends_its_decoder(sample, monkeypatch):
    slow = (
        "import itertools, stormlens.serve._reading as reading\n"
        "reading.read = lambda *_: sum(itertools.count())\n"
        "reading.main()"
    )

    async def started(self):
        limits = (str(self._limits.decoder_mib), str(self._limits.decoder_seconds))
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", slow, *limits),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    monkeypatch.setattr(Decoders, "_start", started)
    (error,), replaced = decoded(sample.read_bytes(), Limits(decoder_seconds=0.5))
    assert "takes more than 0.5 s of a processor to read" in error.sentence
    assert replaced == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage that is no frame",
        struct.pack(">II", 2**31, 0),
        struct.pack(">II", 2, 0) + b"{}",
        struct.pack(">II", 4, 0) + b"null",
        struct.pack(">II", 60, 0) + b'{"shape": [-1, 136, 136], "storm": {"unid": []}}'.ljust(60),
    ],
)
def test_a_decoder_that_was_taken_over_is_not_believed(answer, monkeypatch):
    async def started(self):
        code = f"import sys\nsys.stdin.buffer.read(8)\nsys.stdout.buffer.write({answer!r})"
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", code),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    monkeypatch.setattr(Decoders, "_start", started)
    (error,), replaced = decoded(b"x" * 100, Limits())
    assert isinstance(error, Refusal)
    assert error.status == 422
    assert replaced == 1


def test_a_decoder_does_not_know_the_token_and_cannot_write(tmp_path, monkeypatch):
    monkeypatch.setenv("STORMLENS_TOKEN", "a-token-that-nobody-knows")
    seen = {}

    def look(decoders):
        (process,) = decoders._idle
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            seen["environment"] = file.read()
        seen["limits"] = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)

    decoded(b"no radar file at all", Limits(), before=look)
    assert b"PATH=" in seen["environment"]
    assert b"STORMLENS_TOKEN" not in seen["environment"]
    assert seen["limits"] == (0, 0)


def test_a_killed_decoder_is_replaced(sample):
    content, killed = sample.read_bytes(), []

    def kill(decoders):
        if not killed:
            (process,) = decoders._idle
            os.kill(process.pid, 9)
            killed.append(process.pid)

    results, _ = decoded(content, Limits(), times=3, before=kill)
    assert len(results[0][0]) == len(results[2][0]) > 0


def trickled(port, head):
    """Send a byte now and then until the server has enough; what it says."""
    with socket.create_connection(("127.0.0.1", port)) as held:
        held.sendall(head)
        held.settimeout(0.1)
        end, said = time.monotonic() + PATIENCE, b""
        while time.monotonic() < end:
            try:
                part = held.recv(65536)
            except TimeoutError:
                try:
                    held.sendall(b"a")
                except OSError:
                    break
                continue
            except OSError:
                break
            if not part:
                break
            said += part
        return said


@pytest.mark.slow
def test_slow_clients_are_dropped_while_others_are_served():
    before = "import stormlens.serve._protocol as p\np.HEAD_SECONDS = 1.0"
    server = Running("--max-seconds", "1", "--max-connections", "20", before=before)

    def others_are_served():  # in the end: a second may be too short on a busy machine
        return server.classify(npy(BOX)).status_code == 200

    try:
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(10)]
        for each in slow:
            each.sendall(b"POST /v1/classify HTTP/1.1\r\n")
        until(others_are_served)
        head = b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n"
        said = trickled(server.port, head)
        assert b" 408 " in said
        assert b"did not come within 1 s" in said
        said = trickled(server.port, b"GET / HTTP/1.1\r\nHost: ")
        assert b" 408 " in said
        until(others_are_served)
        for each in slow:
            each.close()
    finally:
        assert server.stop() == 0


def test_bounds_of_connections_and_bodies():
    server = Running("--max-connections", "3", "--max-mib", "1")
    try:
        answer = server.classify(bytes(2**20 + 1))
        assert answer.status_code == 413
        assert "larger than 1 MiB" in answer.json()["error"]
        assert server.classify(iter([bytes(2**19)] * 4)).status_code == 413  # of no told length
        assert server.classify(npy(BOX)).status_code == 200
        held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(8)]
        held[-1].settimeout(PATIENCE)
        said = held[-1].recv(65536)
        assert b" 503 " in said
        assert b"Too many connections are open" in said
        for each in held:
            each.close()
    finally:
        assert server.stop() == 0


def test_what_is_no_http_is_refused(server):
    for said in (b"\x16\x03\x01 no http\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", server.port)) as held:
            held.settimeout(PATIENCE)
            held.sendall(said)
            assert b" 400 " in held.recv(65536)
    with socket.create_connection(("127.0.0.1", server.port)) as held:
        held.settimeout(PATIENCE)
        held.sendall(b"GET /health HTTP/1.1\r\n" + b"a: " + b"b" * 40_000)
        time.sleep(0.3)
        held.sendall(b"b" * 100_000)
        assert b" 431 " in held.recv(65536)


def test_the_decoder_ends_with_the_server():
    done = subprocess.run(
        [sys.executable, "-m", "stormlens.serve._reading", "1024", "5"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"")
