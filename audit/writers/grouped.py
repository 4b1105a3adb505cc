"""Groups of the result with their examples."""

from __future__ import annotations

from collections.abc import Iterator

from audit.engine.result import FindingRow, GroupRow, Result
from audit.redact import visible

PAGE_RULE = "page-contradiction"
"""The rule whose findings are about the page itself: no capture is to blame for them."""


def grouped(result: Result) -> Iterator[tuple[GroupRow, list[FindingRow]]]:
    """Each group with its findings, both in the order of the result. Groups of the page itself may share a fingerprint:
    they take their own number of findings each."""
    examples: dict[tuple[str, str], list[FindingRow]] = {}
    for finding in result["findings"]:
        examples.setdefault((finding["fingerprint"], finding["level"]), []).append(finding)
    for group in result["groups"]:
        mine = examples.get((group["fingerprint"], group["level"]), [])
        yield group, mine[: group["shown"]]
        del mine[: group["shown"]]


def place(row: FindingRow) -> str:
    """Where a finding stands, in words; nothing for one without a place."""
    if row["input"] is None:
        return ""
    item = f"[{row['item']}]" if row["item"] else ""
    where = f":{row['line']}" if row["line"] is not None else f" unit {row['unit']}"
    return visible(f"{row['input']}{where}{item}")


def subject(row: FindingRow | GroupRow) -> str:
    """What a finding is about: event, destination and field, as far as it has them."""
    return visible(" ".join(part for part in (row["event"], row.get("host"), row["field"]) if part))


def revealed(row: FindingRow) -> str:
    """The value of a finding in words, where values are revealed; else nothing."""
    if "withheld" in row:
        return f"; value withheld: {row['withheld']}"
    value = row.get("value")
    if value is None:
        return ""
    cut = f" (the first 200 of {value['length']:,} characters)" if value["length"] > 200 else ""
    return f"; value{cut}: {visible(value['text'])}"


def times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
