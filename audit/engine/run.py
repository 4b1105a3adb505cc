"""One part of a capture through both lanes into a tally: the fold that every runner uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from audit.engine.bulk import Bulk, Counts, packed, unmarked
from audit.engine.contacts import Contacts
from audit.engine.events import Reader, Wire
from audit.engine.fast import FastLane, Proved, Rest
from audit.engine.names import Names
from audit.engine.parse import Document, Limits, Refusal, parse, small
from audit.engine.slow import SlowLane, Wanted
from audit.engine.times import hour_of
from audit.engine.traffic import Exchange, Traffic, Watched
from audit.engine.witness import Witness
from audit.leaks.budget import Bounds, enforce
from audit.leaks.content import tells_somebody
from audit.leaks.search import Search
from audit.measures.anonymity import Anonymity
from audit.measures.inventory import Inventory
from audit.model import UNKNOWN, Event, Finding, Gap, Place, Reason, Reveal, Unreadable, resolve
from audit.policy.consent import ConsentTable
from audit.policy.destinations import Territory
from audit.policy.forms import Forms
from audit.policy.pack import Policy
from audit.redact import Redactor
from audit.rules import RULES
from audit.rules.case import Case, EventRule, Listing, RecordRule, TimelineRule
from audit.tally import CLAIMED, LOGS, EventKey, MarkKey, Size, Tally

if TYPE_CHECKING:
    from audit.engine.learned import Learned  # it brings numpy, which a small check does without


class Lines(NamedTuple):
    """Whole lines of a line format. `offset` of the first byte, `unit` the first line's number in its chunk, from 1."""

    offset: int
    unit: int
    data: bytes

    def each(self) -> list[bytes]:
        lines = self.data.split(b"\n")
        if lines[-1] == b"":
            lines.pop()
        return lines

    def offsets(self, lines: Sequence[bytes]) -> list[int]:
        """Where each of its lines begins."""
        return [*accumulate((len(line) + 1 for line in lines), initial=self.offset)][:-1]

    def whole(self) -> bytes:
        """All lines, each ended by a newline, but for the last perhaps."""
        return self.data


class Item(NamedTuple):
    """One JSON value of a document that is no line format."""

    offset: int
    unit: int
    data: bytes


class Items(NamedTuple):
    """Some of them that follow each other: judged as lines are."""

    items: tuple[Item, ...]

    @property
    def unit(self) -> int:
        return self.items[0].unit

    def each(self) -> list[bytes]:
        return [item.data for item in self.items]

    def offsets(self, _: Sequence[bytes]) -> list[int]:
        return [item.offset for item in self.items]

    def whole(self) -> bytes | None:
        """All values as lines; None where they are none."""
        lines = self.each()
        return None if any(b"\n" in line for line in lines) else b"\n".join(lines)


class Broken(NamedTuple):
    """A unit that could not be had at all. `column`: the byte where it went wrong, where known."""

    offset: int
    unit: int
    reason: Reason


_LARGE = 32_768
"""Longer lines are left to the slow lane, which bounds what one event may cost, as are those that may reach a limit."""

_LEAST = 1_024
"""Shorter parts are proved before anything is learned of them."""

_BATCH = 64
"""How many lines are proved at once: few enough that what was parsed of them stays in the processor's cache."""

Part: TypeAlias = Lines | Item | Items | Broken | Traffic | Watched
Sink: TypeAlias = Callable[[Finding], None]


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
        reveal: Reveal = Reveal.SHAPE,
    ) -> None:
        self.policy, self.limits = policy, limits or Limits()
        self.consent = consent
        self.witness = Witness(policy, consent) if consent is not None else None
        self.names = Names(policy)
        self.seeds = seeds
        kept, unshown = (None, None) if seeds is None else (seeds.secret, seeds.unshown)
        self.redactor = Redactor(policy.names, policy.envelope.is_id, kept, reveal, unshown, tells_somebody)
        self.inventory = Inventory(self.redactor) if inventory else None
        self.anonymity = Anonymity(policy) if measures else None
        rules = tuple(rule for rule in RULES if isinstance(rule, EventRule))
        records = tuple(rule for rule in RULES if isinstance(rule, RecordRule))
        self.fast = FastLane(policy, rules, consent, seeds) if lanes else None
        suspects = self.fast.shown if self.fast is not None else None
        fast = self.fast
        plain = (lambda: fast.plain) if fast is not None else None
        self.slow = SlowLane(
            policy, rules, records, self.redactor, self.names, consent, suspects, seeds, Forms(policy), plain
        )
        self.contacts = Contacts(self.slow, territory or Territory())
        if self.fast is not None and self.fast.off:
            self.fast = None
        timelines = dict.fromkeys(rule.timeline for rule in RULES if isinstance(rule, TimelineRule))
        self.markers = tuple((timeline, timeline.marker(policy)) for timeline in timelines)
        self.bulk = Bulk(policy, self.markers, self.witness, self.inventory, self.anonymity)
        alone = self.witness is None and self.inventory is None and self.anonymity is None
        self.learns = alone and self.fast is not None and self.fast.silent is None and self.fast.spares_plain
        self.learned: Learned | None = None
        self.least = _LEAST

    def _known(self) -> Learned | None:
        """The lane for lines known again, where nothing needs the events themselves; made when first there is much to learn
        from."""
        if self.learned is None and self.learns and self.fast is not None:
            from audit.engine.learned import Learned

            fields = {name: self.bulk.identifying[id(plan.type)].maybe for name, plan in self.fast.plans.items()}
            self.learned = Learned(self.policy, self.fast, fields)
        return self.learned

    def tally(self, size: Size | None = None) -> Tally:
        return Tally(size)

    def feed(
        self, part: Part, tally: Tally, at: tuple[int, int], override: str | None = None, sink: Sink | None = None
    ) -> None:
        """Judge one part of input `at` = (input, chunk) into the tally; findings also go to the sink."""
        enforce(Bounds(self.limits.max_views, self.limits.max_unpacked))
        counts = Counts()
        reader = Reader(self.policy, self.names, override, subjects=self.consent is not None)
        if self.inventory is not None:
            self.inventory.begin(tally)
        match part:
            case Lines() | Items():
                self._lines(part, counts, tally, at, reader, sink)
            case Item():
                self._lines(Items((part,)), counts, tally, at, reader, sink)
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
                    tally.live(at[0], part.watch.first, part.watch.last)
        if counts.known:
            from audit.engine.recount import recount

            recount(counts.known, self.markers, counts, tally, at[0])
        self.bulk.close(counts, tally, at)
        if self.inventory is not None:
            self.inventory.flush(tally)

    def _traffic(  # noqa: PLR0913 - the same bundle as for lines
        self, part: Traffic, counts: Counts, tally: Tally, at: tuple[int, int], reader: Reader, sink: Sink | None
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
        self, exchange: Exchange, place: Place, counts: Counts, tally: Tally, reader: Reader, sink: Sink | None
    ) -> None:
        if exchange.contact is not None and not exchange.withdrawn and not exchange.further:
            counts.contacts += 1
        if exchange.seen_at is not None:
            tally.watch(exchange.seen_at, exchange.seen_at)
            tally.live(place.input, exchange.seen_at, exchange.seen_at)
        for finding in self.contacts.meet(exchange, place, tally):
            self._tell(finding, UNKNOWN, tally, sink)
        if exchange.reason is not None:
            self._refuse(Unreadable(place, exchange.reason), counts, tally, sink)
        for message in exchange.messages:
            met = replace(reader, wire=Wire(exchange.seen_at, message.call))
            self._records([list(met.read(message.document, place))], counts, tally, sink)

    def _lines(  # noqa: PLR0913 - the hot loop: everything it needs, nothing looked up
        self, part: Lines | Items, counts: Counts, tally: Tally, at: tuple[int, int], reader: Reader, sink: Sink | None
    ) -> None:
        lines = part.each()
        counts.units = len(lines)
        offsets: list[int] = []
        for rest in self._left(part, lines, counts, tally, at[0]):
            small: list[list[Event | Unreadable]] = []
            for index, value in rest:
                offsets = offsets or part.offsets(lines)
                place = Place(at[0], offsets[index], 0, at[1], part.unit + index)
                small.append(self._read(lines[index], place, counts, reader, value))
                if len(lines[index]) > _LARGE:
                    self._records(small, counts, tally, sink)
                    small = []
            self._records(small, counts, tally, sink)

    def _left(
        self, part: Lines | Items, lines: list[bytes], counts: Counts, tally: Tally, index: int
    ) -> Iterator[Iterable[Rest]]:
        """What neither is known again of the lines of a part nor proved by the fast lane, in order and batch by batch; the
        others are counted."""
        waiting: list[tuple[int, bytes]] = []
        for numbers in self._unknown(part, lines, counts):
            waiting += numbers
            while len(waiting) >= _BATCH:
                yield self._prove(waiting[:_BATCH], lines, counts, tally, index, part.unit)
                del waiting[:_BATCH]
        if waiting:
            yield self._prove(waiting, lines, counts, tally, index, part.unit)

    def _unknown(self, part: Lines | Items, lines: list[bytes], counts: Counts) -> Iterator[list[tuple[int, bytes]]]:
        """Which lines of a part are not known again, each with its mask where it may be learned, piece by piece; the others
        are counted."""
        learned = self._known() if len(lines) >= self.least else None
        data = part.whole() if learned is not None else None
        if learned is None or data is None:
            yield [(at, b"") for at in range(len(lines))]
            return
        start = begin = 0
        while start < len(lines):
            some = lines[start : start + learned.step]
            end = begin + sum(map(len, some)) + len(some)
            taken, masks = learned.take(data[begin:end], some)
            left: Sequence[int] = range(len(some))
            if taken is not None and taken.at:
                counts.known.append((part.unit + start, taken))
                left = taken.left
            yield [(start + at, masks[at] if masks else b"") for at in left]
            start, begin = start + len(some), end

    def _prove(  # noqa: PLR0913 - as the others of the hot loop
        self,
        batch: Sequence[tuple[int, bytes]],
        lines: list[bytes],
        counts: Counts,
        tally: Tally,
        index: int,
        unit: int,
    ) -> Iterable[Rest]:
        """Count what the fast lane proves of some lines; what is left, in order. `batch`: their numbers in the part, of whose
        first line `unit` is the number, and their masks, where they may be learned."""
        if self.fast is None:
            return [Rest(at, None) for at, _ in batch]
        bound = min(_LARGE, self.limits.max_line)
        these = [lines[at] for at, _ in batch]
        large = [at for at, line in enumerate(these) if len(line) > bound or not small(line, self.limits)]
        for at in large:
            these[at] = b""
        proved, rest = self.fast.prove(these)
        if large:
            rest = sorted(Rest(at, None) if at in large else Rest(at, value) for at, value in rest)
        for found in proved:
            if found.at:
                group = Proved(found.plan, [batch[at][0] for at in found.at], found.values)
                if self.learned is not None:
                    self.learned.study(found, these, [mask for _, mask in batch])
                self.bulk.count(group, counts, tally, index, unit)
        return [Rest(batch[at][0], value) for at, value in rest]

    def _read(
        self, data: bytes, place: Place, counts: Counts, reader: Reader, value: dict[str, Any] | None = None
    ) -> list[Event | Unreadable]:
        """The records of one unit; none where it is blank. `value`: what the fast lane parsed, where it shows every byte."""
        if len(data) <= self.limits.max_line and not data.strip(b" \t\r\n"):
            counts.blank += 1
            return []
        document = parse(data, self.limits) if value is None or not small(data, self.limits) else Document(value)
        if isinstance(document, Refusal):
            return [Unreadable(place, document.reason, document.column)]
        return list(reader.read(document, place))

    def _records(self, units: list[list[Event | Unreadable]], counts: Counts, tally: Tally, sink: Sink | None) -> None:
        """The records of some units or messages, which come in order."""
        events = [record for records in units for record in records if isinstance(record, Event)]
        wanted = iter(self.slow.screen(events))
        for records in units:
            bad = [record for record in records if isinstance(record, Unreadable)]
            if len(bad) == len(records):
                if bad:
                    self._refuse(bad[0], counts, tally, sink)
                continue
            counts.carrying += 1
            for record in records:
                if isinstance(record, Unreadable):
                    self._note(record, tally, sink)
                else:
                    counts.events += 1
                    self._event(record, next(wanted), tally, sink)

    def _refuse(self, record: Unreadable, counts: Counts, tally: Tally, sink: Sink | None) -> None:
        counts.unreadable += 1
        self._note(record, tally, sink)

    def _note(self, record: Unreadable, tally: Tally, sink: Sink | None) -> None:
        tally.reasons[record.reason] += 1
        tally.add_gap(Gap.UNREADABLE)
        self._report(self.slow.record(record), tally, sink)

    def _event(self, event: Event, wanted: Wanted, tally: Tally, sink: Sink | None) -> None:
        case = self.slow.case(event, wanted)
        name = self.redactor.event_name(event) or "(nameless)"
        tally.count_event(EventKey(case.listing is not Listing.LISTED, event.origin, name))
        if event.origin == UNKNOWN:
            tally.add_gap(Gap.ORIGIN, UNKNOWN)
        if event.times.arrived is not None:
            when, whose = event.times.arrived, event.place.input if event.wire else LOGS
            tally.dated(event.origin, whose if event.times.stamped else CLAIMED, when, when, {hour_of(when): 1})
        self._mark(case, tally)
        if self.inventory is not None:
            self.inventory.attend(name, event.origin, case.type, event.value)
        if self.anonymity is not None:
            self.anonymity.attend(case.type, event.value, event.times.arrived, tally)
        if case.type is not None:
            found = self.bulk.identifying[id(case.type)]
            for text, pointer in (*found.sure, *found.maybe):
                if resolve(event.value, pointer) is not None:
                    tally.fields[case.type.name, text] += 1
        for finding in self.slow.judge(case, tally.counted if sink is None else None):
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
                unmarked(listed, [times.arrived], tally)

    @staticmethod
    def _report(findings: Iterator[Finding], tally: Tally, sink: Sink | None) -> None:
        for finding in findings:
            tally.add(finding)
            if sink is not None:
                sink(finding)
