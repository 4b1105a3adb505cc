"""What is learned from one proved event: which bytes of its line may differ, and what must then be asked of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import orjson

from audit.engine.fast import Plan
from audit.leaks.joints import Joints, spans
from audit.leaks.room import ids_of_plain
from audit.leaks.runs import SHORTEST
from audit.leaks.screen import Screen
from audit.leaks.search import Search
from audit.model import Pointer, resolve
from audit.policy.pack import Envelope, EventType, Leaf
from audit.policy.shapes import TIME_FORMATS, same_for_all_ids
from audit.policy.validators import compile_validator
from audit.rules.timelines import Delivery

_TOKEN = re.compile(rb'\s*("[^"]*"|[^\s"{}\[\],:]+|[{}\[\],:])')
_TIME = b'"0000-00-00T00:00:00.000Z"'
_NOTES = frozenset({"title", "description", "$comment", "$schema", "$id", "$defs", "examples"})
_OBJECT = frozenset({"type", "properties", "required", "additionalProperties"})
_LENGTHS = frozenset({"type", "format", "maxLength"})
_RUN = re.compile(rf"[0-9a-f-]{{{SHORTEST},}}")
_RUNS = re.compile(_RUN.pattern.encode())

Span: TypeAlias = tuple[int, int]


class Node(NamedTuple):
    """A value in a line, from its first byte to behind its last: with members by the spans of their names, or elements."""

    start: int
    stop: int
    members: tuple[tuple[Span, Node], ...] = ()
    elements: tuple[Node, ...] = ()


class Spot(NamedTuple):
    """A documented value that another event with the same mask may have otherwise."""

    start: int
    stop: int
    leaf: Leaf


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A line with all digits and its addresses masked, and what must be asked of every line with this mask.

    `exact`: values that must be known as harmless. `checked`: ids that their own schema must accept. `times`: where times in
    UTC with milliseconds begin. `clocks`: those that must agree: sent, created, arrived. `arrival`: when the event is
    counted; `stamped`: its collector says so. `saying`: what the mark of a message is made of, where it has an id. `fields`:
    identifying fields that the event has. `subject`: the text that names whose keep-alive it is. `listed`: texts in which a
    listed value may stand; `unvouched`: those of which that is not known where none stands in an id. `joints`: parts of
    neighbouring texts in which one may stand that is split over them.
    """

    plan: Plan
    exact: tuple[Spot, ...]
    checked: tuple[tuple[int, int, Callable[[Any], bool]], ...]
    times: tuple[int, ...]
    clocks: tuple[int, int, int] | None
    arrival: int | None
    stamped: bool
    saying: Saying | None
    fields: tuple[str, ...]
    subject: Span | None
    listed: tuple[Span, ...]
    unvouched: tuple[Span, ...]
    joints: tuple[Span, ...]


class Saying(NamedTuple):
    """How the id of a message and what it says are had from its line: `parts`, of which the first is the id and the others
    are joined, or filled into `form`."""

    parts: Callable[[bytes], tuple[bytes, ...]]
    form: bytes | None

    def of(self, line: bytes) -> tuple[bytes, bytes]:
        parts = self.parts(line)
        return parts[0], b"".join(parts[1:]) if self.form is None else self.form % parts[1:]

    def mark(self, line: bytes) -> bytes:
        """What the message leaves behind, without its place."""
        return Delivery.mark(*self.of(line))


class Listing(NamedTuple):
    """What must be known of listed values. `split`: as they are, where pieces of one may meet; `around`: in any form that may
    stand in an id or over an end of one."""

    screen: Screen
    split: Joints
    around: Joints

    @staticmethod
    def of(seeds: Search) -> Listing:
        return Listing(seeds.screen, Joints(seeds.needles.texts), Joints(seeds.needles.around))

    def vouches(self, text: bytes, mask: bytes) -> bool:
        """Whether a text with this mask is clean wherever its ids are: it holds nothing else that may differ."""
        ids = [
            (found.start() + len(run) - len(run.lstrip(b"-")), run.strip(b"-"))
            for found in _RUNS.finditer(text)
            if (run := found[0])
        ]
        edges = [edge for start, run in ids for edge in (start, start + len(run))]
        pieces = [mask[start:stop] for start, stop in pairwise((0, *edges, len(mask)))]
        return (
            sum(piece.count(b"0") for piece in pieces[1::2]) == mask.count(b"0")
            and text.isascii()
            and self.screen.clean_around(text.decode(), [run for _, run in ids])
            and not self.around.open(pieces)
        )


class _Unlearnable(Exception):  # noqa: N818 - no error: the event is judged as before
    """Another line with the same mask may differ in more than a template can ask."""


class Teacher:
    """Makes templates of the proved events of one plan."""

    def __init__(
        self,
        plan: Plan,
        envelope: Envelope,
        delivery: Delivery,
        fields: tuple[tuple[str, Pointer], ...],
        listing: Listing | None = None,
    ) -> None:
        self.plan, self.envelope, self.delivery, self.fields = plan, envelope, delivery, fields
        self.listing = listing
        self.places = _places(plan.type) if plan.texts is not None and plan.valued is not None else {}
        self.fixed = {pointer for pointer in (envelope.name, envelope.call) if pointer}

    def template(self, line: bytes, mask: bytes, value: dict[str, Any]) -> Template | None:
        """What holds of every line with the mask of this one; None where no template can ask all that must be asked."""
        if not self.places or b"\\" in line:
            return None
        try:
            return self._template(line, mask, value)
        except _Unlearnable:
            return None

    def _template(self, line: bytes, mask: bytes, value: dict[str, Any]) -> Template:
        root = _read(line)
        found = dict(_leaves(root, line, ()))
        spots = self._spots(found, mask)
        times = {p: s for p, s in spots.items() if mask[s.start : s.stop] == _TIME and _takes_any_time(s.leaf)}
        ids = {p: s for p, s in spots.items() if p not in times and _is_id(line[s.start : s.stop], mask, s)}
        if any(p not in times and resolve(value, p) is not None for p in self.plan.unvouched):
            raise _Unlearnable  # it may lack an offset
        free = [*ids.values(), *(s for s in times.values() if s.leaf.schema.get("format") not in TIME_FORMATS)]
        listed = [(spot.start + 1, spot.stop - 1) for spot in free]
        return Template(
            plan=self.plan,
            exact=tuple(spot for pointer, spot in spots.items() if pointer not in times and pointer not in ids),
            checked=tuple(
                (s.start + 1, s.stop - 1, compile_validator(s.leaf.schema).is_valid)
                for s in ids.values()
                if not same_for_all_ids(s.leaf.schema)
            ),
            times=tuple(spot.start + 1 for spot in times.values()),
            clocks=self._clocks(value, times),
            arrival=self._arrival(value, times),
            stamped=self.envelope.received is not None and resolve(value, self.envelope.received) is not None,
            saying=self._saying(root, found, line, mask, value),
            fields=tuple(text for text, pointer in self.fields if resolve(value, pointer) is not None),
            subject=self._subject(found, line),
            listed=tuple(listed),
            unvouched=tuple(
                (start, stop)
                for start, stop in listed
                if self.listing is None or not self.listing.vouches(line[start:stop], mask[start:stop])
            ),
            joints=() if self.listing is None else tuple(self._joined(root, line, mask, self.listing.split)),
        )

    def _joined(self, root: Node, line: bytes, mask: bytes, joints: Joints) -> Iterator[Span]:
        """Where a listed value may be split over texts, given all but the masked digits of the line."""
        for where, names in self.plan.pieced:
            nodes = [
                child for name, child in _members(root, line, where) if name in names and line[child.start] == 0x22
            ]
            places = [(node.start + 1, node.stop - 1) for node in nodes]
            masks = [mask[start:stop] for start, stop in places]
            said = b"".join(masks)
            for part in [(0, len(said))] if b"@" in said else joints.open(masks):
                yield from spans(places, *part)

    def _spots(self, found: dict[Pointer, Node], mask: bytes) -> dict[Pointer, Spot]:
        """The values that hold something masked. All that is masked in the line must stand in one of them."""
        spots: dict[Pointer, Spot] = {}
        covered = 0
        for pointer, node in found.items():
            masked = _masked(mask[node.start : node.stop])
            leaf = self.places.get(pointer)
            if masked and leaf is not None and pointer not in self.fixed:
                spots[pointer] = Spot(node.start, node.stop, leaf)
                covered += masked
        if covered != _masked(mask):
            raise _Unlearnable
        return spots

    def _clocks(self, value: dict[str, Any], times: Mapping[Pointer, Spot]) -> tuple[int, int, int] | None:
        """The times that the proof compared: see `steady` of the fast lane."""
        envelope = self.envelope
        if self.plan.steady is None or envelope.sent is None or resolve(value, envelope.sent) is None:
            return None
        created = _first(value, (envelope.created, envelope.sent))
        arrived = _first(value, (envelope.received, envelope.stamp, envelope.sent))
        try:
            return times[envelope.sent].start + 1, times[created].start + 1, times[arrived].start + 1
        except KeyError:
            raise _Unlearnable from None

    def _arrival(self, value: dict[str, Any], times: Mapping[Pointer, Spot]) -> int | None:
        """The first time that is there must be one that always can be read."""
        for pointer in (self.envelope.received, self.envelope.stamp, self.envelope.sent):
            if pointer is not None and resolve(value, pointer) is not None:
                if pointer not in times:
                    raise _Unlearnable
                return times[pointer].start + 1
        return None

    def _subject(self, found: Mapping[Pointer, Node], line: bytes) -> Span | None:
        """The text of the subject of a cadence, without its quotes."""
        cadence = self.plan.type.cadence
        node = found.get(cadence.subject) if cadence is not None else None
        return (node.start + 1, node.stop - 1) if node is not None and line[node.start] == 0x22 else None

    def _saying(
        self, root: Node, found: Mapping[Pointer, Node], line: bytes, mask: bytes, value: dict[str, Any]
    ) -> Saying | None:
        """What the message says as parts of the line: mostly a few long ones, else each value that may differ, and a form
        to fill them in."""
        pointer = self.delivery.id
        text = resolve(value, pointer) if pointer is not None else None
        if pointer is None or not isinstance(text, str) or not text:
            return None
        canonical = list(_canonical(root, line, (), self.delivery.varying))
        spans, form = _parts(canonical, line), None
        if len(spans) > _MOST:
            loose = [_masked(mask[p.at : p.at + len(p.data)]) > 0 if p.at is not None else False for p in canonical]
            both = list(zip(canonical, loose, strict=True))
            form = b"".join(b"%b" if free else piece.data.replace(b"%", b"%%") for piece, free in both)
            spans = tuple((p.at, p.at + len(p.data)) for p, free in both if free and p.at is not None)
        saying = Saying(cuts(((found[pointer].start + 1, found[pointer].stop - 1), *spans)), form)
        if saying.of(line) != (text.encode(), self.delivery.said(value)):
            raise _Unlearnable
        return saying


def cuts(spans: Iterable[Span]) -> Callable[[bytes], tuple[bytes, ...]]:
    """What makes of a line the parts of it that stand at some places."""
    found = [slice(*span) for span in spans]
    if len(found) > 1:
        return itemgetter(*found)
    return lambda line: tuple(line[part] for part in found)


_MOST = 12
"""More parts are slower to join than a form is to fill."""


class _Piece(NamedTuple):
    data: bytes
    at: int | None


def _canonical(node: Node, line: bytes, path: Pointer, varying: tuple[tuple[str, str | None], ...]) -> Iterator[_Piece]:
    """A value as compact JSON with sorted names, without what may differ between two deliveries."""
    if line[node.start] == 0x7B:
        kept = []
        for (start, stop), child in node.members:
            pointer = (*path, line[start + 1 : stop - 1].decode())
            if pointer not in [tuple(token for token in parts if token is not None) for parts in varying]:
                kept.append((pointer, start, stop, child))
        yield _Piece(b"{", None)
        for number, (pointer, start, stop, child) in enumerate(sorted(kept, key=lambda member: member[0][-1])):
            if number:
                yield _Piece(b",", None)
            yield _Piece(line[start:stop], start)
            yield _Piece(b":", None)
            yield from _canonical(child, line, pointer, varying)
        yield _Piece(b"}", None)
    elif line[node.start] == 0x5B:
        yield _Piece(b"[", None)
        for number, child in enumerate(node.elements):
            if number:
                yield _Piece(b",", None)
            yield from _canonical(child, line, (*path, number), varying)
        yield _Piece(b"]", None)
    else:
        yield _Piece(line[node.start : node.stop], node.start)


def _parts(pieces: Iterable[_Piece], line: bytes) -> tuple[Span, ...]:
    """The same bytes as parts of the line: what stands in it behind one another is one."""
    parts: list[Span] = []
    for piece in pieces:
        start, end = parts[-1] if parts else (0, 0)
        if line.startswith(piece.data, end) and piece.at in (None, end):
            parts[-1:] = [(start, end + len(piece.data))]
        else:
            at = piece.at if piece.at is not None else line.find(piece.data)
            parts.append((at, at + len(piece.data)))
    return tuple(parts)


def _first(value: dict[str, Any], pointers: tuple[Pointer | None, ...]) -> Pointer:
    return next(pointer for pointer in pointers if pointer is not None and resolve(value, pointer))


def _masked(mask: bytes) -> int:
    """How many bytes of a part of a mask may differ: digits, and all that stands beside an at sign."""
    return mask.count(b"0") + mask.count(b"@")


def _is_id(token: bytes, mask: bytes, spot: Spot) -> bool:
    """Whether all that may differ in a text are ids, and what is left of it holds nothing. A closed text is not searched:
    there it is enough that every id will do."""
    if token[:1] != b'"':
        return False
    if spot.leaf.closed:
        return same_for_all_ids(spot.leaf.schema)
    text = token[1:-1].decode()
    ids = ids_of_plain(text)
    if ids is None or [run.strip("-") for run in _RUN.findall(text)] != ids:
        return False
    return sum(len(found) - found.count("-") for found in ids) == mask.count(b"0", spot.start, spot.stop)


def _takes_any_time(leaf: Leaf) -> bool:
    """Whether a place takes every time of the one form that templates know."""
    schema = leaf.schema
    kinds = schema.get("type", "string")
    known = all(key in _LENGTHS or key in _NOTES or key.startswith("x-") for key in schema)
    return (
        known
        and "string" in kinds
        and schema.get("format", "date-time") == "date-time"
        and schema.get("maxLength", len(_TIME)) >= len(_TIME) - 2
    )


def _places(entry: EventType) -> dict[Pointer, Leaf]:
    """The documented leaves whose own schema is all that the type's schema says of their value."""
    places: dict[Pointer, Leaf] = {}
    stack: list[tuple[Pointer, Mapping[str, Any]]] = [((), entry.schema)]
    while stack:
        path, schema = stack.pop()
        said = {key for key in schema if key not in _NOTES and not key.startswith("x-")}
        if not said <= _OBJECT or schema.get("additionalProperties") is not False:
            continue  # whatever else it says, it may say of several members together
        for name, child in schema.get("properties", {}).items():
            pointer = (*path, name)
            leaf = entry.leaves.get(pointer)
            if "properties" in child or child.get("type") == "object":
                stack.append((pointer, child))
            elif leaf is not None and leaf.schema == child and b"$ref" not in orjson.dumps(child):
                places[pointer] = leaf
    return places


def _read(line: bytes) -> Node:
    """Where the values of a line of JSON without escapes stand."""
    tokens = [(match.start(1), match.end(1)) for match in _TOKEN.finditer(line)]
    node, _ = _node(line, tokens, 0)
    return node


def _node(line: bytes, tokens: list[Span], at: int) -> tuple[Node, int]:
    """The value that begins with a token, and the token behind it."""
    start, stop = tokens[at]
    if line[start] not in b"{[":
        return Node(start, stop), at + 1
    members: list[tuple[Span, Node]] = []
    elements: list[Node] = []
    at += 1
    while line[tokens[at][0]] not in b"}]":
        if line[tokens[at][0]] == 0x2C:
            at += 1
        elif line[start] == 0x7B:
            child, behind = _node(line, tokens, at + 2)
            members.append((tokens[at], child))
            at = behind
        else:
            child, at = _node(line, tokens, at)
            elements.append(child)
    return Node(start, tokens[at][1], tuple(members), tuple(elements)), at + 1


def _members(node: Node, line: bytes, path: Pointer) -> Iterator[tuple[str, Node]]:
    """The members of the object at a place, by name; none where it is not there."""
    named = ((line[start + 1 : stop - 1].decode(), child) for (start, stop), child in node.members)
    if not path:
        yield from named
        return
    for name, child in named:
        if name == path[0]:
            yield from _members(child, line, path[1:])


def _leaves(node: Node, line: bytes, path: Pointer) -> Iterator[tuple[Pointer, Node]]:
    if not node.members and not node.elements:
        yield path, node
    for (start, stop), child in node.members:
        yield from _leaves(child, line, (*path, line[start + 1 : stop - 1].decode()))
    for number, child in enumerate(node.elements):
        yield from _leaves(child, line, (*path, number))
