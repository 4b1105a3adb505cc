"""A planted value came out.

What: every text, name and number of the event is searched for the canaries of --seeds, plain, in every encoding up to
three layers deep, and as a hash.

Why it matters: a canary stands nowhere but where the auditor planted it. If it is in what was sent, data of that place
was sent: no promise such as "does not capture any data returned by your databases" survives that.

Example: a row of the table `orders` holds the canary; `/properties/title` of an event holds its base64 form.

Limits: what is encrypted, hashed with a secret, or cut to pieces that do not stand together is not recognised, nor what is
encoded and then split over documented members of an object. A canary that did not come out shows
something only if the product read the place where it was planted.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.leaks.seeds import Kind
from audit.model import Breach, Gap, Level
from audit.rules.case import Case, EventRule, Listed
from audit.rules.listed import told


def check(case: Case) -> Iterator[Breach | Gap]:
    if case.sightings.gave_up:
        yield Gap.SEARCH
    yield from told(
        case, "a planted value (canary {seed})", "{number} planted values", lambda hit: hit.kind is Kind.CANARY
    )


RULE = EventRule(id="canary", level=Level.ERROR, levels="error", triggers=(Listed(),), check=check, doc=__doc__)
