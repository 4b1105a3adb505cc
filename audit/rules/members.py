"""The members of an event that its page does not show: there a name may tell what a value is."""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Json, Pointer
from audit.rules.case import Case

_PIECES, _BYTES = 4096, 6


def unshown(case: Case) -> tuple[tuple[Pointer, Json], ...]:
    """Every object, list and leaf at a place that the page does not show, hidden ones included. Found once an event."""
    if not case.unshown:
        case.unshown.append(tuple(_unshown(case)))
    return case.unshown[0]


def _unshown(case: Case) -> Iterator[tuple[Pointer, Json]]:
    if case.type is not None and not case.faults and not case.event.hidden:
        return  # the schema knows every member
    roots: list[tuple[Pointer, Json]] = [((), case.event.value), *case.event.hidden]
    stack = list(reversed(roots))
    while stack:
        pointer, node = stack.pop()
        if pointer and (case.type is None or not case.type.documents(pointer)):
            yield pointer, node
        children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        stack.extend(((*pointer, key), child) for key, child in reversed(list(children)))


def spelled(case: Case) -> Iterator[tuple[Pointer, str]]:
    """What undocumented lists and objects spell together: a value cut into pieces, or written as numbers of bytes."""
    for pointer, node in unshown(case):
        if isinstance(node, dict | list) and 1 < len(node) <= _PIECES:
            nodes = list(node.values()) if isinstance(node, dict) else node
            yield from ((pointer, text) for text in _spelled(nodes))


def _spelled(nodes: list[Json]) -> Iterator[str]:
    texts = [node for node in nodes if isinstance(node, str)]
    if len(texts) > 1:
        yield "".join(texts)
    numbers = [node for node in nodes if type(node) is int and 0 <= node < 256]
    if len(numbers) == len(nodes) >= _BYTES:
        yield bytes(numbers).decode("utf-8", "replace")


def name_of(pointer: Pointer) -> str:
    """The last name of a pointer: an item of a list is called as the list."""
    return next((token for token in reversed(pointer) if isinstance(token, str)), "")
