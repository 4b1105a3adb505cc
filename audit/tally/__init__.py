"""The mergeable result of a part of a capture: a commutative monoid, whatever is cut and merged in whatever order."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from audit.model import Finding, Gap, Level, Place, Reason
from audit.sketch import CrowdKey, Distinct, FieldKey, Hours, Seen, Trace, TraceKey, crowd
from audit.tally.bounds import Act, ActKey, Bounded, Spread, wider_act, wider_use
from audit.tally.destinations import Destination, DestinationKey, Watch

EPOCH = datetime(1, 1, 1, tzinfo=UTC)
BUCKET = timedelta(minutes=10)
"""Times of use are kept in buckets of this length."""

LOGS = -1
"""Stands for the logs among the inputs: the files of one log cannot be told from several logs, so they are one."""
CLAIMED = -2
"""Stands for the events whose time nobody but their sender says."""
_APART = timedelta(days=30)
"""Times of senders that lie further from all others are taken for wrong clocks, or made up."""


class Units(NamedTuple):
    """What a part of a capture held. units = carrying + blank + unreadable + other; lines ended by a newline apart."""

    units: int = 0
    carrying: int = 0
    blank: int = 0
    unreadable: int = 0
    other: int = 0
    events: int = 0
    contacts: int = 0

    def plus(self, more: Units) -> Units:
        return Units(*(mine + theirs for mine, theirs in zip(self, more, strict=True)))


class Size(NamedTuple):
    """Bounds of a tally: examples a group, groups a rule, distinct names of events, fields of the inventory, values
    and combinations that the anonymity measures keep of each field, buckets of time."""

    examples: int = 3
    groups: int = 10_000
    names: int = 1_000
    fields: int = 2_000
    traces: int = 1_024
    buckets: int = 32_768


class GroupKey(NamedTuple):
    fingerprint: str
    level: Level


@dataclass(slots=True)
class Group:
    """All findings with one fingerprint and level: an exact count and the smallest examples by place."""

    count: int = 0
    examples: list[Finding] = field(default_factory=list)

    def add(self, finding: Finding, most: int) -> None:
        self.count += 1
        # Serial reading finds places in order: the common case must cost one comparison.
        if len(self.examples) < most or not _is_later(finding.place, self.examples[-1].place):
            self.examples = _smallest([*self.examples, finding], most)

    def plus(self, other: Group, most: int) -> Group:
        return Group(self.count + other.count, _smallest(self.examples + other.examples, most))


def _is_later(place: Place | None, other: Place | None) -> bool:
    """Whether a finding's place alone tells that it comes after another finding."""
    return place is not None and (other is None or place[:3] > other[:3])


def _smallest(findings: list[Finding], most: int) -> list[Finding]:
    return sorted(findings, key=Finding.order)[:most]


class Span(NamedTuple):
    """First and last instant seen."""

    first: datetime
    last: datetime

    def plus(self, other: Span) -> Span:
        return Span(min(self.first, other.first), max(self.last, other.last))


class MarkKey(NamedTuple):
    """Marks are kept per chunk, since their places count from its start."""

    timeline: str
    input: int
    chunk: int


class EventKey(NamedTuple):
    """An event as counted: documented names sort first, so that a flood of made-up ones cannot push them out."""

    undocumented: bool
    origin: str
    name: str


class Tally:
    """Counts, groups, gaps and spans. Filled by one reader, then merged by `+`; never shared while filled."""

    def __init__(self, size: Size | None = None) -> None:
        self.size = size or Size()
        self.units: dict[tuple[int, int], Units] = {}
        self.events: Bounded[EventKey, int] = Bounded(self.size.names)
        self.origins: Counter[str] = Counter()
        self.fields: Counter[tuple[str, str]] = Counter()
        self.totals: Counter[tuple[str, Level, str | None]] = Counter()
        self.groups: dict[str, Bounded[GroupKey, Group]] = {}
        self.gaps: Counter[tuple[Gap, str | None]] = Counter()
        self.reasons: Counter[Reason] = Counter()
        self.span: Span | None = None
        self.marks: dict[MarkKey, bytearray] = {}
        self.acts: Spread[ActKey] = Spread(self.size.buckets, wider_act)
        self.subjects: dict[str, list[bytes]] = {}
        self.seen: set[str] = set()
        self.naive = 0
        self.hours = Hours()
        self.inventory: Bounded[FieldKey, Seen] = Bounded(self.size.fields)
        self.destinations: Bounded[DestinationKey, Destination] = Bounded(self.size.groups)
        self.contacts = 0
        self.watches: dict[int, Watch] = {}
        self.lives: dict[int, Span] = {}
        self.claimed = Hours()
        self.watched: Span | None = None
        self.uses: Spread[int] = Spread(self.size.buckets, wider_use)
        self.controls = 0
        self.traces: dict[TraceKey, Bounded[int, Trace]] = {}
        self.crowds: dict[CrowdKey, Bounded[int, tuple[int, ...]]] = {}
        self.people: dict[CrowdKey, Distinct] = {}

    def mark(self, key: MarkKey, mark: bytes) -> None:
        held = self.marks.get(key)
        if held is None:
            held = self.marks[key] = bytearray()
        held += mark

    def act(self, key: ActKey, act: Act) -> None:
        self.acts.add(key, act)

    def met(self, origin: str, digest: bytes) -> None:
        """Note a subject of an origin. Two are enough to know that there is more than one: the smallest two are kept."""
        known = self.subjects.setdefault(origin, [])
        if digest not in known:
            self.subjects[origin] = sorted([*known, digest])[:2]

    def reach(self, key: DestinationKey, contact: Destination) -> None:
        """Count a contact with a destination in."""
        items = self.destinations.items
        known = items.get(key)
        items[key] = contact if known is None else known.plus(contact)
        self.contacts += contact.contacts
        self.destinations.prune()

    def use(self, at: datetime) -> None:
        """Note that the product was used: one of its own hosts was asked for something."""
        self.uses.add((at - EPOCH) // BUCKET, Act(1, at, at))

    def trace(self, key: TraceKey, digest: int, trace: Trace) -> None:
        """Count a value of an identifying field, by its keyed digest."""
        kept = self.traces.get(key)
        if kept is None:
            kept = self.traces[key] = Bounded(self.size.traces)
        known = kept.items.get(digest)
        kept.items[digest] = trace if known is None else known.plus(trace)
        if known is None:
            kept.prune()

    def join(self, key: CrowdKey, combination: int, subjects: tuple[int, ...]) -> None:
        """Count subjects of one combination of attributes, all by their keyed digests."""
        kept = self.crowds.get(key)
        if kept is None:
            kept = self.crowds[key] = Bounded(self.size.traces)
        known = kept.items.get(combination)
        if known is None:
            kept.items[combination] = subjects
            kept.prune()
        elif not set(subjects) <= set(known):
            kept.items[combination] = crowd(known, subjects)

    def watch(self, first: datetime, last: datetime) -> None:
        """Note that the capture of traffic was alive from the one instant to the other."""
        span = Span(first, last)
        self.watched = span if self.watched is None else self.watched.plus(span)

    def live(self, index: int, first: datetime, last: datetime) -> None:
        """Note signs of life of one input, or of the LOGS: an event, or traffic of any kind."""
        span, known = Span(first, last), self.lives.get(index)
        self.lives[index] = span if known is None else known.plus(span)

    def dated(self, origin: str, index: int, first: datetime, last: datetime, hours: Mapping[int, int]) -> None:
        """Note when events arrived, as their collector says (LOGS), the capture of an input, or only their sender (CLAIMED):
        the ends, and how many in which hour."""
        self.saw(first, last)
        self.live(index, first, last)
        for hour, number in hours.items():
            self.hours.add(origin, hour, number)
            if index == CLAIMED:
                self.claimed.add("", hour, number)

    @property
    def lived(self) -> tuple[Span, ...]:
        """When the captures lasted. What senders say counts only where no collector says when an event of a log arrived."""
        return tuple(span for index, span in self.lives.items() if index != CLAIMED or LOGS not in self.lives)

    @property
    def alive(self) -> Span | None:
        """From the first to the last sign of life of the captures: an event, or traffic of any kind."""
        return reduce(Span.plus, self.lived) if self.lives else None

    @property
    def stray(self) -> bool:
        """Whether times that only senders say lie far from all others: then nobody knows when those events were sent."""
        claimed = self.lives.get(CLAIMED)
        if claimed is None:
            return False
        sure = [span for index, span in self.lives.items() if index != CLAIMED]
        if sure:
            around = reduce(Span.plus, sure)
            if around.first - claimed.first > _APART or claimed.last - around.last > _APART:
                return True
        bins, width = sorted({index for index, _ in self.claimed.bins}), self.claimed.width
        return any((after - here - 1) * timedelta(hours=width) > _APART for here, after in pairwise(bins))

    def count_units(self, key: tuple[int, int], more: Units) -> None:
        self.units[key] = self.units.get(key, Units()).plus(more)

    def count_event(self, key: EventKey, number: int = 1) -> None:
        items = self.events.items
        items[key] = items.get(key, 0) + number
        self.origins[key.origin] += number
        self.events.prune()

    def add(self, finding: Finding) -> None:
        self.totals[finding.rule, finding.level, finding.origin] += 1
        groups = self.groups.get(finding.rule)
        if groups is None:
            groups = self.groups[finding.rule] = Bounded(self.size.groups)
        key = GroupKey(finding.fingerprint, finding.level)
        group = groups.items.get(key)
        if group is None:
            group = groups.items[key] = Group()
            groups.prune()
        group.add(finding, self.size.examples)

    def counted(self, rule: str, level: Level, origin: str, fingerprint: str, place: Place) -> bool:
        """Count a finding in by its marks alone, where its group keeps as many examples as it may, all of earlier places. If
        not, nothing is counted: the finding itself is needed."""
        groups = self.groups.get(rule)
        group = groups.items.get(GroupKey(fingerprint, level)) if groups is not None else None
        if group is None or len(group.examples) < self.size.examples:
            return False
        if not _is_later(place, group.examples[-1].place):
            return False
        self.totals[rule, level, origin] += 1
        group.count += 1
        return True

    def add_gap(self, gap: Gap, origin: str | None = None) -> None:
        self.gaps[gap, origin] += 1

    def saw(self, first: datetime, last: datetime) -> None:
        span = Span(first, last)
        self.span = span if self.span is None else self.span.plus(span)

    def __add__(self, other: Tally) -> Tally:
        total = Tally(Size(*map(max, self.size, other.size)))
        for part in (self, other):
            total.take(part)
        return total

    def take(self, part: Tally) -> None:
        """Count everything of another tally in."""
        for key, units in part.units.items():
            self.count_units(key, units)
        for name, number in part.events.items.items():
            self.events.items[name] = self.events.items.get(name, 0) + number
        self.events.prune()
        self.origins.update(part.origins)
        self.reasons.update(part.reasons)
        self.fields.update(part.fields)
        self.totals.update(part.totals)
        self.gaps.update(part.gaps)
        if part.span is not None:
            self.saw(*part.span)
        for index, span in part.lives.items():
            self.live(index, *span)
        self.hours.take(part.hours)
        self.claimed.take(part.claimed)
        for field_key, seen in part.inventory.items.items():
            self.inventory.items[field_key] = self.inventory.items.get(field_key, Seen()).plus(seen)
        self.inventory.prune()
        self._take_groups(part)
        self._take_marks(part)
        self._take_traffic(part)
        self._take_measures(part)

    def _take_groups(self, part: Tally) -> None:
        for rule, groups in part.groups.items():
            mine = self.groups.setdefault(rule, Bounded(self.size.groups))
            for key, group in groups.items.items():
                mine.items[key] = mine.items.get(key, Group()).plus(group, self.size.examples)
            mine.prune()

    def _take_marks(self, part: Tally) -> None:
        for mark_key, marks in part.marks.items():
            self.mark(mark_key, bytes(marks))
        self.acts.take(part.acts)
        for origin, digests in part.subjects.items():
            for digest in digests:
                self.met(origin, digest)
        self.seen |= part.seen
        self.naive += part.naive

    def _take_traffic(self, part: Tally) -> None:
        for key, destination in part.destinations.items.items():
            known = self.destinations.items.get(key)
            self.destinations.items[key] = destination if known is None else known.plus(destination)
        self.destinations.prune()
        self.contacts += part.contacts
        self.controls += part.controls
        self.watches.update(part.watches)
        if part.watched is not None:
            self.watch(*part.watched)
        self.uses.take(part.uses)

    def _take_measures(self, part: Tally) -> None:
        for key, traces in part.traces.items():
            for digest, trace in traces.items.items():
                self.trace(key, digest, trace)
        for crowd_key, crowds in part.crowds.items():
            for combination, subjects in crowds.items.items():
                self.join(crowd_key, combination, subjects)
        for crowd_key, people in part.people.items():
            self.people.setdefault(crowd_key, Distinct()).take(people)

    def settled(self) -> Tally:
        """The same tally pruned to its bounds: equal tallies compare equal, whatever way they were merged."""
        total = self + Tally(self.size)
        total.events.prune(final=True)
        total.inventory.prune(final=True)
        total.destinations.prune(final=True)
        for traces in total.traces.values():
            traces.prune(final=True)
        for crowds in total.crowds.values():
            crowds.prune(final=True)
        for groups in total.groups.values():
            groups.prune(final=True)
        return total

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self.settled().state() == other.settled().state()

    __hash__ = None  # type: ignore[assignment]  # a container that is filled cannot be a key

    def state(self) -> tuple[object, ...]:
        """Everything it holds, for comparison."""
        groups = {rule: bounded.items for rule, bounded in self.groups.items()}
        parts = (self.units, self.events.items, self.origins, self.fields, self.totals, groups, self.gaps, self.reasons)
        marks = {key: sorted(_cut(held)) for key, held in self.marks.items()}
        measures = (
            {key: kept.items for key, kept in self.traces.items()},
            {key: kept.items for key, kept in self.crowds.items()},
            self.people,
        )
        traffic = (self.destinations.items, self.contacts, self.watches, self.watched, self.uses.state(), self.controls)
        return (
            *parts,
            self.span,
            self.lives,
            marks,
            self.acts.state(),
            self.subjects,
            self.seen,
            self.naive,
            self.hours.state(),
            self.claimed.state(),
            self.inventory.items,
            *traffic,
            *measures,
        )

    def sorted_marks(self, timeline: str) -> Iterator[bytes]:
        """The marks of a timeline in order, each with its unit counted from the start of the input."""
        return iter(sorted(mark for key in self.marks if key.timeline == timeline for mark in self._placed(key)))

    def _placed(self, key: MarkKey) -> Iterator[bytes]:
        before = sum(
            units.units for (index, chunk), units in self.units.items() if index == key.input and chunk < key.chunk
        )
        for mark in _cut(self.marks[key]):
            yield mark[:-8] + (int.from_bytes(mark[-8:], "big") + (before << 8)).to_bytes(8, "big") if before else mark

    def overflow(self, rule: str) -> int:
        """How many findings of a rule stand in no kept group."""
        total = sum(number for (name, _, _), number in self.totals.items() if name == rule)
        return total - sum(group.count for group in self.groups[rule].items.values()) if total else 0


MARK = 32
"""Every mark is this wide: 16 bytes of identity, 8 of time or content, 8 of place."""


def _cut(held: bytes | bytearray) -> Iterable[bytes]:
    data = bytes(held)
    return (data[at : at + MARK] for at in range(0, len(data), MARK))
