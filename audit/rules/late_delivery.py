"""An event that arrived after the opt-out took effect, but was sent or created before.

What: only the arrival lies after the opt-out: a queue that was flushed, a request on its way, or a sender whose clock is
slow. It takes the place of `event-after-opt-out`; exactly one of the two is said of an event.

Why it matters: queued data still leave after the user said stop; but nobody can tell it from a slow network.

Example: sent at 11:59:58, received at 12:00:03, the opt-out took effect at 12:00:00.

Limits: the sender's clock is the sender's word. Events older than the flush window are `event-after-opt-out`.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Breach, Level
from audit.policy.consent import Delivery, State
from audit.rules.case import Case, EventRule, Facts, Time


def check(case: Case) -> Iterator[Breach]:
    found, strict = case.delivered(refusable=case.opt_in()), case.silence()
    if found is None or found.state is not State.OPTED_OUT or found.kind is not Delivery.LATE:
        return
    if case.consent is not None and strict is not None:
        grace = case.consent.grace
        facts: Facts = {"lag": found.lag + grace, "at": found.change.at - grace}
        level = Level.NOTE if strict is Level.NOTE else Level.WARNING
        yield Breach(case.clock(arrival=True), "arrived {lag} after the opt-out of {at}, sent before", facts, level)


RULE = EventRule(
    id="late-delivery",
    level=Level.WARNING,
    levels="warning; note where the page is ambiguous",
    triggers=(Time(),),
    check=check,
    doc=__doc__,
)
