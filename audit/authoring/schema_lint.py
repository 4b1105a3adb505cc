"""Faults of one event's schema: what it lets through, what it cannot mean, what no engine checks."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from audit.authoring.faults import Said, child
from audit.authoring.schema_nodes import IN_PLACE, Root, Where, every, is_number, own_types, target
from audit.authoring.schema_places import places
from audit.authoring.unfold import unfolds_too_far
from audit.model import Pointer
from audit.policy.pack import CATEGORIES
from audit.policy.patterns import Pattern
from audit.policy.validators import accepts, check_safe

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SUPPORTED = frozenset(
    "$schema $ref $defs $comment title description examples default deprecated type const enum properties required "
    "additionalProperties unevaluatedProperties patternProperties propertyNames minProperties maxProperties items "
    "prefixItems minItems maxItems uniqueItems unevaluatedItems contains minContains maxContains minLength maxLength "
    "pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf allOf anyOf oneOf not if then else "
    "dependentRequired dependentSchemas x-data-category x-placeholder x-review".split()
)
_UNSUPPORTED = {
    "$id": "refer with '#/$defs/...'",
    "$anchor": "refer with '#/$defs/...'",
    "$dynamicRef": "refer with $ref",
    "$dynamicAnchor": "refer with '#/$defs/...'",
    "$vocabulary": "the vocabulary is that of 2020-12",
    "definitions": "use $defs",
    "dependencies": "use dependentRequired or dependentSchemas",
    "additionalItems": "use items beside prefixItems",
    "contentEncoding": "no engine checks it",
    "contentMediaType": "no engine checks it",
    "contentSchema": "no engine checks it",
    "readOnly": "it says nothing about what is sent",
    "writeOnly": "it says nothing about what is sent",
}


def schema_faults(schema: Any, ids: frozenset[Pointer] = frozenset()) -> Iterator[Said]:
    """Every fault of one schema. `ids`: pointers that hold the envelope's message id."""
    if not isinstance(schema, dict):
        yield Said("", "not-a-schema", "a schema must be an object")
        return
    if "$schema" not in schema:
        yield Said("", "dialect", "$schema is missing")
    if schema.get("type") != "object":
        yield Said("/type" if "type" in schema else "", "not-a-schema", "an event is an object: the schema must say so")
    if unfolds_too_far(schema):
        yield Said("", "too-large", "it stands for more than 1,000,000 places: more than anybody can look at")
    else:
        yield from _inner_faults(schema, ids)


def _inner_faults(schema: dict[str, Any], ids: frozenset[Pointer]) -> Iterator[Said]:
    """Faults below the root, of a schema that can be visited as a whole."""
    circles = list(_references(schema))
    yield from circles
    root = Root(schema)
    nodes = list(every(schema))
    for at, node in nodes:
        if isinstance(node, dict):
            yield from _keywords(at, node)
            yield from _patterns(at, node)
    broken = [at for at, node in nodes if not isinstance(node, dict | bool)]
    yield from (Said(at, "not-a-schema", "a schema must be an object, true or false") for at in broken)
    if broken:
        return
    for at, what in check_safe(schema):
        known = {"$schema": "dialect", "format": "unchecked-format"}
        yield Said(at, known.get(at.rsplit("/", 1)[-1], "reference"), what)
    if not any(said.lint == "cyclic-reference" for said in circles):  # else nothing below ends
        for at, node in nodes:
            if isinstance(node, dict):
                yield from _impossible(at, node, root)
        yield from places(root, ids)


def _keywords(at: str, node: dict[str, Any]) -> Iterator[Said]:
    for keyword in node:
        if keyword in _UNSUPPORTED:
            if not keyword.startswith(("$id", "$anchor", "$dynamic", "$vocab")):  # those are told with the references
                yield Said(
                    child(at, keyword), "unsupported-keyword", f"{keyword} is not supported: {_UNSUPPORTED[keyword]}"
                )
        elif keyword not in _SUPPORTED:
            near = difflib.get_close_matches(keyword, _SUPPORTED, 1, 0.7)
            hint = f": did you mean {near[0]}?" if near else ""
            yield Said(child(at, keyword), "unknown-keyword", f"no engine knows the keyword {keyword[:60]!r}{hint}")
    category = node.get("x-data-category")
    if "x-data-category" in node and (not isinstance(category, str) or category not in CATEGORIES):
        near = difflib.get_close_matches(str(category), CATEGORIES, 1, 0.6)
        hint = f": did you mean {near[0]}?" if near else ""
        yield Said(child(at, "x-data-category"), "unknown-data-category", f"no such category{hint}")
    if "x-review" in node:
        yield Said(child(at, "x-review"), "to-review", f"marked for review: {str(node['x-review'])[:120]}")


def _patterns(at: str, node: dict[str, Any]) -> Iterator[Said]:
    found = [(child(at, "pattern"), node.get("pattern"))]
    named = node.get("patternProperties")
    if isinstance(named, dict):
        found += [(child(at, "patternProperties", name), name) for name in named]
    for path, text in found:
        if isinstance(text, str):
            yield from pattern_faults(path, text)
    loose = node.keys() & {"pattern", "format", "maxLength", "minLength"}
    if loose and "type" not in node and not node.keys() & {"const", "enum"} and not _in_branch(at):
        yield Said(at, "format-without-text", f"{', '.join(sorted(loose))} without a type")


def _in_branch(at: str) -> bool:
    """Whether the subschema only says more about a value whose type stands elsewhere."""
    parts = at.split("/")
    return len(parts) > 1 and (parts[-1] in ("propertyNames", "not", "if", "then", "else") or parts[-2] in IN_PLACE)


def pattern_faults(path: str, text: str) -> Iterator[Said]:
    """Faults of one regular expression."""
    pattern = Pattern(text)
    if pattern.error is not None:
        yield Said(path, "pattern-invalid", pattern.error)
        return
    if pattern.unanchored():
        yield Said(path, "pattern-unanchored", "the pattern also fits a part of a longer text")
    what = pattern.unportable()
    if what is not None:
        yield Said(path, "pattern-not-portable", what)
    if pattern.slow():
        yield Said(path, "pattern-slow", "a repetition inside a repetition can match one text in very many ways")


_PAIRS = (
    ("minLength", "maxLength"),
    ("minimum", "maximum"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minContains", "maxContains"),
)


def _impossible(at: str, node: dict[str, Any], root: Root) -> Iterator[Said]:
    """Conditions of one subschema that no value meets together."""
    for low, high in _PAIRS:
        if is_number(node.get(low)) and is_number(node.get(high)) and node[low] > node[high]:
            yield Said(child(at, low), "unsatisfiable", f"{low} is above {high}")
    yield from _listed_values(at, node)
    if node.keys() & {"allOf", "anyOf", "oneOf", "$ref"} and not Where(root, at, node).types():
        yield Said(at, "unsatisfiable", "the types asked for exclude each other")
    for keyword in ("anyOf", "oneOf"):
        branches = node.get(keyword)
        for number, branch in enumerate(branches if isinstance(branches, list) else ()):
            if branch is False:
                yield Said(child(at, keyword, number), "unsatisfiable", "this branch accepts nothing")
            elif isinstance(branch, dict) and not own_types(branch) & own_types(node):
                what = "the branch asks for a type that the schema around it excludes"
                yield Said(child(at, keyword, number), "unsatisfiable", what)


def _listed_values(at: str, node: dict[str, Any]) -> Iterator[Said]:
    """Values of const and enum that the conditions beside them refuse."""
    rest = {key: value for key, value in node.items() if key in _PLAIN}
    listed = [("const", node["const"])] if "const" in node else []
    enum = node.get("enum")
    if isinstance(enum, list):
        listed += [(f"enum/{number}", value) for number, value in enumerate(enum)]
        if not enum:
            yield Said(child(at, "enum"), "unsatisfiable", "an empty enum accepts nothing")
        if "const" in node and node["const"] not in enum:
            yield Said(child(at, "const"), "unsatisfiable", "const is none of enum")
    for key, value in listed if rest else ():
        if not _accepts(rest, value):
            yield Said(f"{at}/{key}", "unsatisfiable", "the value does not fit the conditions beside it")


_PLAIN = frozenset(
    "type minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split()
)


def _accepts(schema: dict[str, Any], value: Any) -> bool:
    try:
        return accepts(schema, value)
    except Exception:  # noqa: BLE001 - a keyword of a wrong type is told as such elsewhere
        return True


def _references(root: dict[str, Any]) -> Iterator[Said]:
    """References that lead nowhere or round in a circle; definitions that nothing refers to."""
    found = [
        (at, node["$ref"].removeprefix("#"))
        for at, node in every(root)
        if isinstance(node, dict) and isinstance(node.get("$ref"), str) and node["$ref"].startswith("#")
    ]
    goals = {goal for _, goal in found}
    for at, goal in found:
        if not isinstance(target(root, f"#{goal}"), dict | bool):
            yield Said(child(at, "$ref"), "reference", f"nothing stands at #{goal[:80]}")
    edges = [(holder, goal, at) for at, goal in found for holder in _prefixes(at) if holder in goals]
    for at, goal in _circles(edges):
        yield Said(child(at, "$ref"), "cyclic-reference", f"#{goal[:80]} leads back to itself")
    held = {prefix for goal in goals for prefix in _prefixes(goal)}
    definitions = root.get("$defs")
    for name in definitions if isinstance(definitions, dict) else ():
        path = child("", "$defs", name)
        if path not in held:
            yield Said(path, "unused-definition", "nothing refers to it")


def _prefixes(path: str) -> Iterator[str]:
    """A key path and every key path above it."""
    yield path
    while path:
        path = path.rpartition("/")[0]
        yield path


_CIRCLES = 20


def _circles(edges: list[tuple[str, str, str]]) -> Iterator[tuple[str, str]]:
    """The references that close a circle, each once, the first twenty: (where it stands, what it refers to)."""
    from graphlib import CycleError, TopologicalSorter

    for _ in range(_CIRCLES):
        sorter: TopologicalSorter[str] = TopologicalSorter()
        for holder, goal, _at in edges:
            sorter.add(holder, goal)
        try:
            sorter.prepare()
        except CycleError as error:
            circle = error.args[1]
            goal, holder = circle[0], circle[1]
            closing = [edge for edge in edges if edge[0] == holder and edge[1] == goal]
            yield closing[0][2], goal
            edges = [edge for edge in edges if edge not in closing]
        else:
            return
