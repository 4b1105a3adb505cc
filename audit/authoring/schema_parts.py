"""A schema as the conjunction of its parts: local references and `allOf` taken apart, names and items looked up in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from audit.policy.validators import accepts

Schema: TypeAlias = "Mapping[str, Any] | bool"
Part: TypeAlias = Mapping[str, Any]

ANY = ("null", "boolean", "integer", "fraction", "string", "array", "object")
"""Kinds of JSON values; `number` of JSON Schema is an integer or a fraction."""

NOTES = frozenset(
    {"$schema", "$defs", "definitions", "$comment", "title", "description", "examples", "default", "deprecated"}
    | {"readOnly", "writeOnly", "x-data-category", "x-placeholder", "x-transport"}
)
"""Keywords that refuse nothing. What the `x-` ones mean for a pack is compared apart."""


_COMPOSED = frozenset({"anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas", "$dynamicRef"})
_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_DATA = frozenset({"const", "enum", "required", "dependentRequired", "type"})


class Node(NamedTuple):
    """A schema in its document, as parts that must all hold; None where nothing fits."""

    root: Part
    parts: tuple[Part, ...] | None


def node(root: Part, schemas: Iterable[Schema]) -> Node:
    """The parts of schemas that must hold together. Each reference is followed once: saying a thing twice adds nothing."""
    parts: list[Part] = []
    seen: set[str] = set()
    for schema in schemas:
        for part in _flat(root, schema, seen):
            if part is None:
                return Node(root, None)
            parts.append(part)
    return Node(root, tuple(parts))


def _flat(root: Part, schema: Schema, seen: set[str]) -> Iterator[Part | None]:
    if not isinstance(schema, Mapping):
        if schema is False:
            yield None
        return
    if schema.get("unevaluatedProperties", True) is not True or schema.get("unevaluatedItems", True) is not True:
        yield from _unevaluated(root, schema)
        return
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref not in seen:
        seen.add(ref)
        yield from _flat(root, target(root, ref), seen)
    for branch in schema.get("allOf", ()):
        yield from _flat(root, branch, seen)
    rest = {key: value for key, value in schema.items() if key not in NOTES and key not in ("$ref", "allOf")}
    if rest:
        yield rest


def _unevaluated(root: Part, schema: Part) -> Iterator[Part | None]:
    """`unevaluatedProperties: false` as a closed part that lists the names of the others; else kept as it stands, whole."""
    inner = list(_flat(root, {key: value for key, value in schema.items() if not key.startswith("unevaluated")}, set()))
    yield from inner
    known = [part for part in inner if part is not None]
    plain = not any(_COMPOSED & set(part) or "additionalProperties" in part or OPAQUE in part for part in known)
    if plain and schema.get("unevaluatedProperties") is False and "unevaluatedItems" not in schema:
        yield {
            "properties": {name: True for part in known for name in part.get("properties", {})},
            "patternProperties": {name: True for part in known for name in part.get("patternProperties", {})},
            "additionalProperties": False,
        }
    else:
        yield {OPAQUE: schema}


OPAQUE = "unevaluated..."
"""Stands for a schema whose `unevaluated...` depends on more than lists of names."""


def target(root: Part, ref: str) -> Schema:
    """What a local reference points at; one that leads nowhere lets everything through, as far as we know."""
    found: Any = root
    for token in ref.removeprefix("#").split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name, True)
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return True
    return found if isinstance(found, Mapping | bool) else True


def types_of(part: Part) -> frozenset[str]:
    """The kinds of values that one part's `type` lets through."""
    said = part.get("type")
    names = [said] if isinstance(said, str) else said
    if names is None:
        return frozenset(ANY)
    kinds = set(names) & set(ANY)
    return frozenset(kinds | ({"integer", "fraction"} if "number" in names else set()))


def types(here: Node) -> frozenset[str]:
    kinds = frozenset(ANY)
    for part in here.parts or ():
        kinds &= types_of(part)
    return kinds


def finite(here: Node) -> list[Any] | None:
    """Every value that could fit, where that is a short list."""
    for part in here.parts or ():
        if "const" in part:
            return [part["const"]]
        if isinstance(part.get("enum"), list):
            return list(part["enum"])
    kinds = types(here)
    if kinds <= {"null", "boolean"}:
        return [value for kind, value in (("null", None), ("boolean", False), ("boolean", True)) if kind in kinds]
    return None


def matches(pattern: str, name: str) -> bool:
    return accepts({"pattern": pattern}, name)


def of_name(part: Part, name: str) -> list[Schema]:
    """What one part asks of the member of that name."""
    found = [part["properties"][name]] if name in part.get("properties", {}) else []
    found += [schema for pattern, schema in part.get("patternProperties", {}).items() if matches(pattern, name)]
    return found or [part.get("additionalProperties", True)]


def member(here: Node, name: str) -> Node:
    return node(here.root, [schema for part in here.parts or () for schema in of_name(part, name)])


def item(here: Node, index: int) -> Node:
    """What is asked of the item at an index."""
    found: list[Schema] = []
    for part in here.parts or ():
        prefix = part.get("prefixItems", [])
        found.append(prefix[index] if index < len(prefix) else part.get("items", True))
    return node(here.root, found)


def prefix(here: Node) -> int:
    return max((len(part.get("prefixItems", [])) for part in here.parts or ()), default=0)


def names(here: Node) -> list[str]:
    """Every name that some part lists."""
    return sorted({name for part in here.parts or () for name in part.get("properties", {})})


def closed(part: Part) -> bool:
    """Whether a part lets no other names through than those it lists or gives a pattern for."""
    return part.get("additionalProperties") is False


def whole(here: Node) -> Part:
    """A node as one schema that stands by itself; its references lead into a copy of its document."""
    if here.parts is None:
        return {"not": {}}
    parts = [part.get(OPAQUE, part) for part in here.parts]
    if not any(True for _ in references(parts)):
        return {"allOf": parts} if parts else {}
    return {"$defs": {"root": _moved(here.root)}, "allOf": _moved(parts)}


def fits(here: Node, value: Any) -> bool:
    """Whether a value fits a node, asked of the validators."""
    return accepts(whole(here), value)


def references(schema: Any) -> Iterator[str]:
    """Every reference in a piece of a schema; a dynamic one as the whole document."""
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"]
        if isinstance(schema.get("$dynamicRef"), str):
            yield "#"
        for key, value in schema.items():
            if key in _MAPS and isinstance(value, Mapping):
                for child in value.values():
                    yield from references(child)
            elif key not in _DATA:
                yield from references(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from references(value)


def _spelled(schema: Any, keep: Callable[[str, Any], Iterator[tuple[str, Any]]]) -> Any:
    """A schema with its keywords taken through `keep`; names of members and data are no keywords."""
    if isinstance(schema, list | tuple):
        return [_spelled(value, keep) for value in schema]
    if not isinstance(schema, Mapping):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        for name, kept in keep(key, value):
            if name in _MAPS and isinstance(kept, Mapping):
                found[name] = {member: _spelled(child, keep) for member, child in kept.items()}
            else:
                found[name] = kept if name in _DATA else _spelled(kept, keep)
    return found


def _moved(schema: Any) -> Any:
    def keep(key: str, value: Any) -> Iterator[tuple[str, Any]]:
        yield key, "#/$defs/root" + value.removeprefix("#") if key == "$ref" and isinstance(value, str) else value

    return _spelled(schema, keep)


def same(old: Part, before: Any, new: Part, after: Any) -> bool:
    """Whether two pieces of schemas refuse the same for plain reasons: one text, and so has all that they refer to."""
    if text(before) != text(after):
        return False
    seen: set[str] = set()
    waiting = list(references(before))
    while waiting:
        ref = waiting.pop()
        if ref in seen:
            continue
        seen.add(ref)
        one, other = target(old, ref), target(new, ref)
        if text(one) != text(other):
            return False
        waiting.extend(references(one))
    return True


def text(schema: Any) -> str:
    """One spelling of a schema, without what refuses nothing."""

    def keep(key: str, value: Any) -> Iterator[tuple[str, Any]]:
        if key not in NOTES or key == "$defs":
            yield key, value

    return json.dumps(_spelled(schema, keep), sort_keys=True, default=str)
