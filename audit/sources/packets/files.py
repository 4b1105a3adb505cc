"""Packet capture files, classic and next generation: frames with their times, and what the file says of its losses."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

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


Counted: TypeAlias = Callable[[bytes, int, int, int, int, int], bool]
"""Whether a packet was counted where it stands and need not become a frame: by what holds it, where it begins and ends there,
when it was seen, the place of its record, and its number."""
Plain: TypeAlias = Callable[[int], Counted]
"""That, by the link that packets came over."""


class Losses:
    """What a capture says of itself, filled while it is read. `packets`, `short`: so far; `first`, `last`: of their times."""

    def __init__(self) -> None:
        self.packets = self.short = self.first = self.last = 0
        self.snaplen = 0
        self.counted: dict[int, int] = {}
        self.between = 0
        self.keeps_count = False

    def limit(self, snaplen: int) -> None:
        if 0 < snaplen < 262144:  # what tools write for "no limit" is that or more
            self.snaplen = min(self.snaplen or snaplen, snaplen)

    def met(self, when: int, kept: int, length: int) -> None:
        """Count a packet."""
        self.packets += 1
        self.short += kept < length
        if when > self.last:
            self.last = when
            self.first = self.first or when
        elif 0 < when < self.first:
            self.first = when

    @property
    def dropped(self) -> int | None:
        return max(sum(self.counted.values()), self.between) if self.keeps_count else None


def classic(data: Bytes, losses: Losses, plain: Plain) -> Iterator[Frame]:
    """The frames of a libpcap file but for the plain ones. Raises CutShort or Malformed where it ends badly."""
    magic = data.take(4)
    order = "<" if magic[0] in (0xD4, 0x4D) else ">"
    scale = 1 if 0x3C in magic else 1000
    _, _, _, _, snaplen, link = struct.unpack(f"{order}HHiIII", data.take(20))
    losses.limit(snaplen)
    link &= 0x0FFFFFFF
    head, counted = struct.Struct(f"{order}IIII"), plain(link)
    while (raw := data.record(16)) is not None:
        seconds, fraction, kept, length = head.unpack(raw)
        if kept > _MOST:
            raise Malformed
        at = data.at - 16
        when = seconds * 1_000_000_000 + fraction * scale
        held = data.take(kept)
        losses.met(when, kept, length)
        if not counted(held, 0, kept, when, at, losses.packets):
            yield Frame(at, when, link, held, kept < length)
        yield from _held(data, head, scale, link, losses, counted)


def _held(  # noqa: PLR0913 - the hot loop: everything it needs, nothing looked up
    data: Bytes, head: struct.Struct, scale: int, link: int, losses: Losses, counted: Counted
) -> Iterator[Frame]:
    """The frames of those records that are held whole, read where they stand."""
    held, pos, end = data.held, data.pos, len(data.held)
    before = data.at - pos
    unpack = head.unpack_from
    packets, short, last = losses.packets, losses.short, losses.last
    while pos + 16 <= end:
        seconds, fraction, kept, length = unpack(held, pos)
        begin = pos + 16
        after = begin + kept
        if after > end:
            break
        when = seconds * 1_000_000_000 + fraction * scale
        packets += 1
        if kept < length:
            short += 1
        if when > last:
            last = when
            losses.first = losses.first or when
        elif 0 < when < losses.first:
            losses.first = when
        if not counted(held, begin, after, when, before + pos, packets):
            losses.packets, losses.short, losses.last = packets, short, last
            yield Frame(before + pos, when, link, held[begin:after], kept < length)
        pos = after
    losses.packets, losses.short, losses.last = packets, short, last
    data.at, data.pos = before + pos, pos


class _Interface(NamedTuple):
    """`ticks`: of its clock in a second; `since`: nanoseconds from 1970 to that clock's begin."""

    link: int
    ticks: int
    since: int
    snaplen: int
    counted: Counted


def next_generation(data: Bytes, losses: Losses, plain: Plain) -> Iterator[Frame]:
    """The frames of a pcapng file but for the plain ones: every section, every interface. Raises CutShort or Malformed where
    it ends badly."""
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
                interfaces.append(_interface(body, order, losses, plain))
            elif kind == 5:
                _statistics(body, order, losses, section)
            elif kind in (2, 3, 6):
                frame = _packet(kind, body, order, interfaces, losses, at)
                losses.met(frame.when, 0, frame.short)
                if not plain(frame.link)(frame.data, 0, len(frame.data), frame.when, at, losses.packets):
                    yield frame
        except (struct.error, IndexError):
            raise Malformed from None
        yield from _held_blocks(data, order, interfaces, losses)


def _held_blocks(data: Bytes, order: str, interfaces: list[_Interface], losses: Losses) -> Iterator[Frame]:
    """The frames of the packet blocks that are held whole and say nothing else, read where they stand."""
    held, pos, end = data.held, data.pos, len(data.held)
    before = data.at - pos
    unpack = struct.Struct(f"{order}IIIIIII").unpack_from
    packets, short, last, many = losses.packets, losses.short, losses.last, len(interfaces)
    while pos + 32 <= end:
        kind, size, number, high, low, kept, length = unpack(held, pos)
        if kind != 6 or size != (kept + 35 & -4) or pos + size > end or number >= many:
            break
        interface = interfaces[number]
        when = ((high << 32) + low) * 1_000_000_000 // interface.ticks + interface.since
        begin = pos + 28
        after = begin + kept
        packets += 1
        if kept < length:
            short += 1
        if when > last:
            last = when
            losses.first = losses.first or when
        elif 0 < when < losses.first:
            losses.first = when
        if not interface.counted(held, begin, after, when, before + pos, packets):
            losses.packets, losses.short, losses.last = packets, short, last
            yield Frame(before + pos, when, interface.link, held[begin:after], kept < length)
        pos += size
    losses.packets, losses.short, losses.last = packets, short, last
    data.at, data.pos = before + pos, pos


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


def _interface(body: bytes, order: str, losses: Losses, plain: Plain) -> _Interface:
    link, _, snaplen = struct.unpack_from(f"{order}HHI", body)
    losses.limit(snaplen)
    ticks, offset = 1_000_000, 0
    for code, value in _options(body, 8, order):
        if code == 9 and value:
            power = value[0] & 0x7F
            ticks = 1 << min(power, 63) if value[0] & 0x80 else 10 ** min(power, 18)
        elif code == 14 and len(value) == 8:
            offset = struct.unpack(f"{order}q", value)[0]
    return _Interface(link, ticks, offset * 1_000_000_000, snaplen, plain(link))


def _statistics(body: bytes, order: str, losses: Losses, section: int) -> None:
    number = struct.unpack_from(f"{order}I", body)[0]
    for code, value in _options(body, 12, order):
        if code in (5, 7) and len(value) == 8:
            losses.keeps_count = True
            key = (section * 65536 + number) * 2 + (code == 7)
            losses.counted[key] = max(losses.counted.get(key, 0), struct.unpack(f"{order}Q", value)[0])


def _packet(  # noqa: PLR0913 - the four things that three kinds of block are read by
    kind: int, body: bytes, order: str, interfaces: list[_Interface], losses: Losses, at: int
) -> Frame:
    if kind == 3:
        length = struct.unpack_from(f"{order}I", body)[0]
        kept = min(length, interfaces[0].snaplen or length, len(body) - 4)
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
    when = ((high << 32) + low) * 1_000_000_000 // interface.ticks + interface.since
    return Frame(at, when, interface.link, body[20 : 20 + kept], kept < length)


__all__ = ["CutShort", "Frame", "Losses", "Malformed", "classic", "next_generation"]
