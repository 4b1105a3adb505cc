"""The fast lane: prove an event clean as cheaply as possible. It knows triggers, not rules.

Law, property-tested: what it proves clean, the slow lane finds nothing in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from audit.engine.times import arrival_of, has_no_offset, times_of
from audit.leaks.views import is_plain
from audit.model import Pointer, leaves, members, resolve
from audit.policy.consent import ConsentTable
from audit.policy.pack import Envelope, EventType, Leaf, Policy
from audit.rules.case import Always, Clocks, EventRule, Strings, Time
from audit.rules.timelines import subject_of_beat

_MEMO = 50_000
_WHITE = b" \t\r"


class _Group(NamedTuple):
    """Open leaves below one object: how to reach it, how to take the required ones at once, which others to ask for.

    `size`: how many members the schema requires there; an object of that size has no others.
    """

    path: tuple[str, ...]
    required: Callable[[Any], Any] | None
    single: bool
    optional: tuple[str, ...]
    size: int


class Plan(NamedTuple):
    """What must be looked at in an event of one type that its schema accepts."""

    type: EventType
    is_valid: Callable[[Any], bool]
    groups: tuple[_Group, ...]
    walk: bool
    steady: Callable[[dict[str, Any]], bool]
    unvouched: tuple[Pointer, ...]


class FastLane:
    """Compiled from a policy and the rules in force. Holds a bounded memo of texts known to be harmless."""

    def __init__(self, policy: Policy, rules: Iterable[EventRule], consent: ConsentTable | None = None) -> None:
        triggers = [trigger for rule in rules for trigger in rule.triggers]
        envelope = policy.envelope
        strings = [trigger for trigger in triggers if isinstance(trigger, Strings)]
        self.off = any(isinstance(trigger, Always) for trigger in triggers) or envelope.name is None
        self.suspects = tuple(dict.fromkeys(trigger.suspect for trigger in strings))
        self.spares_plain = all(trigger.spares_plain for trigger in strings)
        clocks = any(isinstance(trigger, Clocks) for trigger in triggers)
        self.plans = {str(name): _plan(entry, envelope, clocks=clocks) for name, entry in policy.events.items()}
        self.name: Pointer = envelope.name or ()
        self.call: Pointer = envelope.call or ()
        self.named = envelope.named
        self.flat = len(self.name) == 1 and len(self.call) <= 1
        self.name_key = str(self.name[0]) if self.flat else ""
        self.call_key = str(self.call[0]) if self.flat and self.call else ""
        self.harmless: set[str] = set()
        self.envelope = envelope
        timed = consent is not None and any(isinstance(trigger, Time) for trigger in triggers)
        self.silent = consent.silent() if consent is not None and timed else None

    def look(self, line: bytes) -> tuple[Plan | None, dict[str, Any] | None]:
        """(plan, value) of a line that is proved clean. (None, value): not proved, but the value shows every byte of the
        line, so that the slow lane need not parse it again. (None, None): nothing is known."""
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None, None
        if type(value) is not dict:
            return None, None
        try:
            dumped = orjson.dumps(value)
        except orjson.JSONEncodeError:  # nested deeper than it writes
            return None, None
        if dumped != line and dumped.translate(None, _WHITE) != line.translate(None, _WHITE):
            return None, None  # a doubled key, an escape or an odd number: bytes that the parsed value does not show
        plan = self._plan_of(value)
        if plan is None or not plan.is_valid(value) or not plan.steady(value):
            return None, value
        if any(has_no_offset(resolve(value, pointer)) for pointer in plan.unvouched):
            return None, value
        if self.silent is not None and not self._permitted(value):
            return None, value
        if plan.type.cadence is not None and not self._beats(plan.type, value):
            return None, value
        return (plan if self._harmless(plan, value) else None), value

    def _plan_of(self, value: dict[str, Any]) -> Plan | None:
        if self.flat:
            name = value.get(self.name_key)
            called = not self.call_key or value.get(self.call_key) == self.named
        else:
            name = resolve(value, self.name)
            called = not self.call or resolve(value, self.call) == self.named
        return self.plans.get(name) if called and isinstance(name, str) else None

    def _permitted(self, value: dict[str, Any]) -> bool:
        """Whether neither clock of an event lies where somebody had said no. An event without time is not proved."""
        times = times_of(value, self.envelope)
        if times.arrived is None or self.silent is None:
            return False
        sent = times.sent or times.arrived
        return not any(window.holds(times.arrived) or window.holds(sent) for window in self.silent)

    def _beats(self, entry: EventType, value: dict[str, Any]) -> bool:
        """Whether a keep-alive has what its timeline needs; where it has not, that is a gap."""
        return subject_of_beat(entry, value) is not None and arrival_of(value, self.envelope) is not None

    def _harmless(self, plan: Plan, value: dict[str, Any]) -> bool:
        return self.all_harmless([*_all_texts(value)] if plan.walk else _open_texts(plan, value))

    def all_harmless(self, texts: list[Any]) -> bool:
        """Whether no rule can find anything in these texts; asked of each once, while the memo lasts."""
        known = self.harmless
        unknown = [text for text in texts if text not in known]
        if not unknown:
            return True
        try:
            if self.spares_plain and is_plain("".join(unknown)):
                return True
        except TypeError:  # a leaf that may be no text is one: its schema has judged it
            unknown = [text for text in unknown if isinstance(text, str)]
        return all(map(self._learn, unknown))

    def _learn(self, text: str) -> bool:
        """Whether a text is harmless; remembered within a bound, unless it is plain: plain ones are mostly unique."""
        if self.spares_plain and is_plain(text):
            return True
        if any(suspect(text) for suspect in self.suspects):
            return False
        if len(self.harmless) >= _MEMO:
            self.harmless.clear()
        self.harmless.add(text)
        return True


def _open_texts(plan: Plan, value: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    for path, required, single, optional, size in plan.groups:
        node: Any = value
        for key in path:
            node = node.get(key) if node is not None else None
        if node is None:
            continue
        if required is not None:
            if single:
                found.append(required(node))
            else:
                found += required(node)
        if len(node) > size:
            for key in optional:
                text = node.get(key)
                if text is not None:
                    found.append(text)
    return found


def _plan(entry: EventType, envelope: Envelope, *, clocks: bool) -> Plan:
    open_leaves = [leaf for leaf in entry.leaves.values() if not leaf.closed]
    mixed = any(pointer in entry.containers for pointer in (leaf.pointer for leaf in open_leaves))
    walk = entry.open or mixed or any("*" in leaf.pointer for leaf in open_leaves)
    paths: dict[Pointer, list[Leaf]] = {}
    for leaf in open_leaves:
        paths.setdefault(leaf.pointer[:-1], []).append(leaf)
    groups = tuple(_group(entry, path, found) for path, found in paths.items())
    steady = _steady(envelope) if clocks else lambda _: True
    return Plan(entry, entry.validator.is_valid, groups, walk, steady, _unvouched(entry, envelope))


def _unvouched(entry: EventType, envelope: Envelope) -> tuple[Pointer, ...]:
    """Times whose form the schema does not vouch for: they may lack an offset, which is counted."""
    times = (envelope.sent, envelope.received, envelope.created, envelope.stamp)
    known = ((pointer, entry.leaf(pointer)) for pointer in times if pointer is not None)
    return tuple(pointer for pointer, leaf in known if leaf is not None and leaf.schema.get("format") != "date-time")


def _group(entry: EventType, path: Pointer, found: list[Leaf]) -> _Group:
    required = [str(leaf.pointer[-1]) for leaf in found if leaf.required]
    optional = tuple(str(leaf.pointer[-1]) for leaf in found if not leaf.required)
    getter = itemgetter(*required) if required else None
    size = sum(pointer[:-1] == path and pointer != () for pointer in entry.required)
    return _Group(tuple(map(str, path)), getter, len(required) == 1, optional, size)


def _all_texts(value: dict[str, Any]) -> Iterable[str]:
    yield from (leaf for _, leaf in leaves(value) if isinstance(leaf, str))
    yield from (str(pointer[-1]) for pointer in members(value))


def _steady(envelope: Envelope) -> Callable[[dict[str, Any]], bool]:
    """Proof, from the text alone, that an event's clocks agree. False proves nothing: the full reading decides."""
    if envelope.sent is None:
        return lambda _: True
    sent_of, created_of, received_of, stamp_of = (
        _getter(pointer) for pointer in (envelope.sent, envelope.created, envelope.received, envelope.stamp)
    )

    def steady(value: dict[str, Any]) -> bool:
        sent = sent_of(value)
        if sent is None:
            return True
        arrived = received_of(value) or stamp_of(value) or sent
        created = created_of(value) or sent
        try:
            # Whole UTC times of one width order as text; the same minute is no five minutes apart.
            fixed = len(sent) == len(arrived) == len(created) == 24 and sent[23] == arrived[23] == created[23] == "Z"
            leap = "6" in (sent[17:18], arrived[17:18], created[17:18])  # a leap second is the second after :59
            return (
                fixed and not leap and created <= sent and sent[:16] == arrived[:16] and sent[10] == created[10] == "T"
            )
        except TypeError:
            return False

    return steady


def _getter(pointer: Pointer | None) -> Callable[[dict[str, Any]], Any]:
    if pointer is None:
        return lambda _: None
    if len(pointer) == 1:
        key = str(pointer[0])
        return lambda value: value.get(key)
    return lambda value: resolve(value, pointer)
