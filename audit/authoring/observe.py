"""What a stream of values has in common: types, shapes, bounds, presence. Bounded memory; no value is kept but few short ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from audit.model import Json, Pointer, Shape
from audit.policy.validators import accepts
from audit.redact import is_plain, shape_of

MAX_VALUES = 12
"""More distinct texts than this are no vocabulary."""
MAX_MEMBERS = 400
"""More names than this are data, whatever they look like."""
_MAP_NAMES = 24
"""From so many names on, an object whose members are alike and mostly absent is a map."""
_ADDRESS = frozenset({Shape.IPV4, Shape.IPV6})
_FORMATS: Mapping[Shape, Mapping[str, Any]] = {
    Shape.IPV4: {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
    Shape.EMAIL: {"format": "email"},
    Shape.DATE_TIME: {"format": "date-time"},
}
"""Shapes that are looser than the format that a schema would ask for."""


class Seen:
    """Everything seen at one place. `present`: how often there was a value at all; null is absent."""

    __slots__ = (
        "arrays",
        "budget",
        "empty",
        "formal",
        "high",
        "items",
        "left_out",
        "longest",
        "low",
        "lower",
        "mapped",
        "members",
        "most",
        "names",
        "nulls",
        "objects",
        "present",
        "shape",
        "size",
        "texts",
        "types",
        "values",
    )

    def __init__(self, budget: list[int]) -> None:
        self.budget = budget  # how many more places may be told apart, shared by a whole log
        budget[0] -= 1
        self.present = self.nulls = self.objects = self.arrays = self.texts = 0
        self.types: set[str] = set()
        self.longest = self.most = self.size = 0
        self.low: float | None = None
        self.high: float | None = None
        self.empty = False
        self.lower = self.formal = True
        self.shape: Shape | None = None
        self.values: dict[str, set[int] | None] | None = {}
        self.members: dict[str, Seen] | None = {}
        self.names: Seen | None = None  # of a map: what its keys look like
        self.mapped: Seen | None = None  # of a map: its values
        self.items: Seen | None = None
        self.left_out = 0

    def add(self, value: Json, subject: int | None = None, *, fixed: bool = False) -> None:
        """Take one value in. `subject`: whose it is, hashed; `fixed`: an object that the envelope needs, never a map."""
        if value is None:
            self.nulls += 1
            return
        self.present += 1
        match value:
            case bool():
                self.types.add("boolean")
            case str():
                self._text(value, subject)
            case int() | float():
                self._number(float(value) if isinstance(value, float) else value)
            case dict():
                self._object(value, subject, fixed=fixed)
            case list():
                self._array(value, subject)
            case _:
                self.types.add("number")

    def _text(self, text: str, subject: int | None) -> None:
        self.types.add("string")
        self.texts += 1
        self.longest = max(self.longest, len(text))
        if not text:
            self.empty = True
        shape = shape_of(text)
        if shape in _ADDRESS:
            shape = Shape.IPV4
        if self.texts == 1:
            self.shape = shape
        elif shape is not self.shape:
            self.shape = None
        self.lower = self.lower and text == text.lower()
        if self.formal and self.shape is not None and self.shape in _FORMATS:
            self.formal = accepts(_FORMATS[self.shape], text)
        if self.values is not None:
            if len(text) > 40 or (text not in self.values and len(self.values) == MAX_VALUES):
                self.values = None
                return
            held = self.values.setdefault(text, set())
            if held is not None and len(held) < 8:
                held.add(self.texts if subject is None else subject)

    def _number(self, value: float) -> None:
        self.types.add("number" if isinstance(value, float) and not value.is_integer() else "integer")
        self.low = value if self.low is None else min(self.low, value)
        self.high = value if self.high is None else max(self.high, value)

    def _array(self, value: list[Json], subject: int | None) -> None:
        self.types.add("array")
        self.arrays += 1
        self.most = max(self.most, len(value))
        if value and self.items is None:
            self.items = Seen(self.budget)
        for item in value:
            if self.items is not None:
                self.items.add(item, subject)

    def _object(self, value: dict[str, Json], subject: int | None, *, fixed: bool) -> None:
        self.types.add("object")
        self.objects += 1
        self.size = max(self.size, len(value))
        if self.members is not None and not fixed and self._is_map(value):
            self._become_map()
        if self.members is None:
            self._pairs(value, subject)
            return
        for key, inner in value.items():
            found = self.members.get(key)
            if found is None:
                if not is_plain(key) or len(self.members) >= MAX_MEMBERS or self.budget[0] <= 0:
                    self.left_out += 1
                    continue
                found = self.members[key] = Seen(self.budget)
            found.add(inner, subject)

    def _is_map(self, value: dict[str, Json]) -> bool:
        """Whether the names of this object are data: they look like it, or there are very many that come and go."""
        assert self.members is not None
        odd = sum(not is_plain(key) for key in value)
        if odd and 2 * odd >= len(value):
            return True
        fresh = sum(key not in self.members for key in value)
        if len(self.members) + fresh < _MAP_NAMES:
            return False
        if len(self.members) + fresh > MAX_MEMBERS:
            return True
        mean = sum(member.present for member in self.members.values()) / max(1, len(self.members) * self.objects)
        kinds = {frozenset(member.types) for member in self.members.values() if member.types}
        return mean < 0.34 and len(kinds) <= 1

    def _become_map(self) -> None:
        members, self.members = self.members or {}, None
        self.names, self.mapped = Seen(self.budget), Seen(self.budget)
        for key, member in members.items():
            self.names.add(key)
            self.mapped.merge(member)

    def _pairs(self, value: dict[str, Json], subject: int | None) -> None:
        assert self.names is not None
        assert self.mapped is not None
        for key, inner in value.items():
            self.names.add(key)
            self.mapped.add(inner, subject)

    def merge(self, other: Seen) -> None:
        """Take in what another place saw."""
        shapes = {seen.shape for seen in (self, other) if seen.texts}
        self.shape = shapes.pop() if len(shapes) == 1 else None
        for name in ("present", "nulls", "objects", "arrays", "texts", "left_out"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("longest", "most", "size"):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))
        self.types |= other.types
        self.low = min((n for n in (self.low, other.low) if n is not None), default=None)
        self.high = max((n for n in (self.high, other.high) if n is not None), default=None)
        self.empty = self.empty or other.empty
        self.lower, self.formal = self.lower and other.lower, self.formal and other.formal
        self.values = None
        if other.items is not None:
            self.items = self.items or Seen(self.budget)
            self.items.merge(other.items)
        self._merge_members(other)

    def _merge_members(self, other: Seen) -> None:
        if self.members is not None and other.members is not None:
            for key, member in other.members.items():
                if key not in self.members:
                    self.members[key] = Seen(self.budget)
                self.members[key].merge(member)
            return
        if self.members is not None:
            self._become_map()
        assert self.names is not None
        assert self.mapped is not None
        if other.names is not None and other.mapped is not None:
            self.names.merge(other.names)
            self.mapped.merge(other.mapped)
        for key, member in (other.members or {}).items():
            self.names.add(key)
            self.mapped.merge(member)

    def walk(self, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Seen]]:
        """Every place at or below this one, `*` for any index or name of a map."""
        yield at, self
        for key, member in (self.members or {}).items():
            yield from member.walk((*at, key))
        for inner in (self.items, self.mapped):
            if inner is not None:
                yield from inner.walk((*at, "*"))


def subject_leaf(value: Mapping[str, Any], not_this: Pointer | None) -> tuple[str, ...] | None:
    """Where an event says whose it is: an id of an installation, a device or a user, by its name; never an address.

    `not_this`: the message's own id.
    """
    from audit.authoring.guess import by_name, words

    found: list[tuple[int, int, tuple[str, ...]]] = []
    order = ("installation-id", "device-id", "user-id")
    stack: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while stack:
        at, node = stack.pop()
        if isinstance(node, dict) and len(at) < 6:
            stack.extend(((*at, key), inner) for key, inner in list(node.items())[:200])
        elif isinstance(node, str) and at and node and shape_of(node) not in _ADDRESS | {Shape.EMAIL}:
            category = by_name(at)
            if category in order:
                found.append((order.index(category), len(at), at))
            elif at != not_this and words(at[-1])[-1:] == ["id"] and shape_of(node) is Shape.UUID:
                found.append((len(order), len(at), at))
    return min(found)[2] if found else None
