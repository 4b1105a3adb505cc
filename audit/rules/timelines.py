"""The marks that timeline rules share: keep-alives per instance, and messages by id. Packed, fixed-width, without payload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b, sha1
from itertools import groupby
from math import isfinite
from typing import Any, NamedTuple

import orjson

from audit.model import resolve
from audit.policy.pack import Cadence, EventType, Policy, is_address
from audit.rules.case import MarkInput, Timeline

_EPOCH = datetime(1, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def rhythms(policy: Policy) -> list[EventType]:
    """The event types with a documented cadence, in a fixed order: the first byte of a heartbeat mark is the index."""
    return sorted(
        (entry for entry in policy.events.values() if entry.cadence is not None), key=lambda entry: entry.name
    )


def subject_of_beat(entry: EventType, value: dict[str, Any]) -> str | None:
    """The instance that a keep-alive speaks of; an address is never a subject."""
    found = resolve(value, entry.cadence.subject) if entry.cadence is not None else None
    return found if isinstance(found, str) and found and not is_address(found) else None


def _heartbeat(event: MarkInput) -> bytes | None:
    entry = event.type
    if entry is None or entry.cadence is None or event.arrived is None:
        return None
    subject = subject_of_beat(entry, event.value)
    if subject is None:
        return None
    index = rhythms(event.policy).index(entry)
    digest = blake2b(subject.encode("utf-8", "surrogatepass"), digest_size=15).digest()
    return bytes((index,)) + digest + ((event.arrived - _EPOCH) // _MICRO).to_bytes(8, "big") + event.place


HEARTBEATS = Timeline("heartbeats", 32, cadenced=True, mark=_heartbeat)


class Beat(NamedTuple):
    at: datetime
    place: bytes


class Interval(NamedTuple):
    """From one keep-alive of an instance to the next, told at the next."""

    length: timedelta
    place: bytes


class Life(NamedTuple):
    """The intervals of one instance."""

    entry: EventType
    cadence: Cadence
    intervals: tuple[Interval, ...]


def lives(policy: Policy, marks: Iterable[bytes]) -> Iterator[Life]:
    """One instance after another from sorted marks; beats closer than `retry` to the one before are one beat."""
    entries = rhythms(policy)
    for key, found in groupby(marks, key=lambda mark: mark[:16]):
        entry = entries[key[0]]
        assert entry.cadence is not None
        yield Life(entry, entry.cadence, tuple(_intervals(found, entry.cadence.retry)))


def _intervals(marks: Iterable[bytes], retry: timedelta) -> Iterator[Interval]:
    last: datetime | None = None
    for mark in marks:
        at = _EPOCH + int.from_bytes(mark[16:24], "big") * _MICRO
        if last is not None:
            if at - last < retry:
                continue
            yield Interval(at - last, mark[24:])
        last = at


def is_pattern(count: int, of: int) -> bool:
    """Whether deviations are systematic: three or more, and more than half of the intervals."""
    return count >= 3 and count * 2 > of


def _message(event: MarkInput) -> bytes | None:
    pointer = event.policy.envelope.id
    if pointer is None:
        return None
    found = event.value.get(str(pointer[0])) if len(pointer) == 1 else resolve(event.value, pointer)
    if not isinstance(found, str) or not found:
        return None
    identity = blake2b(found.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return identity + _content(event) + event.place


def _content(event: MarkInput) -> bytes:
    """Eight bytes over everything but what may differ between two deliveries of one message."""
    value = event.value.copy()
    for first, second in event.policy.envelope.varying:
        if second is None:
            value.pop(first, None)
        else:
            inner = value.get(first)
            if isinstance(inner, dict) and second in inner:
                value[first] = {key: child for key, child in inner.items() if key != second}
    return sha1(_dump(value), usedforsecurity=False).digest()[:8]


def _dump(value: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(value, default=_number, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):  # decimals, huge integers, lone surrogates: what only the lossless parser reads
        return repr(sorted(value.items())).encode("utf-8", "surrogatepass")


def _number(value: Any) -> Any:
    """A decimal that a float holds exactly is that float: both parsers must see the same content."""
    if not isinstance(value, Decimal):
        raise TypeError
    near = float(value)
    return near if isfinite(near) and Decimal(repr(near)) == value else str(value)


MESSAGES = Timeline("messages", 32, cadenced=False, mark=_message)
