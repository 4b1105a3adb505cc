"""A field that the page does not show.

What: every leaf below a member that the event's schema does not know, one finding a leaf; an empty object or list is a
leaf, null is absent. Members that the transport adds by protocol (the envelope's) are not the page's business. Where the
page documents the event by its name only, it is a warning.

Why it matters: a closed list of fields is the only promise that a reader of the page can check.

Example: `/properties/email` in an event whose sample shows `{"os": "ubuntu"}`.

Limits: a sample is taken as complete, since the page offers nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Breach, Level, Pointer, leaves, resolve
from audit.policy.pack import Documented
from audit.policy.validators import EXTRA
from audit.rules.case import Case, EventRule, Invalid


def check(case: Case) -> Iterator[Breach]:
    if case.type is None:
        return
    level = Level.WARNING if case.type.documented is Documented.NAME_ONLY else None
    for pointer in dict.fromkeys(_unknown(case)):
        if not case.policy.allows_email(case.event.name, pointer):
            yield Breach(pointer, "the page does not show this field", level=level)


def _unknown(case: Case) -> Iterator[Pointer]:
    for fault in case.faults:
        if fault.keyword in EXTRA:
            places = [(*fault.pointer, name) for name in fault.names]
        elif fault.pointer and case.type is not None and (leaf := case.type.leaf(fault.pointer[:1])) and leaf.transport:
            places = [fault.pointer[:1]]  # a transport member that holds more than the protocol puts there
        else:
            continue
        for place in places:
            yield from (pointer for pointer, _ in leaves(resolve(case.event.value, place), place))


RULE = EventRule(
    id="undocumented-field",
    level=Level.ERROR,
    levels="error; warning where the event is documented by name only",
    triggers=(Invalid(),),
    check=check,
    doc=__doc__,
)
