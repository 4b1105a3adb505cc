"""LZ-string, the compression that browser code uses for local storage and URLs. Bounded; stops at the first nonsense."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_URI = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-$"
_VALUES = {char: code for code, char in enumerate(_BASE64)} | {char: code for code, char in enumerate(_URI)}
_LEAST, _MOST = 6, 65536


def from_letters(text: str) -> str | None:
    """The text behind the base64 or URI form, or None."""
    if len(text) < _LEAST:
        return None
    try:
        return _decompress([_VALUES[char] for char in text], 6)
    except KeyError:
        return None


def from_utf16(text: str) -> Iterator[str]:
    """The texts behind the form for storage (15 bits a character, from U+0020 on) and the plain one (16 bits)."""
    codes = [ord(char) for char in text]
    if len(codes) < 2 or max(codes) > 0xFFFF:
        return
    tries = ((codes, 16), ([code - 32 for code in codes], 15)) if min(codes) >= 32 else ((codes, 16),)
    for values, width in tries:
        found = _decompress(values, width)
        if found is not None:
            yield found


class _NonsenseError(Exception):
    pass


class _Bits:
    """Numbers of a given width out of a stream; the first bit read is a number's lowest."""

    __slots__ = ("at", "left", "values", "width")

    def __init__(self, values: Sequence[int], width: int) -> None:
        self.values, self.width, self.at, self.left = values, width, 0, width

    def read(self, number: int) -> int:
        found = 0
        for power in range(number):
            if self.left == 0:
                self.at, self.left = self.at + 1, self.width
            self.left -= 1
            found |= ((self.values[self.at] >> self.left) & 1) << power
        return found

    def ended(self) -> bool:
        """Whether only padding is left: nonsense that happens to hold the end mark goes on behind it."""
        rest = self.values[self.at] & ((1 << self.left) - 1)
        return rest == 0 and all(value in (0, _PADDING) for value in self.values[self.at + 1 :])


_PADDING = 64


def _decompress(values: Sequence[int], width: int) -> str | None:
    try:
        return _expand(_Bits(values, width))
    except (_NonsenseError, IndexError):
        return None


def _char(bits: _Bits, code: int) -> str:
    """A character given in full: 8 or 16 bits. One that no text holds ends the attempt."""
    char = chr(bits.read(16 if code else 8))
    if (char < " " and char not in "\t\r\n") or "\ud800" <= char < "\uf900":
        raise _NonsenseError
    return char


def _expand(bits: _Bits) -> str | None:
    code = bits.read(2)
    if code > 1:
        return None
    first = _char(bits, code)
    words: list[str] = ["", "", "", first]
    out, size, width, room, last = [first], 1, 3, 4, first
    while size < _MOST:
        code = bits.read(width)
        if code == 2:
            return "".join(out) if bits.ended() else None
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
