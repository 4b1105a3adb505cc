"""Listed values in one event: in its texts and names, its numbers, its lists of numbers, and what is split over a list."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import accumulate
from typing import NamedTuple

from audit.leaks.budget import bounds
from audit.leaks.search import Hit, Search
from audit.leaks.segments import as_bytes
from audit.model import Json, Pointer

_COST = 1_500_000


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


def sight(
    search: Search, texts: Iterable[tuple[Pointer, str, bool]], roots: Iterable[tuple[Pointer, Json]]
) -> Sightings:
    """`texts`: those that may hold something; `roots`: the whole values, for what is no text."""
    seen: dict[tuple[Pointer, bool], dict[tuple[int, bool], Hit]] = {}
    gave_up, left, cost = False, bounds().views, _COST
    places = (*texts, *((pointer, text, False) for root in roots for pointer, text in _other(*root)))
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
        if found.hits:
            known = seen.setdefault((pointer, key), {})
            for hit in found.hits:
                known.setdefault((hit.seed, hit.digest), hit)
    told = tuple(Sighting(pointer, key, tuple(hits.values())) for (pointer, key), hits in seen.items())
    return Sightings(_innermost(told), gave_up)


def _innermost(seen: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
    """A value that stands in an element is not told again as one of the list's joined text."""
    return tuple(
        one
        for one in seen
        if one.key
        or not any(
            len(other.pointer) > len(one.pointer) and other.pointer[: len(one.pointer)] == one.pointer and not other.key
            for other in seen
        )
    )


def _other(root: Pointer, value: Json) -> Iterator[tuple[Pointer, str]]:
    """What of a value is no text by itself: numbers, lists of small numbers, the texts of a list or an object joined."""
    stack: list[tuple[Pointer, Json]] = [(root, value)]
    while stack:
        pointer, node = stack.pop()
        if isinstance(node, bool) or node is None or isinstance(node, str):
            continue
        if isinstance(node, int | float | Decimal):
            yield pointer, number_text(node)
            continue
        children = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
        yield from ((pointer, text) for text in joined([child for _, child in children]))
        stack.extend(((*pointer, token), child) for token, child in reversed(children))


def joined(nodes: list[Json]) -> Iterator[str]:
    """The texts of a list put together, and a list of small numbers as text."""
    texts = [node for node in nodes if isinstance(node, str)]
    if len(texts) > 1 and sum(map(len, texts)) <= 4096:
        yield "".join(texts)
    if len(nodes) >= 4 and all(type(node) is int for node in nodes):
        numbers = [node for node in nodes if isinstance(node, int)]
        if as_bytes(numbers) is not None:
            yield str(numbers)


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
            yield from joined(list(node.values()))
            stack.extend(node.values())
        elif isinstance(node, list):
            yield from joined(node)
            stack.extend(node)
        elif node is not None and not isinstance(node, bool):
            yield number_text(node)
