"""Proved events, counted in bulk: how many, when they arrived, and the marks that they leave."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from audit.engine.fast import Proved
from audit.engine.slow import identifying
from audit.engine.times import arrival_of, hour_of, is_stamped, parse_time, times_of
from audit.engine.witness import Witness
from audit.measures.anonymity import Anonymity
from audit.measures.inventory import Inventory
from audit.model import Gap, Pointer, resolve
from audit.policy.pack import Envelope, EventType, Policy
from audit.rules.case import Marker, Timeline
from audit.tally import CLAIMED, LOGS, EventKey, MarkKey, Tally, Units

if TYPE_CHECKING:
    from audit.engine.learned import Taken  # it brings numpy

_HOUR = itemgetter(slice(13))


@dataclass(frozen=True, slots=True)
class Identifying:
    """The identifying leaves of one event type: always there in a valid event, or to be asked for."""

    sure: tuple[tuple[str, Pointer], ...]
    maybe: tuple[tuple[str, Pointer], ...]

    @staticmethod
    def of(entry: EventType) -> Identifying:
        found = identifying(entry)
        sure = tuple((f, p) for f, p in found if entry.leaves[p].required)
        return Identifying(sure, tuple((f, p) for f, p in found if not entry.leaves[p].required))


@dataclass(slots=True)
class Counts:
    """What one part of a capture held, folded into the tally at its end."""

    clean: Counter[str] = field(default_factory=Counter)
    fields: Counter[tuple[str, str]] = field(default_factory=Counter)
    whens: defaultdict[tuple[str, bool], list[str]] = field(default_factory=lambda: defaultdict(list))
    instants: defaultdict[tuple[str, bool], list[datetime]] = field(default_factory=lambda: defaultdict(list))
    marks: defaultdict[str, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    known: list[tuple[int, Taken]] = field(default_factory=list)
    units: int = 0
    carrying: int = 0
    blank: int = 0
    unreadable: int = 0
    events: int = 0
    contacts: int = 0
    other: int = 0


class Bulk:
    """Counts proved events of one policy. Keeps none of them."""

    def __init__(
        self,
        policy: Policy,
        markers: tuple[tuple[Timeline, Marker], ...],
        witness: Witness | None,
        inventory: Inventory | None,
        anonymity: Anonymity | None,
    ) -> None:
        self.policy, self.markers, self.witness = policy, markers, witness
        self.inventory, self.anonymity = inventory, anonymity
        types = (*policy.events.values(), *(category.type for category in policy.categories))
        self.identifying = {id(entry): Identifying.of(entry) for entry in types}
        self.clocks = {str(name): _clock(policy.envelope, entry) for name, entry in policy.events.items()}

    def count(self, group: Proved, counts: Counts, tally: Tally, index: int, unit: int) -> None:
        """Count proved events of one type and leave their marks."""
        entry, values = group.plan.type, group.values
        name = entry.name
        counts.clean[name] += len(values)
        for text, pointer in self.identifying[id(entry)].maybe:
            number = sum(resolve(value, pointer) is not None for value in values)
            if number:
                counts.fields[name, text] += number
        self._leave(group, self._arrivals(entry, values, counts), counts, tally, packed(index, 0, unit))
        if self.witness is not None:
            for value in values:
                self.witness.attend(entry, entry.origin, value, times_of(value, self.policy.envelope), tally)
        if self.inventory is not None:
            for value in values:
                self.inventory.attend(name, entry.origin, entry, value)
        if self.anonymity is not None:
            for value in values:
                self.anonymity.attend(entry, value, times_of(value, self.policy.envelope).arrived, tally)

    def _leave(self, group: Proved, arrived: list[datetime | None], counts: Counts, tally: Tally, first: bytes) -> None:
        """Leave the marks of proved events; `first` is the packed place of the batch's first line."""
        entry, start = group.plan.type, int.from_bytes(first, "big")
        for timeline, mark in self.markers:
            if timeline.cadenced and entry.cadence is None:
                continue
            bodies = [mark(entry, value, when) for value, when in zip(group.values, arrived, strict=True)]
            marks = [
                body + (start + (at << 8)).to_bytes(8, "big")
                for body, at in zip(bodies, group.at, strict=True)
                if body is not None
            ]
            if marks:
                counts.marks[timeline.id] += b"".join(marks)
            if timeline.cadenced and len(marks) < len(bodies):
                unmarked(entry, [w for body, w in zip(bodies, arrived, strict=True) if body is None], tally)

    def _arrivals(self, entry: EventType, values: list[dict[str, Any]], counts: Counts) -> list[datetime | None]:
        """Note when proved events arrived; the arrivals themselves where a cadence needs them."""
        clock, stamped = self.clocks[entry.name]
        texts: list[str] = [value[clock] for value in values] if clock is not None else []
        if texts and all(map(_fixed, texts)):  # fixed-width UTC times order as text
            counts.whens[entry.origin, stamped] += texts
            return [parse_time(text) if entry.cadence is not None else None for text in texts]
        arrived = [arrival_of(value, self.policy.envelope) for value in values]
        for value, when in zip(values, arrived, strict=True):
            if when is not None:
                counts.instants[entry.origin, is_stamped(value, self.policy.envelope)].append(when)
        return arrived

    def close(self, counts: Counts, tally: Tally, at: tuple[int, int]) -> None:
        clean = counts.clean.total()
        for name, number in counts.clean.items():
            entry = self.policy.events[name]
            tally.count_event(EventKey(undocumented=False, origin=entry.origin, name=name), number)
            for text, _ in self.identifying[id(entry)].sure:
                tally.fields[name, text] += number
        tally.fields.update(counts.fields)
        for timeline, marks in counts.marks.items():
            tally.mark(MarkKey(timeline, *at), bytes(marks))
        _close_times(counts, tally)
        carrying, events = counts.carrying + clean, counts.events + clean
        units = Units(counts.units, carrying, counts.blank, counts.unreadable, counts.other, events, counts.contacts)
        tally.count_units(at, units)


def unmarked(entry: EventType, arrived: Iterable[datetime | None], tally: Tally) -> None:
    """Keep-alives that cannot stand in a timeline: a gap each."""
    for when in arrived:
        tally.add_gap(Gap.TIME if when is None else Gap.SUBJECT, entry.origin)


def _close_times(counts: Counts, tally: Tally) -> None:
    """When the clean events arrived: the ends, and how many in which hour."""
    for (origin, stamped), whens in counts.whens.items():
        ends = parse_time(min(whens)), parse_time(max(whens))
        starts = {parse_time(f"{text}:00:00Z"): number for text, number in Counter(map(_HOUR, whens)).items()}
        hours = {hour_of(start): number for start, number in starts.items() if start is not None}
        if ends[0] is not None and ends[1] is not None:
            tally.dated(origin, LOGS if stamped else CLAIMED, ends[0], ends[1], hours)
    for (origin, stamped), instants in counts.instants.items():
        hours = Counter(map(hour_of, instants))
        tally.dated(origin, LOGS if stamped else CLAIMED, min(instants), max(instants), hours)


def _fixed(when: str) -> bool:
    """Whether a time that its schema vouches for has the one form that orders as text."""
    return len(when) == 24 and when[23] == "Z" and when[10] == "T" and when[17] != "6" and when > "0001"


def packed(index: int, item: int, unit: int) -> bytes:
    """A place in eight bytes that sort: 20 bits of the input, 36 of the unit, 8 of the item (255: that or more)."""
    return (index << 44 | unit << 8 | min(item, 255)).to_bytes(8, "big")


def _clock(envelope: Envelope, entry: EventType) -> tuple[str | None, bool]:
    """The root member that is an event's arrival time, if its schema vouches for the format; else every time is parsed. And
    whether it is the collector's word."""
    for pointer in (envelope.received, envelope.stamp, envelope.sent):
        if pointer is None or len(pointer) != 1:
            continue
        leaf = entry.leaf(pointer)
        if leaf is not None and leaf.required and leaf.schema.get("format") == "date-time":
            return str(pointer[0]), pointer == envelope.received
        if leaf is not None:
            break  # it may be there and decide: the full reading must look
    return None, False
