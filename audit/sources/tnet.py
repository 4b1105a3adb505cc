"""Typed netstrings, the encoding of flow dumps: read from a stream, bounded in size and depth, without its program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from audit.sources.bytestream import Bytes, CutShort, Malformed

Value: TypeAlias = "bytes | str | int | float | bool | list[Value] | dict[str, Value] | None"

_DEPTH = 32
_DIGITS = 12
_SIZE = re.compile(rb"(\d{1,12}):")


def header(data: Bytes) -> int | None:
    """The size of the netstring that begins here; None at the end of the stream."""
    ahead = data.ahead(_DIGITS + 1)
    if not ahead.strip():
        return None
    found = _SIZE.match(ahead)
    if found is None:
        raise CutShort if ahead.isdigit() and len(ahead) <= _DIGITS else Malformed
    data.take(found.end())
    return int(found[1])


def members(data: Bytes, size: int, wanted: frozenset[str], most: int) -> Iterator[tuple[str, Value]]:
    """The wanted members of the dictionary of `size` bytes that begins here; others are passed over unseen. One larger
    than `most` stands as None."""
    end = data.at + size
    while data.at < end:
        name = _small(data, end)
        length = header(data)
        if length is None or data.at + length + 1 > end:
            raise Malformed
        if name not in wanted:
            data.skip(length + 1)
        elif length > most:
            data.skip(length + 1)
            yield name, None
        else:
            payload = data.take(length)
            yield name, parse(payload, data.take(1))


def _small(data: Bytes, end: int) -> str:
    length = header(data)
    if length is None or length > 256 or data.at + length + 1 > end:
        raise Malformed
    name = data.take(length)
    data.take(1)
    return name.decode("utf-8", "replace")


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
                return list(_values(payload, depth))
            case b"}":
                items = list(_values(payload, depth))
                names = (_name(item) for item in items[::2])
                return dict(zip(names, items[1::2], strict=False))
    except ValueError:
        pass
    raise Malformed


def _values(payload: bytes, depth: int) -> Iterator[Value]:
    at = 0
    while at < len(payload):
        found = _SIZE.match(payload, at)
        if found is None:
            raise Malformed
        start = found.end()
        end = start + int(found[1])
        if end >= len(payload):
            raise Malformed
        yield parse(payload[start:end], payload[end : end + 1], depth + 1)
        at = end + 1


def _name(value: Value) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value
    raise Malformed
