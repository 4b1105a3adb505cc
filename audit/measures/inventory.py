"""Every field seen: in how many events, of what type, how many different values. Never a value, never a name unredacted.

Fields are known by a tree of member names, so that a field's shown name and category are worked out once, not per event.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b

from audit.model import Json, Pointer
from audit.policy.pack import EventType
from audit.redact import Redactor
from audit.sketch import FieldKey, Seen
from audit.tally import Tally

_NODES = 20_000
_RECENT = 256
TRANSPORT = "transport"
"""The category of members that an SDK or a collector adds by protocol."""
NONE = ""
"""The category of what no page describes."""


@dataclass(slots=True)
class _Node:
    """A member name below others; None: the items of a list. `recent`: texts that `owner` has counted already, kept in this
    process alone."""

    pointer: Pointer
    children: dict[str | None, _Node] = field(default_factory=dict)
    key: FieldKey | None = None
    owner: Seen | None = None
    recent: set[str] = field(default_factory=set)


class Inventory:
    """Attends events, whichever lane read them; what it counts goes into the tally."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self.roots: dict[tuple[str, str, int], _Node] = {}
        self.nodes = 0

    def attend(self, event: str, origin: str, entry: EventType | None, value: dict[str, Json], tally: Tally) -> None:
        """Count the fields of one event. `event`: its shown name; `entry`: what the page says of it."""
        if self.nodes > _NODES:
            self.roots, self.nodes = {}, 0
        root = self.roots.setdefault((event, origin, id(entry)), _Node(()))
        walk = _Walk(self, event, origin, entry, tally.inventory.items, set())
        walk.object(root, value)
        tally.inventory.prune()

    def grow(self, node: _Node, name: str | None) -> _Node:
        self.nodes += 1
        child = node.children[name] = _Node((*node.pointer, 0 if name is None else name))
        return child


@dataclass(slots=True)
class _Walk:
    """One event. `met`: fields of it that are counted already; a list's items are one field."""

    inventory: Inventory
    event: str
    origin: str
    entry: EventType | None
    items: dict[FieldKey, Seen]
    met: set[FieldKey]

    def object(self, node: _Node, value: dict[str, Json]) -> None:
        children = node.children
        for name, child in value.items():
            if child is not None:
                self.value(children.get(name) or self.inventory.grow(node, name), child)

    def value(self, node: _Node, value: Json) -> None:
        if isinstance(value, dict) and value:
            self.object(node, value)
        elif isinstance(value, list) and value:
            item = node.children.get(None) or self.inventory.grow(node, None)
            for child in value:
                if child is not None:
                    self.value(item, child)
        else:
            self.leaf(node, value)

    def leaf(self, node: _Node, value: Json) -> None:
        key = node.key or self.named(node)
        seen = self.items.get(key)
        if seen is None:
            seen = self.items[key] = Seen()
        if node.owner is not seen:
            node.owner = seen
            node.recent.clear()
        if key not in self.met:
            self.met.add(key)
            seen.events += 1
        seen.types[_type(value)] += 1
        if isinstance(value, str):
            if value not in node.recent:
                seen.distinct.add(_digest(value.encode("utf-8", "surrogatepass")))
                if len(node.recent) < _RECENT and len(value) <= 256:
                    node.recent.add(value)
        else:
            seen.distinct.add(_digest(_canonical(value)))

    def named(self, node: _Node) -> FieldKey:
        leaf = self.entry.leaf(node.pointer) if self.entry is not None else None
        shown = self.inventory.redactor.field(node.pointer)
        category = NONE if leaf is None else TRANSPORT if leaf.transport else leaf.category
        node.key = FieldKey(leaf is None, self.origin, self.event, shown, category)
        return node.key


def _type(value: Json) -> str:
    match value:
        case str():
            return "text"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float() | Decimal():
            return "number"
        case dict():
            return "object"
        case _:
            return "list"


def _canonical(value: Json) -> bytes:
    """Both parsers must see the same value: a number is what a float holds of it, an integer is exact."""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, int):
        return hex(value).encode()
    if isinstance(value, float | Decimal):
        return repr(float(value)).encode()
    return b"{}" if isinstance(value, dict) else b"[]"


def _digest(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")
