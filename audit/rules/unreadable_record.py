"""A record that cannot be read.

What: a line or item that is no JSON object, is cut off, not UTF-8, too deep, too long, or has no event envelope. It is
counted, located and never skipped: while one is there, no claim about events is upheld.

Why it matters: what cannot be read may hold anything. "Nothing found" would be a lie about it.

Example: a log cut in the middle of a line by rotation.

Limits: the record's content is not shown; open the file at the place given.
"""

from __future__ import annotations

from collections.abc import Mapping

from audit.model import Fact, Level, Unreadable
from audit.rules.case import RecordRule


def check(record: Unreadable) -> tuple[str, Mapping[str, Fact]]:
    if record.column is None:
        return "{reason}", {"reason": record.reason}
    return "{reason} (at byte {column})", {"reason": record.reason, "column": record.column}


RULE = RecordRule(
    id="unreadable-record",
    level=Level.WARNING,
    levels="warning, and a gap in every claim about events",
    check=check,
    doc=__doc__,
)
