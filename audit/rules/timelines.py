"""The marks that timeline rules share: keep-alives per instance, and messages by id. Packed, fixed-width, without payload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from itertools import groupby
from math import isfinite
from typing import Any, NamedTuple

import orjson
from xxhash import xxh3_64_digest, xxh3_128_digest

from audit.model import resolve
from audit.policy.pack import Cadence, EventType, Policy, is_address
from audit.rules.case import Marker, Timeline

_EPOCH = datetime(1, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def subject_of_beat(entry: EventType, value: dict[str, Any]) -> str | None:
    """The instance that a keep-alive speaks of; an address is never a subject."""
    found = resolve(value, entry.cadence.subject) if entry.cadence is not None else None
    return found if isinstance(found, str) and found and not is_address(found) else None


def _heartbeats(policy: Policy) -> Marker:
    """A mark's first byte is the event type's index among those with a cadence; then the subject, then the time."""
    index = {entry.name: bytes((number,)) for number, entry in enumerate(policy.rhythms)}

    def mark(entry: EventType | None, value: dict[str, Any], arrived: datetime | None) -> bytes | None:
        if entry is None or entry.cadence is None or arrived is None:
            return None
        subject = subject_of_beat(entry, value)
        if subject is None:
            return None
        digest = blake2b(subject.encode("utf-8", "surrogatepass"), digest_size=15).digest()
        return index[entry.name] + digest + ((arrived - _EPOCH) // _MICRO).to_bytes(8, "big")

    return mark


HEARTBEATS = Timeline("heartbeats", 32, cadenced=True, alone=True, marker=_heartbeats)


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
    entries = policy.rhythms
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


def _messages(policy: Policy) -> Marker:
    """A mark is the id, then what the message says: everything but what may differ between two deliveries of it."""
    pointer = policy.envelope.id
    roots = tuple(first for first, second in policy.envelope.varying if second is None)
    inner = tuple((first, second) for first, second in policy.envelope.varying if second is not None)
    key = str(pointer[0]) if pointer is not None and len(pointer) == 1 else None

    def mark(_: EventType | None, value: dict[str, Any], __: datetime | None) -> bytes | None:
        found = value.get(key) if key is not None else resolve(value, pointer) if pointer is not None else None
        if not isinstance(found, str) or not found:
            return None
        said = value.copy()
        for name in roots:
            said.pop(name, None)
        for first, second in inner:
            child = said.get(first)
            if isinstance(child, dict) and second in child:
                said[first] = rest = child.copy()
                del rest[second]
        # Fast, not cryptographic: who forges an id or a digest accuses nobody but the sender.
        return xxh3_128_digest(found.encode("utf-8", "surrogatepass")) + xxh3_64_digest(_dump(said))

    return mark


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


MESSAGES = Timeline("messages", 32, cadenced=False, alone=False, marker=_messages)
