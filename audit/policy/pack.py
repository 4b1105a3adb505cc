"""A policy pack as frozen values: one revision of one product's telemetry page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from audit.model import Json, PackStr, Pointer, parse_pointer, resolve
from audit.policy.validators import Validator, fits


class PolicyError(Exception):
    """A fault of a pack: names file, key path, line where known, and what is wrong."""

    def __init__(self, file: str, where: str, what: str, line: int | None = None) -> None:
        self.file, self.where, self.what, self.line = file, where, what, line
        position = f"{file}:{line}" if line is not None else file
        super().__init__(f"{position}: {where}: {what}" if where else f"{position}: {what}")


class Documented(StrEnum):
    SAMPLE = "sample"
    NAME_ONLY = "name-only"


class Consent(StrEnum):
    OPT_IN = "opt-in"
    ALWAYS = "always"


class AfterOptOut(StrEnum):
    FORBIDDEN = "forbidden"
    ALLOWED = "allowed"
    AMBIGUOUS = "ambiguous"


class Identifies(StrEnum):
    """Whom a category of data points at."""

    NOBODY = "nobody"
    INSTALLATION = "installation"
    PERSON = "person"


CATEGORIES: Mapping[str, Identifies] = {
    "none": Identifies.NOBODY,
    "time": Identifies.NOBODY,
    "message-id": Identifies.NOBODY,
    "software": Identifies.NOBODY,
    "device": Identifies.NOBODY,
    "locale": Identifies.NOBODY,
    "page-address": Identifies.NOBODY,
    "error-text": Identifies.NOBODY,
    "other": Identifies.NOBODY,
    "user-agent": Identifies.PERSON,
    "ip-address": Identifies.PERSON,
    "user-id": Identifies.PERSON,
    "device-id": Identifies.PERSON,
    "email": Identifies.PERSON,
    "installation-id": Identifies.INSTALLATION,
}
"""The closed vocabulary of `x-data-category`. Persons: online identifiers in the sense of GDPR Recital 30."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where a message keeps its name, call, id and times; which members the transport adds, which only the collector.

    `varying`: root members, or members of those, that may differ between two deliveries of one message.
    """

    name: Pointer | None
    call: Pointer | None
    named: str | None
    calls: frozenset[str]
    id: Pointer | None
    id_pattern: str | None
    batch: str | None
    transport: tuple[str, ...]
    sent: Pointer | None
    received: Pointer | None
    created: Pointer | None
    stamp: Pointer | None
    varying: tuple[tuple[str, str | None], ...]
    added: tuple[Pointer, ...] = ()

    def is_id(self, text: str) -> bool:
        """Whether a text has the form of the messages' ids, if they have one."""
        return self.id_pattern is not None and fits(self.id_pattern, text)


@dataclass(frozen=True, slots=True)
class Match:
    """One condition of an origin: a pointer and what must hold of the value there."""

    pointer: Pointer
    equals: Json = None
    among: tuple[Json, ...] | None = None
    present: bool | None = None
    prefix: str | None = None
    ip: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    name: str
    match: tuple[Match, ...]
    consent: Consent
    after_opt_out: AfterOptOut


@dataclass(frozen=True, slots=True)
class Cadence:
    every: timedelta
    tolerance: timedelta
    retry: timedelta
    subject: Pointer


@dataclass(frozen=True, slots=True)
class Leaf:
    """One documented leaf of an event. `closed`: its schema leaves no room for free text; `said`: nor for a value that an
    auditor lists, since it is a value of the page's own or a time."""

    pointer: Pointer
    category: str
    placeholder: PackStr | None
    required: bool
    closed: bool
    said: bool
    schema: Mapping[str, Any]
    transport: bool = False

    def is_address(self) -> bool:
        """Whether the page shows an IP address here."""
        branches = (self.schema, *self.schema.get("anyOf", ()))
        return self.category == "ip-address" or any(branch.get("format") in ("ipv4", "ipv6") for branch in branches)

    def has_form(self) -> bool:
        """Whether a value's form alone tells this leaf from others: a format or a pattern, not a mere length."""
        branches = (self.schema, *self.schema.get("anyOf", ()))
        return any("format" in branch or "pattern" in branch for branch in branches)


@dataclass(slots=True)
class Place:
    """What the page shows at one place of an event, and below it by name; `*` for any index."""

    shown: bool = False
    members: dict[str, Place] = field(default_factory=dict)

    def at(self, pointer: Pointer) -> Place:
        place = self
        for token in pointer:
            place = place.members.get("*" if isinstance(token, int) else token, NOWHERE)
        return place


NOWHERE = Place()
"""A place that the page does not show, nor anything below it."""


@dataclass(frozen=True, slots=True)
class EventType:
    """One entry of the page: a listed event, or the schema of a described category. Fields hold `*` for any index."""

    name: PackStr
    origin: str
    documented: Documented
    schema: Mapping[str, Any]
    validator: Validator
    leaves: Mapping[Pointer, Leaf]
    containers: frozenset[Pointer]
    required: frozenset[Pointer]
    open: bool
    cadence: Cadence | None = None
    consent: Consent | None = None
    places: Place = field(init=False, compare=False, repr=False)
    """The same as a tree, for a walk: what `documents` says of every pointer."""
    pieces: Mapping[Pointer, frozenset[str]] = field(init=False, compare=False, repr=False)
    """For each object of an event that keeps to the schema, the members whose texts a listed value may be split over: those
    with room for text. Empty where events must be walked to find all that they hold."""
    addresses: frozenset[Pointer] = field(init=False, compare=False, repr=False)
    """Where the page shows an IP address."""
    carried: frozenset[str] = field(init=False, compare=False, repr=False)
    """Members that the transport adds and the page does not show."""

    def __post_init__(self) -> None:
        root = Place()
        for pointer in (*self.containers, *self.leaves):
            place = root
            for token in pointer:
                place = place.members.setdefault(str(token), Place())
            place.shown = self.documents(pointer)
        found = frozenset(pointer for pointer, leaf in self.leaves.items() if leaf.is_address())
        object.__setattr__(self, "addresses", found)
        carried = frozenset(str(pointer[0]) for pointer, leaf in self.leaves.items() if leaf.transport)
        object.__setattr__(self, "carried", carried)
        object.__setattr__(self, "places", root)
        object.__setattr__(self, "pieces", {} if self.walked(self.valued) else _pieces(self))

    @property
    def valued(self) -> list[Leaf]:
        """The leaves in which a listed value may stand."""
        return [leaf for leaf in self.leaves.values() if not leaf.said]

    def walked(self, leaves: Iterable[Leaf]) -> bool:
        """Whether only a walk finds some leaves in every event of the type."""
        return self.open or any(leaf.pointer in self.containers or "*" in leaf.pointer for leaf in leaves)

    def shows(self, pointer: Pointer) -> bool:
        """Whether the schema knows a member of this name here."""
        return self.leaf(pointer) is not None or (
            tuple("*" if isinstance(token, int) else token for token in pointer) in self.containers
        )

    def leaf(self, pointer: Pointer) -> Leaf | None:
        """The documented leaf at an event's pointer."""
        found = self.leaves.get(pointer)
        if found is None and any(isinstance(token, int) for token in pointer):
            found = self.leaves.get(tuple("*" if isinstance(token, int) else token for token in pointer))
        return found

    def requires(self, pointer: Pointer) -> bool:
        """Whether the page shows this field in every event of the type."""
        return tuple("*" if isinstance(token, int) else token for token in pointer) in self.required

    def documents(self, pointer: Pointer) -> bool:
        """Whether the page shows something at this pointer, leaf or container; transport members are not the page's."""
        leaf = self.leaf(pointer)
        if leaf is not None:
            return not leaf.transport
        return tuple("*" if isinstance(token, int) else token for token in pointer) in self.containers


def _pieces(entry: EventType) -> dict[Pointer, frozenset[str]]:
    found: dict[Pointer, set[str]] = {where: set() for where in entry.containers}
    for leaf in entry.leaves.values():
        if not leaf.closed:
            found.setdefault(leaf.pointer[:-1], set()).add(str(leaf.pointer[-1]))
    return {where: frozenset(names) for where, names in found.items()}


@dataclass(frozen=True, slots=True)
class Category:
    """What the page describes without listing names."""

    origin: str
    describes: PackStr
    name_pattern: str
    type: EventType


@dataclass(frozen=True, slots=True)
class ConsentSwitch:
    """How the product is told to be silent."""

    env: str
    off: tuple[str, ...]
    needs_restart: bool
    subjects: Mapping[str, str]
    grace: timedelta
    flush_window: timedelta


@dataclass(frozen=True, slots=True)
class EmailPlace:
    event: str
    pointer: Pointer


@dataclass(frozen=True, slots=True)
class Destination:
    purpose: PackStr
    origin: str | None
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sufficient:
    """What a capture must hold before `upheld` may be said: all given conditions together."""

    origin: str | None = None
    event: str | None = None
    events: int | None = None
    intervals: int | None = None
    window: timedelta | None = None
    contacts: int | None = None
    seeds: int | None = None
    positive_control: bool = False
    consent_known: bool = False
    before_opt_out: int | None = None
    alive_after_opt_out: timedelta | None = None
    alive_without_consent: bool = False
    never: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """Quoted words of the page with the rules that test them."""

    id: str
    quotes: tuple[str, ...]
    rules: tuple[str, ...] = ()
    origin: str | None = None
    implied: bool = False
    destination: str | None = None
    exclusive: bool = False
    limit: str | None = None
    sufficient: tuple[Sufficient, ...] = ()
    not_testable: str | None = None

    def owns(self, rule: str, origin: str | None) -> bool:
        """Whether a finding of this rule and origin counts here; one of unknown origin could count for every owner. A claim
        about one destination owns only what was found at such a destination, whose origin the pack says."""
        if self.destination is not None and origin is None:
            return False
        return rule in self.rules and (self.origin is None or origin is None or origin in (self.origin, "unknown"))


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample as the page prints it."""

    file: str
    event: str
    value: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Accepted:
    """A widening that this pack lets pass, and why. `revision`: the one that brought it; older entries are history."""

    revision: str
    change: str
    reason: str
    event: str | None = None
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The whole pack. `sha256` covers every file in it. `draft`: nobody has reviewed it yet."""

    id: str
    revision: str
    title: str
    sha256: str
    page: str
    envelope: Envelope
    origins: tuple[Origin, ...]
    events: Mapping[str, EventType]
    categories: tuple[Category, ...]
    claims: tuple[Claim, ...]
    consent: ConsentSwitch | None = None
    emails: tuple[EmailPlace, ...] = ()
    not_personal: frozenset[str] = frozenset()
    destinations: tuple[Destination, ...] = ()
    samples: tuple[Sample, ...] = ()
    draft: bool = False
    accepted: tuple[Accepted, ...] = ()
    names: frozenset[str] = field(default_factory=frozenset)
    rhythms: tuple[EventType, ...] = field(init=False)
    """The event types with a documented cadence, in a fixed order."""

    def __post_init__(self) -> None:
        cadenced = (entry for entry in self.events.values() if entry.cadence is not None)
        object.__setattr__(self, "rhythms", tuple(sorted(cadenced, key=lambda entry: entry.name)))

    def origin_of(self, value: dict[str, Json]) -> str | None:
        """The first origin whose match rules all hold."""
        return next((o.name for o in self.origins if o.match and all(holds(m, value) for m in o.match)), None)

    def subject_of(self, origin: str, value: dict[str, Json]) -> str | None:
        """Whose consent an event of this origin falls under; an address is never a subject."""
        where = self.consent.subjects.get(origin) if self.consent is not None else None
        if where is None:
            return None
        pointer, _, part = where.partition("#")
        found = resolve(value, parse_pointer(pointer))
        if part == "host" and isinstance(found, str):
            found = host_of(found)
        return found if isinstance(found, str) and found and not is_address(found) else None

    def opt_in(self, entry: EventType | None, origin: str) -> bool:
        """Whether events of this type and origin need an opt-in, documented or not."""
        if entry is not None and entry.consent is not None:
            return entry.consent is Consent.OPT_IN
        return any(o.name == origin and o.consent is Consent.OPT_IN for o in self.origins)

    def after_opt_out(self, origin: str) -> AfterOptOut:
        return next((o.after_opt_out for o in self.origins if o.name == origin), AfterOptOut.FORBIDDEN)

    def category_of(self, name: str) -> Category | None:
        return next((category for category in self.categories if fits(category.name_pattern, name)), None)

    def allows_email(self, event: str | None, pointer: Pointer) -> bool:
        return any(place.event == event and place.pointer == pointer for place in self.emails)


def holds(match: Match, value: Json) -> bool:
    """Whether one condition holds of an event; null is absent."""
    found = resolve(value, match.pointer)
    if match.present is not None:
        return (found is not None) is match.present
    if match.ip:
        return isinstance(found, str) and is_address(found)
    if match.among is not None:
        return found in match.among
    if match.prefix is not None:
        return isinstance(found, str) and found.startswith(match.prefix)
    return found == match.equals


def host_of(url: str) -> str | None:
    """The host of an absolute URL, lower case, without port."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def is_address(text: str) -> bool:
    """Whether text is an IPv4 or IPv6 address, the whole of it."""
    from ipaddress import ip_address

    if "." not in text and ":" not in text:
        return False  # most are tokens, and asking costs
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
