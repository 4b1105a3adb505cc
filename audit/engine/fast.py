"""The fast lane: prove an event clean as cheaply as possible. It knows triggers, not rules.

Law, property-tested: what it proves clean, the slow lane finds nothing in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from audit.engine.times import steady, times_of
from audit.model import Pointer, leaves, members
from audit.policy.consent import ConsentTable
from audit.policy.pack import EventType, Leaf, Policy
from audit.rules.case import Always, Clocks, EventRule, Strings, Time

_MEMO = 50_000
_WHITE = b" \t\r"


class _Group(NamedTuple):
    """Open leaves below one object: how to reach it, how to take the required ones at once, which others to ask for."""

    path: tuple[str, ...]
    required: Callable[[Any], Any] | None
    single: bool
    optional: tuple[str, ...]


class Plan(NamedTuple):
    """What must be looked at in an event of one type that its schema accepts."""

    type: EventType
    is_valid: Callable[[Any], bool]
    groups: tuple[_Group, ...]
    walk: bool


class FastLane:
    """Compiled from a policy and the rules in force. Holds a bounded memo of texts known to be harmless."""

    def __init__(self, policy: Policy, rules: Iterable[EventRule], consent: ConsentTable | None = None) -> None:
        triggers = [trigger for rule in rules for trigger in rule.triggers]
        envelope = policy.envelope
        self.off = any(isinstance(trigger, Always) for trigger in triggers) or envelope.name is None
        self.suspects = tuple(dict.fromkeys(t.suspect for t in triggers if isinstance(t, Strings)))
        self.plans = {str(name): _plan(entry) for name, entry in policy.events.items()}
        self.name: Pointer = envelope.name or ()
        self.call: Pointer = envelope.call or ()
        self.named = envelope.named
        self.harmless: set[str] = set()
        self.envelope = envelope
        self.clocks = any(isinstance(trigger, Clocks) for trigger in triggers)
        timed = consent is not None and any(isinstance(trigger, Time) for trigger in triggers)
        self.silent = consent.silent() if consent is not None and timed else None

    def prove(self, line: bytes) -> tuple[Plan, dict[str, Any]] | None:
        """The plan and value of a line that is proved clean, else None: the slow lane must look."""
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        plan = self.plans.get(_at(value, self.name))
        if plan is None or not plan.is_valid(value) or (self.call and _at(value, self.call) != self.named):
            return None
        dumped = orjson.dumps(value)
        if dumped != line and dumped.translate(None, _WHITE) != line.translate(None, _WHITE):
            return None  # a doubled key, an escape or an odd number: bytes that the parsed value does not show
        if self.clocks and not steady(value, self.envelope):
            return None
        if self.silent is not None and not self._permitted(value):
            return None
        return (plan, value) if self._harmless(plan, value) else None

    def _permitted(self, value: dict[str, Any]) -> bool:
        """Whether neither clock of an event lies where somebody had said no. An event without time is not proved."""
        times = times_of(value, self.envelope)
        if times.arrived is None or self.silent is None:
            return False
        return not any(
            window.holds(times.arrived) or window.holds(times.sent or times.arrived) for window in self.silent
        )

    def _harmless(self, plan: Plan, value: dict[str, Any]) -> bool:
        known = self.harmless
        if plan.walk:
            return all(text in known or self._learn(text) for text in _all_texts(value))
        for group in plan.groups:
            node: Any = value
            for key in group.path:
                node = node.get(key) if node is not None else None
            if node is None:
                continue
            if group.required is not None:
                found = group.required(node)
                if group.single:
                    found = (found,)
                if not known.issuperset(found) and not all(map(self._learn, found)):
                    return False
            for key in group.optional:
                text = node.get(key)
                if text is not None and text not in known and not self._learn(text):
                    return False
        return True

    def _learn(self, text: Any) -> bool:
        """Whether a text is harmless; remembered within a bound."""
        if not isinstance(text, str):
            return not isinstance(text, dict | list)
        if any(suspect(text) for suspect in self.suspects):
            return False
        if len(self.harmless) >= _MEMO:
            self.harmless.clear()
        self.harmless.add(text)
        return True


def _at(value: Any, pointer: Pointer) -> Any:
    for token in pointer:
        if not isinstance(value, dict):
            return None
        value = value.get(token)
    return value if isinstance(value, str) else None


def _plan(entry: EventType) -> Plan:
    open_leaves = [leaf for leaf in entry.leaves.values() if not leaf.closed]
    walk = entry.open or any("*" in leaf.pointer for leaf in open_leaves)
    paths: dict[Pointer, list[Leaf]] = {}
    for leaf in open_leaves:
        paths.setdefault(leaf.pointer[:-1], []).append(leaf)
    groups = tuple(_group(path, found) for path, found in paths.items())
    return Plan(entry, entry.validator.is_valid, groups, walk)


def _group(path: Pointer, found: list[Leaf]) -> _Group:
    required = [str(leaf.pointer[-1]) for leaf in found if leaf.required]
    optional = tuple(str(leaf.pointer[-1]) for leaf in found if not leaf.required)
    getter = itemgetter(*required) if required else None
    return _Group(tuple(map(str, path)), getter, len(required) == 1, optional)


def _all_texts(value: dict[str, Any]) -> Iterable[str]:
    yield from (leaf for _, leaf in leaves(value) if isinstance(leaf, str))
    yield from (str(pointer[-1]) for pointer in members(value))
