"""What a schema documents: its leaves with category, placeholder and openness, read from the schema itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from audit.model import PackStr, Pointer
from audit.policy.pack import Leaf

TEXT_FREE_FORMATS = frozenset({"date-time", "date", "time", "duration", "ipv4", "ipv6"})
"""Formats whose strings hold no free text. A UUID is 16 bytes, which an address may fill."""

TIME_FORMATS = frozenset({"date-time", "date", "time", "duration"})
"""Formats whose strings hold no listed value either: a UUID or an address may be one, or a digest of one."""

MOST = 100_000
"""Places of one event: references that hold one another twice would unfold without end."""

_APPLICATORS = ("allOf", "anyOf", "oneOf")


class _Node(NamedTuple):
    pointer: Pointer
    schema: Mapping[str, Any]
    required: bool


class Documentation(NamedTuple):
    """`open`: some place lets names or values through that no leaf describes, so texts are searched by a generic walk."""

    leaves: dict[Pointer, Leaf]
    containers: frozenset[Pointer]
    required: frozenset[Pointer]
    open: bool


def documentation(schema: Mapping[str, Any], transport: tuple[str, ...]) -> Documentation:
    """Walk a closed schema. `transport`: root members that the envelope adds. Raises ValueError where it has no end."""
    leaves: dict[Pointer, Leaf] = {}
    containers: set[Pointer] = set()
    required: set[Pointer] = set()
    is_open = False
    for count, node in enumerate(_nodes(schema)):
        if count > MOST:
            raise ValueError(f"unfolds to more than {MOST:,} places")
        if node.required:
            required.add(node.pointer)
        if _is_container(node.schema):
            containers.add(node.pointer)
            is_open = is_open or _lets_through(node.schema)
            if node.schema.get("properties") or "items" in node.schema or "prefixItems" in node.schema:
                continue
        if node.pointer:
            is_open = is_open or (node.pointer not in containers and _may_nest(node.schema))
            leaves[node.pointer] = _leaf(node, transport, leaves.get(node.pointer))
    return Documentation(leaves, frozenset(containers), frozenset(required), is_open)


def _nodes(root: Mapping[str, Any]) -> Iterator[_Node]:
    stack = [(_Node((), root, required=True), frozenset[str]())]
    while stack:
        node, seen = stack.pop()
        schema, ref = node.schema, node.schema.get("$ref")
        if isinstance(ref, str) and ref not in seen:
            target = _local(root, ref)
            stack.append(
                (
                    _Node(node.pointer, {**target, **{k: v for k, v in schema.items() if k != "$ref"}}, node.required),
                    seen | {ref},
                )
            )
            continue
        yield node
        needed = schema.get("required", ())
        for name, child in schema.get("properties", {}).items():
            if isinstance(child, dict):
                stack.append((_Node((*node.pointer, name), child, node.required and name in needed), seen))
        for child in (schema.get("items"), schema.get("additionalProperties"), *schema.get("prefixItems", ())):
            if isinstance(child, dict):
                stack.append((_Node((*node.pointer, "*"), child, required=False), seen))
        for keyword in _APPLICATORS:
            for child in schema.get(keyword, ()):
                if isinstance(child, dict) and ("properties" in child or "$ref" in child or "items" in child):
                    stack.append((_Node(node.pointer, child, required=False), seen))


def _local(root: Mapping[str, Any], ref: str) -> Mapping[str, Any]:
    node: Any = root
    for token in ref.removeprefix("#").split("/")[1:]:
        node = node.get(token.replace("~1", "/").replace("~0", "~"), {}) if isinstance(node, dict) else {}
    return node if isinstance(node, dict) else {}


def _is_container(schema: Mapping[str, Any]) -> bool:
    kinds = schema.get("type")
    return kinds in ("object", "array") or "properties" in schema or "items" in schema


def _lets_through(schema: Mapping[str, Any]) -> bool:
    if schema.get("type") == "array" and "items" not in schema:
        return True
    closed = schema.get("additionalProperties") is False or schema.get("unevaluatedProperties") is False
    return bool(schema.get("patternProperties")) or (schema.get("type") == "object" and not closed)


def _may_nest(schema: Mapping[str, Any]) -> bool:
    """Whether a place that no member is documented of may hold an object or a list all the same: its type is not said."""
    kinds = schema.get("type")
    if kinds is not None:
        return not {"object", "array"}.isdisjoint([kinds] if isinstance(kinds, str) else kinds)
    if "const" in schema or "enum" in schema:
        return any(isinstance(value, dict | list) for value in (schema.get("const"), *schema.get("enum", ())))
    return all(
        any(isinstance(branch, dict) and _may_nest(branch) for branch in branches)
        for branches in (schema.get("anyOf"), schema.get("oneOf"), *([each] for each in schema.get("allOf", ())))
        if branches
    )


def _leaf(node: _Node, transport: tuple[str, ...], known: Leaf | None) -> Leaf:
    schema = node.schema
    placeholder = schema.get("x-placeholder")
    return Leaf(
        pointer=node.pointer,
        category=str(schema.get("x-data-category", known.category if known else "other")),
        placeholder=PackStr(placeholder) if isinstance(placeholder, str) else None,
        required=node.required,
        closed=leaves_no_room(schema),
        said=leaves_no_room(schema, TIME_FORMATS) and not _takes_numbers(schema),
        schema=schema,
        transport=bool(schema.get("x-transport")) and node.pointer[0] in transport,
    )


def _takes_numbers(schema: Mapping[str, Any]) -> bool:
    kinds = schema.get("type")
    return not {"integer", "number"}.isdisjoint([kinds] if isinstance(kinds, str) else kinds or ())


def leaves_no_room(schema: Mapping[str, Any], formats: frozenset[str] = TEXT_FREE_FORMATS) -> bool:
    """Whether no string that this schema accepts can hold free text (an address, a row, a query), given the formats that
    hold none."""
    if schema.get("type") == "object" and not _lets_through(schema) and not schema.get("properties"):
        return True  # closed and empty
    if "const" in schema or "enum" in schema or schema.get("format") in formats:
        return True
    kinds = schema.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds is not None and "string" not in kinds and not {"object", "array"} & set(kinds):
        return True
    return any(
        all(leaves_no_room(branch, formats) for branch in schema[keyword])
        for keyword in ("anyOf", "oneOf")
        if schema.get(keyword)
    )


_SAYS_LENGTH = frozenset({"type", "minLength", "maxLength", "title", "description", "$comment"})
_PATTERN = re.compile(r"\[\^?([^\[\]\\^]+)\]|\{[0-9,]{1,12}\}|\(\?:|[()|?*+^$.]|([^0-9a-f\\{}\[\]])")
_SPECIAL = re.compile(r"\(\?[^:]|&&|--|~~")
_HEX = "0123456789abcdef"


def same_for_all_ids(schema: Mapping[str, Any]) -> bool:
    """Whether a schema that accepts a string accepts it also with other hex digits (0-9, a-f) in place of any of them."""
    for key, said in schema.items():
        if key in _SAYS_LENGTH or key.startswith("x-") or (key == "format" and said == "uuid"):
            continue
        if key != "pattern" or not _knows_no_digit(said):
            return False
    return schema.get("type") == "string"


def _knows_no_digit(pattern: str) -> bool:
    """Whether a pattern treats all hex digits alike: each of its classes holds all of them or none, and no letter is one."""
    if _SPECIAL.search(pattern):
        return False
    at = 0
    while at < len(pattern):
        token = _PATTERN.match(pattern, at)
        if token is None or (token[1] is not None and not _all_or_none(token[1])):
            return False
        at = token.end()
    return True


def _all_or_none(members: str) -> bool:
    held: set[str] = set()
    at = 0
    while at < len(members):
        if members[at + 1 : at + 2] == "-" and at + 2 < len(members):
            held.update(digit for digit in _HEX if members[at] <= digit <= members[at + 2])
            at += 3
        else:
            held.update(members[at] if members[at] in _HEX else "")
            at += 1
    return len(held) in (0, len(_HEX))
