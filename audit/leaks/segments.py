"""Runs of letters and digits inside a text that may be bytes in disguise: hex, base64, base32, base58, lists of numbers.

Each yields (name, bytes). Every run is decoded at every alignment that its alphabet allows, so that text glued before
it hides nothing.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple


class Segment(NamedTuple):
    name: str
    data: bytes


_HEX = re.compile(r"[0-9a-fA-F]{10,}")
_SPACED_HEX = re.compile(  # all begins with one set of letters, to which the search skips fast
    r"[0-9a-fA-F](?:[0-9a-fA-F](?:(?:[\s:,;._-]|\\x|0[xX]|%){1,4}[0-9a-fA-F]{2}){4,}(?![0-9a-fA-F])"
    r"|(?<![0-9a-fA-F]{2})[0-9a-fA-F](?:(?:[\s:]{1,2}(?:[0-9a-fA-F]{2}){2,16}){2,}"
    r"|(?:[0-9a-fA-F]{2}){1,15}(?:[\s:]{1,2}(?:[0-9a-fA-F]{2}){2,16})+)(?:[\s:]{1,2}[0-9a-fA-F]{2})?(?![0-9a-fA-F])"
    r"|(?<![0-9a-fA-F-][0-9a-fA-F])[0-9a-fA-F](?:[0-9a-fA-F]{2}){0,3}"
    r"(?:(?:-[0-9a-fA-F]{4}){3,}|(?:-[0-9a-fA-F]{8})+)(?![0-9a-fA-F-]))"
)
_UUID = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}(?![0-9a-fA-F])")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}")
WIDE64 = re.compile(r"77[w-z0-3][a-z0-9+/_-]77[w-z0-3]")
"""Capitals of full width, in base64: small letters throughout."""

_BASE32 = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z2-7]{10,}|[a-z2-7]{10,})(?![a-z])")
LONGEST58 = 2048
"""No longer run of letters is read as base58: that is one number."""

_BASE58 = re.compile(rf"(?<![A-Za-z0-9])[1-9A-HJ-NP-Za-km-z]{{8,{LONGEST58}}}(?![A-Za-z0-9])")
_NUMBERS = re.compile(r"\d{1,3}(?:(?:[\s,;|]{1,4}-?\d{1,3}){4,}|(?:\.\d{1,3}){5,})")
_FOLD = re.compile(r"(?<=[A-Za-z0-9+/_-]{4})\r?\n[ \t]?(?=[A-Za-z0-9+/_-]{4}|[A-Za-z0-9+/_-]{1,3}=)")
"""Where letters that are broken into lines inside a longer text go on."""

_WHOLE = re.compile(r"[A-Za-z0-9+/_-]+")
_TAIL = re.compile(r"[A-Za-z0-9+/_-]*\Z")
_WIDTH = 8
"""Narrower lines of letters are words of a sentence."""

_STARTS = 16
_SHORT = 128
"""Runs up to that length are remembered: words, hosts and paths repeat."""

_NUMBER = re.compile(r"-?\d{1,3}")
_NO_HEX = re.compile(r"0[xX]|\\x|[^0-9a-fA-F]")
_URL64 = str.maketrans("-_", "+/")
_DIGITS58 = {c: n for n, c in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")}


class _Run(NamedTuple):
    """What a run of letters and digits may be."""

    hex: tuple[Segment, ...]
    uuid: tuple[Segment, ...]
    base64: tuple[Segment, ...]
    base32: tuple[Segment, ...]
    base58: tuple[Segment, ...]


def segments(text: str) -> Iterator[Segment]:
    """Everything in a text that may be encoded bytes, in a text wrapped over lines too."""
    if len(text) < 8:
        return
    flat = unwrapped(text)
    if flat is not None:  # first, since its lines by themselves mean little, and may be very many
        yield from _letters(flat)
    yield from _letters(text)
    if _comma(text):
        yield from _numbers(text)


def _letters(text: str) -> Iterator[Segment]:
    """All alphabets but that of numbers: what they hold stands in runs of at least eight letters of base64, but for hex
    with something between its bytes."""
    runs = [_run(run) if len(run) <= _SHORT else _of_run(run) for run in _BASE64.findall(text)]
    for run in runs:
        yield from run.hex
    yield from _spaced_hex(text)
    if not runs:
        return
    if "-" in text:
        for run in runs:
            yield from run.uuid
    for run in runs:
        yield from run.base64
    for run in runs:
        yield from run.base32
    for run in runs:
        yield from run.base58


@lru_cache(maxsize=4096)
def _run(run: str) -> _Run:
    return _of_run(run)


def _of_run(run: str) -> _Run:
    return _Run(tuple(_hex(run)), tuple(_uuid(run)), tuple(_base64(run)), tuple(_base32(run)), tuple(_base58(run)))


def unwrapped(text: str) -> str | None:
    """A text that was broken into lines of one width, put together again; None where it is none."""
    pieces = text.split() if text.count(" ") + text.count("\t") > 1 else text.split("\n")
    whole = len(pieces) > 1 and len(pieces[0]) >= 4 and len(pieces[-1]) <= len(pieces[0])
    if whole and len({len(piece) for piece in pieces[:-1]}) == 1:
        return "".join(map(str.strip, pieces))
    if _are_lines(pieces):
        return "".join(pieces)
    joined = _FOLD.sub("", text) if "\n" in text else text
    return joined if joined != text else None


def _are_lines(pieces: list[str]) -> bool:
    """Whether letters of one width stand between the first and the last piece, which hold something else beside theirs."""
    inner = pieces[1:-1]
    if not inner or len(inner[0]) < _WIDTH or any(len(piece) != len(inner[0]) for piece in inner):
        return False
    return all(map(_WHOLE.fullmatch, inner)) and len(_TAIL.search(pieces[0])[0]) >= len(inner[0])  # type: ignore[index]  # it matches anything


def _comma(text: str) -> bool:
    return any(char in text for char in ", ;|\n.")


def _hex(text: str) -> Iterator[Segment]:
    for run in _HEX.finditer(text):
        digits = run[0]
        yield Segment("hex", bytes.fromhex(digits[: len(digits) & ~1]))
        tail = digits[1:]
        yield Segment("hex", bytes.fromhex(tail[: len(tail) & ~1]))


def _spaced_hex(text: str) -> Iterator[Segment]:
    for run in _SPACED_HEX.finditer(text):
        digits = _NO_HEX.sub("", run[0])
        yield Segment("hex", bytes.fromhex(digits[: len(digits) & ~1]))


def _uuid(text: str) -> Iterator[Segment]:
    if len(text) >= 32:
        for run in _UUID.finditer(text):
            yield Segment("uuid", bytes.fromhex(run[0].replace("-", "")))


def _base64(run: str) -> Iterator[Segment]:
    if not worth64(run):
        return
    letters = run.translate(_URL64)
    starts = (at + 1 for at, char in enumerate(run) if char in "-_/+" and at > 2)
    for start in dict.fromkeys((*range(4), *islice(starts, _STARTS))):
        data = _quads(letters, start)
        if len(data) >= 5:
            yield Segment("base64", data)


def worth64(run: str) -> bool:
    """Whether letters and digits can be base64 at all: a run of some length without a capital is a word, a path, or hex,
    but for capitals of full width."""
    return len(run) < 20 or run.lower() != run or ("77" in run and WIDE64.search(run) is not None)


def _quads(letters: str, start: int) -> bytes:
    """A run decoded from one of its first letters on, with whatever tail it has."""
    size = len(letters) - start
    rest = size % 4
    end = len(letters) - (1 if rest == 1 else 0)
    padding = "=" * (-(end - start) % 4)
    return binascii.a2b_base64(letters[start:end] + padding)


def _base32(text: str) -> Iterator[Segment]:
    import base64

    for run in _BASE32.finditer(text):
        letters = run[0].upper()
        size = len(letters)
        while size % 8 in (1, 3, 6):
            size -= 1
        yield Segment("base32", base64.b32decode(letters[:size] + "=" * (-size % 8)))


def _base58(text: str) -> Iterator[Segment]:
    for run in _BASE58.finditer(text):
        yield Segment("base58", from_base58(run[0]))


def from_base58(letters: str) -> bytes:
    """What letters of base58 stand for; eight at a time, since the whole number is long."""
    number = 0
    for at in range(0, len(letters), 8):
        part, few = 0, letters[at : at + 8]
        for char in few:
            part = part * 58 + _DIGITS58[char]
        number = number * 58 ** len(few) + part
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _numbers(text: str) -> Iterator[Segment]:
    for run in _NUMBERS.finditer(text):
        first = run.start() - text.startswith("-", run.start() - 1)
        data = as_bytes([int(number) for number in _NUMBER.findall(text[first : run.end()])])
        if data is not None:
            yield Segment("bytes", data)


def as_bytes(numbers: list[int]) -> bytes | None:
    """A list of numbers as the bytes that it spells, signed ones too; None where one does not fit."""
    if all(-128 <= number <= 255 for number in numbers):
        return bytes(number & 255 for number in numbers)
    return None
