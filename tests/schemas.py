"""Random closed schemas in the subset that packs use, random edits of them, and random documents near them."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

NAMES = ("a", "b", "c", "d1")
PATTERNS = ("^[a-z]{1,3}$", "^[a-z]+$", "[0-9]", "^x", "^(on|off)$", "^[A-Z][0-9]*$")
FORMATS = ("date-time", "uuid", "ipv4", "ipv6", "email")
TEXTS = (
    *("", "a", "ab", "abcd", "x9", "on", "off", "A1", "7", "zzzzzzzzzz"),
    *("2020-01-02T03:04:05Z", "00000000-0000-4000-8000-000000000000", "192.0.2.1", "2001:db8::1", "a@example.com"),
)
PLAIN: tuple[Any, ...] = (None, True, False, 0, 1, -1, 2, 5, 0.5, 1.0, 11, *TEXTS, {}, [], [1], [1, 1], {"a": 1})


def schema(rng: random.Random, depth: int = 2) -> dict[str, Any]:
    """A closed event: an object, now and then with definitions that its members refer to."""
    root = _object(rng, depth)
    if rng.random() < 0.3:
        root["$defs"] = {"d": _any(rng, 1), "loop": {**_object(rng, 0)}}
        root["properties"][rng.choice(NAMES)] = {"$ref": "#/$defs/d"}
        if rng.random() < 0.5:
            root["$defs"]["loop"]["properties"]["a"] = {"$ref": "#/$defs/loop"}
            root["properties"]["b"] = {"$ref": "#/$defs/loop"}
    return root


def _any(rng: random.Random, depth: int) -> dict[str, Any]:
    makers: list[Callable[[], dict[str, Any]]] = [lambda: _text(rng), lambda: _number(rng), lambda: _few(rng)]
    if depth > 0:
        makers += [lambda: _object(rng, depth - 1), lambda: _array(rng, depth - 1), lambda: _map(rng, depth - 1)]
        makers.append(lambda: {rng.choice(("anyOf", "oneOf")): [_any(rng, 0), _any(rng, depth - 1)]})
        makers.append(lambda: {"allOf": [_any(rng, depth - 1), _any(rng, 0)]})
    return rng.choice(makers)()


def _some(rng: random.Random, **choices: Callable[[], Any]) -> dict[str, Any]:
    return {key: make() for key, make in choices.items() if rng.random() < 0.4}


def _text(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.2:
        return {"type": "string", "anyOf": [{"format": f} for f in rng.sample(FORMATS, 2)]}
    return {
        "type": rng.choice(("string", "string", ["string", "null"])),
        **_some(
            rng,
            maxLength=lambda: rng.choice((1, 2, 4, 10)),
            minLength=lambda: rng.choice((0, 1, 2)),
            pattern=lambda: rng.choice(PATTERNS),
            format=lambda: rng.choice(FORMATS),
        ),
    }


def _number(rng: random.Random) -> dict[str, Any]:
    return {
        "type": rng.choice(("integer", "number", ["integer", "string"])),
        **_some(
            rng,
            minimum=lambda: rng.choice((0, 1, -1)),
            maximum=lambda: rng.choice((1, 5, 10.5)),
            exclusiveMinimum=lambda: rng.choice((0, -1)),
            exclusiveMaximum=lambda: rng.choice((5, 11)),
            multipleOf=lambda: rng.choice((1, 2, 0.5)),
        ),
    }


def _few(rng: random.Random) -> dict[str, Any]:
    return rng.choice(
        (
            {"type": "boolean"},
            {"type": "null"},
            {"const": rng.choice(PLAIN)},
            {"enum": rng.sample(("a", "ab", 1, 2, None, True), 3)},
            {},
        )
    )


def _object(rng: random.Random, depth: int) -> dict[str, Any]:
    listed = rng.sample(NAMES, rng.randint(0, 3))
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _any(rng, depth) for name in listed},
        **_some(rng, required=lambda: [name for name in listed if rng.random() < 0.7]),
        **({"maxProperties": rng.randint(0, 3)} if rng.random() < 0.1 else {}),
        **({"minProperties": 1} if rng.random() < 0.1 else {}),
    }


def _map(rng: random.Random, depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "additionalProperties": _any(rng, depth)}
    if rng.random() < 0.4:
        found["patternProperties"] = {rng.choice(PATTERNS): _any(rng, depth)}
    if rng.random() < 0.4:
        found["additionalProperties"] = False
    if rng.random() < 0.3:
        found["propertyNames"] = _text(rng)
    return found


def _array(rng: random.Random, depth: int) -> dict[str, Any]:
    return {
        "type": "array",
        "items": _any(rng, depth),
        **_some(
            rng,
            maxItems=lambda: rng.randint(0, 3),
            minItems=lambda: rng.randint(0, 2),
            uniqueItems=lambda: True,
            prefixItems=lambda: [_any(rng, 0)],
        ),
        **({"contains": _any(rng, 0)} if rng.random() < 0.1 else {}),
    }


def edited(rng: random.Random, before: dict[str, Any]) -> dict[str, Any]:
    """The schema after one to three edits at random places."""
    after = copy.deepcopy(before)
    for _ in range(rng.randint(1, 3)):
        place = rng.choice([after, *places(after)])
        rng.choice(_EDITS)(rng, place)
    return after


def places(here: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema that is an object."""
    if not isinstance(here, dict):
        return
    below = [
        *(child for key in ("properties", "patternProperties", "$defs") for child in here.get(key, {}).values()),
        *(child for key in ("anyOf", "oneOf", "allOf", "prefixItems") for child in here.get(key, ())),
        *(here.get(key) for key in ("items", "additionalProperties", "propertyNames", "contains", "not")),
    ]
    for child in below:
        if isinstance(child, dict):
            yield child
            yield from places(child)


def _drop(rng: random.Random, place: dict[str, Any]) -> None:
    keys = [key for key in place if key != "$defs"]
    if keys:
        place.pop(rng.choice(keys))


def _replace(rng: random.Random, place: dict[str, Any]) -> None:
    kept = {key: value for key, value in place.items() if key == "$defs"}
    fresh = _any(rng, 1)
    place.clear()
    place.update({**fresh, **kept})


def _widen(rng: random.Random, place: dict[str, Any]) -> None:
    for key in ("maxLength", "maximum", "maxItems", "exclusiveMaximum", "maxProperties", "minimum", "minLength"):
        if key in place:
            place[key] += rng.choice((1, -1)) if place[key] > 0 else 1


def _retype(rng: random.Random, place: dict[str, Any]) -> None:
    place["type"] = rng.choice(("string", "integer", "number", "object", "array", ["string", "null"], "boolean"))


def _add(rng: random.Random, place: dict[str, Any]) -> None:
    place.setdefault("properties", {})[rng.choice(NAMES)] = rng.choice((_any(rng, 0), True, False))


def _open(rng: random.Random, place: dict[str, Any]) -> None:
    place["additionalProperties"] = rng.choice((True, False, _any(rng, 0)))


def _demand(rng: random.Random, place: dict[str, Any]) -> None:
    place["required"] = rng.sample(NAMES, rng.randint(0, 2))


def _rename(rng: random.Random, place: dict[str, Any]) -> None:
    place.setdefault("patternProperties", {})[rng.choice(PATTERNS)] = rng.choice((True, _any(rng, 0)))


def _compose(rng: random.Random, place: dict[str, Any]) -> None:
    fresh = _any(rng, 1)
    rng.choice(
        (
            lambda: place.update({"anyOf": [fresh, *place.pop("anyOf", [])]}),
            lambda: place.update({"allOf": [fresh, *place.get("allOf", [])]}),
            lambda: place.update({"not": fresh}),
            lambda: place.update({"if": fresh, "then": _any(rng, 0)}),
            lambda: place.update({"oneOf": [fresh, _any(rng, 0)]}),
            lambda: place.update({"unevaluatedProperties": place.pop("additionalProperties", False)}),
            lambda: place.update({"allOf": [{"properties": place.pop("properties", {})}]}),
            lambda: place.update({"dependentRequired": {"a": ["b"]}}),
        )
    )()


def _form(rng: random.Random, place: dict[str, Any]) -> None:
    place[rng.choice(("pattern", "format"))] = None
    if place.get("pattern", "") is None:
        place["pattern"] = rng.choice(PATTERNS)
    if place.get("format", "") is None:
        place["format"] = rng.choice(FORMATS)


_EDITS = (_drop, _drop, _replace, _widen, _retype, _add, _open, _demand, _rename, _compose, _form)


def document(rng: random.Random, root: dict[str, Any], here: Any = None, depth: int = 0) -> Any:
    """A value near a schema: mostly what it asks, now and then something else."""
    here = root if here is None else here
    if not isinstance(here, dict) or rng.random() < 0.08 or depth > 6:
        return rng.choice(PLAIN)
    here = _merged(rng, root, here)
    if "const" in here:
        return here["const"]
    if "enum" in here:
        return rng.choice(here["enum"])
    kinds = here.get("type")
    kind = rng.choice(kinds) if isinstance(kinds, list) else kinds
    if kind == "object" or (kind is None and {"properties", "additionalProperties", "patternProperties"} & set(here)):
        return _members(rng, root, here, depth)
    if kind == "array":
        listed = here.get("prefixItems", [])
        count = rng.randint(here.get("minItems", 0), max(here.get("maxItems", 3), here.get("minItems", 0)))
        return [
            document(rng, root, listed[n] if n < len(listed) else here.get("items", {}), depth + 1)
            for n in range(count)
        ]
    if kind == "string":
        return rng.choice(TEXTS)
    if kind in ("integer", "number"):
        return rng.choice((0, 1, -1, 2, 4, 5, 6, 10, 11, 12, *((0.5, 5.5, 10.5) if kind == "number" else ())))
    return {"boolean": rng.random() < 0.5, "null": None}.get(str(kind), rng.choice(PLAIN))


def _merged(rng: random.Random, root: dict[str, Any], here: dict[str, Any]) -> dict[str, Any]:
    found = dict(here)
    for _ in range(4):
        ref = found.pop("$ref", None)
        more = [root.get("$defs", {}).get(ref.rsplit("/", 1)[-1], {})] if isinstance(ref, str) else []
        more += found.pop("allOf", [])
        more += [rng.choice(found.pop(key)) for key in ("anyOf", "oneOf") if found.get(key)]
        for other in more:
            if isinstance(other, dict):
                members = {**other.get("properties", {}), **found.get("properties", {})}
                found = {**other, **found, **({"properties": members} if members else {})}
    return found


def _members(rng: random.Random, root: dict[str, Any], here: dict[str, Any], depth: int) -> dict[str, Any]:
    found = {}
    for name, child in here.get("properties", {}).items():
        if name in here.get("required", ()) or rng.random() < 0.6:
            found[name] = document(rng, root, child, depth + 1)
    for name in here.get("required", ()):
        found.setdefault(name, rng.choice(PLAIN))
    if here.get("additionalProperties") is not False or rng.random() < 0.15 or "patternProperties" in here:
        for name in rng.sample(("a", "b", "c", "d1", "x", "ab", "A1", "on"), rng.randint(0, 2)):
            found.setdefault(name, document(rng, root, here.get("additionalProperties", {}), depth + 1))
    return found
