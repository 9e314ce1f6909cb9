"""
What a format is made of, and one change to it: a count, a length, an order, a kind of value.

Byte by byte most mutated files end at the first check. These changes keep the rest of a file
sound: a layout says where the numbers and records of a file lie, one of them is changed, and what
stands around it (bzip2, checksums, JSON, HDF5's own bookkeeping) is written anew.
"""

import ast
import bz2
import io
import json
import struct
import zlib
from itertools import pairwise

import h5py
import numpy as np

TEXTS = (
    "",
    "x",
    "9" * 5001,
    "1e999",
    "nan",
    "-1",
    "é" * 300,
    "\x1b[2J",
    "a\nb",
    "../../etc",
    "[" * 99,
)
NUMBERS = (0, 1, -1, 2, 255, 2**31, -(2**31), 2**63 - 1, 2**64, 0.5, 1e-300, 1e300, -1e30)


def one_of(rng, things):
    return things[int(rng.integers(len(things)))]


def by_layout(layout):
    """Changes to a format of numbers at known places: `layout` gives fields and records."""

    def change(content, rng):
        fields, records = layout(content)
        if len(records) > 1 and rng.random() < 0.3:
            return moved(content, records, rng)
        return with_field(content, fields, rng) if fields else content

    return change


def moved(content, records, rng):
    """Records left out, doubled, exchanged, turned around, or cut."""
    parts = [content[start:stop] for start, stop in records]
    begin, end = records[0][0], records[-1][1]
    i, j = (int(n) for n in rng.integers(len(parts), size=2))
    how = int(rng.integers(6))
    if how == 0:
        del parts[i]
    elif how == 1:
        parts.insert(j, parts[i])
    elif how == 2:
        parts[i], parts[j] = parts[j], parts[i]
    elif how == 3:
        parts.reverse()
    elif how == 4:
        parts[i] = parts[i][: int(rng.integers(len(parts[i]) + 1))]
    else:
        del parts[min(i, j) : max(i, j)]
    return content[:begin] + b"".join(parts) + content[end:]


def with_field(content, fields, rng):
    """One number changed: an extreme, a neighbour, a multiple, or that of another field."""
    at, form = one_of(rng, fields)
    alike = [other for other, kind in fields if kind == form]
    size = struct.calcsize(form)
    if at < 0 or at + size > len(content):
        return content
    changed = bytearray(content)
    if rng.random() < 0.15:
        other = one_of(rng, alike)
        changed[at : at + size] = content[other : other + size].ljust(size, b"\0")
    elif form[-1] in "fd":
        old = struct.unpack_from(form, content, at)[0]
        values = [0.0, -old, old * 1000, old + 1, 90.0, 1e30, 1e-30, np.nan, np.inf, -np.inf]
        struct.pack_into(form, changed, at, min(one_of(rng, values), 3e38))
    else:
        order = "big" if form[0] == ">" else "little"
        old = int.from_bytes(content[at : at + size], order)
        most = 256**size - 1
        values = [0, 1, old - 1, old + 1, 2 * old, old // 2, -old, most, most // 2, most // 2 + 1]
        values += [len(content), int(rng.integers(most, endpoint=True, dtype=np.uint64))]
        changed[at : at + size] = (one_of(rng, values) & most).to_bytes(size, order)
    return bytes(changed)


# NEXRAD Level II, ICD 2620002 and 2620010: messages, and blocks that a ray points to.

_HEAD = [
    (12, ">H"),
    (14, "B"),
    (15, "B"),
    (16, ">H"),
    (18, ">H"),
    (20, ">I"),
    (24, ">H"),
    (26, ">H"),
]
_RAY = [
    *[(4, ">I"), (8, ">H"), (10, ">H"), (12, ">f"), (16, "B"), (18, ">H"), (20, "B"), (21, "B")],
    *[(22, "B"), (23, "B"), (24, ">f"), (28, "B"), (29, "B"), (30, ">H")],
    *[(32 + 4 * i, ">I") for i in range(10)],
]
_MOMENT = [(0, "B"), (1, "B"), (8, ">H"), (10, ">h"), (12, ">h"), (18, "B"), (19, "B")]
_MOMENT += [(20, ">f"), (24, ">f")]
_CONSTANTS = [(0, "B"), (1, "B"), (4, ">H"), (8, ">f"), (12, ">f"), (16, ">h"), (40, ">H")]
_LEGACY = [
    *[(0, ">I"), (4, ">H"), (6, ">h"), (8, ">H"), (10, ">H"), (12, ">H"), (14, ">H"), (16, ">H")],
    *[(18, ">h"), (20, ">h"), (22, ">H"), (24, ">H"), (26, ">H"), (28, ">H"), (30, ">H")],
    *[(32, ">f"), (36, ">H"), (38, ">H"), (40, ">H"), (42, ">H"), (44, ">H")],
]


def level2_layout(content):
    fields, records, at = [(12, ">I"), (16, ">I")], [], 24
    while at + 28 <= len(content) and len(records) < 500:
        size, kind = struct.unpack_from(">H", content, at + 12)[0], content[at + 15]
        stop = at + (12 + max(2 * size, 16) if kind == 31 else 2432)
        if kind:
            records.append((at, min(stop, len(content))))
        at = stop
    for start, _ in records[:3] + records[-3:]:
        fields += [(start + place, form) for place, form in _HEAD]
        kind, body = content[start + 15], start + 28
        for place, form in {1: _LEGACY, 31: _RAY}.get(kind, []):
            fields.append((body + place, form))
        if kind == 31 and body + 72 <= len(content):
            for pointer in struct.unpack_from(">10I", content, body + 32):
                block = body + pointer
                forms = _MOMENT if content[block : block + 1] == b"D" else _CONSTANTS
                fields += [(block + place, form) for place, form in forms] if pointer else []
    return fields, records


level2 = by_layout(level2_layout)


def ldm_layout(content):
    fields, records, at = [], [], 24
    while at + 4 <= len(content):
        stop = at + 4 + abs(struct.unpack_from(">i", content, at)[0])
        fields.append((at, ">i"))
        records.append((at, min(stop, len(content))))
        at = stop
    return fields, records


def packed_level2(content, rng):
    """A packed volume: its records, or the messages in them."""
    if rng.random() < 0.2:
        return by_layout(ldm_layout)(content, rng)
    try:
        parts = [bz2.decompress(content[a + 4 : b]) for a, b in ldm_layout(content)[1]]
    except (OSError, ValueError):
        return content
    changed = level2(content[:24] + b"".join(parts), rng)
    squeezed = bz2.compress(changed[24:], 1)
    return changed[:24] + struct.pack(">i", -len(squeezed)) + squeezed


# GRIB edition 2, WMO manual on codes, sections 0 to 8; PNG as section 7 holds it.

_SECTIONS = {
    1: [(5, ">H"), (7, ">H"), (9, "B"), (12, ">H"), *((n, "B") for n in range(14, 21))],
    3: [
        *[(5, "B"), (6, ">I"), (10, "B"), (11, "B"), (12, ">H"), (14, "B"), (15, "B"), (16, ">I")],
        *[(30 + 4 * n, ">I") for n in range(6)],
        *[(54, "B"), (55, ">I"), (59, ">I"), (63, ">I"), (67, ">I"), (71, "B")],
    ],
    4: [(5, ">H"), (7, ">H"), (9, "B"), (10, "B"), (17, "B"), (18, ">I")],
    5: [(5, ">I"), (9, ">H"), (11, ">f"), (15, ">H"), (17, ">H"), (19, "B"), (20, "B")],
    6: [(5, "B")],
}


def grib_layout(content):
    fields, records, at = [(6, "B"), (7, "B"), (8, ">Q")], [], 16
    while at + 5 <= len(content) and content[at : at + 4] != b"7777" and len(records) < 100:
        length, number = struct.unpack_from(">IB", content, at)
        stop = min(at + max(length, 5), len(content))
        records.append((at, stop))
        fields += [(at, ">I"), (at + 4, "B")]
        fields += [(at + place, form) for place, form in _SECTIONS.get(number, [])]
        at = stop
    return fields, records


def grib(content, rng):
    """A section's numbers, the order of sections, or the picture in the last."""
    start = content.find(b"\x89PNG")
    if start < 0 or rng.random() < 0.6:
        return by_layout(grib_layout)(content, rng)
    end = content.rfind(b"7777")
    picture = png(content[start:end], rng)
    changed = bytearray(content[:start] + picture + content[end:])
    struct.pack_into(">I", changed, start - 5, len(picture) + 5)
    struct.pack_into(">Q", changed, 8, len(changed))
    return bytes(changed)


# PNG, ISO/IEC 15948: chunks with checksums of their own.


def png_chunks(content):
    at, chunks = 8, []
    while at + 12 <= len(content):
        length = struct.unpack_from(">I", content, at)[0]
        chunks.append([content[at + 4 : at + 8], content[at + 8 : at + 8 + length]])
        at += 12 + length
    return chunks


def png(content, rng):
    """The head's numbers, a chunk's length, the order of chunks, or how much is packed."""
    chunks = png_chunks(content)
    if not chunks:
        return content
    how = int(rng.integers(6))
    chosen = one_of(rng, chunks)
    if how <= 1 and chunks[0][0] == b"IHDR":
        fields = [(0, ">I"), (4, ">I"), *((n, "B") for n in range(8, 13))]
        chunks[0][1] = with_field(chunks[0][1].ljust(13, b"\0"), fields, rng)
    elif how == 2:
        chosen[1] = chosen[1][: int(rng.integers(len(chosen[1]) + 1))]
    elif how == 3:
        rows = bytes(int(rng.integers(400_000)))
        chunks = [[kind, zlib.compress(rows) if kind == b"IDAT" else body] for kind, body in chunks]
    elif how == 4:
        kind = one_of(rng, [b"tRNS", b"PLTE", b"gAMA", b"tEXt", b"zTXt", b"iCCP", b"acTL", b"IDAT"])
        chunks.insert(int(rng.integers(len(chunks) + 1)), [kind, rng.bytes(int(rng.integers(800)))])
    else:
        parts = [_chunk(kind, body) for kind, body in chunks]
        ends = np.cumsum([8, *map(len, parts)]).tolist()
        return moved(content[:8] + b"".join(parts), list(pairwise(ends)), rng)
    return content[:8] + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


# NetCDF classic, of 32-bit and 64-bit offsets (NetCDF's file format specification).

_CLASSIC_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8}


class _Classic:
    """A walk over the header, which notes each count, length, type and offset that it meets."""

    def __init__(self, content):
        self.content, self.at, self.fields = content, 4, []
        self.number()  # of records
        for entry in (self._dimension, self._attribute, self._variable):
            self._all(entry)

    def number(self, form=">I"):
        value = struct.unpack_from(form, self.content, self.at)[0]
        self.fields.append((self.at, form))
        self.at += struct.calcsize(form)
        return value

    def _all(self, entry):
        self.number()
        for _ in range(self.number()):
            self._skip(self.number())  # its name
            entry()

    def _skip(self, n):
        self.at += -(-n // 4) * 4

    def _dimension(self):
        self.number()

    def _attribute(self):
        kind = self.number()
        self._skip(_CLASSIC_SIZES[kind] * self.number())

    def _variable(self):
        for _ in range(self.number()):
            self.number()
        self._all(self._attribute)
        self.number()
        self.number()
        self.number(">I" if self.content[3] == 1 else ">Q")


def classic_layout(content):
    try:
        return _Classic(content).fields, []
    except (struct.error, KeyError):
        return [(4, ">I"), (8, ">I"), (12, ">I")], []


classic = by_layout(classic_layout)


# HDF5 and NetCDF-4, by the library itself: whatever it writes is sound, and means something else.


def hdf5(content, rng):
    """An attribute, shape, type, value, link or object changed."""
    memory = io.BytesIO(content)
    try:
        with h5py.File(memory, "r+") as file:
            objects = [file]
            file.visititems(lambda _, item: objects.append(item))
            one_of(rng, _HDF5)(file, objects, rng)
    except Exception:  # what a file that was changed before does not allow
        return content
    return memory.getvalue()


def _attribute(_, objects, rng):
    item = one_of(rng, [item for item in objects if len(item.attrs)])
    name = one_of(rng, sorted(item.attrs))
    strange = [
        *TEXTS,
        *NUMBERS[:8],
        np.nan,
        [1.5, 2.5, 3.5],
        np.zeros(0),
        h5py.Empty("f4"),
        b"\xff",
    ]
    value = one_of(rng, [*strange, None])
    if value is None:
        del item.attrs[name]
    else:
        item.attrs[name] = value


_MOST = 2**20  # values


def _multiple(_, objects, rng):
    """A number of an attribute times something."""
    named = [
        (item, name)
        for item in objects
        for name in sorted(item.attrs)
        if np.asarray(item.attrs[name]).dtype.kind in "if"
    ]
    item, name = one_of(rng, named)
    item.attrs[name] = item.attrs[name] * one_of(rng, (-1, 0, 10, 1000, 0.001, 1e9))


def _datasets(objects):
    """Those that are there, and no promises of more."""
    held = [item for item in objects if isinstance(item, h5py.Dataset)]
    return [item for item in held if item.size is not None and item.size < _MOST]


def _array(objects, rng):
    """A dataset of numbers with an axis or more."""
    numbers = [held for held in _datasets(objects) if held.dtype.kind in "iuf"]
    return one_of(rng, [held for held in numbers if held.ndim])


def _replace(item, rng, **made):
    """A dataset in place of another, with its attributes."""
    attributes = {name: value for name, value in item.attrs.items() if name.isidentifier()}
    parent, name = item.parent, item.name.rpartition("/")[2]
    kept = {key: value for key, value in attributes.items() if not key.isupper()}
    del parent[name]
    new = parent.create_dataset(name, **made)
    for key, value in kept.items():
        new.attrs[key] = value


def _shape(_, objects, rng):
    item = one_of(rng, _datasets(objects))
    shape = list(item.shape)
    ways = [[], [0], [1], shape[::-1], [*shape, 2], [2, *shape], shape[:-1]]
    for axis, n in enumerate(shape):
        ways += [
            [*shape[:axis], m, *shape[axis + 1 :]] for m in (0, 1, max(n - 1, 0), n + 1, 2 * n)
        ]
    new = one_of(rng, ways)
    _replace(item, rng, data=np.resize(item[()], new))


def _kind(_, objects, rng):
    item = one_of(rng, _datasets(objects))
    kinds = ("i1", "u1", ">i2", "i8", "u8", "f2", ">f4", "f8", "?", "S3", "c16")
    values = np.nan_to_num(item[()].astype(float)) if item.dtype.kind in "biuf" else np.arange(3)
    with np.errstate(all="ignore"):
        _replace(item, rng, data=values.astype(one_of(rng, kinds)))


def _values(_, objects, rng):
    item = one_of(
        rng, [held for held in _datasets(objects) if held.dtype.kind in "if" and held.ndim]
    )
    values = item[()]
    value = one_of(rng, (0, -1, 1, 127, 1e4, -1e9, np.nan, np.inf, 1e30))
    with np.errstate(all="ignore"):
        values[rng.random(values.shape) < one_of(rng, (0.01, 0.5, 1.1))] = np.asarray(
            np.nan_to_num(value) if values.dtype.kind == "i" else value
        ).astype(values.dtype)
    item[...] = values


def _promise(_, objects, rng):
    """A shape of terabytes of which nothing is written."""
    item = _array(objects, rng)
    shape = tuple(one_of(rng, (n, 10**4, 10**6)) for n in item.shape)
    chunks = tuple(min(n, 64) or 1 for n in shape)
    _replace(item, rng, shape=shape, chunks=chunks, dtype=item.dtype, compression="gzip")


def _outside(_, objects, rng):
    item = one_of(
        rng, [held for held in _datasets(objects) if held.ndim and held.dtype.kind in "iuf"]
    )
    _replace(item, rng, shape=item.shape, dtype=item.dtype, external=[("/nowhere", 0, 2**20)])


def _unlink(_, objects, rng):
    item = one_of(rng, objects[1:])
    del item.parent[item.name.rpartition("/")[2]]


def _exchange(file, objects, rng):
    first, second = (one_of(rng, objects[1:]).name for _ in range(2))
    file.move(first, "/exchanged")
    file.move(second, first)
    file.move("/exchanged", second)


def _link(file, objects, rng):
    name = one_of(rng, objects[1:]).name
    target = one_of(rng, [name, "/", "/nowhere", one_of(rng, objects).name])
    del file[name]
    file[name] = h5py.SoftLink(target) if rng.random() < 0.8 else h5py.ExternalLink("/x", target)


def _double(file, objects, rng):
    item = one_of(rng, objects[1:])
    name = item.name.rpartition("/")[2]
    file.copy(item, item.parent, name.rstrip("0123456789") + str(rng.integers(1, 30)))


def _as_group(file, objects, rng):
    name = one_of(rng, objects[1:]).name
    is_group = isinstance(file[name], h5py.Group)
    del file[name]
    if is_group:
        file[name] = np.arange(4)
    else:
        file.create_group(name)


_HDF5 = [_attribute, _attribute, _multiple, _shape, _shape, _kind, _values, _promise, _outside]
_HDF5 += [_unlink, _exchange, _link, _double, _as_group]


# NPY, JSON, safetensors, TOML and CSV.


def npy(content, rng):
    """The header's shape, type or order, its length, or how much follows it."""
    length = struct.unpack_from("<H", content, 8)[0]
    try:
        head = ast.literal_eval(content[10 : 10 + length].decode())
        shape = [int(n) for n in head["shape"]]
    except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError):
        return content
    body, how = content[10 + length :], int(rng.integers(5))
    if how == 0:
        shapes = [[], [0], shape[::-1], [*shape, 1], [1, *shape], [10**9] * 3, [-1], [2**70], [1.5]]
        shapes += [[*shape[:i], max(n + 1, 0), *shape[i + 1 :]] for i, n in enumerate(shape)]
        head["shape"] = tuple(one_of(rng, shapes))
    elif how == 1:
        kinds = [
            "<f8",
            ">i2",
            "|b1",
            "|O",
            "<U9",
            "|S0",
            "<M8[s]",
            "<c16",
            "V8",
            "x",
            [("a", "u1")],
        ]
        head["descr"] = one_of(rng, kinds)
    elif how == 2:
        head["fortran_order"] = one_of(rng, [True, False, 1, None, "x"])
    elif how == 3:
        body = body[: int(rng.integers(len(body) + 1))]
    else:
        head[one_of(rng, ["shape", "extra", "descr"])] = one_of(rng, [None, (), "(" * 50, 1])
    text = (repr(head) + "\n").encode()
    told = len(text) if rng.random() < 0.9 else int(rng.integers(65536))
    return (
        content[:6]
        + one_of(rng, [b"\1\0"] * 8 + [b"\2\0", b"\3\0"])
        + struct.pack("<H", told)
        + text
        + body
    )


def changed_tree(tree, rng):
    """One value of a tree of JSON replaced, left out, doubled or wrapped."""
    if isinstance(tree, dict) and tree and rng.random() < 0.9:
        key = one_of(rng, sorted(tree))
        how = rng.random()
        if how < 0.1:
            return {name: value for name, value in tree.items() if name != key}
        if how < 0.15:
            return {**tree, one_of(rng, TEXTS): tree[key]}
        return {**tree, key: changed_tree(tree[key], rng)}
    if isinstance(tree, list) and tree and rng.random() < 0.8:
        i, new = int(rng.integers(len(tree))), list(tree)
        how = rng.random()
        if how < 0.2:
            del new[i]
        elif how < 0.4:
            new.insert(i, new[i])
        else:
            new[i] = changed_tree(new[i], rng)
        return new
    near = [tree + 1, tree * 1000, -tree] if type(tree) in (int, float) else [[tree], {"a": tree}]
    return one_of(rng, [None, True, [], {}, *TEXTS, *NUMBERS, *near, *near])


def json_text(content, rng):
    """A document of JSON with one value changed."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return content
    return json.dumps(changed_tree(tree, rng)).encode()


def tensors(content, rng):
    """Header of a safetensors file: names, types, shapes, places of its arrays."""
    length = int.from_bytes(content[:8], "little")
    head = json_text(content[8 : 8 + length], rng)
    told = len(head) if rng.random() < 0.9 else one_of(rng, [0, 2**40, length, len(head) // 2])
    return told.to_bytes(8, "little") + head + content[8 + length :]


def toml(content, rng):
    """A line of TOML left out, doubled, or with another value."""
    lines = content.decode(errors="replace").split("\n")
    i = int(rng.integers(len(lines)))
    name = lines[i].partition("=")[0]
    values = [
        *map(json.dumps, TEXTS[:6]),
        *map(str, NUMBERS),
        "[]",
        "{}",
        "true",
        "nan",
        "[[[[",
        "'",
    ]
    lines[i : i + 1] = one_of(
        rng,
        [
            [],
            [lines[i]] * 2,
            [f"{name}= {one_of(rng, values)}"],
            [f"{name}= {one_of(rng, values)}"],
        ],
    )
    return "\n".join(lines).encode()


def table(content, rng):
    """A cell, column or row of a CSV table changed, left out, doubled or exchanged."""
    rows = [line.split(",") for line in content.decode(errors="replace").split("\n")]
    i = int(rng.integers(len(rows)))
    j = int(rng.integers(len(rows[i])))
    how = int(rng.integers(6))
    if how <= 1:
        strange = [
            *TEXTS,
            *map(str, NUMBERS),
            '"',
            "\0",
            "2011-04-27",
            "24:60",
            "999",
            "2460",
            "inf",
        ]
        rows[i][j] = one_of(rng, strange)
    elif how == 2:
        del rows[i]
    elif how == 3:
        rows.insert(int(rng.integers(len(rows) + 1)), rows[i])
    elif how == 4:
        for row in rows:
            del row[j : j + 1]
    else:
        k = int(rng.integers(len(rows[i])))
        rows[i][j], rows[i][k] = rows[i][k], rows[i][j]
    return "\n".join(map(",".join, rows)).encode()


def words(content, rng):
    """A word of a text changed, left out or doubled, or two exchanged."""
    found = content.decode(errors="replace").split()
    i, j = (int(n) for n in rng.integers(len(found), size=2))
    how = int(rng.integers(5))
    if how <= 1:
        found[i] = one_of(rng, (*TEXTS, *map(str, NUMBERS)))
    elif how == 2:
        del found[i]
    elif how == 3:
        found.insert(j, found[i])
    else:
        found[i], found[j] = found[j], found[i]
    return " ".join(found).encode()
