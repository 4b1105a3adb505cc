"""Something went outside an installation that must be air-gapped.

What: with `--air-gapped`, every destination outside the installation: contacts and attempts (a packet without answer, a
name looked up and never followed). Data sources that the auditor allows (`--allow-host HOST=datasource`, or without a
purpose) are no findings; what is allowed for telemetry or release notes is.

Why it matters: in an air-gapped deployment an attempt is a fault already: it shows what would leave if a rule of the firewall
were missing.

Example: a DNS query for the vendor's host, to a resolver of the installation's own.

Limits: the auditor's requirement, never the vendor's breach, unless the page promises it. A packet capture shows what passed
its interface while it ran.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Level
from audit.rules.case import DestinationBreach, DestinationRule, Reached


def check(reached: Reached) -> Iterator[DestinationBreach]:
    if reached.outside:
        how = "its name was looked up" if reached.looked_up else "contacted" if reached.connected else "attempted"
        facts = {"number": reached.contacts, "size": reached.bytes_out}
        yield DestinationBreach(f"{how} (contacts: {{number}}, bytes out: {{size}})", facts)


RULE = DestinationRule(
    id="egress",
    level=Level.ERROR,
    levels="error, with --air-gapped only",
    check=check,
    doc=__doc__,
)
