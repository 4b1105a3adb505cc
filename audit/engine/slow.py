"""The slow lane: everything about one event, explained. Builds the case, runs every rule, redacts what they yield."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from audit.engine.names import Names
from audit.model import Event, Finding, Gap, Grade, Json, Pointer, Unreadable, leaves, members, resolve
from audit.policy.consent import ConsentTable
from audit.policy.pack import CATEGORIES, EventType, Identifies, Policy
from audit.policy.validators import Fault, Validator
from audit.redact import Redactor, fingerprint, message
from audit.rules.case import Case, EventRule, RecordRule, Text, field_text


@dataclass(frozen=True, slots=True)
class SlowLane:
    """One policy's rules over events and unreadable records."""

    policy: Policy
    rules: tuple[EventRule, ...]
    record_rules: tuple[RecordRule, ...]
    redactor: Redactor
    names: Names
    consent: ConsentTable | None = None

    def case(self, event: Event) -> Case:
        """The event as the rules see it. Without an entry of the page there are no faults of shape."""
        standing = self.names.of(event)
        faults = _faults(standing.type.validator, event.value) if standing.type is not None else ()
        return Case(
            event=event,
            policy=self.policy,
            listing=standing.listing,
            type=standing.type,
            nearest=standing.nearest,
            faults=faults,
            texts=tuple(texts(event)),
            consent=self.consent,
        )

    def judge(self, case: Case) -> Iterator[Finding | Gap]:
        """Every finding of every rule, redacted."""
        for rule in self.rules:
            for breach in rule.check(case):
                yield (
                    breach
                    if isinstance(breach, Gap)
                    else self.redactor.finding(rule.id, rule.level, breach, case.event)
                )

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


def texts(event: Event) -> Iterator[Text]:
    """Every text of an event: values and member names, hidden values included."""
    for root, value in (((), event.value), *event.hidden):
        for pointer, leaf in leaves(value, root):
            if isinstance(leaf, str):
                yield Text(pointer, leaf, key=False)
        for pointer in members(value, root):
            yield Text(pointer, str(pointer[-1]), key=True)


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
            token = next((key for key in node if _tame_text(key) == token), token)  # noqa: PLW2901
        at.append(token)
        node = node.get(str(token)) if isinstance(node, dict) else node[int(token)] if isinstance(node, list) else None
    return tuple(at)


def _named(where: Pointer, tamed: str, value: Json) -> tuple[str, ...]:
    node = resolve(value, where)
    if not isinstance(node, dict) or tamed in node:
        return (tamed,)
    return tuple(key for key in node if _tame_text(key) == tamed) or (tamed,)
