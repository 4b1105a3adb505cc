"""Which values does NEW accept that OLD refused? Keyword by keyword: what OLD asks must follow from what NEW asks.

Sound by its form: every keyword of OLD is either shown to follow from NEW, or a widening is told at its place. What no
rule here understands is told as such, never passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from audit.authoring.schema_parts import (
    ANY,
    OPAQUE,
    Node,
    Part,
    Schema,
    closed,
    finite,
    fits,
    item,
    matches,
    member,
    names,
    node,
    prefix,
    same,
    text,
    types,
    types_of,
)

MOST = 5_000
"""Pairs of places looked at in one event; a document that unfolds further is told as not understood."""

Path = tuple[str, ...]


class Widening(NamedTuple):
    """At `path` (`*` for any item or unlisted name) OLD asked something that NEW no longer asks."""

    kind: str
    path: Path
    said: str
    before: Node
    after: Node


def widenings(old: Part, new: Part) -> list[Widening]:
    """Every way in which a document could fit NEW and not OLD; empty only where there is none."""
    walk = _Walk(old, new)
    start = node(old, [old]), node(new, [new])
    if same(old, old, new, new):
        return []
    try:
        return list({found[:3]: found for found in walk.node(*start, ())}.values())
    except (_TooLargeError, RecursionError):
        return [Widening("not-understood", (), "the schema unfolds too far to be compared in full", *start)]


class _TooLargeError(Exception):
    pass


class _Walk:
    def __init__(self, old: Part, new: Part) -> None:
        self.old, self.new = old, new
        self.seen = 0
        self.above: list[tuple[str, str]] = []

    def node(self, before: Node, after: Node, path: Path) -> Iterator[Widening]:
        self.seen += 1
        if self.seen > MOST:
            raise _TooLargeError
        if after.parts is None or before.parts == ():
            return
        if before.parts is None:
            yield Widening("accepted", path, "was refused whatever it held", before, after)
            return
        if same(self.old, before.parts, self.new, after.parts):
            return
        here = text(before.parts), text(after.parts)
        if here in self.above:
            yield Widening("not-understood", path, "a schema that holds itself, and has changed", before, after)
            return
        self.above.append(here)
        found = list(self.values(before, after, path))
        self.above.pop()
        if not (found and self.each_way(before, after, path)):
            yield from found

    def each_way(self, before: Node, after: Node, path: Path) -> bool:
        """Whether OLD's words follow from every single way of an `anyOf` of NEW."""
        ways = next((part["anyOf"] for part in after.parts or () if "anyOf" in part), None)
        return ways is not None and all(self.narrower(before, _also(after, way), path) for way in ways)

    def values(self, before: Node, after: Node, path: Path) -> Iterator[Widening]:
        few = finite(after)
        if few is not None and all(fits(before, value) for value in few):
            return
        if few is not None:
            fresh = [value for value in few if fits(after, value) and not fits(before, value)]
            if not fresh:
                return
            if not any(isinstance(value, dict | list) for value in fresh):
                was = any("const" in part or "enum" in part for part in before.parts or ())
                yield Widening("value-added" if was else "type-widened", path, _values(fresh), before, after)
                return
        for part in before.parts or ():
            for keyword in part:
                yield from self.keyword(keyword, part, before, after, path)

    def keyword(self, keyword: str, part: Part, before: Node, after: Node, path: Path) -> Iterator[Widening]:
        needs = _APPLIES.get(keyword)
        if needs is not None and not needs & types(after):
            return
        group = _OPEN if keyword == "additionalProperties" else (keyword,)
        alone = Node(before.root, ({key: part[key] for key in group if key in part},))
        if keyword in _SIMPLE:
            yield from _SIMPLE[keyword](keyword, part[keyword], alone, after, path)
        elif keyword in _OBJECTS:
            yield from getattr(self, _OBJECTS[keyword])(part, alone, after, path)
        elif keyword in ("prefixItems", "items"):
            yield from self.items(keyword, part, after, path)
        elif keyword in ("anyOf", "oneOf"):
            yield from self.branches(keyword, part, alone, after, path)
        elif keyword not in _BESIDE and not self.kept(keyword, part, after):
            shown = "unevaluatedProperties or unevaluatedItems" if keyword == OPAQUE else keyword
            yield Widening("not-understood", path, f"{shown} has changed", before, after)

    def kept(self, keyword: str, part: Part, after: Node) -> bool:
        """Whether some part of NEW has this keyword too, with all that it depends on in a part."""
        group = next((group for group in _GROUPS if keyword in group), frozenset({keyword}))
        mine = {key: value for key, value in part.items() if key in group}
        return any(
            same(self.old, mine, self.new, {key: value for key, value in other.items() if key in group})
            for other in after.parts or ()
        )

    def properties(self, part: Part, before: Node, after: Node, path: Path) -> Iterator[Widening]:
        for name, schema in part["properties"].items():
            now = member(after, name)
            if schema is False and now.parts is not None:
                yield Widening("field-added", (*path, name), "was forbidden", Node(self.old, None), now)
            else:
                yield from self.node(node(self.old, [schema]), now, (*path, name))

    def patterns(self, part: Part, before: Node, after: Node, path: Path) -> Iterator[Widening]:
        fixed = any(closed(other) and not other.get("patternProperties") for other in after.parts or ())
        for pattern, schema in part["patternProperties"].items():
            was = node(self.old, [schema])
            for name in names(after):
                if matches(pattern, name):
                    yield from self.node(was, member(after, name), (*path, name))
            twins = [other for other in after.parts or () if pattern in other.get("patternProperties", {})]
            if fixed:
                continue
            if twins:
                now = node(self.new, [twin["patternProperties"][pattern] for twin in twins])
                yield from self.node(was, now, (*path, "*"))
            else:
                yield Widening("not-understood", path, "a pattern of names has gone", before, after)

    def extra(self, part: Part, before: Node, after: Node, path: Path) -> Iterator[Widening]:
        """`additionalProperties`: names that this part of OLD neither lists nor gives a pattern for."""
        asked: Schema = part["additionalProperties"]
        known = [name for name in names(after) if not _lists(part, name)]
        yield from self.named(asked, known, after, path)
        if asked is False:
            yield from _opened(part, before, after, path)
        elif asked is not True:
            yield from self.unnamed(asked, after, path)

    def named(self, asked: Schema, known: list[str], after: Node, path: Path) -> Iterator[Widening]:
        for name in known:
            now = member(after, name)
            if now.parts is None:
                continue
            if asked is False:
                yield Widening("field-added", (*path, name), "a new field", Node(self.old, None), now)
            else:
                yield from self.node(node(self.old, [asked]), now, (*path, name))

    def unnamed(self, asked: Schema, after: Node, path: Path) -> Iterator[Widening]:
        parts = after.parts or ()
        if any(closed(other) and not other.get("patternProperties") for other in parts):
            return
        plain = [other.get("additionalProperties", True) for other in parts if not other.get("patternProperties")]
        was = node(self.old, [asked])
        if plain or not parts:
            yield from self.node(was, node(self.new, plain), (*path, "*"))
            return
        for schema in (parts[0].get("additionalProperties", True), *parts[0]["patternProperties"].values()):
            yield from self.node(was, node(self.new, [schema]), (*path, "*"))

    def items(self, keyword: str, part: Part, after: Node, path: Path) -> Iterator[Widening]:
        listed: list[Schema] = part.get("prefixItems", [])
        below = (*path, "*")
        if keyword == "prefixItems":
            for index, schema in enumerate(listed):
                yield from self.node(node(self.old, [schema]), item(after, index), below)
            return
        was = node(self.old, [part["items"]])
        for index in range(len(listed), max(len(listed), prefix(after)) + 1):
            yield from self.node(was, item(after, index), below)

    def branches(self, keyword: str, part: Part, before: Node, after: Node, path: Path) -> Iterator[Widening]:
        """`anyOf`: each way of NEW must be narrower than one of OLD's. `oneOf` counts, so it must stay as it is."""
        if self.kept(keyword, part, after):
            return
        if keyword == "oneOf":
            yield Widening("not-understood", path, "oneOf has changed", before, after)
            return
        was = [node(self.old, [branch]) for branch in part["anyOf"]]
        ways = [other["anyOf"] for other in after.parts or () if "anyOf" in other] or [[True]]
        fresh = [
            way for way in min(ways, key=len) if not any(self.narrower(old, _also(after, way), path) for old in was)
        ]
        if fresh:
            now = [_also(after, way) for way in fresh]
            yield Widening("alternative-added", path, "another alternative fits", before, now[0])

    def narrower(self, before: Node, after: Node, path: Path) -> bool:
        return not any(True for _ in self.node(before, after, path))


def _also(after: Node, way: Schema) -> Node:
    """NEW without its `anyOf`, and with one way of it."""
    rest = [{key: value for key, value in part.items() if key != "anyOf"} for part in after.parts or ()]
    return node(after.root, [*rest, way])


def _lists(part: Part, name: str) -> bool:
    listed = name in part.get("properties", {})
    return listed or any(matches(pattern, name) for pattern in part.get("patternProperties", {}))


def _opened(part: Part, before: Node, after: Node, path: Path) -> Iterator[Widening]:
    shut = [other for other in after.parts or () if closed(other)]
    if not shut:
        yield Widening("object-opened", path, "any name is let through", before, after)
        return
    mine = part.get("patternProperties", {})
    if all(set(other.get("patternProperties", {})) - set(mine) for other in shut):
        yield Widening("object-opened", path, "names of another pattern are let through", before, after)


def _type(_keyword: str, asked: Any, before: Node, after: Node, path: Path) -> Iterator[Widening]:
    more = types(after) - types_of({"type": asked})
    if more:
        said = ", ".join(dict.fromkeys("number" if kind == "fraction" else kind for kind in ANY if kind in more))
        yield Widening("type-widened", path, f"also {said}", before, after)


def _fixed(keyword: str, _asked: Any, before: Node, after: Node, path: Path) -> Iterator[Widening]:
    yield Widening(f"{keyword}-dropped", path, f"no {keyword} is asked any more", before, after)


def _required(_keyword: str, asked: list[str], before: Node, after: Node, path: Path) -> Iterator[Widening]:
    still = {name for other in after.parts or () for name in other.get("required", ())}
    for name in asked:
        if name not in still:
            yield Widening("required-dropped", (*path, name), "no longer required", before, after)


def _limit(keyword: str, asked: Any, before: Node, after: Node, path: Path) -> Iterator[Widening]:
    if not _bounded(keyword, asked, after):
        kind, what = _BOUNDS[keyword]
        yield Widening(kind, path, _bound(keyword, asked, after, what), before, after)


def _text(keyword: str, asked: str, before: Node, after: Node, path: Path) -> Iterator[Widening]:
    now = [part[keyword] for part in after.parts or () if keyword in part]
    if asked in now:
        return
    if now:
        yield Widening(f"{keyword}-changed", path, f"another {keyword} is asked", before, after)
    else:
        yield Widening(f"{keyword}-dropped", path, f"no {keyword} is asked any more", before, after)


_BOUNDS: Mapping[str, tuple[str, str]] = {
    "maxLength": ("longer-text", "up to {now} characters, before {was}"),
    "minLength": ("bound-widened", "from {now} characters on, before {was}"),
    "maxItems": ("more-items", "up to {now} items, before {was}"),
    "minItems": ("bound-widened", "from {now} items on, before {was}"),
    "maxProperties": ("more-items", "up to {now} members, before {was}"),
    "minProperties": ("bound-widened", "from {now} members on, before {was}"),
    "minimum": ("bound-widened", "from {now} on, before {was}"),
    "maximum": ("bound-widened", "up to {now}, before {was}"),
    "exclusiveMinimum": ("bound-widened", "above {now}, before {was}"),
    "exclusiveMaximum": ("bound-widened", "below {now}, before {was}"),
    "multipleOf": ("bound-widened", "steps of {now}, before {was}"),
    "uniqueItems": ("bound-widened", "items may repeat"),
}
_UPPER = ("maxLength", "maxItems", "maxProperties")
_RANGE = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum")


def _bounded(keyword: str, asked: Any, after: Node) -> bool:
    """Whether some part of NEW bounds at least as tightly. What cannot be reckoned with is not shown."""
    parts = after.parts or ()
    now = [part[keyword] for part in parts if keyword in part]
    try:
        if keyword == "uniqueItems":
            return asked is False or True in now
        if keyword == "multipleOf":
            steps = [*now, 1] if "fraction" not in types(after) else now
            return any((_exact(step) / _exact(asked)).denominator == 1 for step in steps)
        if keyword in _RANGE:
            return _ranged(keyword, asked, parts)
        if keyword == "maxProperties" and any(closed(part) and not part.get("patternProperties") for part in parts):
            now.append(len(names(after)))
        return any(value <= asked if keyword in _UPPER else value >= asked for value in now) or (
            keyword not in _UPPER and asked <= 0
        )
    except (ValueError, OverflowError, ZeroDivisionError):
        return False


def _ranged(keyword: str, asked: Any, parts: tuple[Part, ...]) -> bool:
    upper = keyword in ("maximum", "exclusiveMaximum")
    plain, strict = ("maximum", "exclusiveMaximum") if upper else ("minimum", "exclusiveMinimum")
    for part in parts:
        for name in (plain, strict):
            if name in part:
                gap = _exact(part[name]) - _exact(asked)
                gap = -gap if upper else gap
                if gap > 0 or (gap == 0 and (name == strict or keyword == plain)):
                    return True
    return False


def _exact(number: Any) -> Fraction:
    return Fraction(str(number))


def _bound(keyword: str, asked: Any, after: Node, said: str) -> str:
    now = [part[keyword] for part in after.parts or () if keyword in part]
    shown = (min(now) if keyword in _UPPER or "aximum" in keyword else max(now)) if now else None
    return said.format(now="any number" if shown is None else shown, was=asked)


def _values(values: list[Any]) -> str:
    shown = ", ".join(repr(value) if isinstance(value, str) else str(value) for value in values[:5])
    return f"accepts {shown}" + (" and more" if len(values) > 5 else "")


_TEXT, _NUMBER, _ARRAY, _OBJECT = (
    frozenset({"string"}),
    frozenset({"integer", "fraction"}),
    frozenset({"array"}),
    frozenset({"object"}),
)
_APPLIES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("maxLength", "minLength", "pattern", "format"), _TEXT),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _NUMBER),
    **dict.fromkeys(
        ("maxItems", "minItems", "uniqueItems", "items", "prefixItems", "contains", "minContains", "maxContains"),
        _ARRAY,
    ),
    **dict.fromkeys(
        ("properties", "required", "additionalProperties", "patternProperties", "propertyNames", "maxProperties"),
        _OBJECT,
    ),
    **dict.fromkeys(("minProperties", "dependentRequired", "dependentSchemas"), _OBJECT),
}
"""The kinds of values that a keyword speaks of."""

_OBJECTS: Mapping[str, str] = {
    "properties": "properties",
    "patternProperties": "patterns",
    "additionalProperties": "extra",
}
_BESIDE = ("then", "else", "minContains", "maxContains")
"""Say nothing without the `if` or `contains` that they are compared with."""
_GROUPS = (frozenset({"if", "then", "else"}), frozenset({"contains", "minContains", "maxContains"}))

_SIMPLE: Mapping[str, Callable[[str, Any, Node, Node, Path], Iterator[Widening]]] = {
    "type": _type,
    "const": _fixed,
    "enum": _fixed,
    "pattern": _text,
    "format": _text,
    "required": _required,
    **dict.fromkeys(_BOUNDS, _limit),
}
_OPEN = ("properties", "patternProperties", "additionalProperties")
