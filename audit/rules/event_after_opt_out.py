"""An event that was sent after the opt-out took effect.

What: an opt-in event, or one that the page does not document, sent at or after the moment the opt-out took effect plus
the grace that the auditor allows. *Sent* is the earlier of the sender's own clock and the arrival, so that a fast clock
accuses nobody. An event that only arrived after it is `late-delivery`, unless it was created longer ago than a queue
keeps events: back-dating buys nothing. Where the page does not say whether the switch covers a sender (`ambiguous`), its
documented events are a note.

Why it matters: an opt-out that does not stop the events is the breach that vendors deny most.

Example: the switch is set, the containers are recreated at noon, a client event sent at 15:12.

Limits: the moment is the auditor's word. A client tab that was left open keeps its old flag.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Breach, Gap, Grade, Level
from audit.policy.consent import START, Delivery, State
from audit.rules.case import Case, EventRule, Facts, Time


def check(case: Case) -> Iterator[Breach | Gap]:
    if case.consent is None:
        return
    if case.event.times.arrived is None:
        if case.opt_in() or not case.documented():
            yield Gap.TIME
        return
    found = case.delivered(refusable=case.opt_in())
    level = case.silence()
    if found is None or found.state is not State.OPTED_OUT or level is None:
        return
    since: Facts = (
        {}
        if found.change.at == START
        else {"lag": found.lag + case.consent.grace, "at": found.change.at - case.consent.grace}
    )
    ending = "{lag} after the opt-out of {at}" if since else "while telemetry was off"
    match found.kind:
        case Delivery.AFTER:
            yield Breach(case.clock(arrival=False), f"sent {ending}", since, level)
        case Delivery.BACKDATED:
            said = f"arrived {ending}, created too long before to have waited in a queue"
            yield Breach(case.clock(arrival=True), said, since, level)
        case Delivery.CLOCK:
            said = f"by its sender's clock sent {ending}; it arrived when permitted again"
            weak = Level.NOTE if level is Level.NOTE else Level.WARNING
            yield Breach(case.clock(arrival=False), said, since, weak, Grade.SUSPECTED)
        case Delivery.LATE:
            return


RULE = EventRule(
    id="event-after-opt-out",
    level=Level.ERROR,
    levels="error; note where the page is ambiguous; warning where only the sender's clock says so",
    triggers=(Time(),),
    check=check,
    doc=__doc__,
)
