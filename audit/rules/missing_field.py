"""A documented field is absent or null.

What: one finding at the topmost absent member of what the page's sample shows. It is the only finding whose pointer need
not resolve in the event.

Why it matters: sending less than the page says is no breach; but many absent fields mean that page and product differ.

Example: real SDKs write `"anonymousId": null`.

Limits: none of the page's samples says which fields are always sent; hence a note.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Breach, Level, Pointer, resolve
from audit.rules.case import Case, EventRule, Invalid


def check(case: Case) -> Iterator[Breach]:
    if case.type is None:
        return
    added = case.policy.envelope.added if case.event.wire else ()
    for pointer in dict.fromkeys(_absent(case)):
        if case.type.documents(pointer) and pointer not in added:
            yield Breach(pointer, "the page shows this field; the event has none", level=Level.NOTE)


def _absent(case: Case) -> Iterator[Pointer]:
    for fault in case.faults:
        if fault.keyword == "required":
            yield from ((*fault.pointer, name) for name in fault.names)
        elif not fault.names and _required(case, fault.pointer) and resolve(case.event.value, fault.pointer) is None:
            yield fault.pointer  # null is absent


def _required(case: Case, pointer: Pointer) -> bool:
    return case.type is not None and case.type.requires(pointer)


RULE = EventRule(
    id="missing-field",
    level=Level.NOTE,
    levels="note",
    triggers=(Invalid(),),
    check=check,
    doc=__doc__,
)
