"""Made-up values for a schema: candidates for one place, and whole documents around it. Nothing is taken from a capture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from audit.authoring.schema_parts import Node, fits, item, member, names, node, types
from audit.authoring.texts import texts

DEEPEST = 24
MOST = 160
"""Candidates tried at one place."""

FORMATS: Mapping[str, tuple[str, ...]] = {
    "date-time": ("2020-01-02T03:04:05Z", "2020-01-02T03:04:05.678+01:00"),
    "date": ("2020-01-02",),
    "time": ("03:04:05Z",),
    "duration": ("PT1H",),
    "uuid": ("00000000-0000-4000-8000-000000000000",),
    "ipv4": ("192.0.2.1",),
    "ipv6": ("2001:db8::1",),
    "email": ("someone@example.com",),
    "hostname": ("host.example.com",),
    "uri": ("https://example.com/path",),
}
UNLISTED = ("unlisted", "other", "OTHER", "x1")


def candidates(before: Node, after: Node) -> Iterator[Any]:
    """Values worth a try where NEW lets through what OLD refused: at the edges of what both ask."""
    return islice(_all(before, after), MOST)


def _all(before: Node, after: Node) -> Iterator[Any]:
    parts = [*(after.parts or ()), *_ways(after), *(before.parts or ())]
    for part in parts:
        yield from (part["const"],) if "const" in part else part.get("enum", ())
    kinds = types(after)
    if kinds & {"integer", "fraction"}:
        yield from _numbers(parts)
    if "string" in kinds:
        yield from _strings(parts)
    yield from (value for kind, value in (("null", None), ("boolean", True), ("boolean", False)) if kind in kinds)
    if "object" in kinds:
        yield from _objects(after, parts)
    if "array" in kinds:
        yield from _arrays(after, parts)


def _ways(here: Node) -> list[Mapping[str, Any]]:
    """The parts of the alternatives, taken together: a source of ideas, not of truth."""
    found: list[Mapping[str, Any]] = []
    for part in here.parts or ():
        for keyword in ("anyOf", "oneOf"):
            for branch in part.get(keyword, ()):
                found.extend(node(here.root, [branch]).parts or ())
    return found


def _strings(parts: list[Mapping[str, Any]]) -> Iterator[str]:
    made = [text for part in parts if isinstance(part.get("pattern"), str) for text in texts(part["pattern"])]
    made += [text for part in parts for text in FORMATS.get(str(part.get("format")), ())]
    lengths = {part[key] for part in parts for key in ("maxLength", "minLength") if key in part}
    sizes = sorted({int(size) + step for size in lengths for step in (0, 1, -1) if 0 <= size + step <= 100_000})
    yield from made
    yield from ("free text", "a", "", "A", "0", "-", "a b@example.com")
    yield from ("a" * size for size in sizes)
    for text in made[:6]:
        yield from (text + "x", "x" + text, f" {text} ", text + text, text.upper(), text.lower(), text[:-1], text[1:])
        yield from (text + "a" * (size - len(text)) for size in sizes if size > len(text))
    yield from (text for values in FORMATS.values() for text in values)


def _numbers(parts: list[Mapping[str, Any]]) -> Iterator[float | int]:
    for part in parts:
        for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
            if key in part and abs(part[key]) < 1e15:
                edge = part[key]
                yield from (edge, edge + 1, edge - 1, edge + 0.5, edge - 0.5, edge * 2)
    yield from (0, 1, -1, 0.5, 7, 1000, -1000, 10**9, -(10**9))


def _objects(after: Node, parts: list[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    small, full = example(after), example(after, full=True)
    for base in (small, full):
        if isinstance(base, dict):
            yield base
            for name in (*UNLISTED, *_patterned(parts)):
                inner = example(member(after, name))
                held: tuple[Any, ...] = (inner, "free text", 1, {})
                yield from ({**base, name: value} for value in held)
            for name in base:
                yield {key: value for key, value in base.items() if key != name}
            counts = {int(part[key]) for part in parts for key in ("maxProperties", "minProperties") if key in part}
            for count in sorted(counts | {count + 1 for count in counts}):
                yield {**base, **{f"unlisted{n}": 1 for n in range(min(max(count - len(base), 0), 1000))}}
    yield {}


def _patterned(parts: list[Mapping[str, Any]]) -> list[str]:
    return [text for part in parts for pattern in part.get("patternProperties", {}) for text in texts(pattern)[:4]]


def _arrays(after: Node, parts: list[Mapping[str, Any]]) -> Iterator[list[Any]]:
    small = example(after)
    base = small if isinstance(small, list) else []
    counts = {int(part[key]) for part in parts for key in ("maxItems", "minItems") if key in part}
    counts |= {len(part["prefixItems"]) for part in parts if "prefixItems" in part} | {0, 1, 2}
    yield base
    for count in sorted(counts | {count + 1 for count in counts}):
        if count <= 1000:
            made = [example(item(after, index)) for index in range(min(count, 8))]
            yield (made + made[-1:] * count)[:count]
            yield [*(f"text {n}" for n in range(count))]
            yield [*range(count)]


def example(here: Node, *, full: bool = False, depth: int = 0) -> Any:
    """One value that should fit: as small as the schema asks, or with every member that it lists."""
    for part in here.parts or ():
        if "const" in part:
            return part["const"]
    kinds = types(here)
    if depth > DEEPEST:
        return None
    if "object" in kinds and (_asks(here, ("properties", "required", "additionalProperties")) or kinds == {"object"}):
        return _object(here, full=full, depth=depth)
    if "array" in kinds and (_asks(here, ("items", "prefixItems", "minItems")) or kinds == {"array"}):
        least = max((int(part.get("minItems", 0)) for part in here.parts or ()), default=0)
        count = min(max(least, 1 if full else 0), 1000)
        return [example(item(here, index), full=full, depth=depth + 1) for index in range(count)]
    return next((value for value in _plain(here) if fits(here, value)), None)


def _plain(here: Node) -> Iterator[Any]:
    parts = [*(here.parts or ()), *_ways(here)]
    yield from (value for part in parts for value in part.get("enum", ()))
    kinds = types(here)
    if "string" in kinds:
        yield from _strings(parts)
    if kinds & {"integer", "fraction"}:
        yield from _numbers(parts)
    yield from (value for kind, value in (("boolean", True), ("object", {}), ("array", [])) if kind in kinds)


def _asks(here: Node, keywords: tuple[str, ...]) -> bool:
    return any(keyword in part for part in here.parts or () for keyword in keywords)


def _object(here: Node, *, full: bool, depth: int) -> dict[str, Any]:
    asked = {name for part in here.parts or () for name in part.get("required", ())}
    found: dict[str, Any] = {}
    for name in sorted(asked | (set(names(here)) if full else set())):
        below = member(here, name)
        if below.parts is not None:
            found[name] = example(below, full=full and depth < 4, depth=depth + 1)
    return found


def around(here: Node, path: tuple[str, ...], value: Any, *, full: bool = False) -> Any:
    """A document that holds a value at a path, and else what the schema asks."""
    if not path:
        return value
    name, rest = path[0], path[1:]
    base = example(here, full=full)
    if name == "*" and ("array" in types(here) and not isinstance(base, dict)):
        listed = base if isinstance(base, list) else []
        at = max((len(part.get("prefixItems", ())) for part in here.parts or ()), default=0)
        before = [example(item(here, index), full=full) for index in range(at)]
        return [*before, around(item(here, at), rest, value, full=full), *listed[at + 1 :]]
    members = base if isinstance(base, dict) else {}
    if name == "*":
        name = next(iter(_patterned(list(here.parts or ()))), UNLISTED[0])
    return {**members, name: around(member(here, name), rest, value, full=full)}
