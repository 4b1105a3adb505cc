"""LZ-string, the compression that browser code uses for local storage and URLs. Bounded; stops at the first nonsense."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

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


def _bits(values: Sequence[int], width: int) -> Callable[[int], int]:
    """Numbers of a given width out of a stream; the first bit read is a number's lowest."""
    at, left, value = 0, width, values[0] if values else 0

    def read(number: int) -> int:
        nonlocal at, left, value
        found = 0
        for power in range(number):
            if left == 0:
                at += 1
                if at >= len(values):
                    raise _NonsenseError
                left, value = width, values[at]
            left -= 1
            found |= ((value >> left) & 1) << power
        return found

    return read


def _decompress(values: Sequence[int], width: int) -> str | None:
    try:
        return _expand(_bits(values, width))
    except (_NonsenseError, IndexError):
        return None


def _char(read: Callable[[int], int], code: int) -> str:
    """A character given in full: 8 or 16 bits. One that no text holds ends the attempt."""
    char = chr(read(16 if code else 8))
    if (char < " " and char not in "\t\r\n") or "\ud800" <= char < "\uf900":
        raise _NonsenseError
    return char


def _expand(read: Callable[[int], int]) -> str | None:
    code = read(2)
    if code > 1:
        return None
    first = _char(read, code)
    words: list[str] = ["", "", "", first]
    out, size, width, room, last = [first], 1, 3, 4, first
    while size < _MOST:
        code = read(width)
        if code == 2:
            return "".join(out)
        if code < 2:
            words.append(_char(read, code))
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
