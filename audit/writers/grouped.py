"""Groups of the result with their examples."""

from __future__ import annotations

from collections.abc import Iterator

from audit.engine.result import FindingRow, GroupRow, Result


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
