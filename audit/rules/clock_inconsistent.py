"""An event whose clocks contradict each other.

What: its sender says that it was sent before it was created, or its arrival and its sending lie more than five minutes
apart.

Why it matters: every answer about time rests on these clocks. Where they disagree, the answers about consent are weaker.

Example: `sentAt` one hour before `originalTimestamp`.

Limits: it does not say which clock is wrong. A queue that waited for the network looks the same as a slow clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from audit.model import Breach, Level
from audit.rules.case import Case, Clocks, EventRule

APART = timedelta(minutes=5)


def check(case: Case) -> Iterator[Breach]:
    times, sent = case.event.times, case.policy.envelope.sent
    if times.stated is None or sent is None:
        return
    if times.original is not None and times.stated < times.original:
        yield Breach(
            sent, "sent {by} before it was created, by the sender's own clock", {"by": times.original - times.stated}
        )
    elif times.arrived is not None and abs(times.arrived - times.stated) > APART:
        by = abs(times.arrived - times.stated)
        order = "after" if times.arrived > times.stated else "before"
        yield Breach(sent, f"arrived {{by}} {order} the time at which its sender says it was sent", {"by": by})


RULE = EventRule(
    id="clock-inconsistent", level=Level.NOTE, levels="note", triggers=(Clocks(),), check=check, doc=__doc__
)
