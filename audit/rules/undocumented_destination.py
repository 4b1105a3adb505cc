"""A host that neither the page nor the auditor names was contacted.

What: every destination of the capture that is not the installation's own (`--own-host`, loopback and private networks),
not named by the page and not allowed by the auditor (`--allow-host`); attempts and names that were only looked up count.
The name decides before the address. Where the page names no host at all, one that received telemetry events is *unnamed*:
a note, since the page says that telemetry is sent and only leaves open where to.

Why it matters: a page that says which services are contacted says that others are not.

Example: the product's pages load a script of an error tracker of which the page says nothing.

Limits: one finding a host, whatever was sent. A browser's own requests (updates, safe browsing) stand in a packet capture
too: capture the product alone, or allow them.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Level
from audit.policy.destinations import Standing
from audit.rules.case import DestinationBreach, DestinationRule, Reached


def check(reached: Reached) -> Iterator[DestinationBreach]:
    facts = {"number": reached.contacts}
    if reached.standing is Standing.UNNAMED:
        yield DestinationBreach("it received telemetry; the page names no host (contacts: {number})", facts, Level.NOTE)
    elif reached.standing is Standing.UNDOCUMENTED:
        how = "its name was looked up" if reached.looked_up else "contacted" if reached.connected else "attempted"
        yield DestinationBreach(f"{how}, and not disclosed on the page (contacts: {{number}})", facts)


RULE = DestinationRule(
    id="undocumented-destination",
    level=Level.ERROR,
    levels="error; note for a host that received telemetry while the page names none",
    check=check,
    doc=__doc__,
)
