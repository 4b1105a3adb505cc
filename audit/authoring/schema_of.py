"""From what was seen to a closed schema. Rounds every bound outward, so that the other half of a log fits as well."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from audit.authoring.guess import propose, words
from audit.authoring.observe import Seen
from audit.model import Shape

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN_VALUE = re.compile(r"[A-Za-z][A-Za-z]{1,19}(?:[ _.-][A-Za-z]{1,15}){0,2}")
_NAMING = frozenset(
    "user name login mail email owner author host title account customer company organization organisation org team tenant "
    "person member contact address city street phone id uuid key token secret password label comment message note text query "
    "search path file dir directory url uri domain project workspace repo repository branch database table schema bucket".split()
)
"""Words of names whose values say something about somebody, however few there are."""
_HEX = {Shape.HEX_64: 64, Shape.HEX_40: 40, Shape.HEX_32: 32, Shape.OBJECT_ID: 24}
_ENOUGH_SUBJECTS = 3


class Ask(NamedTuple):
    """How a schema is made. `events`: how many of the type were seen; `enough`: so many make a presence or a shape a rule.

    `open_values`: list every short text seen, for the test whether an event brings anything new; never for a pack.
    `source`: where it comes from, in one sentence.
    """

    events: int
    enough: int
    open_values: bool
    source: str
    ids: frozenset[tuple[str, ...]] = frozenset()
    consts: dict[tuple[str, ...], Any] = {}  # noqa: RUF012 - a NamedTuple's default, never changed


def event_schema(seen: Seen, title: str, ask: Ask) -> dict[str, Any]:
    """The schema of one event type."""
    body = _node(seen, (), ask)
    head: dict[str, Any] = {"$schema": DIALECT}
    if not ask.open_values:
        head["title"] = title
        head["description"] = ask.source
    return {**head, **body}


def _node(seen: Seen, at: tuple[str, ...], ask: Ask) -> dict[str, Any]:
    if at in ask.consts:
        return _leafed({"const": ask.consts[at]}, at, ask, category="none")
    kinds = sorted(seen.types)
    parts = [_typed(kind, seen, at, ask) for kind in kinds if kind != "integer" or "number" not in kinds]
    if seen.nulls:
        parts.append({"type": "null"})
    if not parts:  # seen as null only
        return _leafed({"type": "null"}, at, ask)
    if any(_holds_more(part) for part in parts):
        if len(parts) == 1:
            return parts[0]
        return {"anyOf": [part if _holds_more(part) else _leafed(part, at, ask) for part in parts]}
    if len(parts) == 1:
        return _leafed(parts[0], at, ask)
    if all(part.keys() == {"type"} for part in parts):
        return _leafed({"type": [part["type"] for part in parts]}, at, ask)
    return _leafed({"anyOf": parts}, at, ask)


def _holds_more(part: dict[str, Any]) -> bool:
    """Whether a part describes places below it: then it is no leaf."""
    return bool(part.get("properties")) or "items" in part or isinstance(part.get("additionalProperties"), dict)


def _leafed(node: dict[str, Any], at: tuple[str, ...], ask: Ask, category: str | None = None) -> dict[str, Any]:
    """A leaf with its category, guessed and so marked."""
    if ask.open_values:
        return node
    found = "message-id" if at in ask.ids else category or propose(at, [node, *node.get("anyOf", ())])
    if found == "message-id" and at not in ask.ids:
        found = "device-id"
    marked = {**node, "x-data-category": found}
    return marked if category is not None else {**marked, "x-review": "category guessed from name and form"}


def _typed(kind: str, seen: Seen, at: tuple[str, ...], ask: Ask) -> dict[str, Any]:
    match kind:
        case "string":
            return _text(seen, at, ask)
        case "integer" | "number":
            return _number(seen, kind)
        case "object":
            return _object(seen, at, ask)
        case "array":
            items = {"items": _node(seen.items, (*at, "*"), ask)} if seen.items is not None else {"items": False}
            return {"type": "array", "maxItems": _above(seen.most, 10) if seen.items is not None else 0, **items}
        case _:
            return {"type": kind}


def _object(seen: Seen, at: tuple[str, ...], ask: Ask) -> dict[str, Any]:
    if seen.members is None:
        assert seen.names is not None
        assert seen.mapped is not None
        return {
            "type": "object",
            "propertyNames": _key(seen.names),
            "maxProperties": _above(seen.size, 10),
            "additionalProperties": _node(seen.mapped, (*at, "*"), ask),
        }
    enough = ask.open_values or seen.objects >= ask.enough
    required = [key for key, member in seen.members.items() if enough and member.present == seen.objects]
    node: dict[str, Any] = {"type": "object", "additionalProperties": False}
    if required:
        node["required"] = sorted(required)
    if seen.members:
        node["properties"] = {key: _node(seen.members[key], (*at, key), ask) for key in sorted(seen.members)}
    return node


def _key(names: Seen) -> dict[str, Any]:
    formed = _formed(names)
    return formed if formed is not None and "anyOf" not in formed else {"maxLength": _above(names.longest, 16)}


def _text(seen: Seen, at: tuple[str, ...], ask: Ask) -> dict[str, Any]:
    formed = _formed(seen)
    if formed is not None:
        return {"type": "string", **formed}
    if ask.open_values and seen.values is not None:
        return {"enum": sorted(seen.values)}
    vocabulary = _vocabulary(seen, at, ask)
    if vocabulary is not None:
        return {"enum": vocabulary}
    return {"type": "string", "maxLength": _above(seen.longest, 32)}


def _formed(seen: Seen) -> dict[str, Any] | None:
    """The format or pattern that all texts share."""
    if seen.shape is None or not seen.formal:
        return None
    match seen.shape:
        case Shape.UUID:
            return {"format": "uuid"}
        case Shape.IPV4:
            return {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
        case Shape.EMAIL:
            return {"format": "email"}
        case Shape.DATE_TIME:
            return {"format": "date-time"}
        case Shape.HEX_64 | Shape.HEX_40 | Shape.HEX_32 | Shape.OBJECT_ID:
            digits = "0-9a-f" if seen.lower else "0-9A-Fa-f"
            return {"pattern": f"^[{digits}]{{{_HEX[seen.shape]}}}$"}
        case _:
            return None


def _vocabulary(seen: Seen, at: tuple[str, ...], ask: Ask) -> list[str] | None:
    """The few plain words that a text was always one of: each from several senders, under a name that speaks of nobody."""
    values = seen.values
    if values is None or not 2 <= len(values) <= MAX_WORDS or seen.texts < 2 * ask.enough:
        return None
    names = {word for token in at[-2:] for word in words(token)}
    if names & _NAMING or not all(_PLAIN_VALUE.fullmatch(value) for value in values):
        return None
    if any(held is not None and len(held) < _ENOUGH_SUBJECTS for held in values.values()):
        return None
    return sorted(values)


MAX_WORDS = 8


def _number(seen: Seen, kind: str) -> dict[str, Any]:
    node: dict[str, Any] = {"type": kind}
    low, high = seen.low or 0, seen.high or 0
    if low >= 0:
        node["minimum"] = 0
    elif low >= -_LARGEST:
        node["minimum"] = -_round(-low)
    if high <= _LARGEST:
        node["maximum"] = _round(high)
    return node


_LARGEST = 1e14


def _round(number: float) -> int:
    """A power of ten well above, so that another capture fits too."""
    bound = 1000
    while bound < 10 * number:
        bound *= 10
    return bound


def _above(number: int, least: int) -> int:
    """A power of two times `least` that leaves as much room again."""
    bound = least
    while bound < 2 * number:
        bound *= 2
    return bound
