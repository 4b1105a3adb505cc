"""An opt-in event that was sent before anybody opted in, or after somebody said no.

What: events that the page calls opt-in are compared with the consent that the auditor gives, for the whole installation
and for each subject. A breach needs both clocks: it was sent and it arrived while the answer was no. Where only one of
them says so, it is a warning.

Why it matters: "opt-in only and you can say no" is broken by the first event without a yes.

Example: the user declined at install; ten minutes later a client event arrives.

Limits: without consent given by the auditor nothing is decided. After an opt-out the opt-out rules speak, not this one.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import UNKNOWN, Breach, Gap, Grade, Level
from audit.policy.consent import START, Delivery, State
from audit.rules.case import Case, EventRule, Facts, Time


def check(case: Case) -> Iterator[Breach | Gap]:
    unknown = case.event.origin == UNKNOWN
    if case.consent is None or not (case.opt_in() or unknown):
        return
    if case.event.times.arrived is None:
        yield Gap.TIME
        return
    if unknown and case.delivered(refusable=False) is not None:
        return  # after an opt-out only the opt-out rules speak
    found = case.delivered(refusable=True)
    if found is None or found.state is not State.DECLINED:
        return
    since: Facts = {} if found.change.at == START else {"lag": found.lag, "at": found.change.at}
    ending = " {lag} after the no of {at}" if since else " before anybody opted in"
    match found.kind:
        case Delivery.AFTER if unknown:
            yield Breach(
                case.clock(arrival=False), f"sent{ending}; its origin is unknown", since, Level.WARNING, Grade.SUSPECTED
            )
        case Delivery.AFTER:
            yield Breach(case.clock(arrival=False), f"sent{ending}", since)
        case Delivery.CLOCK:
            said = "by its sender's clock it was sent before consent; it arrived with consent"
            yield Breach(case.clock(arrival=False), said, {}, Level.WARNING, Grade.SUSPECTED)
        case Delivery.BACKDATED:
            said = f"arrived{ending}, created too long before to have waited in a queue"
            yield Breach(case.clock(arrival=True), said, since, Level.WARNING if unknown else None)
        case Delivery.LATE:
            yield Breach(case.clock(arrival=True), f"arrived{ending}, sent before", since, Level.WARNING)


RULE = EventRule(
    id="event-without-opt-in",
    level=Level.ERROR,
    levels="error; warning where only one of the two clocks says so, or the origin is unknown",
    triggers=(Time(),),
    check=check,
    doc=__doc__,
)
