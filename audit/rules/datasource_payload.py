"""Data that an API or a database returned.

What: undocumented objects and lists, and every text, are searched for the shapes of returned data: rows of one shape,
tables of columns and rows, result sets, responses with a body, delimited text, and the error texts in which databases
quote data. In a text, one record counts too whose members are called as those of people and orders are. One finding at
the topmost place.

Why it matters: "does not capture any data returned by your APIs, databases, or third-party tools" is the promise with
the highest stakes.

Example: `/properties/rows` holds two objects with the same keys; `/properties/message` quotes
`duplicate key value violates unique constraint`.

Limits: a shape is a sign, not a proof: only a planted or listed value proves where data came from. Hence a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from audit.leaks.content import has_payload
from audit.leaks.payload import Payload, shape_of_container
from audit.leaks.search import Hit
from audit.leaks.seeds import Kind
from audit.model import Breach, Grade, Level, Pointer
from audit.rules.case import Case, EventRule, Invalid, Listed, Member, Name, Strings
from audit.rules.listed import told
from audit.rules.members import held, name_of, unshown


def check(case: Case) -> Iterator[Breach]:
    found: set[Pointer] = set()
    for breach in told(
        case, "a value of the data source (number {seed})", "{number} values of the data source", _of_source
    ):
        found.add(breach.pointer)
        yield replace(breach, level=Level.ERROR)
    for pointer, kind in _containers(case):
        found.add(pointer)
        yield _breach(pointer, kind, ())
    for text, content in held(case):
        seen = content.payload
        if seen is not None and not any(text.pointer[:length] in found for length in range(len(text.pointer) + 1)):
            found.add(text.pointer)
            yield _breach(text.pointer, *seen)


def _of_source(hit: Hit) -> bool:
    return hit.kind is Kind.DATASOURCE


def _breach(pointer: Pointer, kind: Payload, path: tuple[str, ...]) -> Breach:
    return Breach(
        pointer, "this has the shape of returned data: {kind}", {"kind": kind}, grade=Grade.SUSPECTED, path=path
    )


def _containers(case: Case) -> Iterator[tuple[Pointer, Payload]]:
    """The topmost undocumented containers that have the shape of returned data."""
    found: Member | None = None
    for member in unshown(case):
        if not isinstance(member.value, dict | list):
            continue
        if found is not None and member.root == found.root and member.pointer[: len(found.pointer)] == found.pointer:
            continue
        kind = shape_of_container(member.value, name_of(member.pointer))
        if kind is not None:
            found = member
            yield member.pointer, kind


RULE = EventRule(
    id="datasource-payload",
    level=Level.WARNING,
    levels="error for a value of a listed export; warning by shape",
    triggers=(Listed(), Invalid(), Name(), Strings(has_payload, spares_plain=True)),
    check=check,
    doc=__doc__,
)
