"""Telemetry went out over unencrypted HTTP.

What: telemetry, or a request to a host that the page or the auditor names for telemetry or release notes, over `http://` to
a destination outside the installation.

Why it matters: everybody on the way can read it, and change what comes back.

Example: a call such as `POST http://api.telemetry.example/v1/track`.

Limits: over HTTPS only the capture's word is known, not the certificate's strength. Hosts of the installation's own are not
looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Level
from audit.rules.case import DestinationBreach, DestinationRule, Reached


def check(reached: Reached) -> Iterator[DestinationBreach]:
    if reached.plain:
        yield DestinationBreach("sent over unencrypted HTTP (contacts: {number})", {"number": reached.plain})


RULE = DestinationRule(
    id="plaintext-transport",
    level=Level.ERROR,
    levels="error",
    check=check,
    doc=__doc__,
)
