"""Compressed bytes made readable, within bounds that no bomb passes."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from audit.leaks.budget import INFLATE, RATIO, Budget

_LEAST = 8
_STARTS = frozenset(b for b in range(256) if (b & 7) in (1, 3, 5, 2, 4))
"""First bytes of raw deflate: the block type is none of the reserved ones."""


class Inflated(NamedTuple):
    name: str
    data: bytes


def inflated(data: bytes, budget: Budget) -> Iterator[Inflated]:
    """What the bytes hold as gzip, zlib or bzip2, at whatever place its mark stands, and as raw deflate as a whole."""
    if len(data) < _LEAST:
        return
    for name, start, bits in _marked(data):
        found = _zlib(data[start:], bits, budget)
        if found:
            yield Inflated(name, found)
    start = data.find(b"BZh")
    if start >= 0 and data[start + 4 : start + 10] == b"1AY&SY":
        found = _bzip2(data[start:], budget)
        if found:
            yield Inflated("bzip2", found)
    found = deflated(data)
    if found:
        yield Inflated("deflate", found)
        budget.gave_up = budget.gave_up or len(found) >= INFLATE


def _marked(data: bytes) -> Iterator[tuple[str, int, int]]:
    start = data.find(b"\x1f\x8b\x08")
    if start >= 0:
        yield "gzip", start, 31
    for flag in (b"\x78\x9c", b"\x78\x01", b"\x78\x5e", b"\x78\xda"):
        start = data.find(flag)
        if start >= 0:
            yield "zlib", start, 15
    if data[0] & 0x8F == 8 and data[0] != 0x78 and (data[0] << 8 | data[1]) % 31 == 0:
        yield "zlib", 0, 15


def _zlib(data: bytes, bits: int, budget: Budget) -> bytes:
    """A stream that is cut off must be a text as far as it goes: else random ids begin as one."""
    engine = zlib.decompressobj(bits)
    limit = _limit(data)
    try:
        found = engine.decompress(data, limit)
    except zlib.error:
        return b""
    more = len(found) >= limit
    budget.gave_up = budget.gave_up or more
    return found if engine.eof or more or reads(found) else b""


def deflated(data: bytes) -> bytes:
    """What bytes hold as raw deflate: a text, all of the stream but for the padding that its carrier adds. Anything less
    is chance, since raw deflate bears no mark."""
    if len(data) < _LEAST or data[0] not in _STARTS:
        return b""
    engine = zlib.decompressobj(-15)
    limit = _limit(data)
    try:
        found = engine.decompress(data, limit)
    except zlib.error:
        return b""
    ended = engine.eof and len(engine.unused_data) <= 3
    return found if (ended or len(found) >= limit) and reads(found) else b""


def _limit(data: bytes) -> int:
    return min(INFLATE, max(RATIO * len(data), 1024))


def _bzip2(data: bytes, budget: Budget) -> bytes:
    engine = bz2.BZ2Decompressor()
    limit = _limit(data)
    try:
        found = engine.decompress(data, limit)
    except (OSError, ValueError, EOFError):
        return b""
    if not engine.eof and len(found) >= limit:
        budget.gave_up = True
    return found


def reads(data: bytes) -> bool:
    """Whether bytes are a text of some length, be it in UTF-16, of which every other byte is zero."""
    if 2 * data.count(0) >= len(data) - 1:
        data = data.replace(b"\0", b"")
    if len(data) < 4 or data.translate(None, _TEXT):
        return False
    try:
        data[:-3].decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(data) - 6
    return True


_TEXT = bytes(b for b in range(256) if 32 <= b < 127 or b in b"\t\r\n" or b >= 0x80)
