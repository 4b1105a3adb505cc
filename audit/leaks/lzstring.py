"""LZ-string, the compression that browser code uses for local storage and URLs. Bounded; stops at the first nonsense."""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_LETTERS = re.compile(r"[A-Za-z0-9+/=$-]{6,}")
_SIXES = str.maketrans("-$=", "/AA")
"""The letters of both forms as base64 has them; padding is nothing but zeros."""

_HEAD = 64
"""Characters of a stream that mostly show whether it is one."""

_PADDING = frozenset({0, 64})
_MOST = 65536
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def from_letters(text: str) -> str | None:
    """The text behind the base64 or URI form, or None."""
    if _LETTERS.fullmatch(text) is None:
        return None
    letters = text.translate(_SIXES)
    found = _expand(a2b_base64(letters + "A" * (-len(letters) % 4)), 6 * len(letters))
    if found is None or letters[-(-found.end // 6) :].strip("A"):
        return None
    last = a2b_base64("AAA" + letters[(found.end - 1) // 6])[2]
    return None if last & ((1 << -found.end % 6) - 1) else found.text


def from_utf16(text: str) -> Iterator[str]:
    """The texts behind the form for storage (15 bits a character, from U+0020 on) and the plain one (16 bits)."""
    codes = [ord(char) for char in text]
    if len(codes) < 2 or max(codes) > 0xFFFF:
        return
    for width, least in ((16, 0), (15, 32)) if min(codes) >= 32 else ((16, 0),):
        head = [code - least for code in codes[:_HEAD]]
        if len(codes) > _HEAD and _ends_early(head, width):
            continue
        found = _decompress([code - least for code in codes], width)
        if found is not None:
            yield found


def _ends_early(values: Sequence[int], width: int) -> bool:
    """Whether a stream is nonsense, or ends, within its first characters: with more to come it is none."""
    bits = "".join([f"{value & ((1 << width) - 1):0{width}b}" for value in values])
    stream = _Bits(int(bits + "0" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big"), len(bits))
    try:
        _unfold(stream)
    except _NonsenseError:
        return stream.at <= stream.size
    return True


def _decompress(values: Sequence[int], width: int) -> str | None:
    bits = "".join([f"{value & ((1 << width) - 1):0{width}b}" for value in values])
    size = len(bits)
    found = _expand(int(bits + "0" * (-size % 8), 2).to_bytes((size + 7) // 8, "big"), size)
    if found is None or not _PADDING.issuperset(values[-(-found.end // width) :]):
        return None
    return None if values[(found.end - 1) // width] & ((1 << -found.end % width) - 1) else found.text


class _Expanded(NamedTuple):
    """A text, and behind which bit its end mark stands. Only padding may follow: nonsense that happens to hold the mark
    goes on behind it."""

    text: str
    end: int


class _NonsenseError(Exception):
    pass


class _Bits:
    """Numbers of a given width out of a stream; the first bit read is a number's lowest."""

    __slots__ = ("at", "data", "size")

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size, self.at = data.translate(_REVERSED), size, 0

    def read(self, number: int) -> int:
        at = self.at
        self.at = end = at + number
        if end > self.size:
            raise _NonsenseError
        first = at >> 3
        return int.from_bytes(self.data[first : first + 4], "little") >> (at & 7) & ((1 << number) - 1)


def _char(bits: _Bits, code: int) -> str:
    """A character given in full: 8 or 16 bits. One that no text holds ends the attempt; zeros stand in UTF-16."""
    char = chr(bits.read(16 if code else 8))
    if (char < " " and char not in "\0\t\r\n") or "\ud800" <= char < "\uf900":
        raise _NonsenseError
    return char


def _expand(data: bytes, size: int) -> _Expanded | None:
    """What `size` bits hold; None for nonsense, at its first sign."""
    try:
        return _unfold(_Bits(data, size))
    except _NonsenseError:
        return None


def _unfold(bits: _Bits) -> _Expanded | None:
    code = bits.read(2)
    if code > 1:
        return None
    first = _char(bits, code)
    words: list[str] = ["", "", "", first]
    out, size, width, room, last = [first], 1, 3, 4, first
    while size < _MOST:
        code = bits.read(width)
        if code == 2:
            return _Expanded("".join(out), bits.at)
        if code < 2:
            words.append(_char(bits, code))
            code = len(words) - 1
            room -= 1
            if room == 0:
                room, width = 1 << width, width + 1
        word = words[code] if code < len(words) else last + last[0] if code == len(words) else None
        if not word:
            return None
        out.append(word)
        size += len(word)
        words.append(last + word[0])
        room -= 1
        last = word
        if room == 0:
            room, width = 1 << width, width + 1
    return None
