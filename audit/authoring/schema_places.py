"""The places of a schema that hold a value of their own: closed, bounded, typed, and said what data they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from audit.authoring.faults import Said, child
from audit.authoring.guess import least, too_low
from audit.authoring.schema_nodes import Root, Schema, Where, every, is_number, once, own_types, subschemas, target
from audit.model import Pointer
from audit.policy.pack import CATEGORIES
from audit.policy.patterns import Pattern
from audit.policy.validators import FORMATS

_ASIDE = frozenset({"$ref", "x-data-category", "x-placeholder", "description", "title"})
"""What may stand beside a reference without adding a condition."""
_LONGEST = 65_536
"""A longer bound on a text is none."""
_OBJECT_WORDS = frozenset({"properties", "patternProperties", "required", "additionalProperties", "propertyNames"})


def places(root: Root, ids: frozenset[Pointer]) -> Iterator[Said]:
    """Walk the places that hold a value of their own, each with the event's pointer to it."""
    seen: set[str] = set()
    stack: list[tuple[Where, tuple[str, ...]]] = [(Where(root, "", root.value), ())]
    definitions = root.value.get("$defs")
    used = {
        node["$ref"] for _, node in every(root.value) if isinstance(node, dict) and isinstance(node.get("$ref"), str)
    }
    for name, inner in definitions.items() if isinstance(definitions, dict) else ():
        if f"#/$defs/{name}" not in used:
            stack.append((Where(root, child("", "$defs", name), inner), (name,)))
    while stack:
        where, pointer = stack.pop()
        if where.at in seen:
            continue
        seen.add(where.at)
        yield from _place(where, pointer, ids)
        for inner, below in _below(where, pointer):
            stack.append((inner, below))


def _below(where: Where, pointer: tuple[str, ...]) -> Iterator[tuple[Where, tuple[str, ...]]]:
    """The places directly below one, through everything that is said of the same value."""
    done: set[str] = set()
    stack = [where]
    while stack:
        here = stack.pop()
        if here.at in done:
            continue
        done.add(here.at)
        for at, node in here.together():
            for keyword, path, inner in subschemas(node, at):
                if keyword == "properties":
                    yield (
                        Where(where.root, path, inner),
                        (*pointer, path.rsplit("/", 1)[1].replace("~1", "/").replace("~0", "~")),
                    )
                elif keyword in (
                    "items",
                    "prefixItems",
                    "additionalProperties",
                    "patternProperties",
                    "unevaluatedProperties",
                ):
                    yield Where(where.root, path, inner), (*pointer, "*")
                elif keyword in ("anyOf", "oneOf", "then", "else", "dependentSchemas"):
                    stack.append(Where(where.root, path, inner))


def _place(where: Where, pointer: tuple[str, ...], ids: frozenset[Pointer]) -> Iterator[Said]:
    if where.node is True or where.node == {}:
        yield Said(where.at, "untyped", "accepts anything")
        return
    if not isinstance(where.node, dict):
        return
    where_at = _home(where)
    if any("$ref" in node and target(where.root.value, str(node["$ref"])) is None for _, node in where.together()):
        return  # nobody knows what stands there; the reference itself is told
    if not where.typed():
        if not any(node.keys() & _OBJECT_WORDS for _, node in where.together()):
            yield Said(where_at, "untyped", "no type: accepts anything")
            return
        yield Said(where_at, "untyped", "no type: every value that is no object is accepted")
    kinds = where.types()
    if "object" in kinds and not where.listed():
        yield from _object(where, where_at)
    if "array" in kinds and not where.listed():
        yield from _array(where, where_at)
    if "string" in kinds and where.typed() and not _bounded(where):
        yield Said(where_at, "unbounded-string", "a text of any length is accepted")
    yield from _category(where, where_at, pointer, ids)


def _home(where: Where) -> str:
    """Where the fault is mended: what a bare reference points at, else the place itself."""
    node = where.node
    if isinstance(node, dict) and str(node.get("$ref", "")).startswith("#") and not node.keys() - _ASIDE:
        return str(node["$ref"]).removeprefix("#")
    return where.at


def _object(where: Where, at: str) -> Iterator[Said]:
    if not _closed(where):
        mapped = any(
            isinstance(node.get("additionalProperties"), dict) or node.get("patternProperties")
            for _, node in where.together()
        )
        what = (
            "a map whose names are not bounded: add propertyNames with a pattern or maxLength, and maxProperties"
            if mapped
            else "members that the page does not show are accepted"
        )
        yield Said(at, "open-object", what)
    parts = where.together()
    branches = [part for branch in where.alternatives() for one in branch for part in one.together()]
    declared = {name for _, node in (*parts, *branches) for name in _properties(node)}
    named_freely = any(isinstance(n.get("additionalProperties"), dict) or n.get("patternProperties") for _, n in parts)
    for path, node in parts:
        for number, name in enumerate(node["required"] if isinstance(node.get("required"), list) else ()):
            if isinstance(name, str) and name not in declared and not named_freely:
                yield Said(
                    child(path, "required", number), "required-undeclared", f"{name!r} is required but declared nowhere"
                )
            elif isinstance(name, str) and _properties(node).get(name) is False:
                yield Said(child(path, "properties", name), "unsatisfiable", f"{name!r} is required and never accepted")
    yield from _closed_against(where)


def _properties(node: Schema) -> dict[str, Any]:
    found = node.get("properties")
    return found if isinstance(found, dict) else {}


def _closed_against(where: Where) -> Iterator[Said]:
    """`additionalProperties: false` sees only the `properties` beside it: what others declare or ask for it refuses."""
    parts = where.together()
    for path, node in parts:
        if node.get("additionalProperties") is not False or node.get("patternProperties"):
            continue
        for other, said in parts:
            foreign = sorted(_properties(said).keys() - _properties(node).keys())
            if other != path and foreign:
                at = child(other, "properties", foreign[0])
                what = f"{foreign[0]!r} is refused by additionalProperties at {path or '/'}: use unevaluatedProperties there"
                yield Said(at, "unsatisfiable", what)


@once(default=True)
def _closed(where: Where) -> bool:
    """Whether no member can stand in the object that nothing describes."""
    for _, node in where.together():
        if node.get("additionalProperties") is False or node.get("unevaluatedProperties") is False:
            return not node.get("patternProperties") or _map(where)
        if _is_map(node, where):
            return True
    return any(
        all(b.node is False or "object" not in b.types() or b.listed() or _closed(b) for b in branches)
        for branches in where.alternatives()
    )


def _map(where: Where) -> bool:
    return any("maxProperties" in node for _, node in where.together())


def _is_map(node: Any, where: Where) -> bool:
    """A map: values described, names bounded, and how many of them."""
    values = node.get("additionalProperties")
    names = node.get("propertyNames")
    if not isinstance(values, dict) or not isinstance(names, dict) or not _map(where):
        return False
    return bool(names.keys() & {"pattern", "maxLength", "enum", "format"})


def _array(where: Where, at: str) -> Iterator[Said]:
    nodes = [node for _, node in where.together()]
    branches = where.alternatives()
    if branches and not any(n.keys() & {"items", "prefixItems", "maxItems"} for n in nodes):
        return  # each branch is told by itself, where it is an array
    if not any(isinstance(n.get("items"), dict | bool) or n.get("unevaluatedItems") is False for n in nodes):
        yield Said(at, "open-array", "items of any kind are accepted")
    if not any("maxItems" in n or n.get("items") is False for n in nodes):
        yield Said(at, "unbounded-array", "any number of items is accepted")


@once(default=True)
def _bounded(where: Where) -> bool:
    """Whether a text here has a longest form."""
    for _, node in where.together():
        if is_number(node.get("maxLength")) and node["maxLength"] <= _LONGEST:
            return True
        if "const" in node or "enum" in node or not own_types(node) & {"string"}:
            return True
        if node.get("format") in FORMATS - {"uri"}:
            return True
        if isinstance(node.get("pattern"), str):
            pattern = Pattern(node["pattern"])
            if pattern.error is None and not pattern.unanchored() and pattern.longest() is not None:
                return True
    return any(all(b.node is False or _bounded(b) for b in branches) for branches in where.alternatives())


def _category(where: Where, at: str, pointer: tuple[str, ...], ids: frozenset[Pointer]) -> Iterator[Said]:
    nodes = [node for _, node in where.together()]
    branches = [b.node for branch in where.alternatives() for b in branch]
    if any(
        n.get("properties") or "items" in n or "prefixItems" in n for n in (*nodes, *branches) if isinstance(n, dict)
    ):
        return
    if (
        any(isinstance(n, dict) and isinstance(n.get("additionalProperties"), dict) for n in (*nodes, *branches))
        or not pointer
    ):
        return
    found = next((n["x-data-category"] for n in nodes if "x-data-category" in n), None)
    if found is None:
        yield Said(at, "no-data-category", "nothing says what data this is")
        return
    if not isinstance(found, str) or found not in CATEGORIES or where.listed():
        return
    if "boolean" in where.types() and where.types() <= {"boolean", "null"}:
        return
    minimum = least(pointer, [*nodes, *branches])
    if minimum is not None and pointer not in ids and found != "message-id" and too_low(found, minimum):
        yield Said(
            child(where.at, "x-data-category"), "data-category-too-low", f"{found} for what looks like {minimum}"
        )
    elif found == "message-id" and pointer not in ids and minimum is not None:
        yield Said(
            child(where.at, "x-data-category"),
            "data-category-too-low",
            "message-id, but the envelope has its id elsewhere",
        )
