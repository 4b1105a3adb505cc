"""The findings of the result as CSV, one a row, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from audit.engine.result import Result
from audit.redact import visible

COLUMNS = (
    "level rule claims event field host times suppressed input line unit item pointer message shape grade path origin"
    " message_id fingerprint"
).split()
"""`times` counts all findings of the row's group, of which only the first by place have a row."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def write(result: Result) -> str:
    """The header, always; then the findings in the order of the result."""
    text = io.StringIO()
    table = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(_rows(result))
    return text.getvalue()


def _rows(result: Result) -> Iterator[list[str | int]]:
    groups = {(row["fingerprint"], row["level"]): row for row in result["groups"]}
    for finding in result["findings"]:
        group = groups.get((finding["fingerprint"], finding["level"]))
        shown: dict[str, object] = {**finding, "claims": " ".join(finding["claims"]), "path": " ".join(finding["path"])}
        if group is not None:
            shown |= {
                "host": group["host"],
                "times": group["count"],
                "suppressed": "yes" if group["suppressed"] else "no",
            }
        yield [cell(shown.get(column)) for column in COLUMNS]


def cell(value: object) -> str | int:
    """A cell that no spreadsheet takes for a formula and no reader for two lines."""
    if value is None:
        return ""
    if isinstance(value, int):
        return value
    text = visible(str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
