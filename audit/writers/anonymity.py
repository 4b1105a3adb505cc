"""The anonymity measures as words and cells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from audit.engine.result import Result
from audit.redact import duration

MOST = 8
"""Combinations of attributes told in text, the longest first; the result holds all of them."""


def lines(result: Result) -> Iterator[str]:
    """The conclusion, the three tests, and how far the numbers go."""
    found = result.get("measures")
    if found is None:
        return
    yield f"Anonymity: {found['conclusion']}."
    yield from (f"{row['test']}: {row['outcome']}: {row['reason']}" for row in found["tests"])
    several = [row for row in found["uniqueness"] if row["subjects"] > 1]
    for row in sorted(several, key=lambda row: -len(row["attributes"]))[:MOST]:
        alone, *_ = sharing(row)[1:]
        yield (
            f"{row['origin']}, by {', '.join(row['attributes'])}: {sharing(row)[0]} subjects; {alone} of {row['kept']:,} "
            "combinations belong to one alone"
        )
    yield found["limit"]


def persistence(row: dict[str, Any]) -> tuple[str, str, str]:
    """Different values of a field, how many of those kept came on several days, and the longest use of one."""
    values = f"{'' if row['exact'] else 'about '}{row['values']:,}"
    longest = "not known" if row["longest"] is None else _lasted(row["longest"])
    return values, f"{row['several_days']:,} of {row['kept']:,}", longest


def _lasted(milliseconds: int) -> str:
    return duration(timedelta(milliseconds=milliseconds)) if milliseconds else "one moment"


def sharing(row: dict[str, Any]) -> tuple[str, ...]:
    """Subjects, then combinations by how many subjects share one."""
    return f"{'' if row['exact'] else 'about '}{row['subjects']:,}", *(f"{k['combinations']:,}" for k in row["k"])
