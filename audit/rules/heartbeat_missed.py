"""Keep-alives of one instance that come further apart than documented.

What: arrivals of one instance in order; two that are further apart than the documented time plus its tolerance. A note;
three or more that are more than half of the intervals are a warning.

Why it matters: a page that says "every 6 hours" where the product sends once a day describes another product.

Example: keep-alives 24 hours apart.

Limits: a machine that slept, a network that was down and a gap in the capture look the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from audit.model import Level
from audit.policy.pack import Policy
from audit.rules.case import TimelineBreach, TimelineRule
from audit.rules.timelines import HEARTBEATS, is_pattern, lives


def conclude(policy: Policy, marks: Iterable[bytes]) -> Iterator[TimelineBreach]:
    for life in lives(policy, marks):
        most = life.cadence.every + life.cadence.tolerance
        missed = life.longer(most)
        level = Level.WARNING if is_pattern(len(missed), len(life.lengths)) else Level.NOTE
        for interval in missed:
            facts = {"length": interval.length, "every": life.cadence.every}
            said = "{length} after the one before; documented: every {every}"
            yield TimelineBreach(
                life.entry.name, life.entry.origin, life.cadence.subject, said, facts, level, interval.place
            )


RULE = TimelineRule(
    id="heartbeat-missed",
    level=Level.NOTE,
    levels="note; warning where systematic",
    timeline=HEARTBEATS,
    conclude=conclude,
    doc=__doc__,
)
