"""The anonymity measures for the page: the chart of how many subjects share their attributes, and the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from audit.writers.anonymity import persistence, sharing
from audit.writers.page.charts import MOST, Box, Chart, Word, left_out

_KINDS = ("violated", "inconclusive", "shade3", "shade0", "upheld")
Rows = list[tuple[str, ...]]


class Anonymity(NamedTuple):
    conclusion: str
    limit: str
    tests: Rows
    identifiers: Rows
    linkage: Rows
    chart: Chart | None


def anonymity(measures: Mapping[str, Any] | None) -> Anonymity | None:
    """Everything that was measured, in words; None where nothing was."""
    if measures is None:
        return None
    return Anonymity(
        measures["conclusion"],
        measures["limit"],
        [(row["test"], row["outcome"], row["reason"]) for row in measures["tests"]],
        [
            (f"{row['event']} {row['field']}", row["origin"], row["category"], f"{row['events']:,}", *persistence(row))
            for row in measures["identifiers"]
        ],
        [
            (
                _place(row["one"]),
                _place(row["two"]),
                f"{row['shared']:,}",
                f"{row['of']:,}",
                _yes(row["across_origins"]),
            )
            for row in measures["linkage"]
        ],
        _chart(measures["uniqueness"]),
    )


def _place(row: Mapping[str, Any]) -> str:
    return f"{row['event']} {row['field']} ({row['origin']}, {row['category']})"


def _yes(said: bool) -> str:  # noqa: FBT001 - a value of the result
    return "yes" if said else "no"


def _chart(uniqueness: list[dict[str, Any]]) -> Chart | None:
    """A bar for each combination of attributes, divided by the number of subjects that share one."""
    rows = uniqueness[:MOST]
    if not rows:
        return None
    boxes: list[Box] = []
    words: list[Word] = []
    for index, row in enumerate(rows):
        words.append(Word(0, 34 * index + 12, _named(row)))
        boxes += _bar(row, 34 * index + 17)
        words.append(
            Word(772, 34 * index + 28, f"{sharing(row)[0]} {'subject' if row['subjects'] == 1 else 'subjects'}")
        )
    ranges = [_range(entry) for entry in rows[0]["k"]]
    return Chart(
        id="k-anonymity",
        title="How many subjects share their attributes",
        description=f"For each of {len(rows)} combinations of attributes: its different values, by how many subjects share "
        "one. A value that one subject has alone singles it out.",
        height=34 * len(rows) + 6,
        boxes=boxes,
        words=words,
        header=("attributes", "subjects", *ranges),
        rows=[(_named(row), *sharing(row)) for row in rows],
        key=[*zip(_KINDS, ranges, strict=False)],
        more=left_out(len(uniqueness), "combinations"),
    )


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['origin']}: {', '.join(row['attributes'])}"


def _bar(row: Mapping[str, Any], top: int) -> Iterator[Box]:
    total = sum(entry["combinations"] for entry in row["k"]) or 1
    x = 0.0
    for kind, entry in zip(_KINDS, row["k"], strict=False):
        wide = 760 * entry["combinations"] / total
        if wide:
            yield Box(x, top, max(wide - 1, 1), 13, kind, f"{_named(row)}: {entry['combinations']:,} {_range(entry)}")
        x += wide


def _range(entry: Mapping[str, Any]) -> str:
    start, end = entry["from"], entry["to"]
    if end == 1:
        return "of one alone"
    return f"shared by {start:,} or more" if end is None else f"shared by {start:,} to {end:,}"
