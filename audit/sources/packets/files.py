"""Packet capture files, classic and next generation: frames with their times, and what the file says of its losses."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from audit.sources.bytestream import Bytes, CutShort, Malformed

_MOST = 1 << 26
"""No record of a sane capture is longer."""


class Frame(NamedTuple):
    """One captured packet. `at`: offset of its record; `when`: nanoseconds since 1970; `short`: cut off at the snap length."""

    at: int
    when: int
    link: int
    data: bytes
    short: bool


class Losses:
    """What a capture says of itself, filled while it is read."""

    def __init__(self) -> None:
        self.snaplen = 0
        self.counted: dict[int, int] = {}
        self.between = 0
        self.keeps_count = False

    def limit(self, snaplen: int) -> None:
        if 0 < snaplen < 262144:  # what tools write for "no limit" is that or more
            self.snaplen = min(self.snaplen or snaplen, snaplen)

    @property
    def dropped(self) -> int | None:
        return max(sum(self.counted.values()), self.between) if self.keeps_count else None


def classic(data: Bytes, losses: Losses) -> Iterator[Frame]:
    """The frames of a libpcap file. Raises CutShort or Malformed where it ends badly."""
    magic = data.take(4)
    order = "<" if magic[0] in (0xD4, 0x4D) else ">"
    scale = 1 if 0x3C in magic else 1000
    _, _, _, _, snaplen, link = struct.unpack(f"{order}HHiIII", data.take(20))
    losses.limit(snaplen)
    link &= 0x0FFFFFFF
    head = struct.Struct(f"{order}IIII")
    while (raw := data.record(16)) is not None:
        seconds, fraction, kept, length = head.unpack(raw)
        if kept > _MOST:
            raise Malformed
        at = data.at - 16
        yield Frame(at, seconds * 1_000_000_000 + fraction * scale, link, data.take(kept), kept < length)


class _Interface(NamedTuple):
    link: int
    ticks: int
    offset: int


def next_generation(data: Bytes, losses: Losses) -> Iterator[Frame]:
    """The frames of a pcapng file: every section, every interface. Raises CutShort or Malformed where it ends badly."""
    order, interfaces, section = "<", list[_Interface](), -1
    while (raw := data.record(8)) is not None:
        at = data.at - 8
        if raw[:4] == b"\x0a\x0d\x0d\x0a":
            magic = data.take(4)
            order = "<" if magic == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces, section = [], section + 1
            body = _block(data, struct.unpack(f"{order}I", raw[4:])[0], 12)
            continue
        kind, size = struct.unpack(f"{order}II", raw)
        body = _block(data, size, 8)
        try:
            if kind == 1:
                interfaces.append(_interface(body, order, losses))
            elif kind == 5:
                _statistics(body, order, losses, section)
            elif kind in (2, 3, 6):
                frame = _packet(kind, body, order, interfaces, losses, at)
                if frame is not None:
                    yield frame
        except (struct.error, IndexError):
            raise Malformed from None


def _block(data: Bytes, size: int, read: int) -> bytes:
    """The body of a block, without the length that is repeated at its end."""
    if size < read + 4 or size % 4 or size > _MOST:
        raise Malformed
    return data.take(size - read)[:-4]


def _options(body: bytes, at: int, order: str) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(body):
        code, size = struct.unpack_from(f"{order}HH", body, at)
        if code == 0:
            return
        yield code, body[at + 4 : at + 4 + size]
        at += 4 + (size + 3) // 4 * 4


def _interface(body: bytes, order: str, losses: Losses) -> _Interface:
    link, _, snaplen = struct.unpack_from(f"{order}HHI", body)
    losses.limit(snaplen)
    ticks, offset = 1_000_000, 0
    for code, value in _options(body, 8, order):
        if code == 9 and value:
            power = value[0] & 0x7F
            ticks = 1 << min(power, 63) if value[0] & 0x80 else 10 ** min(power, 18)
        elif code == 14 and len(value) == 8:
            offset = struct.unpack(f"{order}q", value)[0]
    return _Interface(link, ticks, offset)


def _statistics(body: bytes, order: str, losses: Losses, section: int) -> None:
    number = struct.unpack_from(f"{order}I", body)[0]
    for code, value in _options(body, 12, order):
        if code in (5, 7) and len(value) == 8:
            losses.keeps_count = True
            key = (section * 65536 + number) * 2 + (code == 7)
            losses.counted[key] = max(losses.counted.get(key, 0), struct.unpack(f"{order}Q", value)[0])


def _packet(  # noqa: PLR0913 - the four things that three kinds of block are read by
    kind: int, body: bytes, order: str, interfaces: list[_Interface], losses: Losses, at: int
) -> Frame | None:
    if kind == 3:
        length = struct.unpack_from(f"{order}I", body)[0]
        kept = min(length, losses.snaplen or length, len(body) - 4)
        return Frame(at, 0, interfaces[0].link, body[4 : 4 + kept], kept < length)
    if kind == 6:
        number, high, low, kept, length = struct.unpack_from(f"{order}IIIII", body)
        for code, value in _options(body, 20 + (kept + 3) // 4 * 4, order):
            if code == 4 and len(value) == 8:
                losses.keeps_count = True
                losses.between += struct.unpack(f"{order}Q", value)[0]
    else:
        number, drops, high, low, kept, length = struct.unpack_from(f"{order}HHIIII", body)
        if drops != 0xFFFF:
            losses.keeps_count = True
            losses.between += drops
    if 20 + kept > len(body):
        raise Malformed
    interface = interfaces[number]
    when = ((high << 32) + low) * 1_000_000_000 // interface.ticks + interface.offset * 1_000_000_000
    return Frame(at, when, interface.link, body[20 : 20 + kept], kept < length)


__all__ = ["CutShort", "Frame", "Losses", "Malformed", "classic", "next_generation"]
