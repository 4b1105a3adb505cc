"""Broken versions of an event that its page allows: a schema that still accepts one checks less than it seems to."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from audit.model import Json, Pointer, Shape
from audit.policy.pack import EventType
from audit.redact import shape_of

UNKNOWN_KEY = "x telemetry-audit unknown"
"""A member name that no page documents; the space keeps it out of any sensible name of a map."""
_OTHERS: Mapping[str, Json] = {"string": "a", "integer": 7, "number": 1.5, "boolean": True, "object": {}, "array": []}
_FORMED = {
    Shape.UUID: "a UUID",
    Shape.DATE_TIME: "a date and time",
    Shape.IPV4: "an address",
    Shape.IPV6: "an address",
    Shape.EMAIL: "an e-mail address",
    Shape.HEX_64: "64 hex digits",
    Shape.HEX_40: "40 hex digits",
    Shape.HEX_32: "32 hex digits",
    Shape.OBJECT_ID: "24 hex digits",
}
_VERY_LONG = 70_000


class Kind(StrEnum):
    UNKNOWN = "unknown key"
    DROPPED = "required key dropped"
    TYPE = "another type"
    FORMAT = "another form"
    VALUE = "another value"
    BOUND = "beyond a bound"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One broken event. `pointer`: where it was broken."""

    kind: Kind
    pointer: Pointer
    what: str
    value: dict[str, Json]


def mutants(entry: EventType, sample: dict[str, Json], formed: frozenset[Pointer]) -> Iterator[Mutant]:
    """Every mutant of one sample, in the order of its members. Each differs from the sample at one place.

    `formed`: fields (`*` for an index) whose samples all have one shape, so that another shape should be refused.
    """
    for pointer, node in _nodes(sample):
        if isinstance(node, dict):
            yield _with(Kind.UNKNOWN, (*pointer, UNKNOWN_KEY), "an unknown key", sample, value=True)
            yield from _dropped(entry, sample, pointer, node)
        if pointer:
            yield from _leaf_mutants(entry, sample, pointer, node, formed)


def _nodes(sample: Json) -> Iterator[tuple[Pointer, Json]]:
    stack: list[tuple[Pointer, Json]] = [((), sample)]
    while stack:
        pointer, node = stack.pop()
        yield pointer, node
        if isinstance(node, dict):
            stack.extend(((*pointer, key), inner) for key, inner in reversed(node.items()))
        elif isinstance(node, list):
            stack.extend(((*pointer, number), node[number]) for number in range(len(node) - 1, -1, -1))


def _dropped(entry: EventType, sample: dict[str, Json], at: Pointer, node: dict[str, Json]) -> Iterator[Mutant]:
    for key in node:
        if entry.requires((*at, key)) or _needed(entry, at, key):
            yield _with(Kind.DROPPED, (*at, key), "a required key dropped", sample, drop=True)


def _needed(entry: EventType, at: Pointer, key: str) -> bool:
    """Whether the subschema of an item or an optional object asks for the key: `required` knows only what is always there."""
    node = schema_at(entry.schema, at)
    return node is not None and key in node.get("required", ())


def schema_at(root: Mapping[str, Any], pointer: Pointer) -> Mapping[str, Any] | None:
    """The subschema that describes a place, followed through plain references; None where it is composed."""
    node: Any = root
    for token in pointer:
        node = _followed(root, node)
        if not isinstance(node, dict):
            return None
        properties = node.get("properties", {})
        named = properties.get(token, node.get("additionalProperties"))
        node = node.get("items") if isinstance(token, int) else named
    node = _followed(root, node)
    return node if isinstance(node, dict) else None


def _followed(root: Mapping[str, Any], node: Any) -> Any:
    from audit.authoring.schema_nodes import target

    for _ in range(20):
        if (
            not isinstance(node, dict)
            or not isinstance(node.get("$ref"), str)
            or node.keys() - {"$ref"} & {"properties"}
        ):
            return node
        node = target(root, node["$ref"])
    return None


def _leaf_mutants(
    entry: EventType, sample: dict[str, Json], pointer: Pointer, node: Json, formed: frozenset[Pointer]
) -> Iterator[Mutant]:
    leaf = entry.leaf(pointer)
    schema = leaf.schema if leaf is not None else schema_at(entry.schema, pointer)
    if schema is None or node is None:
        return
    if leaf is not None and leaf.transport:
        return  # the protocol's own members are not the page's: any plain value is theirs
    starred = tuple("*" if isinstance(token, int) else token for token in pointer)
    kinds = _kinds(schema)
    for kind, other in _OTHERS.items():
        if kind not in kinds and not (kind == "integer" and "number" in kinds):
            yield _with(Kind.TYPE, pointer, f"{_article(kind)} in its place", sample, value=other)
    if isinstance(node, str):
        yield from _text_mutants(sample, pointer, node, schema, unanimous=starred in formed)
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield from _number_mutants(sample, pointer, schema)
    elif isinstance(node, list):
        yield from _list_mutants(sample, pointer, node, schema)


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """The types that a leaf's schema names, in itself or in its alternatives; empty where it names none."""
    from audit.authoring.schema_nodes import type_of

    said = schema.get("type")
    kinds = {said} if isinstance(said, str) else set(said or ())
    if "const" in schema:
        kinds.add(type_of(schema["const"]))
    kinds |= {type_of(value) for value in schema.get("enum", ())}
    if not kinds:
        for keyword in ("anyOf", "oneOf"):
            for branch in schema.get(keyword, ()):
                kinds |= _kinds(branch) if isinstance(branch, dict) else set()
    return kinds


def _text_mutants(
    sample: dict[str, Json], pointer: Pointer, text: str, schema: Mapping[str, Any], *, unanimous: bool
) -> Iterator[Mutant]:
    form = _FORMED.get(shape_of(text)) if unanimous else None
    branches = (schema, *(b for b in schema.get("anyOf", ()) if isinstance(b, dict)))
    if form is not None or any("format" in b or "pattern" in b for b in branches):
        yield _with(Kind.FORMAT, pointer, f"no longer {form or 'of its form'}", sample, value=f"{text[:-2]}!? ")
    if "const" in schema or "enum" in schema:
        yield _with(Kind.VALUE, pointer, "another value", sample, value=f"{text}-other")
    yield _with(Kind.BOUND, pointer, "a very long text", sample, value="a b" * (_VERY_LONG // 3))


def _number_mutants(sample: dict[str, Json], pointer: Pointer, schema: Mapping[str, Any]) -> Iterator[Mutant]:
    if "integer" in _kinds(schema) and "number" not in _kinds(schema):
        yield _with(Kind.TYPE, pointer, "a fraction", sample, value=1.5)
    for low, step in (("minimum", -1), ("maximum", 1)):
        if isinstance(schema.get(low), int | float):
            yield _with(Kind.BOUND, pointer, f"beyond {low}", sample, value=schema[low] + step)


def _list_mutants(
    sample: dict[str, Json], pointer: Pointer, node: list[Json], schema: Mapping[str, Any]
) -> Iterator[Mutant]:
    most = schema.get("maxItems")
    if isinstance(most, int) and node and most <= 10_000:
        longer = [node[0]] * (most + 1)
        yield _with(Kind.BOUND, pointer, "more items than maxItems", sample, value=longer)
    if node:
        yield _with(Kind.TYPE, (*pointer, 0), "a list in place of an item", sample, value=[])


def _with(  # noqa: PLR0913 - one value assembled once
    kind: Kind, pointer: Pointer, what: str, sample: dict[str, Json], *, value: Json = None, drop: bool = False
) -> Mutant:
    """The sample with one place changed; only the way to that place is copied."""
    root: dict[str, Json] = copy.copy(sample)
    node: Any = root
    for token in pointer[:-1]:
        node[token] = copy.copy(node[token])
        node = node[token]
    if drop:
        del node[pointer[-1]]
    else:
        node[pointer[-1]] = value
    return Mutant(kind, pointer, what, root)
