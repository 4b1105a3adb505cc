"""Every field seen: in how many events, of what type, how many different values. Never a value, never a name unredacted.

Fields are known by a tree of member names, so that a field's shown name and category are worked out once, not per event.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple

from audit.model import Json, Pointer
from audit.policy.pack import EventType
from audit.redact import Redactor
from audit.sketch import FieldKey, Seen
from audit.tally import Tally
from audit.tally.bounds import Bounded

_NODES = 20_000
_RECENT = 256
TRANSPORT = "transport"
"""The category of members that an SDK or a collector adds by protocol."""
NONE = ""
"""The category of what no page describes."""


@dataclass(slots=True)
class _Node:
    """A member name below others; None: the items of a list. Counts what was seen since the last flush.

    `shared`: one event may hold its field more than once, in a list or under names that are shown alike. `recent`: texts
    that are counted already, kept in this process alone.
    """

    pointer: Pointer
    shared: bool
    children: dict[str | None, _Node] = field(default_factory=dict)
    key: FieldKey | None = None
    touched: bool = False
    events: int = 0
    texts: int = 0
    others: Counter[str] = field(default_factory=Counter)
    fresh: set[int] = field(default_factory=set)
    recent: set[str] = field(default_factory=set)


class _Root(NamedTuple):
    event: str
    origin: str
    entry: EventType | None
    node: _Node


class Inventory:
    """Attends events, whichever lane read them, between `begin` and `flush`, which name the tally that they belong to."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor
        self.roots: dict[tuple[str, str, int], _Root] = {}
        self.touched: list[tuple[_Root, _Node]] = []
        self.nodes = 0
        self.last: Bounded[FieldKey, Seen] | None = None

    def begin(self, tally: Tally) -> None:
        """What was counted before counts for another tally no more; and a tree that has grown too large is dropped."""
        if tally.inventory is not self.last or self.nodes > _NODES:
            self.roots, self.nodes, self.last = {}, 0, tally.inventory

    def attend(self, event: str, origin: str, entry: EventType | None, value: dict[str, Json]) -> None:
        """Count the fields of one event. `event`: its shown name; `entry`: what the page says of it."""
        root = self.roots.get((event, origin, id(entry)))
        if root is None:
            root = self.roots[event, origin, id(entry)] = _Root(event, origin, entry, _Node((), shared=False))
        self._object(root, root.node, value, set())

    def _object(self, root: _Root, node: _Node, value: dict[str, Json], met: set[FieldKey]) -> None:
        children = node.children
        for name, child in value.items():
            if child is not None:
                at = children.get(name)
                self._value(root, self._grow(node, name) if at is None else at, child, met)

    def _value(self, root: _Root, node: _Node, value: Json, met: set[FieldKey]) -> None:
        if isinstance(value, dict) and value:
            self._object(root, node, value, met)
        elif isinstance(value, list) and value:
            item = node.children.get(None) or self._grow(node, None)
            for child in value:
                if child is not None:
                    self._value(root, item, child, met)
        else:
            self._leaf(root, node, value, met)

    def _leaf(self, root: _Root, node: _Node, value: Json, met: set[FieldKey]) -> None:
        if not node.touched:
            node.touched = True
            self.touched.append((root, node))
        if node.shared:
            key = node.key or self._named(root, node)
            if key not in met:
                met.add(key)
                node.events += 1
        if isinstance(value, str):
            node.texts += 1
            if value not in node.recent:
                node.fresh.add(_digest(value.encode("utf-8", "surrogatepass")))
                if len(node.recent) < _RECENT and len(value) <= 256:
                    node.recent.add(value)
        else:
            node.others[_type(value)] += 1
            node.fresh.add(_digest(_canonical(value)))

    def _grow(self, node: _Node, name: str | None) -> _Node:
        self.nodes += 1
        shared = node.shared or name is None or self.redactor.name(name) != name
        child = node.children[name] = _Node((*node.pointer, 0 if name is None else name), shared)
        return child

    def _named(self, root: _Root, node: _Node) -> FieldKey:
        leaf = root.entry.leaf(node.pointer) if root.entry is not None else None
        category = NONE if leaf is None else TRANSPORT if leaf.transport else leaf.category
        shown = self.redactor.field(node.pointer)
        node.key = FieldKey(leaf is None, root.origin, root.event, shown, category)
        return node.key

    def flush(self, tally: Tally) -> None:
        """Count into a tally everything attended since the last flush."""
        items = tally.inventory.items
        for root, node in self.touched:
            key = node.key or self._named(root, node)
            seen = items.get(key)
            if seen is None:
                seen = items[key] = Seen()
            seen.events += node.events if node.shared else node.texts + node.others.total()
            seen.types += node.others
            if node.texts:
                seen.types["text"] += node.texts
            for digest in node.fresh:
                seen.distinct.add(digest)
            node.touched, node.events, node.texts, node.others, node.fresh = False, 0, 0, Counter(), set()
        self.touched.clear()
        tally.inventory.prune()


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
