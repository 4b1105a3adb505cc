"""`policy diff`: what a new pack lets through that an old one refused, each change with its severity and its proof."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from audit.authoring.diff_change import KINDS, Change, Proof, Severity, change
from audit.authoring.diff_schema import Path, Widening, widenings
from audit.authoring.diff_terms import event_terms, terms
from audit.authoring.diff_witness import accepts, witness
from audit.authoring.examples import example
from audit.authoring.schema_parts import node
from audit.authoring.texts import texts
from audit.model import Json, resolve
from audit.policy.pack import Category, EventType, Policy


class _Pair(NamedTuple):
    """An event type of NEW and what OLD judges the same events by; `name` is an event's, or what a category describes."""

    name: str
    old: EventType
    new: EventType


def differences(old: Policy, new: Policy) -> list[Change]:
    """Every change, gravest first. Empty only where both packs refuse the same and say the same."""
    found = [*terms(old, new), *_names(old, new)]
    for pair in _pairs(old, new):
        found += event_terms(old, new, pair.old, pair.new, pair.name)
        found += _schemas(pair)
    order = sorted(found, key=lambda c: (c.severity.rank, c.event or "", c.at, c.kind, c.said))
    return list({(c.kind, c.event, c.at, c.said): c for c in order}.values())


def _names(old: Policy, new: Policy) -> Iterator[Change]:
    """Events that come and go, and the categories that let names through without listing them."""
    for name, entry in new.events.items():
        if name not in old.events:
            listed = old.category_of(name)
            if listed is None:
                yield _added(old, new, name, entry)
            else:
                said = f"listed; was only described: {listed.describes}"
                yield change("words-changed", "/events", said, event=name)
    for name in old.events:
        if name not in new.events:
            kept = new.category_of(name)
            said = "no longer documented" if kept is None else f"no longer listed, only described: {kept.describes}"
            yield change("narrowed" if kept is None else "words-changed", "/events", said, event=name)
    before, after = ([category.name_pattern for category in pack.categories] for pack in (old, new))
    if before != after:
        yield from _categories(old, new)


def _added(old: Policy, new: Policy, name: str, entry: EventType) -> Change:
    start = node(entry.schema, [entry.schema])
    for document in (_named(new, example(start, full=full), name) for full in (False, True)):
        if judged(new, document) and not judged(old, document):
            return Change(KINDS["event-added"][0], "event-added", name, "", "a new event", Proof.WITNESS, document)
    return Change(KINDS["event-added"][0], "event-added", name, "", "a new event", Proof.UNPROVEN)


def _categories(old: Policy, new: Policy) -> Iterator[Change]:
    """Another list of patterns: which names it lets through is shown by one, where one is found."""
    for category in new.categories:
        at = f"/categories/{category.describes}"
        if any(category.name_pattern == other.name_pattern for other in old.categories):
            continue
        document = _example_of(old, new, category)
        proof = Proof.UNPROVEN if document is None else Proof.WITNESS
        said = f"names of the form {category.name_pattern}"
        yield Change(KINDS["names-added"][0], "names-added", category.type.name, at, said, proof, document)
    for category in old.categories:
        if all(category.name_pattern != other.name_pattern for other in new.categories):
            said = f"no names of the form {category.name_pattern} any more"
            yield change("narrowed", f"/categories/{category.describes}", said, event=category.type.name)
    kept = [{c.name_pattern for c in pack.categories} for pack in (old, new)]
    first, second = (
        [c.name_pattern for c in pack.categories if c.name_pattern in kept[1 - i]] for i, pack in enumerate((old, new))
    )
    if first != second:
        yield change("words-changed", "/categories", "the order of categories, of which the first that fits is taken")


def _example_of(old: Policy, new: Policy, category: Category) -> Json:
    schema = category.type.schema
    for text in texts(category.name_pattern):
        if new.category_of(text) is category and old.category_of(text) is None and text not in old.events:
            document: Json = _named(new, example(node(schema, [schema])), text)
            if judged(new, document) and not judged(old, document):
                return document
    return None


def _pairs(old: Policy, new: Policy) -> Iterator[_Pair]:
    """Whatever event NEW judges by one type and OLD by another: listed in both, or listed in one and described in the other."""
    for name, entry in new.events.items():
        was = old.events.get(name)
        described = old.category_of(name) if was is None else None
        if was is not None or described is not None:
            yield _Pair(name, was or described.type, entry)  # type: ignore[union-attr]  # one of the two is there
    for name, entry in old.events.items():
        kept = new.category_of(name) if name not in new.events else None
        if kept is not None:
            yield _Pair(name, entry, kept.type)
    for category in new.categories:
        for other in old.categories:
            if _may_meet(old, new, category, other):
                yield _Pair(category.type.name, other.type, category.type)


def _may_meet(old: Policy, new: Policy, category: Category, other: Category) -> bool:
    """Whether one name could be judged by both: certain only where each pack has the very same patterns in one order."""
    before, after = ([c.name_pattern for c in pack.categories] for pack in (old, new))
    return before != after or category.name_pattern == other.name_pattern


def _schemas(pair: _Pair) -> Iterator[Change]:
    told: set[str] = set()
    for widening in widenings(pair.old.schema, pair.new.schema):
        at = pointer(widening.path)
        told.add(at)
        yield _proved(pair, widening, at)
    for narrowing in widenings(pair.new.schema, pair.old.schema):
        at = pointer(narrowing.path)
        if at not in told:
            said = _NARROWED.get(narrowing.kind, "asked more strictly")
            yield Change(Severity.NARROWING, "narrowed", pair.name, at, said, Proof.NOT_SOUGHT)


_NARROWED = {
    "field-added": "this field is no longer let through",
    "object-opened": "closed: only listed names are let through",
    "required-dropped": "required now",
    "type-widened": "fewer types are let through",
    "value-added": "fewer values are let through",
    "accepted": "nothing fits here any more",
}


def _proved(pair: _Pair, widening: Widening, at: str) -> Change:
    severity = KINDS[widening.kind][0]
    said = widening.said
    if widening.kind == "field-added":
        said += _categories_below(pair.new, widening.path)
    document = witness(widening, pair.old, pair.new)
    proof = Proof.UNPROVEN if document is None else Proof.WITNESS
    return Change(severity, widening.kind, pair.name, at, said, proof, document)


def _categories_below(entry: EventType, path: Path) -> str:
    found = {leaf.category for where, leaf in entry.leaves.items() if tuple(map(str, where))[: len(path)] == path}
    return f" ({', '.join(sorted(found))})" if found else ""


def _named(policy: Policy, document: Any, name: str) -> Any:
    """A document under the event's name, where its schema leaves the name open."""
    where = policy.envelope.name
    if where is None or not isinstance(document, dict) or resolve(document, where) == name:
        return document
    here: Any = document
    for token in where[:-1]:
        here = here.get(token) if isinstance(here, dict) else None
    if isinstance(here, dict):
        here[where[-1]] = name
    return document


def judged(policy: Policy, document: Json) -> bool:
    """Whether a pack lets an event through: it lists or describes its name, and the schema accepts it."""
    name = resolve(document, policy.envelope.name) if policy.envelope.name is not None else None
    entry = policy.events.get(name) if isinstance(name, str) else None
    if entry is None and isinstance(name, str):
        described = policy.category_of(name)
        entry = described.type if described is not None else None
    return entry is not None and accepts(entry.validator, document)


def pointer(path: Path) -> str:
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in path)
