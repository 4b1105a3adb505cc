"""The slow lane: everything about one event, explained. Builds the case, runs every rule, redacts what they yield."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeAlias

from audit.engine.names import Names
from audit.leaks.content import LARGE, MANY
from audit.leaks.search import Search
from audit.leaks.sightings import NONE, Sightings, sight
from audit.model import Breach, Event, Finding, Gap, Grade, Json, Level, Place, Pointer, Reveal, Unreadable, resolve
from audit.policy.consent import ConsentTable
from audit.policy.forms import Forms
from audit.policy.pack import CATEGORIES, EventType, Identifies, Policy
from audit.policy.validators import EXTRA, Fault, Validator
from audit.redact import Redactor, Veil, fingerprint, message
from audit.rules.case import Case, EventRule, Listing, RecordRule, Text, field_text, moved_by

Wanted: TypeAlias = Mapping[str, int] | None
"""Texts of an event that some rule must see, and how often each stands there. None: all."""
Counted: TypeAlias = Callable[[str, Level, str, str, Place], bool]
"""Counts a finding in, by rule, level, origin, fingerprint and place, if nothing else of it is needed."""
_UNASKED: Wanted = MappingProxyType({"": 0})
"""Stands for not having asked."""
_NO_PIECES: Mapping[Pointer, frozenset[str]] = MappingProxyType({})
_OF_MEMBERS = frozenset({*EXTRA, "required"})
"""What a schema says of which members there are, not of what stands in them."""


@dataclass(frozen=True, slots=True)
class SlowLane:
    """One policy's rules over events and unreadable records."""

    policy: Policy
    rules: tuple[EventRule, ...]
    record_rules: tuple[RecordRule, ...]
    redactor: Redactor
    names: Names
    consent: ConsentTable | None = None
    suspects: Callable[[Sequence[Sequence[str]]], set[str]] | None = None
    """Those of the texts of some events that a rule may find something in: only they are shown to the rules. None: show
    all."""
    seeds: Search | None = None
    forms: Forms | None = None
    plain: Callable[[], AbstractSet[str]] | None = None
    """Of the texts that `suspects` was last asked about, some that are known to be plain."""
    moved: dict[tuple[bool, ...], tuple[EventRule, ...]] = field(default_factory=dict, compare=False, repr=False)
    """The rules that may find something, by which of their triggers hold: there are few combinations."""
    closed: dict[int, tuple[Pointer, ...]] = field(default_factory=dict, compare=False, repr=False)
    """The places of an entry of the page that have no room for free text, by the entry's identity."""

    def case(self, event: Event, wanted: Wanted = _UNASKED) -> Case:
        """The event as the rules see it. Without an entry of the page there are no faults of shape. `wanted`: what `screen`
        found of it."""
        listing, entry, nearest = self.names.of(event)
        wanted = self.screen((event,))[0] if wanted is _UNASKED else wanted
        faults = _faults(entry.validator, event.value) if entry is not None else ()
        if wanted and entry is not None and listing is Listing.LISTED and self.seeds is None and not event.hidden:
            wanted = self._unvouched(event, wanted, entry, faults)
        shown = _shown(event, wanted)
        return Case(
            event=event,
            policy=self.policy,
            listing=listing,
            type=entry,
            nearest=nearest,
            faults=faults,
            texts=shown,
            consent=self.consent,
            sightings=NONE if self.seeds is None else self._sighted(event, shown, listing, entry, faults),
            forms=self.forms,
            plain=self.plain() if self.plain is not None else frozenset(),
        )

    def _unvouched(
        self, event: Event, wanted: Mapping[str, int], entry: EventType, faults: tuple[Fault, ...]
    ) -> Mapping[str, int]:
        """Those of some texts that stand anywhere but where the event is as documented and the schema leaves no room for
        free text: the fast lane asks of none of these either."""
        places = self.closed.get(id(entry))
        if places is None:
            found = (leaf.pointer for leaf in entry.leaves.values() if leaf.closed and "*" not in leaf.pointer)
            places = self.closed[id(entry)] = tuple(found)
        left = dict(wanted)
        for place in places:
            text = resolve(event.value, place)
            if isinstance(text, str) and text in left and not _is_wrong(place, faults):
                left[text] -= 1
        return {text: wanted[text] for text, number in left.items() if number}

    def _sighted(
        self,
        event: Event,
        shown: tuple[Text, ...],
        listing: Listing,
        entry: EventType | None,
        faults: tuple[Fault, ...],
    ) -> Sightings:
        pieces = _pieces(entry, faults) if entry is not None and listing is Listing.LISTED else _NO_PIECES
        return self.sighted(event, _unsaid(event, shown, entry, faults), pieces)

    def sighted(
        self, event: Event, shown: tuple[Text, ...], pieces: Mapping[Pointer, frozenset[str]] = _NO_PIECES
    ) -> Sightings:
        """Where listed values stand in an event. `pieces`: of the objects that are as documented, the members over which
        one may be split; in any other object it may be split over all, and be encoded."""
        if self.seeds is None:
            return NONE
        return sight(self.seeds, shown, (((), event.value), *event.hidden), pieces)

    def shown(self, event: Event) -> tuple[Text, ...]:
        """The texts of an event in which some rule may find something."""
        return _shown(event, self.screen((event,))[0])

    def screen(self, events: Sequence[Event]) -> list[Wanted]:
        """In which texts of some events a rule may find something. All are asked about at once, which costs less than one
        after the other."""
        if self.suspects is None:
            return [None] * len(events)
        found = [_strings(event) for event in events]
        # Where not all texts of an event are decoded, which ones are must not depend on what is remembered.
        large = list(map(_is_large, found))
        suspects = self.suspects([strings for strings, is_large in zip(found, large, strict=True) if not is_large])
        return [
            None if is_large else _counts(suspects, strings) for strings, is_large in zip(found, large, strict=True)
        ]

    def judge(self, case: Case, counted: Counted | None = None) -> Iterator[Finding | Gap]:
        """Every finding of every rule, redacted; a value hidden by a later one of its key is judged in its place too.
        `counted`: takes what needs no finding of its own."""
        readings = (case, *self._read_otherwise(case)) if case.event.hidden else (case,)
        gaps: set[Gap] = set()
        told: set[tuple[str, str | None, str]] = set()
        for reading in readings:
            fresh: list[Finding] = []
            for finding in self._redacted(reading, self._moved(reading), None if case.event.hidden else counted):
                if isinstance(finding, Gap):
                    if finding not in gaps:  # one gap an event, however many rules fell into it
                        gaps.add(finding)
                        yield finding
                    continue
                if not told or _key(finding) not in told:
                    yield finding
                fresh.append(finding)
            if case.event.hidden:
                told |= set(map(_key, fresh))

    def _read_otherwise(self, case: Case) -> Iterator[Case]:
        """The event with each value that is hidden in it. All of their texts stand in the event, and were asked about."""
        known = self.suspects is not None and not _is_large(_strings(case.event))
        wanted = {text.text for text in case.texts}
        return (
            self.case(reading, _counts(wanted, strings(reading.value)) if known else _UNASKED)
            for reading in _readings(case.event)
        )

    def _moved(self, case: Case) -> tuple[EventRule, ...]:
        """The rules of which a trigger holds. A value that is hidden may move any."""
        if case.event.hidden:
            return self.rules
        held = moved_by(case)
        rules = self.moved.get(held)
        if rules is None:
            rules = self.moved[held] = tuple(rule for rule in self.rules if rule.may(held))
        return rules

    def search(self, case: Case, rules: frozenset[str]) -> Iterator[Finding | Gap]:
        """What some rules alone find in a case, redacted."""
        return self._redacted(case, tuple(rule for rule in self.rules if rule.id in rules))

    def _redacted(
        self, case: Case, rules: tuple[EventRule, ...], counted: Counted | None = None
    ) -> Iterator[Finding | Gap]:
        found = [(rule, breach) for rule in rules for breach in rule.check(case)]
        veil = _veil(case, found) if self.redactor.reveal is Reveal.VALUES else None
        event = case.event
        for rule, breach in found:
            if isinstance(breach, Gap):
                yield breach
            elif counted is None or not counted(
                rule.id,
                breach.level or rule.level,
                event.origin,
                self.redactor.fingerprint(rule.id, breach, event),
                event.place,
            ):
                yield self.redactor.finding(rule.id, rule.level, breach, event, veil)

    def record(self, record: Unreadable) -> Iterator[Finding]:
        for rule in self.record_rules:
            template, facts = rule.check(record)
            yield Finding(
                fingerprint=fingerprint(rule.id, None, None, None),
                rule=rule.id,
                level=rule.level,
                grade=Grade.PROVED,
                place=record.place,
                event=None,
                message_id=None,
                origin=None,
                pointer=None,
                field=None,
                host=None,
                message=message(template, facts),
                shape=None,
            )


_HELD = frozenset({"secret", "canary", "known-identifier", "reidentified-hash"})
"""Rules whose findings stand where a credential or a listed value is: what is there is never shown."""


def _veil(case: Case, found: Iterable[tuple[EventRule, Breach | Gap]]) -> Veil:
    """What stays hidden of an event whose values are asked for: all of it, if not all of it could be searched."""
    listed = {breach.pointer for rule, breach in found if isinstance(breach, Breach) and rule.id in _HELD}
    listed |= {sighting.pointer for sighting in case.sightings.seen}
    unsearched = case.sightings.gave_up or any(breach is Gap.SEARCH for _, breach in found)
    held = (resolve(case.event.value, pointer) for pointer in listed)
    return Veil(
        frozenset(listed), unsearched, frozenset(word for word in held if isinstance(word, str) and word.strip())
    )


def _key(finding: Finding) -> tuple[str, str | None, str]:
    """What makes a finding of another reading the same one."""
    return finding.rule, finding.pointer, finding.message


def _shown(event: Event, wanted: Wanted) -> tuple[Text, ...]:
    return tuple(texts(event)) if wanted is None else tuple(texts(event, wanted)) if wanted else ()


def _is_wrong(place: Pointer, faults: tuple[Fault, ...]) -> bool:
    """Whether a schema refused what stands at a place, or something around it."""
    return any(fault.keyword not in _OF_MEMBERS and place[: len(fault.pointer)] == fault.pointer for fault in faults)


def _counts(wanted: set[str], strings: list[str]) -> Mapping[str, int]:
    return {text: strings.count(text) for text in wanted.intersection(strings)}


def _is_large(strings: list[str]) -> bool:
    return len(strings) > MANY or sum(map(len, strings)) > LARGE


_READINGS = 32
"""How many hidden values are judged in place; the event is a gap in any case."""


def _readings(event: Event) -> Iterator[Event]:
    """The event as a parser would see it that keeps the other value of a doubled key."""
    for pointer, hidden in event.hidden[:_READINGS]:
        value = _with(event.value, pointer, hidden)
        if isinstance(value, dict):
            yield replace(event, value=value, hidden=(), duplicates=())


def _with(node: Json, pointer: Pointer, value: Json) -> Json:
    if not pointer:
        return value
    first, rest = pointer[0], pointer[1:]
    if isinstance(node, dict) and isinstance(first, str):
        return {**node, first: _with(node.get(first), rest, value)}
    if isinstance(node, list) and isinstance(first, int) and first < len(node):
        return [*node[:first], _with(node[first], rest, value), *node[first + 1 :]]
    return node


def _strings(event: Event) -> list[str]:
    """Every text of an event, hidden ones included."""
    found = strings(event.value)
    for _, value in event.hidden:
        found += strings(value)
    return found


def strings(value: Json) -> list[str]:
    """Every text below a value, member names included, without places."""
    found: list[str] = [value] if isinstance(value, str) else []
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            found += node
            children: Iterable[Json] = node.values()
        else:
            children = node if isinstance(node, list) else ()
        for child in children:
            kind = type(child)
            if kind is str:
                found.append(child)  # type: ignore[arg-type]  # its type was asked for
            elif kind is not int and isinstance(child, dict | list):
                stack.append(child)
    return found


def _pieces(entry: EventType, faults: tuple[Fault, ...]) -> Mapping[Pointer, frozenset[str]]:
    """The objects of an event that hold what the page documents, each member as it is documented."""
    if not faults:
        return entry.pieces
    found = [fault for fault in faults if fault.keyword != "required"]
    spoiled = {where for fault in found for where in (fault.pointer, fault.pointer[:-1])}
    wrong = [fault.pointer for fault in found if fault.keyword not in EXTRA]
    return {
        where: names
        for where, names in entry.pieces.items()
        if where not in spoiled and not any(where[: len(above)] == above for above in wrong)
    }


def _unsaid(
    event: Event, shown: tuple[Text, ...], entry: EventType | None, faults: tuple[Fault, ...]
) -> tuple[Text, ...]:
    """Those of some texts that the page does not say itself. Its names, its own values and its times are taken at their
    word where the event has them as documented."""
    if entry is None:
        return shown
    wrong = [fault.pointer for fault in faults if fault.keyword not in _OF_MEMBERS]
    return tuple(text for text in shown if not _is_said(event, text, entry, wrong))


def _is_said(event: Event, text: Text, entry: EventType, wrong: Sequence[Pointer]) -> bool:
    if text.key:
        return entry.shows(text.pointer)
    leaf = entry.leaf(text.pointer)
    if leaf is None or not leaf.said or any(text.pointer[: len(where)] == where for where in wrong):
        return False
    return resolve(event.value, text.pointer) == text.text  # else it is a hidden value, which no schema saw


class _Everything:
    """Stands for a set that holds every text."""

    def __contains__(self, _: object) -> bool:
        return True


def texts(event: Event, wanted: Container[str] = _Everything()) -> Iterator[Text]:
    """Those of an event's texts that are wanted: values, then member names, hidden values included."""
    for root, value in (((), event.value), *event.hidden):
        names: list[Text] = []
        stack: list[tuple[Pointer, Json]] = [(root, value)]
        while stack:
            where, node = stack.pop()
            if isinstance(node, str):
                if node in wanted:
                    yield Text(where, node, key=False)
            elif isinstance(node, dict):
                names += [Text((*where, key), key, key=True) for key in node if key in wanted]
                stack += reversed(
                    [
                        ((*where, key), child)
                        for key, child in node.items()
                        if (child in wanted if type(child) is str else isinstance(child, dict | list))
                    ]
                )
            elif isinstance(node, list):
                stack += reversed(
                    [
                        ((*where, index), child)
                        for index, child in enumerate(node)
                        if (child in wanted if type(child) is str else isinstance(child, dict | list))
                    ]
                )
        yield from names


def identifying(entry: EventType) -> tuple[tuple[str, Pointer], ...]:
    """The leaves of an entry whose category identifies, as (field, pointer); only those that need no index."""
    found = (leaf for leaf in entry.leaves.values() if CATEGORIES[leaf.category] is not Identifies.NOBODY)
    return tuple((field_text(leaf.pointer), leaf.pointer) for leaf in found if "*" not in leaf.pointer)


def _faults(validator: Validator, value: dict[str, Json]) -> tuple[Fault, ...]:
    try:
        return validator.faults(value)
    except (UnicodeEncodeError, ValueError, OverflowError):
        # Lone surrogates and numbers beyond the engine: judged on a copy in which only those differ.
        return _restore(validator.faults(_tame(value)), value)


def _tame(value: Any) -> Any:
    if isinstance(value, str):
        return _tame_text(value)
    if isinstance(value, dict):
        return {_tame_text(key): _tame(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_tame(child) for child in value]
    return float(value) if isinstance(value, Decimal) else value


def _tame_text(text: str) -> str:
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _restore(faults: tuple[Fault, ...], value: dict[str, Json]) -> tuple[Fault, ...]:
    """Faults of the tamed copy, with the members' own names put back."""
    return tuple(
        Fault(where, fault.keyword, tuple(name for tamed in fault.names for name in _named(where, tamed, value)))
        for fault in faults
        for where in (_walk(fault.pointer, value),)
    )


def _walk(pointer: Pointer, value: Json) -> Pointer:
    node, at = value, []
    for token in pointer:
        if isinstance(node, dict) and token not in node:
            token = next((key for key in node if _tame_text(key) == token), token)  # noqa: PLW2901 - the token as it stands in the event
        at.append(token)
        node = node.get(str(token)) if isinstance(node, dict) else node[int(token)] if isinstance(node, list) else None
    return tuple(at)


def _named(where: Pointer, tamed: str, value: Json) -> tuple[str, ...]:
    node = resolve(value, where)
    if not isinstance(node, dict) or tamed in node:
        return (tamed,)
    return tuple(key for key in node if _tame_text(key) == tamed) or (tamed,)
