"""One part of a capture through both lanes into a tally: the fold that every runner uses."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from audit.engine.contacts import Contacts
from audit.engine.events import Reader, Wire
from audit.engine.fast import FastLane, Proved, Rest
from audit.engine.names import Names
from audit.engine.parse import Document, Limits, Refusal, parse, small
from audit.engine.slow import SlowLane, identifying
from audit.engine.times import arrival_of, hour_of, parse_time, times_of
from audit.engine.traffic import Exchange, Traffic, Watched
from audit.engine.witness import Witness
from audit.leaks.search import Search
from audit.measures.anonymity import Anonymity
from audit.measures.inventory import Inventory
from audit.model import UNKNOWN, Event, Finding, Gap, Place, Pointer, Reason, Unreadable, resolve
from audit.policy.consent import ConsentTable
from audit.policy.destinations import Territory
from audit.policy.pack import Envelope, EventType, Policy
from audit.redact import Redactor
from audit.rules import RULES
from audit.rules.case import Case, EventRule, Listing, RecordRule, TimelineRule
from audit.tally import EventKey, MarkKey, Size, Tally, Units


class Lines(NamedTuple):
    """Whole lines of a line format. `offset` of the first byte, `unit` the first line's number in its chunk, from 1."""

    offset: int
    unit: int
    data: bytes


class Item(NamedTuple):
    """One JSON value of a document that is no line format."""

    offset: int
    unit: int
    data: bytes


class Broken(NamedTuple):
    """A unit that could not be had at all. `column`: the byte where it went wrong, where known."""

    offset: int
    unit: int
    reason: Reason


_BATCH = 64
"""How many lines are proved at once: few enough that what was parsed of them stays in the processor's cache."""

Part: TypeAlias = Lines | Item | Broken | Traffic | Watched
Sink: TypeAlias = Callable[[Finding], None]


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
class _Counts:
    """What the fast lane counts for one part, folded into the tally at its end."""

    clean: Counter[str] = field(default_factory=Counter)
    fields: Counter[tuple[str, str]] = field(default_factory=Counter)
    whens: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    instants: list[tuple[str, datetime]] = field(default_factory=list)
    marks: defaultdict[str, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    units: int = 0
    carrying: int = 0
    blank: int = 0
    unreadable: int = 0
    events: int = 0
    contacts: int = 0
    other: int = 0


class Auditor:
    """A policy made ready to run: both lanes, the reader of envelopes, the redactor. One per process; keeps no events."""

    def __init__(  # noqa: PLR0913 - everything that a judgement depends on
        self,
        policy: Policy,
        limits: Limits | None = None,
        consent: ConsentTable | None = None,
        *,
        territory: Territory | None = None,
        seeds: Search | None = None,
        lanes: bool = True,
        inventory: bool = False,
        measures: bool = False,
    ) -> None:
        self.policy, self.limits = policy, limits or Limits()
        self.consent = consent
        self.witness = Witness(policy, consent) if consent is not None else None
        self.names = Names(policy)
        self.seeds = seeds
        self.redactor = Redactor(policy.names, policy.envelope.id_pattern, seeds.suspect if seeds is not None else None)
        self.inventory = Inventory(self.redactor) if inventory else None
        self.anonymity = Anonymity(policy) if measures else None
        rules = tuple(rule for rule in RULES if isinstance(rule, EventRule))
        records = tuple(rule for rule in RULES if isinstance(rule, RecordRule))
        self.fast = FastLane(policy, rules, consent, seeds) if lanes else None
        suspicious = self.fast.shown if self.fast is not None else None
        self.slow = SlowLane(policy, rules, records, self.redactor, self.names, consent, suspicious, seeds)
        self.contacts = Contacts(self.slow, territory or Territory())
        if self.fast is not None and self.fast.off:
            self.fast = None
        types = (*policy.events.values(), *(category.type for category in policy.categories))
        self.identifying = {id(entry): Identifying.of(entry) for entry in types}
        self.timelines = tuple(dict.fromkeys(rule.timeline for rule in RULES if isinstance(rule, TimelineRule)))
        self.markers = tuple((timeline, timeline.marker(policy)) for timeline in self.timelines)
        self.clocks = {str(name): _clocks(policy.envelope, entry) for name, entry in policy.events.items()}

    def tally(self, size: Size | None = None) -> Tally:
        return Tally(size)

    def feed(
        self, part: Part, tally: Tally, at: tuple[int, int], override: str | None = None, sink: Sink | None = None
    ) -> None:
        """Judge one part of input `at` = (input, chunk) into the tally; findings also go to the sink."""
        counts = _Counts()
        reader = Reader(self.policy, self.names, override, subjects=self.consent is not None)
        if self.inventory is not None:
            self.inventory.begin(tally)
        match part:
            case Lines():
                self._lines(part, counts, tally, at, reader, sink)
            case Item():
                counts.units = 1
                place = Place(at[0], part.offset, 0, at[1], part.unit)
                self._unit(part.data, place, counts, tally, reader, sink)
            case Broken():
                counts.units = 1
                place = Place(at[0], part.offset, 0, at[1], part.unit)
                self._refuse(Unreadable(place, part.reason), counts, tally, sink)
            case Traffic():
                self._traffic(part, counts, tally, at, reader, sink)
            case Watched():
                tally.watches[at[0]] = part.watch
                if part.watch.first is not None and part.watch.last is not None:
                    tally.watch(part.watch.first, part.watch.last)
        self._close(counts, tally, at)
        if self.inventory is not None:
            self.inventory.flush(tally)

    def _traffic(  # noqa: PLR0913 - the same bundle as for lines
        self, part: Traffic, counts: _Counts, tally: Tally, at: tuple[int, int], reader: Reader, sink: Sink | None
    ) -> None:
        """One unit of traffic: its contacts, what they carry, and the telemetry in them."""
        place = Place(at[0], part.offset, 0, at[1], part.unit)
        before = (counts.carrying, counts.unreadable)
        for exchange in map(self.contacts.read, part.exchanges):
            self._exchange(exchange, place, counts, tally, reader, sink)
        # However many messages complete in one unit, it counts once, as what it is best for.
        carried, refused = counts.carrying > before[0], counts.unreadable > before[1]
        told = min(part.units, 1)
        counts.units += part.units
        counts.carrying = before[0] + told * carried
        counts.unreadable = before[1] + told * (refused and not carried)
        counts.other += part.units - told * (carried or refused)

    def _exchange(  # noqa: PLR0913 - the same bundle, one exchange further in
        self, exchange: Exchange, place: Place, counts: _Counts, tally: Tally, reader: Reader, sink: Sink | None
    ) -> None:
        if exchange.contact is not None and not exchange.withdrawn:
            counts.contacts += 1
        if exchange.seen_at is not None:
            tally.watch(exchange.seen_at, exchange.seen_at)
        for finding in self.contacts.meet(exchange, place, tally):
            self._tell(finding, UNKNOWN, tally, sink)
        if exchange.reason is not None:
            self._refuse(Unreadable(place, exchange.reason), counts, tally, sink)
        for message in exchange.messages:
            met = replace(reader, wire=Wire(exchange.seen_at, message.call))
            self._records(list(met.read(message.document, place)), counts, tally, sink)

    def _lines(  # noqa: PLR0913 - the hot loop: everything it needs, nothing looked up
        self, part: Lines, counts: _Counts, tally: Tally, at: tuple[int, int], reader: Reader, sink: Sink | None
    ) -> None:
        lines = part.data.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        counts.units = len(lines)
        offset, unit = part.offset, part.unit
        for start in range(0, len(lines), _BATCH):
            batch = lines[start : start + _BATCH]
            rest = self._prove(batch, counts, tally, at[0], unit)
            for index, value in rest:
                begin = offset + sum(map(len, batch[:index])) + index
                self._unit(
                    batch[index], Place(at[0], begin, 0, at[1], unit + index), counts, tally, reader, sink, value
                )
            offset += sum(map(len, batch)) + len(batch)
            unit += len(batch)

    def _prove(self, lines: list[bytes], counts: _Counts, tally: Tally, index: int, unit: int) -> Iterable[Rest]:
        """Count what the fast lane proves of some lines, the first of which is `unit`; what is left, in order."""
        if self.fast is None or max(map(len, lines)) > self.limits.max_line:
            return [Rest(at, None) for at in range(len(lines))]
        proved, rest = self.fast.prove(lines)
        for group in proved:
            if group.at:
                self._clean(group, counts, tally, index, unit)
        return rest

    def _clean(self, group: Proved, counts: _Counts, tally: Tally, index: int, unit: int) -> None:
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

    def _leave(
        self, group: Proved, arrived: list[datetime | None], counts: _Counts, tally: Tally, first: bytes
    ) -> None:
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
                self._unmarked(entry, [w for body, w in zip(bodies, arrived, strict=True) if body is None], tally)

    @staticmethod
    def _unmarked(entry: EventType, arrived: Iterable[datetime | None], tally: Tally) -> None:
        """Keep-alives that cannot stand in a timeline: a gap each."""
        for when in arrived:
            tally.add_gap(Gap.TIME if when is None else Gap.SUBJECT, entry.origin)

    def _arrivals(self, entry: EventType, values: list[dict[str, Any]], counts: _Counts) -> list[datetime | None]:
        """Note when proved events arrived; the arrivals themselves where a cadence needs them."""
        clock = self.clocks[entry.name]
        texts: list[str] = [value[clock] for value in values] if clock is not None else []
        if texts and all(map(_fixed, texts)):  # fixed-width UTC times order as text
            counts.whens[entry.origin] += texts
            return [parse_time(text) if entry.cadence is not None else None for text in texts]
        arrived = [arrival_of(value, self.policy.envelope) for value in values]
        counts.instants += ((entry.origin, when) for when in arrived if when is not None)
        return arrived

    def _unit(  # noqa: PLR0913 - the same bundle, one unit further in
        self,
        data: bytes,
        place: Place,
        counts: _Counts,
        tally: Tally,
        reader: Reader,
        sink: Sink | None,
        value: dict[str, Any] | None = None,
    ) -> None:
        """Judge one unit in the slow lane. `value`: what the fast lane parsed, where it shows every byte."""
        if len(data) <= self.limits.max_line and not data.strip(b" \t\r\n"):
            counts.blank += 1
            return
        document = parse(data, self.limits) if value is None or not small(data, self.limits) else Document(value)
        if isinstance(document, Refusal):
            self._refuse(Unreadable(place, document.reason, document.column), counts, tally, sink)
            return
        self._records(list(reader.read(document, place)), counts, tally, sink)

    def _records(self, records: list[Event | Unreadable], counts: _Counts, tally: Tally, sink: Sink | None) -> None:
        """The records of one unit or message."""
        bad = [record for record in records if isinstance(record, Unreadable)]
        if len(bad) == len(records):
            self._refuse(bad[0], counts, tally, sink)
            return
        counts.carrying += 1
        for record in records:
            if isinstance(record, Unreadable):
                self._note(record, tally, sink)
            else:
                counts.events += 1
                self._event(record, tally, sink)

    def _refuse(self, record: Unreadable, counts: _Counts, tally: Tally, sink: Sink | None) -> None:
        counts.unreadable += 1
        self._note(record, tally, sink)

    def _note(self, record: Unreadable, tally: Tally, sink: Sink | None) -> None:
        tally.reasons[record.reason] += 1
        tally.add_gap(Gap.UNREADABLE)
        self._report(self.slow.record(record), tally, sink)

    def _event(self, event: Event, tally: Tally, sink: Sink | None) -> None:
        case = self.slow.case(event)
        shown = self.redactor.event_name(event) or "(nameless)"
        tally.count_event(EventKey(case.listing is not Listing.LISTED, event.origin, shown))
        if event.origin == UNKNOWN:
            tally.add_gap(Gap.ORIGIN, UNKNOWN)
        if event.times.arrived is not None:
            tally.saw(event.times.arrived, event.times.arrived)
            tally.hours.add(event.origin, hour_of(event.times.arrived))
        self._mark(case, tally)
        if self.inventory is not None:
            self.inventory.attend(shown, event.origin, case.type, event.value)
        if self.anonymity is not None:
            self.anonymity.attend(case.type, event.value, event.times.arrived, tally)
        if case.type is not None:
            found = self.identifying[id(case.type)]
            for text, pointer in (*found.sure, *found.maybe):
                if resolve(event.value, pointer) is not None:
                    tally.fields[case.type.name, text] += 1
        for finding in self.slow.judge(case):
            self._tell(finding, event.origin, tally, sink)

    @staticmethod
    def _tell(finding: Finding | Gap, origin: str, tally: Tally, sink: Sink | None) -> None:
        if isinstance(finding, Gap):
            tally.add_gap(finding, origin)
            return
        tally.add(finding)
        if sink is not None:
            sink(finding)

    def _mark(self, case: Case, tally: Tally) -> None:
        event, times = case.event, case.event.times
        tally.naive += times.naive
        listed = case.type if case.listing is Listing.LISTED else None
        if self.witness is not None:
            self.witness.attend(case.type, event.origin, event.value, times, tally)
        place = packed(event.place.input, event.place.item, event.place.unit)
        for timeline, mark in self.markers:
            body = mark(listed, event.value, times.arrived)
            if body is not None:
                tally.mark(MarkKey(timeline.id, event.place.input, event.place.chunk), body + place)
            elif timeline.cadenced and listed is not None and listed.cadence is not None:
                self._unmarked(listed, [times.arrived], tally)

    @staticmethod
    def _report(findings: Iterator[Finding], tally: Tally, sink: Sink | None) -> None:
        for finding in findings:
            tally.add(finding)
            if sink is not None:
                sink(finding)

    def _close(self, counts: _Counts, tally: Tally, at: tuple[int, int]) -> None:
        clean = counts.clean.total()
        for name, number in counts.clean.items():
            entry = self.policy.events[name]
            tally.count_event(EventKey(undocumented=False, origin=entry.origin, name=name), number)
            for text, _ in self.identifying[id(entry)].sure:
                tally.fields[name, text] += number
        tally.fields.update(counts.fields)
        for timeline, marks in counts.marks.items():
            tally.mark(MarkKey(timeline, *at), bytes(marks))
        self._close_times(counts, tally)
        carrying, events = counts.carrying + clean, counts.events + clean
        units = Units(counts.units, carrying, counts.blank, counts.unreadable, counts.other, events, counts.contacts)
        tally.count_units(at, units)

    @staticmethod
    def _close_times(counts: _Counts, tally: Tally) -> None:
        """When the clean events arrived: the ends, and how many in which hour."""
        ends = [end for whens in counts.whens.values() for end in (min(whens), max(whens))]
        instants = [when for when in map(parse_time, ends) if when is not None]
        instants += [when for _, when in counts.instants]
        if instants:
            tally.saw(min(instants), max(instants))
        for origin, whens in counts.whens.items():
            for hour, number in Counter(map(_HOUR, whens)).items():
                start = parse_time(f"{hour}:00:00Z")
                if start is not None:
                    tally.hours.add(origin, hour_of(start), number)
        for origin, when in counts.instants:
            tally.hours.add(origin, hour_of(when))


_HOUR = itemgetter(slice(13))


def _fixed(when: str) -> bool:
    """Whether a time that its schema vouches for has the one form that orders as text."""
    return len(when) == 24 and when[23] == "Z" and when[10] == "T" and when[17] != "6" and when > "0001"


def packed(index: int, item: int, unit: int) -> bytes:
    """A place in eight bytes that sort: two of the input, five of the unit, one of the item (255: that or more)."""
    return (index << 48 | unit << 8 | min(item, 255)).to_bytes(8, "big")


def _clocks(envelope: Envelope, entry: EventType) -> str | None:
    """The root member that is an event's arrival time, if its schema vouches for the format; else every time is parsed."""
    for pointer in (envelope.received, envelope.stamp, envelope.sent):
        if pointer is None or len(pointer) != 1:
            continue
        leaf = entry.leaf(pointer)
        if leaf is not None and leaf.required and leaf.schema.get("format") == "date-time":
            return str(pointer[0])
        if leaf is not None:
            return None  # it may be there and decide: the full reading must look
    return None
