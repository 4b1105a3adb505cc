"""What several rules ask of an event: what its texts hold, its members that the page does not show (there a name may tell
what a value is), and what those spell together."""

from __future__ import annotations

from collections.abc import Iterator

from audit.leaks.content import Content, pieced, search
from audit.leaks.room import not_plain
from audit.model import Json, Pointer
from audit.policy.forms import Forms
from audit.policy.pack import NOWHERE, Place
from audit.rules.case import Case, Member, Text

_PIECES, _BYTES = 4096, 6


def held(case: Case) -> Iterator[tuple[Text, Content]]:
    """What each text of the event holds."""
    if case.asked.held is None:
        case.asked.held = tuple(search(text.text for text in case.texts)) if case.texts else ()
    return zip(case.texts, case.asked.held, strict=True)


def unshown(case: Case) -> tuple[Member, ...]:
    """Every object, list and leaf at a place that the page does not show, hidden ones included."""
    if case.asked.unshown is None:
        case.asked.unshown = tuple(_unshown(case))
    return case.asked.unshown


def _unshown(case: Case) -> Iterator[Member]:
    if case.type is not None and not case.faults and not case.event.hidden:
        return  # the schema knows every member
    page = case.type.places if case.type is not None else NOWHERE
    yield from _below((), case.event.value, page, 0)
    for root, (pointer, value) in enumerate(case.event.hidden, 1):
        yield from _below(pointer, value, page.at(pointer), root)


def _below(pointer: Pointer, value: Json, place: Place, root: int) -> Iterator[Member]:
    """A value and the members below it, an object before what is in it. What the page shows costs no pointer."""
    stack: list[tuple[Pointer, Json, Place]] = [(pointer, value, place)]
    while stack:
        where, node, here = stack.pop()
        if where and not here.shown:
            yield Member(where, node, root)
        if isinstance(node, dict):
            below = here.members
            for key, child in reversed(node.items()):
                inner = below.get(key, NOWHERE)
                if not inner.shown or isinstance(child, dict | list):
                    stack.append(((*where, key), child, inner))
        elif isinstance(node, list):
            inner = here.members.get("*", NOWHERE)
            stack.extend(((*where, index), node[index], inner) for index in range(len(node) - 1, -1, -1))


def spelled(case: Case) -> tuple[tuple[Pointer, Content], ...]:
    """What undocumented lists and objects spell together: a value cut into pieces, or written as numbers of bytes. No
    shapes of returned data and no queries, which pieces make by chance. A member that the page shows in some event, and
    that is as it is there, is no piece unless something may stand in it alone."""
    if case.asked.spelled is None:
        pieces = list(_spelled(unshown(case), case.forms))
        found = search((text for _, text in pieces), pieced)
        case.asked.spelled = tuple((pointer, content) for (pointer, _), content in zip(pieces, found, strict=True))
    return case.asked.spelled


def _spelled(members: tuple[Member, ...], forms: Forms | None) -> Iterator[tuple[Pointer, str]]:
    for pointer, node, _ in members:
        if isinstance(node, dict | list) and 1 < len(node) <= _PIECES:
            nodes = list(node.values()) if isinstance(node, dict) else node
            if isinstance(node, dict) and forms is not None:
                texts = _pieces(pointer, node, forms)
            else:
                texts = [node for node in nodes if isinstance(node, str)]
            if len(texts) > 1:
                yield pointer, "".join(texts)
            numbers = [node for node in nodes if type(node) is int and 0 <= node < 256]
            if len(numbers) == len(nodes) >= _BYTES:
                yield pointer, bytes(numbers).decode("utf-8", "replace")


def _pieces(pointer: Pointer, node: dict[str, Json], forms: Forms) -> list[str]:
    """The texts of an object that may be pieces."""
    found: list[tuple[str, bool]] = []
    for key, text in node.items():
        if isinstance(text, str):
            leaf = forms.of((*pointer, key), text)
            if leaf is None or not leaf.closed:
                found.append((text, leaf is None))
    odd = not_plain({text for text, strange in found if not strange}) if len(found) > 1 else set()
    return [text for text, strange in found if strange or text in odd]


def name_of(pointer: Pointer) -> str:
    """The last name of a pointer: an item of a list is called as the list."""
    last = pointer[-1] if pointer else ""
    if type(last) is str:
        return last
    return next((token for token in reversed(pointer) if isinstance(token, str)), "")
