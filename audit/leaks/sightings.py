"""Listed values in one event: in its texts and names, its numbers, its lists of numbers, and what is split over a list or
over the members of an object."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import accumulate
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from audit.leaks.budget import bounds
from audit.leaks.search import Hit, Search
from audit.leaks.segments import as_bytes
from audit.model import Json, Pointer

_COST = 500_000
_DECODED = 4096
"""Pieces that are longer together are searched as they are only."""

Pieces: TypeAlias = Mapping[Pointer, Collection[str]]
"""For each documented object, those of its members over which a value may be split."""

_UNKNOWN: Pieces = MappingProxyType({})


class Sighting(NamedTuple):
    """Where listed values stand. `key`: in the name of the member, not in its value."""

    pointer: Pointer
    key: bool
    hits: tuple[Hit, ...]


class Sightings(NamedTuple):
    """All of one event, and whether something in it was not looked through."""

    seen: tuple[Sighting, ...] = ()
    gave_up: bool = False


NONE = Sightings()


class _Other(NamedTuple):
    """What is no text of the event by itself. `joined`: pieces put together, to be searched as they are only."""

    pointer: Pointer
    text: str
    joined: bool


class _Seen:
    """Hits by place, each value once a place."""

    def __init__(self) -> None:
        self.places: dict[tuple[Pointer, bool], dict[tuple[int, bool], Hit]] = {}

    def add(self, pointer: Pointer, hits: Collection[Hit], *, key: bool = False) -> None:
        if hits:
            known = self.places.setdefault((pointer, key), {})
            for hit in hits:
                known.setdefault((hit.seed, hit.digest), hit)

    def told(self) -> tuple[Sighting, ...]:
        """All of them; a value that stands in a member or an element is not told again as one of the joined text."""
        below: defaultdict[Pointer, set[int]] = defaultdict(set)
        for (pointer, key), hits in self.places.items():
            for size in range(0 if key else len(pointer)):
                below[pointer[:size]].update(hit.seed for hit in hits.values())
        left = (
            Sighting(pointer, key, tuple(hit for hit in hits.values() if key or hit.seed not in below.get(pointer, ())))
            for (pointer, key), hits in self.places.items()
        )
        return tuple(one for one in left if one.hits)


def sight(
    search: Search,
    texts: Iterable[tuple[Pointer, str, bool]],
    roots: Iterable[tuple[Pointer, Json]],
    pieces: Pieces = _UNKNOWN,
) -> Sightings:
    """`texts`: those that may hold something; `roots`: the whole values, for what is no text; `pieces`: of the first of them,
    where it is as documented."""
    other = [found for number, root in enumerate(roots) for found in _other(*root, _UNKNOWN if number else pieces)]
    seen = _Seen()
    gave_up, left, cost = False, bounds().views, _COST
    places = (*texts, *((pointer, text, False) for pointer, text, joined in other if text and not joined))
    ends = list(accumulate(search.screened(text) for _, text, _ in places))
    affordable = bisect_right(ends, cost)
    unclear = search.unclear(text for _, text, _ in places[:affordable])
    for number, (pointer, text, key) in enumerate(places):
        if number < affordable and text not in unclear:
            cost -= search.screened(text)
            continue
        found = search.find(text) if left > 0 and cost > 0 else search.glance(text)
        left -= found.views
        cost -= found.cost
        gave_up = gave_up or found.gave_up
        seen.add(pointer, found.hits, key=key)
    for pointer, text, joined in other:
        if joined and text:
            seen.add(pointer, search.pieced(text))
    return Sightings(seen.told(), gave_up)


def _other(root: Pointer, value: Json, pieces: Pieces) -> Iterator[_Other]:
    """What of a value is no text by itself: numbers, lists of small numbers, the texts of a list or an object joined."""
    stack: list[tuple[Pointer, Json]] = [(root, value)]
    while stack:
        pointer, node = stack.pop()
        if isinstance(node, bool) or node is None or isinstance(node, str):
            continue
        if isinstance(node, int | float | Decimal):
            yield _Other(pointer, number_text(node), joined=False)
            continue
        names = pieces.get(pointer)
        if isinstance(node, dict) and names is not None:
            yield _Other(pointer, pieced(node, names), joined=True)
        else:
            nodes = list(node.values()) if isinstance(node, dict) else node
            text = _together(nodes)
            yield _Other(pointer, text, joined=len(text) > _DECODED)
            yield _Other(pointer, _numbers(nodes), joined=False)
        children = node.items() if isinstance(node, dict) else enumerate(node)
        stack.extend(((*pointer, token), child) for token, child in reversed(list(children)))


def pieced(node: Mapping[str, Json], names: Collection[str]) -> str:
    """The texts of some members of an object put together, in their order; none where there is one only."""
    return _together(child for name, child in node.items() if name in names)


def _together(nodes: Iterable[Json]) -> str:
    """The texts among some values put together; none where there is one only."""
    texts = [node for node in nodes if isinstance(node, str)]
    return "".join(texts) if len(texts) > 1 else ""


def _numbers(nodes: Collection[Json]) -> str:
    """Small numbers, where there are no other values, as the text of a list."""
    if len(nodes) < 4 or not all(type(node) is int for node in nodes):
        return ""
    numbers = [node for node in nodes if isinstance(node, int)]
    return str(numbers) if as_bytes(numbers) is not None else ""


def number_text(number: object) -> str:
    """A number as a person writes it: without an exponent where it is whole."""
    if isinstance(number, float) and number.is_integer() and abs(number) < 1e18:
        return str(int(number))
    if isinstance(number, int | Decimal) and not -_LARGE < number < _LARGE:
        return ""
    if (
        isinstance(number, Decimal)
        and number.is_finite()
        and abs(number) < _WHOLE
        and number == number.to_integral_value()
    ):
        return str(int(number))
    return str(number)


_WHOLE = 10**18
_LARGE = 10**1000


def unfolded(value: Json) -> Iterator[str]:
    """Every text in which `sight` looks, places aside."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            yield from node
            yield from (_together(node.values()), _numbers(node.values()))
            stack.extend(node.values())
        elif isinstance(node, list):
            yield from (_together(node), _numbers(node))
            stack.extend(node)
        elif node is not None and not isinstance(node, bool):
            yield number_text(node)
