"""What several rules ask of an event: what its texts hold, its members that the page does not show (there a name may tell
what a value is), and what those spell together."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from functools import lru_cache

from audit.leaks.content import Content, pieced, search
from audit.leaks.personal import is_telling
from audit.leaks.room import not_plain
from audit.leaks.secrets import is_secret_name
from audit.model import Json, Pointer, resolve
from audit.policy.forms import Forms
from audit.policy.pack import NOWHERE, EventType, Place
from audit.policy.validators import EXTRA, Fault
from audit.rules.case import Case, Member, Text

_PIECES, _BYTES = 4096, 6
_NAME = 200
"""Longer names are no words for what a value is."""


def held(case: Case) -> Iterator[tuple[Text, Content]]:
    """What each text of the event holds."""
    if case.asked.held is None:
        case.asked.held = tuple(search(text.text for text in case.texts)) if case.texts else ()
    return zip(case.texts, case.asked.held, strict=True)


def unshown(case: Case) -> tuple[Member, ...]:
    """Every object, list and number at a place that the page does not show, and every text there whose name may tell what it
    is, hidden ones included."""
    if case.asked.unshown is None:
        case.asked.unshown = tuple(_unshown(case))
    return case.asked.unshown


def _unshown(case: Case) -> Iterator[Member]:
    if case.type is not None and not case.event.hidden and not _may_hold(case, case.type):
        return
    page = case.type.places if case.type is not None else NOWHERE
    yield from _below((), case.event.value, page, 0)
    for root, (pointer, value) in enumerate(case.event.hidden, 1):
        yield from _below(pointer, value, page.at(pointer), root)


def _may_hold(case: Case, entry: EventType) -> bool:
    """Whether an event may have members that the page does not show. Where its schema refuses nothing, it knows them all."""
    if not case.faults:
        return False
    value = case.event.value
    return entry.open or not entry.carried.isdisjoint(value) or any(_opens(value, fault) for fault in case.faults)


def _opens(value: Json, fault: Fault) -> bool:
    """Whether members that the schema does not know may stand where it refused something: not in a text or number, nor
    where one is absent."""
    return fault.keyword != "required" and (
        fault.keyword in EXTRA or isinstance(resolve(value, fault.pointer), dict | list)
    )


@lru_cache(maxsize=4096)
def _may_tell(name: str) -> bool:
    return is_secret_name(name) or is_telling(name)


def _tells(name: str) -> bool:
    """Whether a name may tell what a text under it is. Long ones are not remembered."""
    return len(name) > _NAME or _may_tell(name)


def _below(pointer: Pointer, value: Json, place: Place, root: int) -> Iterator[Member]:
    """A value and the members below it, an object before what is in it. What the page shows costs no pointer."""
    stack: list[tuple[Pointer, Json, Place]] = [(pointer, value, place)]
    while stack:
        where, node, here = stack.pop()
        if where and not here.shown and (not isinstance(node, str) or _tells(name_of(where))):
            yield Member(where, node, root)
        if isinstance(node, dict):
            below = here.members
            for key, child in reversed(node.items()):
                inner = below.get(key, NOWHERE)
                telling = not inner.shown and (not isinstance(child, str) or _tells(key))
                if telling or isinstance(child, dict | list):
                    stack.append(((*where, key), child, inner))
        elif isinstance(node, list):
            inner = here.members.get("*", NOWHERE)
            stack.extend(((*where, index), node[index], inner) for index in range(len(node) - 1, -1, -1))


def spelled(case: Case) -> tuple[tuple[Pointer, Content], ...]:
    """What undocumented lists and objects spell together: a value cut into pieces, or written as numbers of bytes. No
    shapes of returned data and no queries, which pieces make by chance. A member that the page shows in some event, and
    that is as it is there, is no piece unless something may stand in it alone."""
    if case.asked.spelled is None:
        pieces = list(_spelled(unshown(case), case.forms, case.plain))
        found = search((text for _, text in pieces), pieced)
        case.asked.spelled = tuple((pointer, content) for (pointer, _), content in zip(pieces, found, strict=True))
    return case.asked.spelled


def _spelled(
    members: tuple[Member, ...], forms: Forms | None, plain: AbstractSet[str]
) -> Iterator[tuple[Pointer, str]]:
    spread = [m for m in members if isinstance(m.value, dict | list) and 1 < len(m.value) <= _PIECES]
    found = [_candidates(m.pointer, m.value, forms) for m in spread]
    asked = {text for texts in found if len(texts) > 1 for text, strange in texts if not strange} - plain
    odd = not_plain(asked) if asked else asked
    for (pointer, node, _), candidates in zip(spread, found, strict=True):
        if isinstance(node, dict | list):
            nodes = list(node.values()) if isinstance(node, dict) else node
            texts = [text for text, strange in candidates if strange or text in odd]
            if len(texts) > 1:
                yield pointer, "".join(texts)
            numbers = [node for node in nodes if type(node) is int and 0 <= node < 256]
            if len(numbers) == len(nodes) >= _BYTES:
                yield pointer, bytes(numbers).decode("utf-8", "replace")


def _candidates(pointer: Pointer, node: Json, forms: Forms | None) -> list[tuple[str, bool]]:
    """The texts of an object or a list that may be pieces, each with whether it is one by its place alone."""
    if not isinstance(node, dict) or forms is None:
        nodes = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        return [(text, True) for text in nodes if isinstance(text, str)]
    found: list[tuple[str, bool]] = []
    for key, text in node.items():
        if isinstance(text, str):
            leaf = forms.of((*pointer, key), text)
            if leaf is None or not leaf.closed:
                found.append((text, leaf is None))
    return found


def name_of(pointer: Pointer) -> str:
    """The last name of a pointer: an item of a list is called as the list."""
    last = pointer[-1] if pointer else ""
    if type(last) is str:
        return last
    return next((token for token in reversed(pointer) if isinstance(token, str)), "")
