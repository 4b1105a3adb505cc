"""A number that stands for a person: phone, bank account, card, precise place, network address.

What: every text, decoded up to three layers, and every number in undocumented fields, is searched for phone numbers that a
number plan assigns, IBANs and payment cards with their check digits, national ids, pairs of precise coordinates, MAC
addresses, and IP addresses outside the fields where the page documents one.

Why it matters: each of these can single a person out. "Strictly anonymous" ends where one appears.

Example: `/properties/phone` holds `+49 151 ...`, or a page's URL carries `?lat=52.52000&lng=13.40495`.

Limits: a check digit shows that a number could be one, never whose it is, so all of these are warnings. Times, ids, version
numbers and the host in a URL are left out, and so is a pair of decimals of one digit each, unless the text speaks of a place.
A local phone number or a bare card number is suspected only, or seen only under a name that says what it is. A number in a
documented field that is no text is not searched.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from audit.leaks.content import has_personal
from audit.leaks.numbers import FoundPersonal, Personal, is_card
from audit.leaks.personal import called_in, may_place, place_of
from audit.model import Breach, Grade, Json, Level, Pointer
from audit.policy.pack import EventType
from audit.rules.case import Case, EventRule, Invalid, Name, Strings
from audit.rules.members import held, name_of, spelled, unshown

_CARD = 16
"""A longer number is more often an id."""

_CHECKED = frozenset({Personal.IBAN, Personal.PHONE})
"""What pieces put together do not spell by chance."""


def check(case: Case) -> Iterator[Breach]:
    told: set[tuple[Pointer, Personal]] = set()
    for pointer, found, path in _all(case):
        key = (pointer, found.kind)
        if key in told or (found.kind is Personal.IP and _documents_address(case, pointer)):
            continue
        told.add(key)
        yield Breach(pointer, "this has the form of {kind}", {"kind": found.kind}, grade=found.grade, path=path)


def _all(case: Case) -> Iterator[tuple[Pointer, FoundPersonal, tuple[str, ...]]]:
    for text, content in held(case):
        for found, path in content.personal:
            yield text.pointer, found, path
    yield from ((pointer, found, ()) for pointer, found in _by_name(case))
    for pointer, content in spelled(case):
        yield from ((pointer, found, path) for found, path in content.personal if found.kind in _CHECKED)


def _by_name(case: Case) -> Iterator[tuple[Pointer, FoundPersonal]]:
    """What the names of undocumented members tell about their values, numbers included."""
    for pointer, node, _ in unshown(case):
        if isinstance(node, dict | list):
            if isinstance(node, list) or may_place(node):
                yield from _place(pointer, node)
        elif (found := called_in(name_of(pointer), _text_of(node))) is not None:
            yield pointer, found
        elif isinstance(node, int) and is_card(digits := _text_of(node)) and len(digits) <= _CARD:
            yield pointer, FoundPersonal(Personal.CARD, Grade.SUSPECTED)


def _place(pointer: Pointer, node: dict[str, Json] | list[Json]) -> Iterator[tuple[Pointer, FoundPersonal]]:
    members = node.items() if isinstance(node, dict) else ((str(index), child) for index, child in enumerate(node[:3]))
    found = place_of(pointer, {name: text for name, child in members if (text := _text_of(child))})
    if found is not None:
        yield (*pointer, found[0]) if isinstance(node, dict) else pointer, found[1]


def _text_of(value: Json) -> str:
    """A text or number as text; nothing for what is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return ""
    return (
        value
        if isinstance(value, str)
        else format(value, "d")
        if isinstance(value, int) and abs(value) < 10**20
        else str(value)[:64]
    )


def _documents_address(case: Case, pointer: Pointer) -> bool:
    """Whether the page shows an IP address at this place: in this event, or where it shows nothing of it, in any."""
    entries: tuple[EventType, ...]
    if case.type is not None and case.type.documents(pointer):
        entries = (case.type,)
    else:
        entries = (*case.policy.events.values(), *(category.type for category in case.policy.categories))
    place = tuple("*" if isinstance(token, int) else token for token in pointer)
    return any(place in entry.addresses for entry in entries)


RULE = EventRule(
    id="personal-data",
    level=Level.WARNING,
    levels="warning",
    triggers=(Invalid(), Name(), Strings(has_personal, spares_plain=True)),
    check=check,
    doc=__doc__,
)
