"""The text of a query, or source code.

What: every text is searched for SQL, MongoDB and GraphQL queries and for program code, decoded up to three layers.

Why it matters: a query is no returned data, but it is what the user wrote, and often quotes the data it looks for.

Example: a page title that reads `SELECT email FROM users WHERE id = 7`.

Limits: recognised by form. Prose that reads like a query can be flagged, a query in an unknown language is not.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.leaks.content import has_query
from audit.model import Breach, Grade, Level
from audit.rules.case import Case, EventRule, Strings
from audit.rules.members import held


def check(case: Case) -> Iterator[Breach]:
    for text, content in held(case):
        found = content.query
        if found is not None:
            kind, path = found
            yield Breach(text.pointer, "this reads like {kind}", {"kind": kind}, grade=Grade.STRONG, path=path)


RULE = EventRule(
    id="query-text",
    level=Level.WARNING,
    levels="warning",
    triggers=(Strings(has_query, spares_plain=True),),
    check=check,
    doc=__doc__,
)
