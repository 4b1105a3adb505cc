"""Typed netstrings, the encoding of flow dumps: read from a stream, bounded in size and depth, without its program."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias, TypeVar

from audit.sources.bytestream import Bytes, CutShort, Malformed

Value: TypeAlias = "bytes | str | int | float | bool | list[Value] | dict[str, Value] | None"

_T = TypeVar("_T")
_DEPTH = 32
_DIGITS = 12
_PAIR = re.compile(rb"(\d{1,2}:[a-z_]{1,64})[;,](\d{1,12}):")
"""A name with its length, and the length of its value, as nearly all are."""


class Raw(NamedTuple):
    """A value not looked into yet. `long`: it was passed over, being longer than the bound."""

    payload: bytes
    kind: bytes
    long: bool = False

    def value(self) -> Value:
        return parse(self.payload, self.kind)

    def members(self, wanted: frozenset[str]) -> dict[str, Value]:
        """The wanted members of a dictionary; none of anything else."""
        if self.kind != b"}":
            return {}
        return _members(self.payload, wanted, _value)


def header(data: Bytes) -> int | None:
    """The size of the netstring that begins here; None at the end of the stream."""
    ahead = data.ahead(_DIGITS + 1)
    if not ahead.strip():
        return None
    digits, colon, _ = ahead.partition(b":")
    if not digits.isdigit():
        raise Malformed
    if not colon:
        raise CutShort if len(ahead) <= _DIGITS else Malformed
    data.take(len(digits) + 1)
    return int(digits)


def read(data: Bytes, size: int, wanted: frozenset[str], most: int) -> dict[str, Raw]:
    """The wanted members of the dictionary of `size` bytes that begins here. In one longer than `most` the members are
    read one by one, and those longer than that are passed over."""
    if size <= most:
        payload = data.take(size)
        data.expect(b"}")
        return pick(payload, wanted)
    found = dict(_stream(data, data.at + size, wanted, most))
    data.expect(b"}")
    return found


def _stream(data: Bytes, end: int, wanted: frozenset[str], most: int) -> Iterator[tuple[str, Raw]]:
    while data.at < end:
        length = header(data)
        if length is None or length > 256 or data.at + length + 1 > end:
            raise Malformed
        name = data.take(length).decode("utf-8", "replace")
        data.take(1)
        length = header(data)
        if length is None or data.at + length + 1 > end:
            raise Malformed
        if name in wanted and length <= most:
            yield name, Raw(data.take(length), data.take(1))
            continue
        data.skip(length)
        kind = data.take(1)
        if name in wanted:
            yield name, Raw(b"", kind, long=True)


def pick(payload: bytes, wanted: frozenset[str]) -> dict[str, Raw]:
    """The wanted members of a dictionary's payload, without looking into any."""
    return _members(payload, wanted, Raw)


def _members(payload: bytes, wanted: frozenset[str], made: Callable[[bytes, bytes], _T]) -> dict[str, _T]:
    found: dict[str, _T] = {}
    at, size = 0, len(payload)
    pair = _PAIR.match
    while at < size:
        plain = pair(payload, at)
        name = _name_of(plain[1]) if plain is not None else None
        if plain is not None and name is not None:
            start = plain.end()
            at = start + int(plain[2])
            if at >= size:
                raise Malformed
        else:
            start, end = _bounds(payload, at)
            name = payload[start:end].decode("utf-8", "replace")
            start, at = _bounds(payload, end + 1)
        if name in wanted:
            found[name] = made(payload[start:at], payload[at : at + 1])
        at += 1
    return found


@lru_cache(1024)
def _name_of(pair: bytes) -> str | None:
    """The name behind its length, if it has that length."""
    size, _, name = pair.partition(b":")
    return name.decode() if int(size) == len(name) else None


def _bounds(payload: bytes, at: int) -> tuple[int, int]:
    """Where the netstring's content begins and ends; its type stands at the end."""
    colon = payload.find(b":", at, at + _DIGITS + 1)
    digits = payload[at:colon]
    if colon < 0 or not digits.isdigit():
        raise Malformed
    end = colon + 1 + int(digits)
    if end >= len(payload):
        raise Malformed
    return colon + 1, end


def _value(payload: bytes, kind: bytes) -> Value:
    return payload if kind == b"," else parse(payload, kind)


def parse(payload: bytes, kind: bytes, depth: int = 0) -> Value:  # noqa: C901 - one case a type of a closed set
    """One value from its payload and type. Raises Malformed."""
    if depth > _DEPTH:
        raise Malformed
    try:
        match kind:
            case b",":
                return payload
            case b";":
                return payload.decode("utf-8", "surrogateescape")
            case b"#":
                return int(payload) if len(payload) < 32 else 0
            case b"^":
                return float(payload)
            case b"!":
                return payload == b"true"
            case b"~":
                return None
            case b"]":
                return _values(payload, depth)
            case b"}":
                items = _values(payload, depth)
                return dict(zip(map(_name, items[::2]), items[1::2], strict=False))
    except ValueError:
        pass
    raise Malformed


def _values(payload: bytes, depth: int) -> list[Value]:
    found: list[Value] = []
    at, size = 0, len(payload)
    if size and depth >= _DEPTH:
        raise Malformed
    while at < size:
        start, end = _bounds(payload, at)
        kind, at = payload[end : end + 1], end + 1
        found.append(payload[start:end] if kind == b"," else parse(payload[start:end], kind, depth + 1))
    return found


def _name(value: Value) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value
    raise Malformed
