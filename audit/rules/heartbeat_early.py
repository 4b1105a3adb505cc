"""Keep-alives of one instance that come closer together than documented.

What: arrivals of one instance in order; two that are closer than the documented time less its tolerance. Resent ones
(within the documented retry time) are one. One early interval of an instance is a note, since a restart explains it; two
or more are warnings; three or more that are more than half of the intervals are an error.

Why it matters: "every 6 hours" is a promise about how often a server is seen.

Example: four keep-alives an hour apart.

Limits: two servers that share one instance id look like one that beats twice as often.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from audit.model import Level
from audit.policy.pack import Policy
from audit.rules.case import TimelineBreach, TimelineRule
from audit.rules.timelines import HEARTBEATS, is_pattern, lives


def conclude(policy: Policy, marks: Iterable[bytes]) -> Iterator[TimelineBreach]:
    for life in lives(policy, marks):
        least = life.cadence.every - life.cadence.tolerance
        early = life.shorter(least)
        pattern = is_pattern(len(early), len(life.lengths))
        level = Level.ERROR if pattern else Level.WARNING if len(early) > 1 else Level.NOTE
        ending = "; a restart?" if len(early) == 1 else ""
        for interval in early:
            facts = {"length": interval.length, "every": life.cadence.every}
            said = "{length} after the one before; documented: every {every}" + ending
            yield TimelineBreach(
                life.entry.name, life.entry.origin, life.cadence.subject, said, facts, level, interval.place
            )


RULE = TimelineRule(
    id="heartbeat-early",
    level=Level.WARNING,
    levels="warning; note for a single one of an instance; error where systematic",
    timeline=HEARTBEATS,
    conclude=conclude,
    doc=__doc__,
)
