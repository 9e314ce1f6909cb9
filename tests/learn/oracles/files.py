"""Files as other programs write them, and what they hold, for the readers of the web pages."""

import base64
import json
import struct
import zlib
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import safetensors.numpy

from stormlens.datasets import read_images
from stormlens.errors import InputError

_SEED = 15
# Adam7: first row and column of each pass, and the steps from pixel to pixel.
_PASSES = (
    *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
    *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
)


def write(folder: Path) -> None:
    """
    Write the oracle ``files.json``.

    Parameters
    ----------
    folder : Path
        Where it goes.
    """
    rng = np.random.default_rng(_SEED)
    cases = {
        "png": _pngs(rng),
        "npy": _npys(rng),
        "safetensors": _tensors(rng),
        "boxes": _boxes(rng),
        "refused": _refused(rng),
    }
    (folder / "files.json").write_text(json.dumps(cases), encoding="utf-8")


def _tensors(rng: np.random.Generator) -> list[dict[str, Any]]:
    shapes = {"000.kernel": (3, 3, 1, 4), "001.bias": (4,), "002.kernel": (7, 2), "scalar": ()}
    held = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    content = safetensors.numpy.save(held, metadata={"made by": "a test"})
    expected = {
        name: {"shape": list(values.shape), "values": values.ravel().tolist()}
        for name, values in held.items()
    }
    return [{"content": _text(content), "tensors": expected}]


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _boxes(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Files with boxes in them, and what `stormlens.datasets` reads from each."""
    whole = rng.integers(0, 81, (3, 4, 5)).astype(np.uint8)
    broken = rng.uniform(0, 80, (4, 5))
    kinds: list[tuple[str, bytes, tuple[float, float] | None]] = [
        ("palette.png", _png(whole[0][..., None], 3, 8, False, rng), None),
        ("interlaced.PNG", _png(whole[1][..., None], 3, 8, True, rng), None),
        ("grey.png", _png(whole[0][..., None], 0, 8, False, rng), (1.0, 0.0)),
        ("scaled.png", _png(3 * whole[0][..., None], 0, 8, False, rng), (0.4, -16.0)),
        ("deep.png", _png(100 * whole[2][..., None].astype(int), 0, 16, False, rng), (0.01, 0.0)),
        ("one.npy", _npy(whole[0]), None),
        ("several.npy", _npy(whole), None),
        ("channel.npy", _npy(whole[0][..., None]), None),
        ("channels.npy", _npy(whole[..., None]), None),
        ("fractions.npy", _npy(broken), None),
        ("order.npy", _npy(np.asfortranarray(whole.astype(">i4"))), None),
    ]
    cases = []
    with TemporaryDirectory() as folder:
        for name, content, scale in kinds:
            path = Path(folder, name)
            path.write_bytes(content)
            read = read_images(path, shape=(4, 5), dbz_scale=scale)
            cases.append(
                {
                    "content": _text(content),
                    "file": name,
                    "shape": [4, 5],
                    "grey": None if scale is None else {"scale": scale[0], "offset": scale[1]},
                    "images": _text(read["reflectivity"].values.tobytes()),
                    "simulated": bool(read.attrs["simulated"]),
                }
            )
    return cases


def _refused(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Files that `stormlens.datasets` refuses, and some words of what a page says."""
    whole = rng.integers(0, 4, (4, 5, 1)).astype(np.uint8)
    high, low, none = (np.zeros((4, 5)) for _ in range(3))
    high[2, 3], low[1, 0], none[3, 4] = 81, -1, np.nan
    png = _png(whole, 3, 8, False, rng)
    kinds = [
        ("short.png", png[:-9], "cut short"),
        ("text.png", b"no picture, but text that is long enough", "not a PNG"),
        ("bits.png", _png(whole, 3, 2, False, rng), "2 bits, which end at 3"),
        ("colours.png", _png(np.repeat(whole, 3, 2), 2, 8, False, rng), "a picture in colours"),
        ("high.png", _png(whole + 78, 3, 8, False, rng), "has 81 .* above 80"),
        ("shape.png", _png(whole[1:], 3, 8, False, rng), "3 x 5 pixels; this network takes 4 x 5"),
        ("high.npy", _npy(high), "image 0 has 81 at row 2, column 3, which is above 80"),
        ("low.npy", _npy(low), "image 0 has -1 at row 1, column 0, which is negative"),
        ("none.npy", _npy(none), "image 0 has NaN at row 3, column 4"),
        ("truth.npy", _npy(none == 1), "True and False"),
        ("shape.npy", _npy(high.T), "5 x 4 pixels; this network takes 4 x 5"),
        ("line.npy", _npy(high[0]), "shape .5. is no box"),
        ("short.npy", _npy(high)[:-3], "cut short: it has 157 of 160 bytes"),
        ("text.npy", b"no array", "no NPY file"),
        ("complex.npy", _npy(high.astype("c16")), "kind <c16"),
        ("objects.npy", _npy(np.array([[None]])), "cannot be read|kind .O"),
        ("box.txt", b"no box", "neither a PNG nor an NPY file"),
    ]
    with TemporaryDirectory() as folder:
        for name, content, _ in kinds:
            path = Path(folder, name)
            path.write_bytes(content)
            try:
                read_images(path, shape=(4, 5))
            except InputError:
                continue
            raise AssertionError(f"stormlens.datasets reads {name}")
    return [
        {"content": _text(content), "file": name, "said": said} for name, content, said in kinds
    ]


def _npy(values: np.ndarray) -> bytes:
    file = BytesIO()
    np.save(file, values)
    return file.getvalue()


def _npys(rng: np.random.Generator) -> list[dict[str, Any]]:
    cases = []
    for dtype in ("u1", "<i2", ">u2", "<i4", ">i8", "<u8", "<f2", ">f4", "<f8", "?"):
        for shape in ((3, 5), (1, 4, 3), (2, 3, 1), (7,)):
            for order in ("C", "F"):
                values = np.asarray(rng.integers(0, 81, shape).astype(dtype), order=order)
                file = BytesIO()
                np.lib.format.write_array(file, values, version=(1 + (order == "F"), 0))
                cases.append(
                    {
                        "content": _text(file.getvalue()),
                        "shape": list(shape),
                        "values": values.astype(float).ravel().tolist(),
                    }
                )
    return cases


def _pngs(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Grey of 1 to 16 bits, palettes, colours; with each filter, whole or interlaced."""
    kinds = [*((0, bits) for bits in (1, 2, 4, 8, 16)), (3, 8), (3, 2), (2, 8), (6, 8), (4, 16)]
    cases = []
    for colour, bits in kinds:
        for interlaced in (False, True):
            for shape in ((11, 13), (3, 1), (136, 136)):
                channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
                pixels = rng.integers(0, 2**bits, (*shape, channels))
                content = _png(pixels, colour, bits, interlaced, rng)
                cases.append(
                    {
                        "content": _text(content),
                        "colour": colour,
                        "bits": bits,
                        "shape": list(shape),
                        "channels": channels,
                        "values": zlib.crc32(pixels.astype("<u2").tobytes()),
                        "first": pixels.ravel()[:40].tolist(),
                    }
                )
    return cases


def _png(
    pixels: np.ndarray, colour: int, bits: int, interlaced: bool, rng: np.random.Generator
) -> bytes:
    rows, columns, _ = pixels.shape
    header = struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, interlaced)
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    parts = [pixels[top::down, left::right] for top, left, down, right in passes]
    content = zlib.compress(b"".join(_filtered(part, bits, rng) for part in parts if part.size))
    half = len(content) // 2
    chunks = [(b"IHDR", header), (b"tEXt", b"Comment\0SIMULATED")]
    if colour == 3:
        chunks.append((b"PLTE", bytes(range(256)) * 3))
    chunks += [(b"IDAT", content[:half]), (b"IDAT", content[half:]), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def _filtered(pixels: np.ndarray, bits: int, rng: np.random.Generator) -> bytes:
    """Scan lines, each behind the filter that was drawn for it (PNG specification, chapter 9)."""
    rows = _packed(pixels, bits).astype(np.int64)
    apart = max(1, bits * pixels.shape[2] // 8)
    before, lines = np.zeros(rows.shape[1], np.int64), []
    for row in rows:
        left = np.concatenate([np.zeros(apart, np.int64), row])[: len(row)]
        corner = np.concatenate([np.zeros(apart, np.int64), before])[: len(row)]
        predicted = (0 * row, left, before, (left + before) // 2, _paeth(left, before, corner))
        kind = int(rng.integers(5))
        lines.append(bytes([kind]) + ((row - predicted[kind]) % 256).astype(np.uint8).tobytes())
        before = row
    return b"".join(lines)


def _paeth(left: np.ndarray, up: np.ndarray, corner: np.ndarray) -> np.ndarray:
    guess = left + up - corner
    away = [abs(guess - near) for near in (left, up, corner)]
    nearer = np.where(away[1] <= away[2], up, corner)
    return np.where((away[0] <= away[1]) & (away[0] <= away[2]), left, nearer)


def _packed(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Bytes of each row, the first sample in the highest bits."""
    flat = pixels.reshape(len(pixels), -1)
    if bits == 16:
        return flat.astype(">u2").view(np.uint8).reshape(len(pixels), -1)
    places = np.arange(bits)[::-1]
    spread = (flat[:, :, None] >> places & 1).reshape(len(pixels), -1)
    return np.packbits(spread, axis=1)
