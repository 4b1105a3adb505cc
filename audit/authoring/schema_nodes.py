"""The places of a schema: which subschemas describe a value of their own, and which only say more about the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, TypeVar

from audit.authoring.faults import child

IN_MAPS = ("properties", "patternProperties", "$defs", "dependentSchemas")
IN_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
IN_PLACE = ("allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas")
SINGLE = (
    "items",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contains",
    "propertyNames",
    "not",
    "if",
    "then",
    "else",
)
TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")

Schema = Mapping[str, Any]


def subschemas(schema: Any, at: str = "") -> Iterator[tuple[str, str, Any]]:
    """The direct subschemas of one, as (keyword, key path, subschema)."""
    if not isinstance(schema, dict):
        return
    for keyword in IN_MAPS:
        found = schema.get(keyword)
        if isinstance(found, dict):
            yield from ((keyword, child(at, keyword, name), inner) for name, inner in found.items())
    for keyword in IN_LISTS:
        found = schema.get(keyword)
        if isinstance(found, list):
            yield from ((keyword, child(at, keyword, number), inner) for number, inner in enumerate(found))
    for keyword in SINGLE:
        if keyword in schema:
            yield keyword, child(at, keyword), schema[keyword]


def every(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every subschema with its key path, the root first."""
    stack = [("", schema)]
    while stack:
        at, node = stack.pop()
        yield at, node
        stack.extend((path, inner) for _, path, inner in subschemas(node, at))


def target(root: Any, ref: str) -> Any:
    """What a local reference points at, or None."""
    if ref == "#":
        return root
    if not ref.startswith("#/"):
        return None
    node = root
    for token in ref[2:].split("/"):
        key = token.replace("~1", "/").replace("~0", "~").replace("%25", "%")
        if isinstance(node, dict) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node


class Root:
    """One schema file, with what has been found out about its places: each is asked once, whatever refers to it."""

    __slots__ = ("known", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.known: dict[tuple[str, str], Any] = {}


T = TypeVar("T")
_MOST = 200
"""So many subschemas may say something about one value; what a hostile file says beyond that is not read."""


def once(default: T) -> Callable[[Callable[[Where], T]], Callable[[Where], T]]:
    """Ask a question about a place once. `default`: the answer inside a circle of references."""

    def wrapped(ask: Callable[[Where], T]) -> Callable[[Where], T]:
        @wraps(ask)
        def asked(where: Where) -> T:
            key = (ask.__name__, where.at)
            known = where.root.known
            if key not in known:
                known[key] = default
                known[key] = ask(where)
            found: T = known[key]
            return found

        return asked

    return wrapped


class Where:
    """One subschema, the file it stands in, and everything that is said together with it (`allOf`, `$ref`)."""

    __slots__ = ("at", "node", "root")

    def __init__(self, root: Root, at: str, node: Any) -> None:
        self.root, self.at, self.node = root, at, node

    def together(self) -> list[tuple[str, Schema]]:
        """The subschemas that all must hold of the same value, this one first. Cycles end where they close."""
        found: list[tuple[str, Schema]] = []
        seen: set[str] = set()
        stack = [(self.at, self.node)]
        while stack and len(found) < _MOST:
            at, node = stack.pop()
            if at in seen or not isinstance(node, dict):
                continue
            seen.add(at)
            found.append((at, node))
            ref = node.get("$ref")
            if isinstance(ref, str):
                stack.append((ref.removeprefix("#"), target(self.root.value, ref)))
            branches = node.get("allOf")
            if isinstance(branches, list):
                stack.extend((child(at, "allOf", number), inner) for number, inner in enumerate(branches))
        return found

    def alternatives(self) -> list[list[Where]]:
        """For each anyOf or oneOf that holds of the value: its branches."""
        found = []
        for at, node in self.together():
            for keyword in ("anyOf", "oneOf"):
                branches = node.get(keyword)
                if isinstance(branches, list) and branches:
                    found.append([Where(self.root, child(at, keyword, number), b) for number, b in enumerate(branches)])
        return found

    @once(frozenset(TYPES))
    def types(self) -> frozenset[str]:
        """The JSON types that can hold here; all of them where none is said."""
        kinds = frozenset(TYPES)
        for _, node in self.together():
            kinds &= own_types(node)
        for branches in self.alternatives():
            either: frozenset[str] = frozenset()
            for branch in branches:
                shallow = branch.node if isinstance(branch.node, dict) else {}
                either |= own_types(shallow) if "$ref" not in shallow and "allOf" not in shallow else branch.types()
            kinds &= either
        return kinds

    @once(default=False)
    def typed(self) -> bool:
        """Whether anything says what is accepted here."""
        if any(node.keys() & {"type", "const", "enum"} for _, node in self.together()):
            return True
        return any(all(isinstance(b.node, dict) and b.typed() for b in branches) for branches in self.alternatives())

    def listed(self) -> bool:
        """Whether the values themselves are listed."""
        return any("const" in node or "enum" in node for _, node in self.together())


def own_types(node: Schema) -> frozenset[str]:
    """The types that one subschema by itself admits."""
    kinds = frozenset(TYPES)
    said = node.get("type")
    if isinstance(said, str):
        kinds = frozenset({said})
    elif isinstance(said, list):
        kinds = frozenset(kind for kind in said if isinstance(kind, str))
    if "number" in kinds:
        kinds |= {"integer"}
    if "const" in node:
        kinds &= {type_of(node["const"])}
    if isinstance(node.get("enum"), list):
        kinds &= {type_of(value) for value in node["enum"]}
    return kinds


def type_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "integer" if value.is_integer() else "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)
