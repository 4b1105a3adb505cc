"""Data that an API or a database returned.

What: undocumented objects and lists, and every text, are searched for the shapes of returned data: rows of one shape,
tables of columns and rows, result sets, responses with a body, delimited text, and the error texts in which databases
quote data. One finding at the topmost place.

Why it matters: "does not capture any data returned by your APIs, databases, or third-party tools" is the promise with
the highest stakes.

Example: `/properties/rows` holds two objects with the same keys; `/properties/message` quotes
`duplicate key value violates unique constraint`.

Limits: a shape is a sign, not a proof: only a planted or listed value proves where data came from. Hence a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from audit.leaks.content import has_payload, search
from audit.leaks.payload import Payload, shape_of_container
from audit.leaks.search import Hit
from audit.leaks.seeds import Kind
from audit.model import Breach, Grade, Json, Level, Pointer
from audit.rules.case import Case, EventRule, Invalid, Listed, Name, Strings
from audit.rules.listed import told


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
    for text, found_in in zip(case.texts, search(text.text for text in case.texts), strict=True):
        seen = found_in.payload
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
    if case.type is not None and not case.faults and not case.event.hidden:
        return  # the schema knows every container
    roots: list[tuple[Pointer, Json]] = [((), case.event.value), *case.event.hidden]
    stack = list(reversed(roots))
    while stack:
        pointer, node = stack.pop()
        if not isinstance(node, dict | list):
            continue
        if pointer and (case.type is None or not case.type.documents(pointer)):
            name = next((token for token in reversed(pointer) if isinstance(token, str)), "")
            kind = shape_of_container(node, name)
            if kind is not None:
                yield pointer, kind
                continue
        children: list[tuple[str | int, Json]] = list(node.items() if isinstance(node, dict) else enumerate(node))
        stack.extend(((*pointer, key), child) for key, child in reversed(children) if isinstance(child, dict | list))


RULE = EventRule(
    id="datasource-payload",
    level=Level.WARNING,
    levels="error for a value of a listed export; warning by shape",
    triggers=(Listed(), Invalid(), Name(), Strings(has_payload, spares_plain=True)),
    check=check,
    doc=__doc__,
)
