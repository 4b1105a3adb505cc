"""The fast lane: prove an event clean as cheaply as possible. It knows triggers, not rules.

Law, property-tested: what it proves clean, the slow lane finds nothing in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import orjson

from audit.engine.times import has_no_offset, is_instant, times_of
from audit.leaks.content import MANY, is_mere_address
from audit.leaks.room import not_plain
from audit.leaks.search import Search
from audit.leaks.sightings import number_text, pieced, unfolded
from audit.model import Pointer, leaves, members, resolve
from audit.policy.consent import ConsentTable
from audit.policy.pack import Envelope, EventType, Leaf, Policy
from audit.rules.case import Always, Clocks, EventRule, Listed, Strings, Time

_MEMO = 50_000
_WHITE = b" \t\r"
_AT = itemgetter(0)
_SCALARS = frozenset({int, float})


class _Texts(NamedTuple):
    """The open leaves of one object: how to take the required ones at once, which others to ask for, and its objects.

    `size`: how many members the schema requires there; an object of that size has no others.
    """

    required: Callable[[Any], Any] | None
    single: bool
    optional: tuple[str, ...]
    size: int
    objects: tuple[tuple[str, _Texts], ...]


class Plan(NamedTuple):
    """What must be looked at in an event of one type that its schema accepts."""

    type: EventType
    is_valid: Callable[[Any], bool]
    texts: _Texts | None
    steady: Callable[[dict[str, Any]], bool] | None
    unvouched: tuple[Pointer, ...]
    valued: _Texts | None
    pieced: tuple[tuple[Pointer, frozenset[str]], ...]
    """Objects of which two members or more may each hold a piece of a listed value, with these members' names."""
    address: Pointer | None
    """Where the page allows an e-mail address: no other text of the event may be one."""


class Proved(NamedTuple):
    """Events of one type that are proved clean: their indices among the lines, and their values."""

    plan: Plan
    at: list[int]
    values: list[dict[str, Any]]


class Rest(NamedTuple):
    """A line that is not proved clean. `value`: what was parsed, if it shows every byte of the line, so that the slow
    lane need not parse it again."""

    at: int
    value: dict[str, Any] | None


class FastLane:
    """Compiled from a policy and the rules in force. Holds a bounded memo of texts known to be harmless."""

    def __init__(
        self,
        policy: Policy,
        rules: Iterable[EventRule],
        consent: ConsentTable | None = None,
        seeds: Search | None = None,
    ) -> None:
        triggers = [trigger for rule in rules for trigger in rule.triggers]
        envelope = policy.envelope
        strings = [trigger for trigger in triggers if isinstance(trigger, Strings)]
        self.off = any(isinstance(trigger, Always) for trigger in triggers) or envelope.name is None
        self.suspects = tuple(dict.fromkeys(trigger.suspect for trigger in strings))
        self.spares_plain = all(trigger.spares_plain for trigger in strings)
        clocks = any(isinstance(trigger, Clocks) for trigger in triggers)
        self.seeds = seeds if any(isinstance(trigger, Listed) for trigger in triggers) else None
        self.plans = {str(name): _plan(entry, policy, clocks=clocks) for name, entry in policy.events.items()}
        self.name: Pointer = envelope.name or ()
        self.call: Pointer = envelope.call or ()
        self.named = envelope.named
        self.flat = len(self.name) == 1 and len(self.call) <= 1
        self.name_key = str(self.name[0]) if self.flat else ""
        self.call_key = str(self.call[0]) if self.flat and self.call else ""
        self.base = frozenset(name for name in policy.names if not any(ask(name) for ask in self.suspects))
        self.harmless = set(self.base)
        self.plain: set[str] = set()
        """Those of the texts last asked about by `shown` that were seen to be plain."""
        self.asked: list[tuple[set[Any], set[str]]] = []
        """Texts that were asked about when the last lines were proved, and the suspects among them: what is left of these
        lines need not be asked again."""
        self.envelope = envelope
        timed = consent is not None and any(isinstance(trigger, Time) for trigger in triggers)
        self.silent = consent.silent() if consent is not None and timed else None

    def prove(self, lines: Sequence[bytes]) -> tuple[list[Proved], list[Rest]]:
        """Each line's event, either among the proved ones of its type or, in order, in the rest.

        Many lines at once, for what is cheap only in bulk; few enough that the parsed values stay in the cache.
        """
        groups: dict[str, Proved] = {}
        rest: list[Rest] = []
        self.asked = []
        for index, line in enumerate(lines):
            try:
                value = orjson.loads(line)
                dumped = orjson.dumps(value)
            except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # no JSON, or nested deeper than it writes
                rest.append(Rest(index, None))
                continue
            if dumped != line and dumped.translate(None, _WHITE) != line.translate(None, _WHITE):
                rest.append(Rest(index, None))  # a doubled key, an escape, an odd number: bytes that the value hides
                continue
            plan = self._plan_of(value)
            if plan is None or not plan.is_valid(value) or (plan.texts is None and _holds_many(value)):
                rest.append(Rest(index, value if type(value) is dict else None))
                continue
            proved = groups.get(plan.type.name)
            if proved is None:
                proved = groups[plan.type.name] = Proved(plan, [], [])
            proved.at.append(index)
            proved.values.append(value)
        listed = self._listed_in(groups.values()) if self.seeds is not None else set()
        found = [self._sift(proved, rest, listed) for proved in groups.values()]
        rest.sort(key=_AT)
        return found, rest

    def look(self, line: bytes) -> bool:
        """Whether one line is proved clean."""
        proved, _ = self.prove((line,))
        return any(group.at for group in proved)

    def _plan_of(self, value: Any) -> Plan | None:
        if type(value) is not dict:
            return None
        if self.flat:
            name = value.get(self.name_key)
            called = not self.call_key or value.get(self.call_key) == self.named
        else:
            name = resolve(value, self.name)
            called = not self.call or resolve(value, self.call) == self.named
        return self.plans.get(name) if called and isinstance(name, str) else None

    def _listed_in(self, groups: Iterable[Proved]) -> set[Any]:
        """What of all events may be or hold a listed value: a text or a number of theirs, or texts put together."""
        known = list(groups)
        found = self.listed(chain.from_iterable(_values_of(group.plan, group.values) for group in known))
        return found.union(self.split(chain.from_iterable(_joined_of(group.plan, group.values) for group in known)))

    def _sift(self, proved: Proved, rest: list[Rest], listed: set[Any]) -> Proved:
        """What of the valid events of one type is proved; the others go to the rest."""
        plan = proved.plan
        asked = set(_texts_of(plan, proved.values))
        suspects = self.suspicious(asked)
        self.asked.append((asked, suspects))
        singly = self.silent is not None or plan.unvouched or plan.address is not None
        if not suspects and not listed and not singly and (plan.steady is None or all(map(plan.steady, proved.values))):
            return proved
        kept = self._unsuspected(plan, proved, suspects, _texts_of) if suspects else proved
        kept = self._unsuspected(plan, kept, listed, _searched_of) if listed and kept.at else kept
        clean = Proved(plan, [], [])
        for index, value in zip(kept.at, kept.values, strict=True):
            if self._in_order(plan, value):
                clean.at.append(index)
                clean.values.append(value)
        if len(clean.at) < len(proved.at):
            known = set(clean.at)
            rest += (Rest(at, value) for at, value in zip(proved.at, proved.values, strict=True) if at not in known)
        return clean

    def _unsuspected(self, plan: Plan, proved: Proved, suspects: set[Any], of: _Of) -> Proved:
        """The events without any of the suspects: by halves, since mostly few have one."""
        if suspects.isdisjoint(of(plan, proved.values)):
            return proved
        if len(proved.at) == 1:
            return Proved(plan, [], [])
        half = len(proved.at) // 2
        first = self._unsuspected(plan, Proved(plan, proved.at[:half], proved.values[:half]), suspects, of)
        second = self._unsuspected(plan, Proved(plan, proved.at[half:], proved.values[half:]), suspects, of)
        return Proved(plan, first.at + second.at, first.values + second.values)

    def _in_order(self, plan: Plan, value: dict[str, Any]) -> bool:
        """Whether nothing about an event's times, and nothing where an address may stand, needs the slow lane."""
        if plan.steady is not None and not plan.steady(value):
            return False
        if any(has_no_offset(resolve(value, pointer)) for pointer in plan.unvouched):
            return False
        if plan.address is not None and not _holds_only_an_address(resolve(value, plan.address)):
            return False
        return self.silent is None or self._permitted(value)

    def _permitted(self, value: dict[str, Any]) -> bool:
        """Whether neither clock of an event lies where somebody had said no. An event without time is not proved."""
        times = times_of(value, self.envelope)
        if times.arrived is None or self.silent is None:
            return False
        sent = times.sent or times.arrived
        return not any(window.holds(times.arrived) or window.holds(sent) for window in self.silent)

    def suspicious(self, texts: Iterable[Any]) -> set[str]:
        """Those of the texts that a rule may find something in; each is asked of once, while the memo lasts."""
        unknown = {text for text in set(texts).difference(self.harmless) if type(text) is str}
        if self.spares_plain:
            unknown = not_plain(unknown)
        return {text for text in unknown if not self._learn(text)}

    def listed(self, things: Iterable[Any]) -> set[Any]:
        """Those of some texts and numbers in which a listed value may stand, or could not be looked for."""
        if self.seeds is None:
            return set()
        asked = set(things)
        other = {thing for thing in asked if type(thing) is not str}
        if not other:
            return self.seeds.sift(asked)
        numbers = {thing: number_text(thing) for thing in other if type(thing) in _SCALARS}
        found: set[Any] = self.seeds.sift((asked - other).union(numbers.values()))
        return found.union(number for number, text in numbers.items() if text in found)

    def split(self, texts: Iterable[str]) -> set[str]:
        """Those of the texts of some members, put together, in which a listed value stands."""
        return self.seeds.split(set(texts)) if self.seeds is not None else set()

    def shown(self, events: Sequence[Sequence[str]]) -> set[str]:
        """Those of the texts of some events that some rule must see."""
        texts = set[str]().union(*events)
        found: set[str] = set()
        for asked, suspects in self.asked:
            found |= texts & suspects
            texts -= asked
        unknown = {text for text in texts.difference(self.harmless) if not is_instant(text)}
        odd = not_plain(unknown) if self.spares_plain else unknown
        self.plain = unknown - odd
        found.update(text for text in odd if not self._learn(text))
        if self.seeds is not None:
            found.update(*map(self.listed, events))
        return found

    def _learn(self, text: str) -> bool:
        """Whether a text that is not plain is harmless; remembered within a bound."""
        if any(suspect(text) for suspect in self.suspects):
            return False
        if len(self.harmless) >= _MEMO + len(self.base):
            self.harmless = set(self.base)
        self.harmless.add(text)
        return True


def _texts_of(plan: Plan, values: list[dict[str, Any]]) -> list[Any]:
    """Every text of some events that their schema leaves open; now and then a leaf that is no text."""
    if plan.texts is None:
        return [text for value in values for text in _all_texts(value)]
    found: list[Any] = []
    _collect(plan.texts, values, found)
    return found


def _values_of(plan: Plan, values: list[dict[str, Any]]) -> list[Any]:
    """Every text and number of some events that may be a listed value or hold one."""
    if plan.valued is None:
        return [text for value in values for text in unfolded(value)]
    found: list[Any] = []
    _collect(plan.valued, values, found)
    return found


def _joined_of(plan: Plan, values: list[dict[str, Any]]) -> list[str]:
    """The texts over which a listed value may be split, put together."""
    found = ((resolve(value, pointer), names) for value in values for pointer, names in plan.pieced)
    return [text for node, names in found if type(node) is dict and (text := pieced(node, names))]


def _searched_of(plan: Plan, values: list[dict[str, Any]]) -> list[Any]:
    return _values_of(plan, values) + _joined_of(plan, values)


_Of: TypeAlias = Callable[[Plan, list[dict[str, Any]]], list[Any]]


def _collect(texts: _Texts, nodes: list[dict[str, Any]], found: list[Any]) -> None:
    if texts.required is not None:
        taken = map(texts.required, nodes)
        found.extend(taken if texts.single else chain.from_iterable(taken))
    if texts.optional:
        larger = [node for node in nodes if len(node) > texts.size]
        found.extend(node[key] for node in larger for key in texts.optional if key in node)
    for key, inner in texts.objects:
        below = [child for node in nodes if type(child := node.get(key)) is dict]
        if below:
            _collect(inner, below, found)


def _plan(entry: EventType, policy: Policy, *, clocks: bool) -> Plan:
    envelope = policy.envelope
    open_leaves = [leaf for leaf in entry.leaves.values() if not leaf.closed]
    steady = _steady(envelope) if clocks else None
    address = _address(entry, policy)
    texts = _texts_at(entry, [leaf for leaf in open_leaves if leaf.pointer != address])
    unvouched = _unvouched(entry, envelope)
    if texts is None:
        address = None  # a walk sees it with all other texts
    return Plan(
        entry,
        entry.validator.is_valid,
        texts,
        steady,
        unvouched,
        _texts_at(entry, entry.valued),
        _pieced(entry),
        address,
    )


def _pieced(entry: EventType) -> tuple[tuple[Pointer, frozenset[str]], ...]:
    return tuple((where, names) for where, names in entry.pieces.items() if len(names) > 1)


def _address(entry: EventType, policy: Policy) -> Pointer | None:
    """The first place of an event where the page allows an address."""
    places = (place.pointer for place in policy.emails if place.event == entry.name)
    return next((pointer for pointer in places if pointer in entry.leaves), None)


def _holds_only_an_address(value: Any) -> bool:
    return value is None or (isinstance(value, str) and is_mere_address(value))


def _texts_at(entry: EventType, found: list[Leaf]) -> _Texts | None:
    """How to take some leaves of an event; None where only a walk finds them all."""
    return None if entry.walked(found) else _texts_below(entry, (), found)


def _unvouched(entry: EventType, envelope: Envelope) -> tuple[Pointer, ...]:
    """Times whose form the schema does not vouch for: they may lack an offset, which is counted."""
    times = (envelope.sent, envelope.received, envelope.created, envelope.stamp)
    known = ((pointer, entry.leaf(pointer)) for pointer in times if pointer is not None)
    return tuple(pointer for pointer, leaf in known if leaf is not None and leaf.schema.get("format") != "date-time")


def _texts_below(entry: EventType, path: Pointer, open_leaves: list[Leaf]) -> _Texts:
    here = [leaf for leaf in open_leaves if leaf.pointer[:-1] == path]
    required = [str(leaf.pointer[-1]) for leaf in here if leaf.required]
    optional = tuple(str(leaf.pointer[-1]) for leaf in here if not leaf.required)
    size = sum(pointer[:-1] == path and pointer != () for pointer in entry.required)
    deeper = dict.fromkeys(
        leaf.pointer[: len(path) + 1]
        for leaf in open_leaves
        if leaf.pointer[: len(path)] == path and len(leaf.pointer) > len(path) + 1
    )
    objects = tuple((str(where[-1]), _texts_below(entry, where, open_leaves)) for where in deeper)
    return _Texts(itemgetter(*required) if required else None, len(required) == 1, optional, size, objects)


def _holds_many(value: dict[str, Any]) -> bool:
    """Whether an event has more texts than are decoded of one."""
    return next(islice(_all_texts(value), MANY, None), None) is not None


def _all_texts(value: dict[str, Any]) -> Iterable[str]:
    yield from (leaf for _, leaf in leaves(value) if isinstance(leaf, str))
    yield from (str(pointer[-1]) for pointer in members(value))


def _steady(envelope: Envelope) -> Callable[[dict[str, Any]], bool] | None:
    """Proof, from the text alone, that an event's clocks agree. False proves nothing: the full reading decides."""
    if envelope.sent is None:
        return None
    times = (envelope.sent, envelope.created, envelope.received, envelope.stamp)
    if any(pointer is not None and len(pointer) != 1 for pointer in times):
        of_sent, of_created, of_received, of_stamp = (_getter(pointer) for pointer in times)

        def agree(value: dict[str, Any]) -> bool:
            text = of_sent(value)
            arrived = of_received(value) or of_stamp(value)
            return text is None or _agree(text, of_created(value) or text, arrived or text)

        return agree
    sent, created, received, stamp = (str(pointer[0]) if pointer is not None else None for pointer in times)

    def steady(value: dict[str, Any]) -> bool:
        get: Callable[[str | None], Any] = value.get  # type: ignore[assignment]  # no member is named None
        text = get(sent)
        return text is None or _agree(text, get(created) or text, get(received) or get(stamp) or text)

    return steady


def _agree(sent: str, created: str, arrived: str) -> bool:
    """Whole UTC times of one width order as text; the same minute is no five minutes apart."""
    try:
        return (
            sent[:16] == arrived[:16]
            and created <= sent
            and len(sent) == 24 == len(arrived) == len(created)
            and sent[23] == "Z" == arrived[23] == created[23]
            and sent[10] == "T" == created[10]
            and sent[17] != "6" != arrived[17]  # a leap second is the second after :59
            and created[17] != "6"
        )
    except TypeError:
        return False


def _getter(pointer: Pointer | None) -> Callable[[dict[str, Any]], Any]:
    if pointer is None:
        return lambda _: None
    if len(pointer) == 1:
        key = str(pointer[0])
        return lambda value: value.get(key)
    return lambda value: resolve(value, pointer)
