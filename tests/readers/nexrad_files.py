"""Level II volumes written to the interface control documents, with values chosen by a test."""

import bz2
import struct
from dataclasses import dataclass, field

import numpy as np

METADATA_BYTES = 134 * 2432  # fixed records before the first Message 31
DAY = 15_846  # 20 May 2013, where day 1 is 1 January 1970
MILLISECONDS = 72_000_000  # 20:00 UTC
SECOND_RAY = 15  # milliseconds from ray to ray


@dataclass
class Turn:
    """
    One sweep: `codes` are the raw values, moment by moment, of shape (rays, gates).

    They may be lists of rays of different length, and `first_gate` and `spacing` one for each ray.
    """

    elevation: float
    codes: dict[str, np.ndarray | list[np.ndarray]]
    azimuths: np.ndarray | None = None
    first_gate: int | list[int] = 2125
    spacing: int | list[int] = 250
    wide: bool = False  # 16-bit words
    scale_offset: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def rays(self) -> int:
        return len(next(iter(self.codes.values())))

    def azimuth(self, ray: int) -> float:
        step = 360 / self.rays
        return float((ray + 0.5) * step if self.azimuths is None else self.azimuths[ray])

    def place(self, ray: int) -> tuple[int, int]:
        """First gate and spacing of a ray."""
        return tuple(
            value if isinstance(value, int) else value[ray]
            for value in (self.first_gate, self.spacing)
        )


SCALES = {"REF": (2.0, 66.0), "VEL": (2.0, 129.0), "SW ": (2.0, 129.0), "RHO": (300.0, -60.5)}


def code(dbz):
    """Raw value of a reflectivity: 2 dBZ + 66."""
    return np.asarray(2 * np.asarray(dbz) + 66, np.uint8)


SURVEILLANCE, DOPPLER, BATCH = 1, 2, 4  # waveforms, ICD 2620002, table XI


def volume(turns, *, site="KTLX", latitude=35.33, longitude=-97.28, packed=True, pattern=()):
    """A volume of Message 31."""
    rays = radials(turns, site=site, latitude=latitude, longitude=longitude)
    return volume_of(rays, site=site, packed=packed, pattern=pattern)


def radials(turns, *, site="KTLX", latitude=35.33, longitude=-97.28):
    """Message 31 for every ray of a volume."""
    place = latitude, longitude
    return [
        _message_31(turn, number, ray, _status(number, ray, turn.rays, len(turns)), site, place)
        for number, turn in enumerate(turns)
        for ray in range(turn.rays)
    ]


def volume_of(rays, *, site="KTLX", packed=True, pattern=()):
    """A volume of given messages 31; its pattern is a list of elevations and waveforms."""
    metadata = bytes(METADATA_BYTES)
    if pattern:
        metadata = pattern_message(pattern).ljust(METADATA_BYTES, b"\0")
    return _file(site, [metadata, *_records(rays)], packed)


def pattern_message(pattern):
    """Message 5, the volume coverage pattern (ICD 2620002, table XI)."""
    cuts = [
        struct.pack(">HBB42x", round(elevation / 360 * 65536), 0, waveform)
        for elevation, waveform in pattern
    ]
    body = struct.pack(">HHHH14x", 11 + 23 * len(cuts), 2, 212, len(cuts)) + b"".join(cuts)
    return message(5, body, least=2432)


def chunks(content):
    """A packed volume as the real-time feed sends it: the header goes with the first record."""
    parts, at = [], 24
    while at < len(content):
        length = abs(struct.unpack_from(">i", content, at)[0])
        parts.append(content[at : at + 4 + length])
        at += 4 + length
    return [content[:24] + parts[0], *parts[1:]]


def legacy_volume(turns, *, site="KLIX"):
    """A volume of Message 1: every message fills a record of 2432 bytes."""
    return legacy_volume_of(legacy_radials(turns), site=site)


def legacy_radials(turns):
    """Message 1 for every ray of a volume."""
    return [
        _message_1(turn, number, ray, _status(number, ray, turn.rays, len(turns)))
        for number, turn in enumerate(turns)
        for ray in range(turn.rays)
    ]


def legacy_volume_of(rays, *, site="KLIX"):
    """A volume of given messages 1."""
    # One record that is no radial stands first, as the archive's status messages do.
    return _file(site, [bytes(2432), b"".join(rays)], packed=False, version=b"AR2V0001.201")


def _status(number, ray, rays, turns):
    if ray == 0:
        return 3 if number == 0 else 0
    if ray == rays - 1:
        return 4 if number == turns - 1 else 2
    return 1


def _records(messages, size=120):
    return [b"".join(messages[at : at + size]) for at in range(0, len(messages), size)]


def _file(site, records, packed, version=b"AR2V0006.001"):
    header = version + struct.pack(">II", DAY, MILLISECONDS) + site.encode()
    if not packed:
        return header + b"".join(records)
    content = header
    for number, record in enumerate(records):
        squeezed = bz2.compress(record)
        length = len(squeezed) * (-1 if number == len(records) - 1 else 1)
        content += struct.pack(">i", length) + squeezed
    return content


def message(kind, body, least=0):
    """A message of any kind behind its header."""
    header = struct.pack(">HBBHHIHH", (16 + len(body)) // 2, 0, kind, 0, DAY, MILLISECONDS, 1, 1)
    return (bytes(12) + header + body).ljust(least, b"\0")


def _message_31(turn, number, ray, status, site, place):
    blocks = [
        b"RVOL" + struct.pack(">HBBffhHfffffH2s", 44, 1, 0, *place, 370, 20, *[0] * 5, 12, b""),
        b"RELV" + struct.pack(">Hhf", 12, -12, -44.5),
        b"RRAD" + struct.pack(">Hhffh2s", 20, 4600, -81.0, -81.0, 890, b""),
    ]
    for name, codes in turn.codes.items():
        scale, offset = turn.scale_offset.get(name, SCALES[name])
        word = 16 if turn.wide else 8
        gates = np.asarray(codes[ray]).astype(">u2" if turn.wide else "u1")
        geometry = struct.pack(
            ">IHhhhhBBff",
            0,
            len(gates),
            *turn.place(ray),
            100,
            16,
            0,
            word,
            scale,
            offset,
        )
        block = b"D" + name.ljust(3).encode() + geometry + gates.tobytes()
        blocks.append(block + b"\0" * (len(block) % 2))
    pointers, at = [], 72
    for block in blocks:
        pointers.append(at)
        at += len(block)
    header = struct.pack(
        ">4sIHHfBBHBBBBfBbH10I",
        site.encode(),
        MILLISECONDS + SECOND_RAY * ray,
        DAY,
        ray + 1,
        turn.azimuth(ray),
        0,
        0,
        at,
        2,
        status,
        number + 1,
        0,
        turn.elevation,
        0,
        0,
        len(blocks),
        *pointers,
        *[0] * (10 - len(pointers)),
    )
    return message(31, header + b"".join(blocks))


def _message_1(turn, number, ray, status):
    def turns_to(angle):
        return round(angle / 360 * 65536) % 65536

    reflectivity = turn.codes.get("REF")
    velocity = turn.codes.get("VEL")
    near = 0 if reflectivity is None else len(reflectivity[ray])
    far = 0 if velocity is None else len(velocity[ray])
    first_gate, spacing = turn.place(ray)
    body = struct.pack(
        ">IHhHHHHHhhHHHHHfHHHHH8s2s2s2shhhH32s",
        MILLISECONDS + SECOND_RAY * ray,
        DAY,
        4660,
        turns_to(turn.azimuth(ray)),
        ray + 1,
        status,
        turns_to(turn.elevation),
        number + 1,
        first_gate,
        first_gate,
        spacing,
        spacing,
        near,
        far,
        1,
        20.0,
        100 if near else 0,
        100 + near if far else 0,
        0,
        2,
        11,
        b"",
        b"",
        b"",
        b"",
        0,
        -12,
        50,
        0,
        b"",
    )
    for codes in (reflectivity, velocity):
        if codes is not None:
            body += np.asarray(codes[ray]).astype("u1").tobytes()
    return message(1, body, least=2432)
