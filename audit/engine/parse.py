"""Bytes to JSON without losing anything: duplicate keys, big numbers and lone surrogates survive, limits hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn

from audit.model import Json, Pointer, Reason

_TOKEN = re.compile(rb'"[^"]*"|[\[\]{}]')
_TEXT = re.compile(rb'",*"')
_NO_MARKS = bytes(byte for byte in range(256) if byte not in b'",')


class Limits(NamedTuple):
    """Bytes a line, levels of nesting, members of one record; bytes and forms of one event that are decoded in search of
    content."""

    max_line: int = 16 * 1024 * 1024
    max_depth: int = 200
    max_keys: int = 10_000
    max_unpacked: int = 4 * 1024 * 1024
    max_views: int = 1500


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed record. `hidden`: values that a later duplicate of the key hides; `duplicates`: where keys stand twice."""

    value: Json
    hidden: tuple[tuple[Pointer, Json], ...] = ()
    duplicates: tuple[Pointer, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    reason: Reason
    column: int | None = None


class _Constant(Exception):  # noqa: N818 - a signal inside this module
    pass


class _TooMany(Exception):  # noqa: N818 - a signal inside this module
    pass


class _Doubled(dict[str, Any]):
    """An object in which a key stood twice, with all its pairs."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


class _Hook:
    """Builds objects, counting members and noting whether any was doubled."""

    __slots__ = ("doubled", "members", "most")

    def __init__(self, most: int) -> None:
        self.most, self.members, self.doubled = most, 0, False

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self.members += len(pairs)
        if self.members > self.most:
            raise _TooMany
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        self.doubled = True
        return _Doubled(pairs)


def _integer(text: str) -> int | Decimal:
    # Python refuses to convert more than 4,300 digits; Decimal keeps them all.
    return int(text) if len(text) <= 4000 else Decimal(text)


def _real(text: str) -> float | Decimal:
    value = float(text)
    return value if len(text) <= 15 and value not in (float("inf"), float("-inf")) else Decimal(text)


def _constant(_: str) -> NoReturn:
    raise _Constant


def parse(data: bytes, limits: Limits) -> Document | Refusal:
    """One JSON value. Never raises on input; a refusal names the reason and, where known, the byte (from 1)."""
    if len(data) > limits.max_line:
        return Refusal(Reason.TOO_LONG)
    if data.count(b"{") + data.count(b"[") > limits.max_depth and _depth(data, limits.max_depth):
        return Refusal(Reason.TOO_DEEP)
    many = data.count(b",") > limits.max_keys
    if many and _commas(data) > limits.max_keys:
        return Refusal(Reason.TOO_MANY)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return Refusal(Reason.UTF8, error.start + 1)
    hook = _Hook(limits.max_keys)
    try:
        value = _decode(text, hook)
    except _Constant:
        return Refusal(Reason.CONSTANT)
    except _TooMany:
        return Refusal(Reason.TOO_MANY)
    except RecursionError:
        return Refusal(Reason.TOO_DEEP)
    except json.JSONDecodeError as error:
        return Refusal(_reason(text, error), len(text[: error.pos].encode()) + 1)
    if many and _size(value) > limits.max_keys:
        return Refusal(Reason.TOO_MANY)
    return _unfold(value) if hook.doubled else Document(value)


def small(data: bytes, limits: Limits) -> bool:
    """Whether a record is so short that it cannot reach the limits of nesting and members."""
    opened = data.count(b"{") + data.count(b"[")
    return opened <= limits.max_depth and data.count(b",") + opened <= limits.max_keys


def _decode(text: str, hook: _Hook) -> Json:
    decoded: Json = json.loads(
        text, object_pairs_hook=hook, parse_int=_integer, parse_float=_real, parse_constant=_constant
    )
    return decoded


def _reason(text: str, error: json.JSONDecodeError) -> Reason:
    if "\ufeff" in text[: error.pos + 1]:
        return Reason.BOM
    return Reason.CONCATENATED if error.msg == "Extra data" and text[error.pos] in '{["' else Reason.NOT_JSON


def _depth(data: bytes, most: int) -> bool:
    """Whether containers nest deeper than `most`; brackets inside strings do not count."""
    depth = 0
    for token in _TOKEN.finditer(_unescaped(data)):
        byte = token[0]
        if byte in (b"{", b"["):
            depth += 1
            if depth > most:
                return True
        elif byte in (b"}", b"]"):
            depth -= 1
    return False


def _unescaped(data: bytes) -> bytes:
    """Without escaped quotes. A pattern would remember each escape of a text until it ends."""
    return data.replace(rb"\\", b"").replace(rb"\"", b"")


def _commas(data: bytes) -> int:
    """How many commas stand outside of strings: no record has fewer members."""
    marks = _unescaped(data).translate(None, _NO_MARKS)
    return marks.count(b",") - sum(text.end() - text.start() - 2 for text in _TEXT.finditer(marks))


def _size(value: Json) -> int:
    stack, size = [value], 0
    while stack:
        node = stack.pop()
        if isinstance(node, dict | list):
            size += len(node)
            stack.extend(node.values() if isinstance(node, dict) else node)
    return size


def _unfold(value: Json) -> Document:
    hidden: list[tuple[Pointer, Json]] = []
    duplicates: list[Pointer] = []
    for pointer, node in _doubled(value):
        last = dict(node.pairs)
        seen: set[str] = set()
        for key, child in node.pairs:
            if child is not last[key]:
                hidden.append(((*pointer, key), child))
            if key in seen:
                duplicates.append((*pointer, key))
            seen.add(key)
    return Document(value, tuple(hidden), tuple(dict.fromkeys(duplicates)))


def _doubled(value: Json) -> Iterator[tuple[Pointer, _Doubled]]:
    stack: list[tuple[Pointer, Any]] = [((), value)]
    while stack:
        pointer, node = stack.pop()
        if isinstance(node, _Doubled):
            yield pointer, node
            stack.extend(((*pointer, key), child) for key, child in node.pairs)
        elif isinstance(node, dict):
            stack.extend(((*pointer, key), child) for key, child in node.items())
        elif isinstance(node, list):
            stack.extend(((*pointer, index), child) for index, child in enumerate(node))
