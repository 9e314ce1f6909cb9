"""Files as other programs write them, and what they hold, for the readers of the web pages."""

import base64
import json
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

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
    cases = {"png": _pngs(rng), "npy": _npys(rng), "safetensors": _tensors(rng)}
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
