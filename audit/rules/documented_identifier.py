"""A documented field identifies.

What: the page itself shows a field of a category that identifies a person or an installation (an IP address, a user
agent, a persistent id), and the capture holds events that carry it. One note per event and field, from counts, never per
event.

Why it matters: data with an online identifier are personal data (GDPR Recital 30), whatever a page calls them.

Example: `/context/ip` in the documented keep-alive.

Limits: documented is not hidden: it is a note, beside the claim that it weakens.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Level, PackStr
from audit.policy.pack import CATEGORIES, Identifies, Policy
from audit.redact import a
from audit.rules.case import CountBreach, CountRule, Seen, field_text


def check(policy: Policy, seen: Seen) -> Iterator[CountBreach]:
    for entry in (*policy.events.values(), *(category.type for category in policy.categories)):
        for pointer, leaf in entry.leaves.items():
            count = seen[entry.name, field_text(pointer)]
            who = CATEGORIES[leaf.category]
            if count and who is not Identifies.NOBODY:
                facts = {"category": PackStr(leaf.category), "who": PackStr(a(who.value))}
                yield CountBreach(
                    entry.name, entry.origin, pointer, "a documented {category}: it identifies {who}", facts, count
                )


RULE = CountRule(
    id="documented-identifier", level=Level.NOTE, levels="note, one per event and field", check=check, doc=__doc__
)
