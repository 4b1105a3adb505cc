"""A JSON object names a key twice.

What: the same member name stands twice in one object. Parsers keep one value and hide the other; the audit looks at
both, and no claim in whose scope the event is, is upheld.

Why it matters: a value under a doubled key passes every check that reads the other one.

Example: `{"userId": "203.0.113.9", "userId": "jane"}`.

Limits: which of the two the vendor's collector keeps is not known. It is no breach of the page's words: it counts for the
requirement `clean-json`.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.model import Breach, Gap, Level
from audit.rules.case import Case, EventRule, Repeat


def check(case: Case) -> Iterator[Breach | Gap]:
    for pointer in dict.fromkeys(case.event.duplicates):
        yield Breach(pointer, "this key stands more than once in its object")
    if case.event.duplicates:
        yield Gap.DUPLICATE


RULE = EventRule(
    id="duplicate-key",
    level=Level.ERROR,
    levels="error, and a gap for its event",
    triggers=(Repeat(),),
    check=check,
    doc=__doc__,
)
