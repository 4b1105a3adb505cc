"""The marks that timeline rules share: keep-alives per instance, and messages by id. Packed, fixed-width, without payload."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from itertools import compress, groupby
from math import isfinite
from operator import itemgetter, sub
from struct import Struct
from typing import Any, NamedTuple

import orjson
from xxhash import xxh3_64_digest, xxh3_128_digest

from audit.model import PackStr, Pointer, resolve
from audit.policy.pack import Cadence, EventType, Policy, is_address
from audit.rules.case import Marker, Timeline

EPOCH = datetime(1, 1, 1, tzinfo=UTC)
"""From which marks count microseconds."""

MICRO = timedelta(microseconds=1)


def subject_of_beat(entry: EventType, value: dict[str, Any]) -> str | None:
    """The instance that a keep-alive speaks of; an address is never a subject."""
    found = resolve(value, entry.cadence.subject) if entry.cadence is not None else None
    return found if isinstance(found, str) and found and not is_address(found) else None


@dataclass(frozen=True, slots=True)
class Beats:
    """Marks a keep-alive: its event type's index among those with a cadence, then the subject, then the time."""

    index: Mapping[PackStr, bytes]

    def __call__(self, entry: EventType | None, value: dict[str, Any], arrived: datetime | None) -> bytes | None:
        if entry is None or entry.cadence is None or arrived is None:
            return None
        subject = subject_of_beat(entry, value)
        if subject is None:
            return None
        return self.mark(entry, subject.encode("utf-8", "surrogatepass"), (arrived - EPOCH) // MICRO)

    def mark(self, entry: EventType, subject: bytes, at: int) -> bytes:
        """`at`: microseconds since the epoch of marks."""
        return self.index[entry.name] + blake2b(subject, digest_size=15).digest() + at.to_bytes(8, "big")


def _heartbeats(policy: Policy) -> Marker:
    return Beats({entry.name: bytes((number,)) for number, entry in enumerate(policy.rhythms)})


HEARTBEATS = Timeline("heartbeats", 32, cadenced=True, alone=True, marker=_heartbeats)


class Interval(NamedTuple):
    """From one keep-alive of an instance to the next, told at the next."""

    length: timedelta
    place: bytes


class Life(NamedTuple):
    """The intervals of one instance, in order: how long each is, in microseconds, and the mark of its end."""

    entry: EventType
    cadence: Cadence
    lengths: Sequence[int]
    ends: Sequence[bytes]

    def longer(self, than: timedelta) -> list[Interval]:
        most = than // MICRO
        return self._where([length > most for length in self.lengths])

    def shorter(self, than: timedelta) -> list[Interval]:
        least = than // MICRO
        return self._where([length < least for length in self.lengths])

    def _where(self, wanted: list[bool]) -> list[Interval]:
        if not any(wanted):
            return []
        found = compress(zip(self.lengths, self.ends, strict=True), wanted)
        return [Interval(timedelta(0, 0, length), end[24:]) for length, end in found]


def lives(policy: Policy, marks: Iterable[bytes]) -> Iterator[Life]:
    """One instance after another from sorted marks; beats closer than `retry` to the one before are one beat."""
    entries = policy.rhythms
    for key, found in groupby(marks, key=_SUBJECT):
        entry = entries[key[0]]
        assert entry.cadence is not None
        yield Life(entry, entry.cadence, *_intervals([*found], entry.cadence.retry // MICRO))


_SUBJECT = itemgetter(slice(16))
_TIMES = Struct(">16xQ8x").iter_unpack


def _intervals(beats: list[bytes], least: int) -> tuple[Sequence[int], Sequence[bytes]]:
    """How far beats are apart, and the later one of each two."""
    times = [at for (at,) in _TIMES(b"".join(beats))]
    if any(map(least.__gt__, map(sub, times[1:], times))):
        kept = [*_apart(times, least)]
        beats, times = [beats[at] for at in kept], [times[at] for at in kept]
    return [*map(sub, times[1:], times)], beats[1:]


def _apart(times: Sequence[int], least: int) -> Iterator[int]:
    """The numbers of the times that are so far from the one kept before."""
    last: int | None = None
    for number, at in enumerate(times):
        if last is None or at - last >= least:
            yield number
            last = at


def is_pattern(count: int, of: int) -> bool:
    """Whether deviations are systematic: three or more, and more than half of the intervals."""
    return count >= 3 and count * 2 > of


@dataclass(frozen=True, slots=True)
class Delivery:
    """Marks a message: its id, then what it says, which is everything but what may differ between two deliveries of it."""

    id: Pointer | None
    varying: tuple[tuple[str, str | None], ...]

    def __call__(self, _: EventType | None, value: dict[str, Any], __: datetime | None) -> bytes | None:
        pointer = self.id
        if pointer is None:
            return None
        found = value.get(pointer[0]) if len(pointer) == 1 else resolve(value, pointer)  # type: ignore[arg-type]  # a root member's name is text
        if not isinstance(found, str) or not found:
            return None
        return self.mark(found.encode("utf-8", "surrogatepass"), self.said(value))

    @staticmethod
    def mark(known: bytes, said: bytes) -> bytes:
        # Fast, not cryptographic: who forges an id or a digest accuses nobody but the sender.
        return xxh3_128_digest(known) + xxh3_64_digest(said)

    def said(self, value: dict[str, Any]) -> bytes:
        """What a message says, in one form."""
        said = value.copy()
        for first, second in self.varying:
            if second is None:
                said.pop(first, None)
                continue
            child = said.get(first)
            if isinstance(child, dict) and second in child:
                said[first] = rest = child.copy()
                del rest[second]
        return _dump(said)


def _messages(policy: Policy) -> Marker:
    return Delivery(policy.envelope.id, policy.envelope.varying)


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
