"""What a rule is and what it sees. A rule is a value: an id, a level, a trigger for the fast lane, and one pure function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from audit.leaks.content import Content
from audit.leaks.sightings import NONE, Sightings
from audit.model import Breach, Event, Fact, Gap, Json, Level, PackStr, Pointer, Unreadable, resolve
from audit.policy.consent import ConsentTable, Delivered, delivered
from audit.policy.destinations import Standing
from audit.policy.forms import Forms
from audit.policy.pack import AfterOptOut, EventType, Policy
from audit.policy.validators import Fault

Facts: TypeAlias = Mapping[str, Fact]


class Listing(StrEnum):
    """How an event's name stands to the page."""

    LISTED = "listed"
    NEAR = "nearly listed"
    CATEGORY = "described"
    UNLISTED = "unlisted"
    CALL = "another call"
    NAMELESS = "nameless"


class Text(NamedTuple):
    """A captured text: a value, or (`key`) the name of the member at the pointer."""

    pointer: Pointer
    text: str
    key: bool


class Member(NamedTuple):
    """An object, list or leaf at a place that the page does not show. `root`: 0 in the event itself, else in which of the
    hidden values."""

    pointer: Pointer
    value: Json
    root: int


@dataclass(slots=True)
class Asked:
    """Answers that several rules need, each found when it is asked for: what the texts hold, the members that the page
    does not show, and what those spell together."""

    held: tuple[Content, ...] | None = None
    unshown: tuple[Member, ...] | None = None
    spelled: tuple[tuple[Pointer, Content], ...] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One event as the rules see it: the event, the page's entry it is judged by (None: no shape to compare with),
    the schema's faults, every text in it, hidden ones included, and where values that the auditor listed stand."""

    event: Event
    policy: Policy
    listing: Listing
    type: EventType | None
    nearest: PackStr | None
    faults: tuple[Fault, ...]
    texts: tuple[Text, ...]
    consent: ConsentTable | None = None
    sightings: Sightings = NONE
    forms: Forms | None = None
    """What the page shows in other events. None: it is not asked for."""
    plain: AbstractSet[str] = field(default=frozenset(), compare=False, repr=False)
    """Texts that are known to be plain, as `leaks.room` says; not all that are."""

    asked: Asked = field(default_factory=Asked, compare=False, repr=False)
    """What several rules ask of the event, once the first has asked."""

    def delivered(self, *, refusable: bool) -> Delivered | None:
        """How the event lies to an opt-out, or where it is `refusable` to a no; None where consent is not known or was given."""
        if self.consent is None or self.policy.consent is None:
            return None
        return delivered(
            self.consent,
            self.event.subject,
            self.event.times,
            self.policy.consent.flush_window,
            refusable=refusable,
        )

    def documented(self) -> bool:
        return self.listing in (Listing.LISTED, Listing.NEAR, Listing.CATEGORY)

    def opt_in(self) -> bool:
        """Whether the event needs an opt-in, documented or not."""
        return self.policy.opt_in(self.type, self.event.origin)

    def silence(self) -> Level | None:
        """How strictly an opt-out covers the event: error for what the page makes opt-in or does not document, a note
        where the page is ambiguous about its sender, None where the page allows it."""
        if self.opt_in() or not self.documented():
            return Level.ERROR
        match self.policy.after_opt_out(self.event.origin):
            case AfterOptOut.FORBIDDEN:
                return Level.ERROR
            case AfterOptOut.AMBIGUOUS:
                return Level.NOTE
            case AfterOptOut.ALLOWED:
                return None

    def clock(self, *, arrival: bool) -> Pointer:
        """The pointer of the time that decides: the sender's own, or the one of its arrival."""
        envelope = self.policy.envelope
        own = (envelope.sent, envelope.received, envelope.stamp)
        order = (envelope.received, envelope.stamp, envelope.sent) if arrival else own
        return next((p for p in order if p is not None and resolve(self.event.value, p) is not None), ())


# ---- triggers: what keeps an event in the fast lane. A closed set that the engine compiles. -------------------------


@dataclass(frozen=True, slots=True)
class Invalid:
    """The event's schema refused it."""


@dataclass(frozen=True, slots=True)
class Strings:
    """A text that the schema leaves open is suspect. Law: not suspect => the rule finds nothing in it.

    `spares_plain`: a plain text (`leaks.room.is_plain`) is never suspect, so that most texts need not be asked about.
    """

    suspect: Callable[[str], bool]
    spares_plain: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """A value that the auditor listed stands in the event. Where none is listed, never."""


@dataclass(frozen=True, slots=True)
class Name:
    """The event's name or call is not a listed one."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The line is not canonical JSON: a key may stand twice."""


@dataclass(frozen=True, slots=True)
class Time:
    """The event was sent or arrived while somebody had said no."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The event's clocks are not proved to agree."""


@dataclass(frozen=True, slots=True)
class Always:
    """No cheap proof: every event pays for the slow lane."""


Trigger: TypeAlias = Invalid | Strings | Listed | Name | Repeat | Time | Clocks | Always


def moved_by(case: Case) -> tuple[bool, ...]:
    """Which triggers may hold of an event without hidden values, in the order of `_TRIGGERS`."""
    sightings = case.sightings
    return (
        bool(case.faults),
        bool(case.texts),
        bool(sightings.seen) or sightings.gave_up,
        case.listing is not Listing.LISTED,
        bool(case.event.duplicates),
        case.consent is not None,
        case.event.times.stated is not None,
        True,
    )


_TRIGGERS = (Invalid, Strings, Listed, Name, Repeat, Time, Clocks, Always)


# ---- rules ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventRule:
    """Decides on one event. Yields breaches, and a gap for what it could not look at."""

    id: str
    level: Level
    levels: str
    triggers: tuple[Trigger, ...]
    check: Callable[[Case], Iterable[Breach | Gap]]
    doc: str

    def may(self, held: tuple[bool, ...]) -> bool:
        """Whether the rule may find something in an event of which these triggers hold, as `moved_by` says."""
        mine = {type(trigger) for trigger in self.triggers}
        return any(holds for kind, holds in zip(_TRIGGERS, held, strict=True) if kind in mine)


@dataclass(frozen=True, slots=True)
class RecordRule:
    """Decides on a record that yielded no event."""

    id: str
    level: Level
    levels: str
    check: Callable[[Unreadable], tuple[str, Facts]]
    doc: str


class PageBreach(NamedTuple):
    """A breach of the page by itself. `claim`: whose words; `sample`: shown by a sample of the page."""

    claim: str
    event: PackStr | None
    pointer: Pointer | None
    template: str
    facts: Facts
    sample: bool


@dataclass(frozen=True, slots=True)
class PageRule:
    """Decides on the page alone, without any capture."""

    id: str
    level: Level
    levels: str
    check: Callable[[Policy], Iterable[PageBreach]]
    doc: str


class Seen(Protocol):
    """What a count rule may ask of the tally: how often a documented field carried a value, by (event type, field)."""

    def __getitem__(self, key: tuple[str, str], /) -> int: ...


class CountBreach(NamedTuple):
    """A breach seen only in counts: one for all events of a type."""

    event: PackStr
    origin: str
    pointer: Pointer
    template: str
    facts: Facts
    number: int


@dataclass(frozen=True, slots=True)
class CountRule:
    """Decides once, from counts, after the last merge."""

    id: str
    level: Level
    levels: str
    check: Callable[[Policy, Seen], Iterable[CountBreach]]
    doc: str


Marker: TypeAlias = Callable[[EventType | None, dict[str, Json], datetime | None], bytes | None]
"""Makes the mark of one event, without its place: (the page's entry, the event, when it arrived)."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """A payload-free mark per event, `width` bytes with the packed place (input, unit, item) at its end, so made that
    sorted marks of one subject stand together in time. `marker` is made ready once for a policy.

    `alone`: whether a mark whose first 16 bytes no other mark has says something.
    `cadenced`: only listed events with a documented cadence leave one, and every such event must.
    """

    id: str
    width: int
    cadenced: bool
    alone: bool
    marker: Callable[[Policy], Marker]


class TimelineBreach(NamedTuple):
    """A breach of a sequence of events, told at the later one. `place` as in the mark."""

    event: PackStr | None
    origin: str | None
    pointer: Pointer
    template: str
    facts: Facts
    level: Level
    place: bytes


@dataclass(frozen=True, slots=True)
class TimelineRule:
    """Concludes on the sorted marks of its timeline, after the last merge."""

    id: str
    level: Level
    levels: str
    timeline: Timeline
    conclude: Callable[[Policy, Iterable[bytes]], Iterable[TimelineBreach]]
    doc: str


class Reached(NamedTuple):
    """One destination, whatever it was reached by, after the last merge. `looked_up`: only its name was asked for;
    `plain`: contacts over unencrypted HTTP with telemetry, or for what the page or the auditor says the host is for;
    `outside`: it lies outside the installation, and the auditor asked that nothing does."""

    standing: Standing
    contacts: int
    connected: int
    bytes_out: int
    telemetry: int
    plain: int
    looked_up: bool
    outside: bool


class DestinationBreach(NamedTuple):
    """A breach by a destination: one for all contacts with it."""

    template: str
    facts: Facts
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class DestinationRule:
    """Decides once a destination, after the last merge."""

    id: str
    level: Level
    levels: str
    check: Callable[[Reached], Iterable[DestinationBreach]]
    doc: str


Rule: TypeAlias = EventRule | RecordRule | PageRule | CountRule | TimelineRule | DestinationRule


def field_text(pointer: Pointer) -> str:
    """A documented pointer as the key of counts: tokens of the pack only."""
    return "".join(f"/{str(token).replace('~', '~0').replace('/', '~1')}" for token in pointer)
