"""Whether bytes begin a deflated stream: told from their first two bytes in most cases, else by inflating a little."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from audit.leaks.inflate import deflated


def _fixed() -> frozenset[tuple[int, int]]:
    """The first two bytes of a last block with fixed codes whose first letter is printable: short texts, deflated."""
    found = set()
    for char in [*range(32, 127), 9, 10, 13]:
        code = 0x30 + char
        bits = 3 | int(f"{code:08b}"[::-1], 2) << 3
        found |= {(bits & 255, bits >> 8 | high << 3) for high in range(32)}
    for char in range(0xC2, 0xF5):  # the first byte of a letter beyond ASCII
        bits = 3 | int(f"{0x190 + char - 144:09b}"[::-1], 2) << 3
        found |= {(bits & 255, bits >> 8 | high << 4) for high in range(16)}
    return frozenset(found)


_FIXED = _fixed()
HEAD = 512
"""Bytes in which the tables of a stream end, and its first letters stand."""


def _may_inflate() -> bytes:
    """For the first two bytes, how long a deflated stream that begins so is at least; 255 where none does."""
    table = bytearray(65536)
    for both in range(65536):
        first, second = both >> 8, both & 255
        kind = first & 7
        if (first & 0x8F == 8 and both % 31 == 0) or kind == 1 or (kind == 3 and (first, second) in _FIXED):
            table[both] = 8
        else:
            table[both] = {5: 20, 2: 40, 4: 40}.get(kind, 255)
    return bytes(table)


LEAST_OF_STREAM = _may_inflate()


def compressed(data: bytes) -> bool:
    """Whether bytes begin a deflated stream."""
    if len(data) < 8 or LEAST_OF_STREAM[data[0] << 8 | data[1]] > min(len(data), 254):
        return False
    first = data[0]
    if first & 0x8F == 8 and (first << 8 | data[1]) % 31 == 0 and inflates(data, data[:2]):
        return True
    kind = first & 7
    if kind == 1:
        return data[1] ^ data[3] == 255 and data[2] ^ data[4] == 255
    return kind in (2, 3, 4, 5) and bool(deflated(data))


END = b"\xff\xff"
"""What stands between bytes that are decoded together."""


def inflates(data: bytes, mark: bytes) -> bool:
    return next(streams(data, mark), None) is not None


def streams(data: bytes, mark: bytes) -> Iterator[bytes]:
    """What bytes hold in streams that begin with a mark, as far as it takes to tell whether that is something. Each is read
    up to the next end of what stands there by itself, too."""
    at = data.find(mark)
    while at >= 0:
        yield from begun(data[at : at + HEAD])
        at = data.find(mark, at + 1)


def begun(head: bytes) -> Iterator[bytes]:
    """What the stream holds that bytes begin with, as `streams` tells it."""
    with contextlib.suppress(zlib.error):
        if zlib.decompressobj().decompress(head, 16):
            yield _outset(head)
            yield _outset(head.split(END, 1)[0])


def _outset(head: bytes) -> bytes:
    """What a stream holds up to where it breaks off. An error takes with it what is asked for at once, and the last letter."""
    engine, found, left = zlib.decompressobj(-15), b"", head[2:]
    with contextlib.suppress(zlib.error):
        while len(found) < HEAD and (byte := engine.decompress(left, 1)):
            found, left = found + byte, engine.unconsumed_tail
    return found


def perhaps_streams(heads: Any, sizes: Any) -> Any:
    """Which of many beginnings, each 8 bytes as a number, may be those of streams. `sizes`: how many bytes there are."""
    import numpy as np

    maybe = np.flatnonzero(np.frombuffer(LEAST_OF_STREAM, np.uint8)[heads >> np.uint64(48)] <= np.minimum(sizes, 254))
    found = heads[maybe]
    kinds = (found >> np.uint64(56)) & np.uint64(7)
    twice = (found >> np.uint64(40) ^ found >> np.uint64(24)) & np.uint64(
        0xFFFF
    )  # a stored block tells its length twice
    bits = found.byteswap()
    kept = (kinds != 1) | (twice == 0xFFFF)
    fixed = np.flatnonzero(kinds == 3)
    kept[fixed] = _may_spell(bits[fixed], sizes[maybe[fixed]])
    coded = np.flatnonzero(kinds == 5)
    kept[coded] = _may_be_codes(bits[coded])
    return maybe[kept]


_FOLLOWED = 5
"""Letters after the first of a block with fixed codes that are looked at: as many as stand in the first 8 bytes."""

_NO, _PERHAPS, _LETTER = 0, 1, 2
_TELLING = 12
"""Bytes of a stream that is too long for `reads` to suffer a first letter that breaks off."""

_FIRST_END = 4
"""No text that is told by its stream alone has fewer letters."""


def _may_spell(bits: Any, sizes: Any) -> Any:
    """Whether a block with fixed codes may go on as a text after its first letter."""
    import numpy as np

    nine = (bits >> np.uint64(3)) & np.uint64(3) == np.uint64(3)  # bits of a first letter beyond ASCII
    may = ~nine | (sizes < _TELLING) | _continues()[(bits >> np.uint64(12)) & np.uint64(0xFF)]
    open_ = np.flatnonzero(~nine)
    for number in range(_FOLLOWED):
        said = _spelling(number + 1)[(bits[open_] >> np.uint64(11 + 8 * number)) & np.uint64(0xFFFF)]
        may[open_[said == _NO]] = False
        open_ = open_[said == _LETTER]
    return may


@lru_cache(maxsize=1)
def _continues() -> Any:
    """Of the first bits of a code: whether it is of a byte that goes on with a letter beyond ASCII."""
    import numpy as np

    code = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)])
    return ((code >= 0xB0) & (code <= 0xBF)) | ((code >= 0xC8) & (code <= 0xDF))


@lru_cache(maxsize=_FOLLOWED)
def _spelling(before: int) -> Any:
    """What 16 bits of a block with fixed codes may be behind some letters: no text; a letter of eight bits; or a longer one, a
    repeat of what stands before, or the end."""
    import numpy as np

    all16 = np.arange(65536)
    code = np.array([int(f"{byte:08b}"[::-1], 2) for byte in range(256)])[all16 & 255]
    letter = ((code >= 0x50) & (code <= 0xAE)) | np.isin(code, (0x30, 0x39, 0x3A, 0x3D))  # zeros: of UTF-16
    foreign = (code >= 0xE1) & (code <= 0xFA)  # the first byte of a letter beyond ASCII, but for its last bit
    end = (code < 2) & (before >= _FIRST_END)
    brief = (code > 1) & (code < 0x30)
    length = np.where(brief, (code >> 1) - 1, code - 0xC0 + 23)
    size = np.where(brief, 7, 8) + np.where(length < 28, np.maximum(length // 4 - 1, 0), 0)
    back = np.array([_BACK.get(int(f"{bits:05b}"[::-1], 2), 65536) for bits in range(32)])[all16 >> size & 31]
    repeat = (brief | ((code >= 0xC0) & (code <= 0xC5))) & ((size + 5 > 16) | (back <= before))
    return np.where(letter, _LETTER, np.where(foreign | end | repeat, _PERHAPS, _NO)).astype(np.uint8)


_BACK = {0: 1, 1: 2, 2: 3, 3: 4, 4: 5}
"""How far back the nearest repeats begin at least, by their code."""


_PLACES = 15
"""Of the lengths of the codes of a block's own codes, as many as stand in the first 8 bytes."""


def _may_be_codes(bits: Any) -> Any:
    """Whether the lengths of a block's own codes may be: they fill what there is, and no more."""
    import numpy as np

    places = np.arange(_PLACES, dtype=np.uint64)
    number = ((bits >> np.uint64(13)) & np.uint64(15)) + np.uint64(4)
    sizes = (bits[:, None] >> (np.uint64(17) + np.uint64(3) * places)) & np.uint64(7)
    room = np.array([0, 64, 32, 16, 8, 4, 2, 1])[sizes]
    full = (room * (places < number[:, None])).sum(axis=1)
    return (full == 128) | ((full < 128) & (number > _PLACES))
