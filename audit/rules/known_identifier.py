"""A listed identifier was sent.

What: every text, name and number of the event is searched for the identifiers of --seeds (addresses, names, phone
numbers, user names), plain or in any encoding up to three layers deep; addresses also without their plus tag and in the
form of Gmail, phone numbers in their international and national forms.

Why it matters: whoever receives the event knows the person. "Strictly anonymous" ends there.

Example: the list holds `jane@acme-mail.co`; an event's `/properties/label` is `amFuZUBhY21lLW1haWwuY28=`.

Limits: only what is listed is found, and not where the page allows an e-mail address. A letter or digit glued to it (jane2
for jane) makes it another name. Values of fewer than six letters are found as whole words of plain text only.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.leaks.seeds import Kind
from audit.model import Breach, Level
from audit.rules.case import Case, EventRule, Listed
from audit.rules.listed import told


def check(case: Case) -> Iterator[Breach]:
    yield from told(
        case,
        "a listed identifier (number {seed})",
        "{number} listed identifiers",
        lambda hit: hit.kind is Kind.IDENTIFIER and not hit.digest,
        spared=lambda place: not place.key and case.policy.allows_email(case.event.name, place.pointer),
    )


RULE = EventRule(
    id="known-identifier", level=Level.ERROR, levels="error", triggers=(Listed(),), check=check, doc=__doc__
)
