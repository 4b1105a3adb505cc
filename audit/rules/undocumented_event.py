"""An event, or a call such as identify, page or group, that the page does not list.

What: the event's name is compared with the names that the page lists. A name that differs only in case, spaces or a
plural, and a name that fits a category which the page describes without listing names, give a warning; every other one
is an error. The nearest listed name is told.

Why it matters: "this is the only event it sends" is broken by one event of another name, whatever it holds.

Example: the server sends `Server Error` beside the documented keep-alive.

Limits: the name is what the sender calls it. It does not show what the product did.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Breach, Level
from audit.rules.case import Case, EventRule, Listing, Name

_NEAREST = "; the nearest listed one is {nearest}"


def check(case: Case) -> Iterator[Breach]:
    envelope = case.policy.envelope
    name, call = envelope.name or (), envelope.call or ()
    nearest = {"nearest": case.nearest} if case.nearest is not None else {}
    ending = _NEAREST if nearest else ""
    match case.listing:
        case Listing.LISTED:
            return
        case Listing.NEAR:
            yield Breach(
                name, "the page lists {nearest}; this name differs in case, spaces or plural", nearest, Level.WARNING
            )
        case Listing.CATEGORY if case.type is not None:
            facts = {"describes": case.type.name}
            yield Breach(name, "the page describes {describes} without listing this name", facts, Level.WARNING)
        case Listing.CALL:
            yield Breach(call, "the page lists no call of this kind")
        case Listing.NAMELESS:
            yield Breach(name if case.event.value.get(str(name[0])) is not None else call, "an event without a name")
        case _:
            yield Breach(name, f"the page does not list this event{ending}", nearest)


RULE = EventRule(
    id="undocumented-event",
    level=Level.ERROR,
    levels="error; warning where a described category covers the name, or a listed one differs only in case, spaces, plural",
    triggers=(Name(),),
    check=check,
    doc=__doc__,
)
