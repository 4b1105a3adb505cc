"""A documented field with a type, format or value other than documented.

What: the event's schema refuses the value of a field that the page shows. Where the page shows only a placeholder
(`<uuid>`), or where the value has the form of another identifier that is documented for the same event, it is a warning;
the form that was seen is told, never the value.

Why it matters: a field that should hold an address and holds a name is another field under the same label.

Example: `/userId` documented as an IP address, sent as a word.

Limits: what the page shows as an example only (an operating system, a locale) is compared by type and length alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Breach, Json, Level, PackStr, Pointer, resolve
from audit.policy.pack import CATEGORIES, EventType, Identifies, Leaf
from audit.policy.validators import EXTRA, accepts
from audit.redact import a, shape_of
from audit.rules.case import Case, EventRule, Facts, Invalid, Listing, field_text


def check(case: Case) -> Iterator[Breach]:
    if case.type is None:
        return
    judged: set[Pointer] = set()
    for fault in case.faults:
        pointer = fault.pointer
        if fault.keyword in (*EXTRA, "required") or pointer in judged or _named(case, pointer):
            continue
        judged.add(pointer)
        value = resolve(case.event.value, pointer)
        leaf = case.type.leaf(pointer)
        if value is not None and not (leaf is not None and leaf.transport) and not _below_transport(case.type, pointer):
            yield _breach(case.type, pointer, value, leaf)


def _named(case: Case, pointer: Pointer) -> bool:
    """The name of an event that is only nearly listed is `undocumented-event`'s."""
    return case.listing is not Listing.LISTED and pointer == case.policy.envelope.name


def _below_transport(entry: EventType, pointer: Pointer) -> bool:
    leaf = entry.leaf(pointer[:1])
    return leaf is not None and leaf.transport


def _breach(entry: EventType, pointer: Pointer, value: Json, leaf: Leaf | None) -> Breach:
    seen: Facts = {"seen": shape_of(value)}
    if leaf is not None and leaf.placeholder is not None:
        facts: Facts = {**seen, "shown": leaf.placeholder, "expected": _expected(leaf)}
        return Breach(pointer, "the page shows only {shown} (read as {expected}); this is {seen}", facts, Level.WARNING)
    other = _other_identifier(entry, pointer, value)
    if other is not None:
        facts = {**seen, "other": PackStr(other)}
        return Breach(
            pointer, "this has the form documented for {other}, not for this field: {seen}", facts, Level.WARNING
        )
    if leaf is None:
        return Breach(pointer, "not what the page shows here: {seen}", seen)
    return Breach(pointer, "documented as {expected}; this is {seen}", {**seen, "expected": _expected(leaf)})


def _expected(leaf: Leaf) -> PackStr:
    """What the schema asks for, in words of the pack."""
    schema = leaf.schema
    if "const" in schema:
        return PackStr(f"the constant {schema['const']}")
    if "enum" in schema:
        return PackStr("one of " + ", ".join(str(value) for value in schema["enum"]))
    if "format" in schema:
        return PackStr(str(schema["format"]))
    formats = [
        branch["format"] for branch in schema.get("anyOf", ()) if isinstance(branch, dict) and "format" in branch
    ]
    if formats:
        return PackStr(" or ".join(formats))
    if "pattern" in schema:
        return PackStr(f"text of the form {schema['pattern']}")
    kinds = schema.get("type", "another value")
    kind = kinds if isinstance(kinds, str) else " or ".join(kinds)
    return PackStr(f"{a(kind)} of at most {schema['maxLength']} characters" if "maxLength" in schema else a(kind))


def _other_identifier(entry: EventType, pointer: Pointer, value: Json) -> str | None:
    """The field of the same event, documented as an identifier of another form, that this value would fit."""
    mine = entry.leaf(pointer)
    if mine is None or not _identifies(mine) or not isinstance(value, str):
        return None
    others = (leaf for leaf in entry.leaves.values() if leaf.pointer != mine.pointer and _identifies(leaf))
    fitting = (leaf for leaf in others if leaf.has_form() and accepts(leaf.schema, value))
    return next((field_text(leaf.pointer) for leaf in fitting), None)


def _identifies(leaf: Leaf) -> bool:
    return CATEGORIES[leaf.category] is not Identifies.NOBODY


RULE = EventRule(
    id="invalid-value",
    level=Level.ERROR,
    levels="error; warning where the page gives only a placeholder, or the value is another identifier documented for that event",
    triggers=(Invalid(),),
    check=check,
    doc=__doc__,
)
